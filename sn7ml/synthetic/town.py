"""The buildings of a synthetic town, each with its outline."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, Point, Polygon

from sn7ml.synthetic.chance import Purpose, between, snap, stream
from sn7ml.synthetic.place import Place
from sn7ml.synthetic.streets import District, Run, StreetFrame, draw_districts, draw_runs, frame_of, leave_open

DENSITY_PER_PX2 = 4700 / 1024**2
"""Buildings per pixel of an average SpaceNet 7 frame."""

AREA_SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
AREAS_PX2 = (4.4, 5.6, 8.5, 11.4, 15.5, 26.0, 36.0)
"""Shares of houses and the area that they do not exceed, as in the real area L15-0357E-1223N."""

SEEN_SHARE = 0.3
"""A building is labelled where at least this part of it lies within the image."""


@dataclass(frozen=True)
class Building:
    """An outline in pixels ``(x, y)``; ``group`` numbers the run (or yard) it was built with."""

    outline: Polygon
    group: int
    kind: str
    """``house``, ``hall`` or ``shed``; a lone farmhouse counts as a hall, which is never born with a street."""


@dataclass(frozen=True)
class Group:
    """Buildings that share a street or a yard."""

    ground: Polygon
    """Levelled before they are built, and yards afterwards."""

    street: LineString | None


@dataclass(frozen=True)
class Town:
    """All that is ever built in an AOI."""

    districts: list[District]
    groups: list[Group]
    buildings: list[Building]


def build_town(place: Place, seed: int) -> Town:
    """Lay out the town of an AOI, at the density of real frames (at least 8 buildings)."""
    size_px = max(place.shape)
    rng = stream(seed, place.index, Purpose.BUILDINGS)
    districts = draw_districts(stream(seed, place.index, Purpose.DISTRICTS), size_px)
    target = max(8, round(size_px**2 * DENSITY_PER_PX2 * between(rng, 0.9, 1.15)))
    turn = between(rng, 0.0, np.pi / 2)
    town = Town([], [], [])
    built = seen = 0
    while seen < 0.9 * target and built < len(districts):
        before = len(town.buildings)
        _fill(rng, town, districts[built], turn)
        seen += sum(_is_seen(building.outline, place) for building in town.buildings[before:])
        built += 1
    districts = leave_open(districts, built)
    for district in districts[built:]:
        _scatter(rng, town, district)
    return _trim(Town(districts, town.groups, town.buildings), place, target)


def _is_seen(outline: Polygon, place: Place) -> bool:
    rows, cols = place.shape
    return bool(shapely.clip_by_rect(outline, 0, 0, cols, rows).area >= SEEN_SHARE * outline.area)


def _trim(town: Town, place: Place, target: int) -> Town:
    """Drop buildings that overlap an earlier one or lie outside the image, and runs until the number fits."""
    outlines = np.array([each.outline for each in town.buildings], dtype=object)
    first, second = shapely.STRtree(outlines).query(outlines, predicate="intersects")
    pairs = first < second
    first, second = first[pairs], second[pairs]
    overlap = shapely.area(shapely.intersection(outlines[first], outlines[second]))
    late = set(second[overlap > 0.15].tolist())
    apart = [each for index, each in enumerate(town.buildings) if index not in late]
    buildings = [building for building in apart if _is_seen(building.outline, place)]
    surplus = len(buildings) - target
    dropped: set[int] = set()
    for group in sorted({each.group for each in buildings if each.kind == "house"}, reverse=True):
        size = sum(each.group == group for each in buildings)
        if surplus > 0 and size <= surplus:
            dropped.add(group)
            surplus -= size
    return Town(town.districts, town.groups, [each for each in buildings if each.group not in dropped])


def _fill(rng: np.random.Generator, town: Town, district: District, turn: float) -> None:
    frame = frame_of(rng, district, turn)
    if district.kind == "works":
        _add_group(town, _halls(rng, district, frame), district.cell.buffer(-2.5), None)
        return
    inner = district.cell.buffer(-3.5)
    for run in draw_runs(rng, district, frame, between(rng, 17.5, 21.0)):
        houses = _houses_along(rng, run, district.kind)
        houses = [each for each in houses if inner.covers(each.centroid)]
        if len(houses) < 2:
            continue
        street = run.street().intersection(district.cell.buffer(1.5))
        street = street if isinstance(street, LineString) else None
        sheds = [_shed(rng, house, run.frame) for house in houses if rng.random() < 0.05]
        verge = Polygon() if street is None else street.buffer(2.5)
        _add_group(town, houses, shapely.union_all(houses).convex_hull.buffer(3.6).union(verge), street)
        town.buildings.extend(Building(shed, len(town.groups) - 1, "shed") for shed in sheds)


def _add_group(town: Town, outlines: list[Polygon], ground: Polygon, street: LineString | None) -> None:
    kind = "hall" if street is None else "house"
    town.groups.append(Group(ground, street))
    town.buildings.extend(Building(outline, len(town.groups) - 1, kind) for outline in outlines)


def _scatter(rng: np.random.Generator, town: Town, district: District) -> None:
    count = int(rng.integers(2, 7)) if district.kind == "farm" else int(rng.integers(0, 2))
    low_x, low_y, high_x, high_y = district.cell.buffer(-3).bounds
    for _ in range(count):
        place = Point(between(rng, low_x, high_x), between(rng, low_y, high_y))
        turn = between(rng, 0.0, np.pi)
        if district.cell.contains(place):
            width, depth = _sides(rng, rng.random())
            house = _rectangle((place.x, place.y), turn, (-width / 2, width / 2), (0.0, depth))
            _add_group(town, [house], house.buffer(between(rng, 1.0, 4.0), join_style="mitre"), None)


def _sides(rng: np.random.Generator, rank: float) -> tuple[float, float]:
    """Draw the sides of a house near ``rank`` of all houses by area: a street has houses of a kind."""
    near = abs(rank + between(rng, -0.25, 0.25))
    area = float(np.interp(near if near <= 1 else 2 - near, AREA_SHARES, AREAS_PX2))
    slimness = between(rng, 0.62, 1.0)
    width = float(np.sqrt(area * slimness))
    return (width, area / width) if rng.random() < 0.7 else (area / width, width)


def _rectangle(
    origin: tuple[float, float], turn: float, along: tuple[float, float], across: tuple[float, float]
) -> Polygon:
    return _placed(np.array([[along[i], across[j]] for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]), origin, turn)


def _placed(corners: NDArray[np.float64], origin: tuple[float, float], turn: float) -> Polygon:
    cos, sin = np.cos(turn), np.sin(turn)
    u, v = corners.T
    return Polygon(snap(np.column_stack([origin[0] + cos * u - sin * v, origin[1] + sin * u + cos * v])))


def _houses_along(rng: np.random.Generator, run: Run, kind: str) -> list[Polygon]:
    """Stand houses side by side; in a row (and now and then elsewhere) they share a wall, so a row must be straight."""
    setback, rank = between(rng, 1.9, 2.7), rng.random()
    houses = []
    start, wall_to_wall, anchor = run.first, False, run.first
    while start < run.last - 2:
        width, depth = _sides(rng, rank)
        if not wall_to_wall:
            anchor = start + width / 2
        origin = run.frame.at(anchor, run.street_v)
        near = setback + (0.0 if kind == "rows" else between(rng, 0.0, 0.8))
        across = (near, near + depth) if run.side > 0 else (-near - depth, -near)
        along = (start - anchor, start + width - anchor)
        house = _rectangle(origin, run.frame.heading(anchor), along, across)
        houses.append(_with_wing(rng, house, depth))
        wall_to_wall = rng.random() < (0.7 if kind == "rows" else 0.05)
        gap = 0.0 if wall_to_wall else between(rng, 0.5, 2.0) + (4.0 if rng.random() < 0.06 else 0.0)
        start += width + gap
    return houses


def _with_wing(rng: np.random.Generator, house: Polygon, depth: float) -> Polygon:
    """Cut a corner out of one house in ten: an L, with six corners."""
    if rng.random() > 0.1 or depth < 3.2:
        return house
    a, b, c, d = np.array(house.exterior.coords)[:4]
    cut = between(rng, 0.3, 0.55)
    inner = c + (b - c) * cut + (d - c) * cut
    return Polygon(snap(np.array([a, b, c + (b - c) * cut, inner, c + (d - c) * cut, d])))


def _shed(rng: np.random.Generator, house: Polygon, frame: StreetFrame) -> Polygon:
    corner = house.exterior.coords[int(rng.integers(0, 4))]
    width, depth = between(rng, 1.3, 1.9), between(rng, 1.4, 2.0)
    origin = (corner[0] + between(rng, -2.0, 2.0), corner[1] + between(rng, -2.0, 2.0))
    return _rectangle(origin, frame.turn, (-width / 2, width / 2), (-depth / 2, depth / 2))


def _halls(rng: np.random.Generator, district: District, frame: StreetFrame) -> list[Polygon]:
    """Large buildings in a yard: boxes, one in four an L, one in eight round a court."""
    inner = district.cell.buffer(-3)
    halls = []
    reach = float(np.sqrt(district.cell.area)) * 0.8
    v = -reach
    while v < reach:
        tallest, u = between(rng, 6.0, 13.0), -reach
        while u < reach:
            width = between(rng, 4.0, 20.0)
            hall = _hall(rng, frame, (u, v), (width, tallest * between(rng, 0.5, 1.0)))
            if inner.contains(hall) and rng.random() < 0.85:
                halls.append(hall)
            u += width + between(rng, 1.5, 6.0)
        v += tallest + between(rng, 2.5, 6.0)
    return halls


def _hall(
    rng: np.random.Generator, frame: StreetFrame, corner: tuple[float, float], sides: tuple[float, float]
) -> Polygon:
    (u, v), (w, d), shape = corner, sides, rng.random()
    corners = [(0.0, 0.0), (w, 0.0), (w, d), (0.0, d)]
    if shape < 0.25:
        corners = [(0.0, 0.0), (w, 0.0), (w, d * 0.5), (w * 0.6, d * 0.5), (w * 0.6, d), (0.0, d)]
    placed = _placed(np.array(corners) + np.array([u, v]), frame.origin, frame.turn)
    if shape > 0.875 and min(w, d) > 6:
        court = np.array([(0.3 * w, 0.3 * d), (0.7 * w, 0.3 * d), (0.7 * w, 0.7 * d), (0.3 * w, 0.7 * d)]) + np.array(
            [u, v]
        )
        placed = Polygon(placed.exterior, [_placed(court, frame.origin, frame.turn).exterior])
    return placed
