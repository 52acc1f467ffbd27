"""Outlines of houses, sheds and halls, in pixels ``(x, y)``."""

import numpy as np
from numpy.typing import ArrayLike
from shapely.geometry import Polygon

from sn7ml.synthetic.chance import between, snap
from sn7ml.synthetic.streets import District, Run, StreetFrame

AREA_SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
AREAS_PX2 = (4.4, 5.6, 8.5, 11.4, 15.5, 26.0, 36.0)
"""Shares of houses and the area that they do not exceed, as in the real area L15-0357E-1223N."""

Pair = tuple[float, float]

BOX: tuple[Pair, ...] = ((0, 0), (1, 0), (1, 1), (0, 1))
ELL: tuple[Pair, ...] = ((0, 0), (1, 0), (1, 0.5), (0.6, 0.5), (0.6, 1), (0, 1))
COURT: tuple[Pair, ...] = ((0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7))
"""Corners of a hall, and of the court within it, in shares of its sides."""


def placed(corners: ArrayLike, origin: Pair, turn: float) -> Polygon:
    """Turn corners (n, 2) about (0, 0) by ``turn`` radians and move them to ``origin``."""
    cos, sin = np.cos(turn), np.sin(turn)
    u, v = np.asarray(corners).T
    return Polygon(snap(np.column_stack([origin[0] + cos * u - sin * v, origin[1] + sin * u + cos * v])))


def rectangle(origin: Pair, turn: float, along: Pair, across: Pair) -> Polygon:
    """Return a rectangle by its ends along and across its own direction, as seen from ``origin``."""
    return placed([[along[i], across[j]] for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))], origin, turn)


def draw_sides(rng: np.random.Generator, rank: float) -> Pair:
    """Draw the sides of a house near ``rank`` of all houses by area: a street has houses of a kind."""
    near = abs(rank + between(rng, -0.25, 0.25))
    area = float(np.interp(near if near <= 1 else 2 - near, AREA_SHARES, AREAS_PX2))
    slimness = between(rng, 0.62, 1.0)
    width = float(np.sqrt(area * slimness))
    return (width, area / width) if rng.random() < 0.7 else (area / width, width)


def draw_houses(rng: np.random.Generator, run: Run, kind: str) -> list[Polygon]:
    """Stand houses side by side; in a row (and now and then elsewhere) they share a wall, so a row must be straight."""
    setback, rank = between(rng, 1.9, 2.7), rng.random()
    houses = []
    start, wall_to_wall, anchor = run.first, False, run.first
    while start < run.last - 2:
        width, depth = draw_sides(rng, rank)
        if not wall_to_wall:
            anchor = start + width / 2
        near = setback + (0.0 if kind == "rows" else between(rng, 0.0, 0.8))
        across = (near, near + depth) if run.side > 0 else (-near - depth, -near)
        along = (start - anchor, start + width - anchor)
        house = rectangle(run.frame.at(anchor, run.street_v), run.frame.heading(anchor), along, across)
        if rng.random() <= 0.1 and depth >= 3.2:  # an L: a corner is cut out
            a, b, c, d = np.array(house.exterior.coords)[:4]
            cut = between(rng, 0.3, 0.55)
            side, end = (b - c) * cut, (d - c) * cut
            house = Polygon(snap(np.array([a, b, c + side, c + side + end, c + end, d])))
        houses.append(house)
        wall_to_wall = rng.random() < (0.7 if kind == "rows" else 0.05)
        gap = 0.0 if wall_to_wall else between(rng, 0.5, 2.0) + (4.0 if rng.random() < 0.06 else 0.0)
        start += width + gap
    return houses


def draw_shed(rng: np.random.Generator, house: Polygon, turn: float) -> Polygon:
    """Stand a shed at a corner of a house."""
    corner = house.exterior.coords[int(rng.integers(0, 4))]
    width, depth = between(rng, 1.3, 1.9), between(rng, 1.4, 2.0)
    origin = (corner[0] + between(rng, -2.0, 2.0), corner[1] + between(rng, -2.0, 2.0))
    return rectangle(origin, turn, (-width / 2, width / 2), (-depth / 2, depth / 2))


def draw_halls(rng: np.random.Generator, district: District, frame: StreetFrame) -> list[Polygon]:
    """Draw the large buildings of a yard."""
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


def _hall(rng: np.random.Generator, frame: StreetFrame, corner: Pair, sides: Pair) -> Polygon:
    """Draw a hall in street coordinates: a box, one in four an L, one in eight round a court."""

    def part(corners: tuple[Pair, ...]) -> Polygon:
        return placed(np.array(corners) * sides + corner, frame.origin, frame.turn)

    shape = rng.random()
    if shape > 0.875 and min(sides) > 6:
        return Polygon(part(BOX).exterior, [part(COURT).exterior])
    return part(ELL if shape < 0.25 else BOX)
