"""Plan of a town: districts, the bent frame of a district's streets, the runs of houses along them, and dirt tracks."""

from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry import LineString, MultiPoint, Polygon, box

from sn7ml.synthetic.chance import between, snap

MARGIN_PX = 8
"""The town goes on this far beyond the image, so that buildings are cut by its edge."""

PITCH_PX = 56
"""Distance of the middles of neighbouring districts."""

BUILT_KINDS = ("houses", "works", "houses", "rows", "houses", "houses")
OPEN_KINDS = ("scrub", "farm", "scrub", "field", "scrub", "farm")


@dataclass(frozen=True)
class District:
    """A part of the town with one use of the land."""

    kind: str
    """``houses``, ``rows``, ``works`` (built in this order of the town's growth); ``scrub``, ``farm``, ``field``."""

    cell: Polygon
    """In pixels ``(x, y)``."""


@dataclass(frozen=True)
class StreetFrame:
    """Street coordinates: ``u`` along the streets, ``v`` across, bent by a wave."""

    origin: tuple[float, float]
    turn: float
    """Direction of the streets, radians."""

    sway: float
    """Height of the wave, pixels; its length is ``2 pi wave_px``."""

    wave_px: float

    def at(self, u: float, v: float) -> tuple[float, float]:
        """Return ``(x, y)`` of a point in street coordinates."""
        w = v + self.sway * float(np.sin(u / self.wave_px))
        cos, sin = float(np.cos(self.turn)), float(np.sin(self.turn))
        return self.origin[0] + cos * u - sin * w, self.origin[1] + sin * u + cos * w

    def heading(self, u: float) -> float:
        """Return the direction of the street at ``u``, radians."""
        return self.turn + float(np.arctan(self.sway / self.wave_px * np.cos(u / self.wave_px)))


@dataclass(frozen=True)
class Run:
    """Houses in a row on one side of a street, between two cross streets."""

    frame: StreetFrame
    street_v: float
    side: int
    """1 or -1: the side of the street, along ``v``."""

    first: float
    last: float
    """Ends, along ``u``."""

    def street(self) -> LineString:
        """Return the piece of street before the houses, with the halves of the crossings at its ends."""
        first, last = self.first - 2.5, self.last + 2.5
        steps = np.linspace(first, last, max(2, int((last - first) / 4) + 1))
        return LineString(snap(np.array([self.frame.at(float(u), self.street_v) for u in steps])))


def draw_districts(rng: np.random.Generator, size_px: int) -> list[District]:
    """Cut the ground into districts, in the order in which the town grows over them."""
    pitch = min(PITCH_PX, size_px / 2.5)
    count = int(np.ceil((size_px + 2 * MARGIN_PX) / pitch))
    grid = (np.indices((count, count)).reshape(2, -1).T + 0.5) * pitch - MARGIN_PX
    seeds = snap(grid + (rng.random(grid.shape) - 0.5) * 0.7 * pitch)
    centre = size_px * (0.3 + 0.4 * rng.random(2))
    distance = np.hypot(*(seeds - centre).T) * (0.8 + 0.4 * rng.random(len(seeds)))
    order = np.argsort(np.round(distance, 6), kind="stable")
    shift = int(rng.integers(0, 3)) * 2
    ground = box(-MARGIN_PX, -MARGIN_PX, size_px + MARGIN_PX, size_px + MARGIN_PX)
    voronoi = shapely.voronoi_polygons(MultiPoint(seeds), extend_to=ground.buffer(size_px), ordered=True)
    cells = [shapely.set_precision(cell.intersection(ground), 1 / 64) for cell in voronoi.geoms]
    return [District(BUILT_KINDS[(rank + shift) % len(BUILT_KINDS)], cells[index]) for rank, index in enumerate(order)]


def frame_of(rng: np.random.Generator, district: District, town_turn: float) -> StreetFrame:
    """Draw the direction of a district's streets: mostly along or across the town's own direction."""
    turn = town_turn + (np.pi / 2 if rng.random() < 0.5 else 0.0) + between(rng, -0.35, 0.35)
    middle = district.cell.centroid
    bent = district.kind == "houses" and rng.random() < 0.75
    sway = between(rng, 2.0, 7.0) if bent else 0.0
    return StreetFrame((float(middle.x), float(middle.y)), float(turn), sway, between(rng, 9.0, 16.0))


def draw_runs(rng: np.random.Generator, district: District, frame: StreetFrame) -> list[Run]:
    """Draw the runs along all streets of a district, on both sides, whether or not they end up inside it."""
    pitch_px = between(rng, 17.5, 21.0)
    reach = float(np.sqrt(district.cell.area)) * 0.9
    rows = int(reach // pitch_px) + 1
    runs: list[Run] = []
    for row in range(-rows, rows + 1):
        start = -reach - between(rng, 0.0, 12.0)
        while start < reach:
            end = start + between(rng, 20.0, 44.0)
            runs += [Run(frame, row * pitch_px, side, start, end) for side in (1, -1)]
            start = end + 5.0
    return runs


def draw_track(rng: np.random.Generator, size_px: int) -> LineString:
    """Draw a dirt track: a random walk that turns gently."""
    point, turn = size_px * rng.random(2), between(rng, 0, 2 * np.pi)
    bend, points = 0.0, []
    for _ in range(int(rng.integers(10, 40))):
        points.append(point)
        bend = 0.6 * bend + between(rng, -0.45, 0.45)
        turn += bend
        point = point + 4.0 * np.array([np.cos(turn), np.sin(turn)])
    return LineString(snap(np.array(points)))
