"""Ground under and between the buildings: open land, yards, levelled ground, streets, and many small bright things."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, Polygon

from sn7ml.synthetic.canvas import canvas_shape, drawn
from sn7ml.synthetic.chance import Floats, between, blurred, fractal_noise, value_noise
from sn7ml.synthetic.outlines import rectangle
from sn7ml.synthetic.place import Place
from sn7ml.synthetic.streets import BUILT_KINDS, MARGIN_PX, draw_track
from sn7ml.synthetic.town import LEVELLED, SETTLED, Town

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Palette:
    """Colours of a region under a clear summer sky, RGB 0 to 255."""

    dry: Colour
    green: Colour
    soil: Colour
    yard: Colour
    street: Colour
    seasons: float
    """Swing of open land between dry and green, 0 to 1."""


PALETTES = (
    Palette((90, 74, 51), (60, 60, 39), (212, 173, 131), (164, 138, 104), (148, 129, 104), 0.5),
    Palette((78, 76, 44), (34, 48, 22), (206, 150, 98), (128, 116, 80), (146, 132, 100), 0.35),
    Palette((110, 95, 63), (66, 72, 42), (218, 183, 138), (156, 140, 106), (132, 122, 104), 0.8),
)

CLUTTER: tuple[tuple[Colour, float, float, float], ...] = (
    ((60, 60, 37), 0.9, 2.4, 0.40),  # trees: colour, least and greatest side in pixels, share
    ((92, 88, 55), 1.5, 3.2, 0.12),  # lawns and hedges
    ((220, 196, 162), 1.0, 2.4, 0.24),  # drives, patios, sand
    ((244, 228, 200), 0.8, 1.6, 0.09),  # vans, sheds too small to be labelled
    ((104, 150, 152), 1.0, 1.6, 0.03),  # pools
    ((116, 106, 90), 1.6, 3.4, 0.12),  # paved yards
)

FIELDS: Floats = np.array(
    [(168, 138, 102), (122, 101, 68), (86, 82, 47), (62, 70, 38), (188, 160, 122), (140, 112, 80), (98, 82, 56)],
    dtype=np.float32,
)
"""Colours of strips of land."""


@dataclass(frozen=True)
class Layer:
    """What covers the open land where a group of buildings stands, or soon will."""

    colours: Floats
    """(3, rows, cols) of the canvas."""

    groups: NDArray[np.int32]
    """(rows, cols): 0 where there is nothing, group number + 1, or one past the last group for what is always there."""

    state: int
    """LEVELLED or SETTLED: from when on it is seen."""


@dataclass(frozen=True)
class Ground:
    """Everything but the buildings."""

    wild_dry: Floats
    """Open land at the end of the dry season, (3, rows, cols) of the canvas."""

    wild_green: Floats
    seasons: float
    """Swing of open land between dry and green, 0 to 1."""

    layers: list[Layer]
    """The lowest first."""


def paint_ground(town: Town, place: Place) -> Ground:
    """Paint everything but the buildings."""
    rng, fine = place.stream("ground"), place.fine
    canvas = canvas_shape(place.shape, fine)
    palette = PALETTES[int(rng.integers(0, len(PALETTES)))]
    # Light and shade of hills: the slope to the south-east of ridged noise.
    height = blurred(np.abs(fractal_noise(rng, canvas, 60 * fine, 4)), 1.2 * fine)
    slope = np.zeros(canvas, dtype=np.float32)
    slope[2:, 2:] = height[2:, 2:] - height[:-2, :-2]
    slope[:2], slope[:, :2] = slope[2], slope[:, 2:3]
    relief = np.asarray(1 + np.clip(6 * slope, -0.32, 0.30), dtype=np.float32)
    dry, green = _open_land(rng, town, place, palette)
    bare_tone = 1 + 0.10 * fractal_noise(rng, canvas, 10 * fine, 4) + 0.05 * value_noise(rng, canvas, fine)
    paved_tone = 1 + 0.20 * fractal_noise(rng, canvas, 14 * fine, 2) + 0.16 * value_noise(rng, canvas, 2 * fine)
    yard_tone = 1 + 0.16 * fractal_noise(rng, canvas, 12 * fine, 3) + 0.28 * value_noise(rng, canvas, 3 * fine)
    lots = drawn([group.ground for group in town.groups], place.shape, fine)
    halls = [each.group + 1 for each in town.buildings if each.kind == "hall"]
    paved = np.bincount(halls, minlength=len(town.groups) + 1) > 1  # by group number + 1: yards with several halls
    yards = np.where(paved[lots], _tinted(palette.street, paved_tone), _tinted(palette.yard, yard_tone))
    layers = [Layer(_tinted(palette.soil, bare_tone), lots, LEVELLED), Layer(yards, lots, SETTLED)]
    layers += [_streets(rng, town, place, palette.street), _clutter(town, place)]
    return Ground(dry * relief, green * relief, palette.seasons, layers)


def _tinted(colour: Colour, tone: Floats) -> Floats:
    return np.array(colour, dtype=np.float32)[:, np.newaxis, np.newaxis] * tone


def _open_land(rng: np.random.Generator, town: Town, place: Place, palette: Palette) -> tuple[Floats, Floats]:
    """Return open land at the end of the dry and of the green season: scrub, bare soil, and strips of fields."""
    fine = place.fine
    canvas = canvas_shape(place.shape, fine)
    scrub: Floats = fractal_noise(rng, canvas, 24 * fine, 5) + 0.25 * value_noise(rng, canvas, 2 * fine)
    dry, green = _tinted(palette.dry, 1 + 0.28 * scrub), _tinted(palette.green, 1 + 0.34 * scrub)
    soil: Floats = np.clip(3 * fractal_noise(rng, canvas, 30 * fine, 4) - 0.9, 0, 1) * np.float32(0.7)
    strips: list[Polygon] = []
    for district in town.districts:
        share = {"field": 1.0, "farm": 0.45}.get(district.kind, 0.0)
        strips += [strip for strip in _cut(rng, district.cell.buffer(-1.5), 3) if rng.random() < share]
    picks = rng.integers(0, len(FIELDS), size=(2, len(strips) + 1))  # colours by strip + 1, dry and green
    picks[1] = np.where(rng.random(len(strips) + 1) < 0.5, picks[0], picks[1])
    ids = drawn(strips, place.shape, fine)
    furrows = 1 + 0.06 * value_noise(rng, canvas, 2 * fine) + 0.14 * fractal_noise(rng, canvas, 20 * fine, 4)
    for land, pick in zip((dry, green), picks, strict=True):
        land += (_tinted(palette.soil, np.ones(canvas, dtype=np.float32)) - land) * soil
        np.copyto(land, FIELDS[pick].T[:, ids] * furrows, where=ids > 0)
    return blurred(dry, 0.6 * fine), blurred(green, 0.6 * fine)


def _cut(rng: np.random.Generator, land: Polygon, times: int) -> list[Polygon]:
    """Cut a piece of land into up to ``2 ** times`` straight strips."""
    if land.is_empty or land.geom_type != "Polygon":
        return []
    if times == 0:
        return [land]
    low_x, low_y, high_x, high_y = land.bounds
    x, y = between(rng, 0.35, 0.65) * (high_x - low_x) + low_x, between(rng, 0.35, 0.65) * (high_y - low_y) + low_y
    wide = high_x - low_x > high_y - low_y
    cut = LineString([(x, low_y - 9), (x + 6, high_y + 9)] if wide else [(low_x - 9, y), (high_x + 9, y + 6)])
    halves = shapely.get_parts(shapely.polygonize([shapely.node(shapely.union_all([land.boundary, cut]))]))
    return [piece for half in halves for piece in _cut(rng, shapely.set_precision(half, 1 / 64), times - 1)]


def _streets(rng: np.random.Generator, town: Town, place: Place, colour: Colour) -> Layer:
    """Draw main roads, dirt tracks and the groups' own streets."""
    always = len(town.groups) + 1
    built = [district.cell for district in town.districts if district.kind in BUILT_KINDS]
    roads = shapely.union_all([cell.boundary for cell in built])
    size_px, fine = max(place.shape), place.fine
    tracks = [draw_track(rng, size_px).buffer(between(rng, 0.35, 0.8)) for _ in range(2 + size_px // 64)]
    own = [group.street.buffer(1.15) if group.street is not None else Polygon() for group in town.groups]
    numbers = [always] * (len(tracks) + 1) + list(range(1, always))
    groups = drawn([*tracks, roads.buffer(1.5), *own], place.shape, fine, numbers)
    tone = np.asarray(1 + 0.12 * fractal_noise(rng, canvas_shape(place.shape, fine), 40 * fine, 3), dtype=np.float32)
    tone[drawn([roads.buffer(0.25)], place.shape, fine) > 0] *= np.float32(0.86)  # the middle line
    tone[drawn(tracks, place.shape, fine) > 0] *= np.float32(1.12)
    return Layer(_tinted(colour, tone), groups, LEVELLED)


def _clutter(town: Town, place: Place) -> Layer:
    """Draw many small things in gardens and yards, and bushes and trees in open land."""
    rng = place.stream("clutter")
    low, high = -MARGIN_PX, max(place.shape) + MARGIN_PX
    spots: list[tuple[float, float, int]] = []
    wild = len(town.groups) + 1
    for _ in range(round((high - low) ** 2 / 1500)):  # bushes and trees: in clumps and along hedges, few alone
        x, y, turn = between(rng, low, high), between(rng, low, high), between(rng, 0, np.pi)
        length, width = between(rng, 0, 14), between(rng, 0.5, 5)
        for _ in range(int(rng.integers(1, 12))):
            u, v = between(rng, -length, length), between(rng, -width, width)
            spots.append((x + np.cos(turn) * u - np.sin(turn) * v, y + np.sin(turn) * u + np.cos(turn) * v, wild))
    for building in town.buildings:
        x0, y0, x1, y1 = building.outline.bounds
        reach = 0.4 * max(x1 - x0, y1 - y0) + 2.5
        for _ in range(4 if building.kind == "house" else min(40, 3 + int(building.outline.area / 4))):
            x, y = (x0 + x1) / 2 + between(rng, -reach, reach), (y0 + y1) / 2 + between(rng, -reach, reach)
            spots.append((x, y, building.group + 1))
    shares = np.cumsum([share for *_, share in CLUTTER])
    things, colours = [], [(0.0, 0.0, 0.0)]
    for x, y, group in spots:
        kind = int(np.searchsorted(shares, rng.random())) if group < wild else int(rng.random() < 0.5)
        (red, green, blue), least, most, _ = CLUTTER[min(kind, len(CLUTTER) - 1)]
        long, wide = between(rng, least, most) / 2, between(rng, least, most) / 2
        things.append(rectangle((x, y), between(rng, 0, np.pi), (-long, long), (-wide, wide)))
        tone = between(rng, 0.8, 1.2)
        colours.append((red * tone, green * tone, blue * tone))
    ids = drawn(things, place.shape, place.fine)
    groups = np.array([0, *(group for *_, group in spots)], dtype=np.int32)
    return Layer(np.array(colours, dtype=np.float32).T[:, ids], groups[ids], SETTLED)
