"""Building outlines: cleaned, moved, and refused if repair would take minutes."""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

POLYGONAL = (3, 6)
"""GEOS type numbers of Polygon and MultiPolygon."""

MOST_CROSSINGS = 200
"""Most crossings of an outline with itself. GEOS repairs these in 0.1 s, 10^4 (a star of 200 sides) in minutes."""

MOST_SIDES = 1_000
"""Most sides of an outline that crosses itself; in fewer, crossings are counted. Real outlines have up to 44."""

HARMLESS = 20
"""With so few sides there cannot be ``MOST_CROSSINGS``: 20 × 17 / 2."""

MOST_VERTICES = 100_000
"""Most vertices of any outline: finding out whether it crosses itself takes up to 15 s."""


def clean_polygon(geometry: BaseGeometry | None) -> Polygon | MultiPolygon | None:
    """Return a flat, non-empty, polygonal geometry, or None.

    Z is dropped and holes stay. A self-crossing outline is repaired (``make_valid``); of what that gives, only the
    polygonal parts stay. Lines, points, empty and missing geometries give None.

    Raises ValueError if it is tangled, see :func:`tangled`.
    """
    if geometry is None or geometry.is_empty:
        return None
    flat = shapely.force_2d(geometry)
    if tangled(np.array([flat], dtype=object)).any():
        raise ValueError(TANGLED)
    if not flat.is_valid:
        flat = shapely.make_valid(flat)
    if isinstance(flat, Polygon | MultiPolygon):
        return flat
    parts = [part for part in getattr(flat, "geoms", []) if isinstance(part, Polygon | MultiPolygon)]
    merged = shapely.union_all(parts)
    return merged if isinstance(merged, Polygon | MultiPolygon) and not merged.is_empty else None


def moved(geometries: Sequence[BaseGeometry] | NDArray[np.object_], x_px: float, y_px: float) -> NDArray[np.object_]:
    """Return geometries moved to the right and down; None and EMPTY stay, no geometries give none."""
    return np.asarray(shapely.transform(np.asarray(geometries, dtype=object), lambda xy: np.add(xy, (x_px, y_px))))


def sound(geometries: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Mark valid polygons that are not EMPTY and not too large: of these :func:`clean_polygon` only drops Z."""
    marked = np.isin(shapely.get_type_id(geometries), POLYGONAL) & ~shapely.is_empty(geometries)
    marked &= shapely.get_num_coordinates(geometries) <= MOST_VERTICES
    marked[marked] = shapely.is_valid(geometries[marked])
    return np.asarray(marked)


TANGLED = (
    f"has more than {MOST_VERTICES:,} vertices, or crosses itself more than {MOST_CROSSINGS} times or with more than "
    f"{MOST_SIDES:,} sides; expected the outline of a building"
)


def tangled(geometries: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Mark geometries whose repair would take minutes and gigabytes: a file of 1 kB can hold one.

    None, EMPTY and valid ones are not marked, unless they have more than ``MOST_VERTICES``.
    """
    vertices = shapely.get_num_coordinates(geometries)
    marked: NDArray[np.bool_] = vertices > MOST_VERTICES
    for place in np.flatnonzero(~marked & (vertices > HARMLESS)):
        geometry = geometries[place]
        if not geometry.is_valid:
            marked[place] = vertices[place] > MOST_SIDES or _crossings(geometry) > MOST_CROSSINGS
    return marked


def _crossings(geometry: BaseGeometry) -> int:
    """Count the pairs of sides that cross, neither at its end."""
    rings = shapely.get_rings(shapely.get_parts(geometry))
    corners, owner = shapely.get_coordinates(rings, return_index=True)
    same = owner[1:] == owner[:-1]
    starts, ends = corners[:-1][same], corners[1:][same]
    before, after = _side_of(starts, ends, starts), _side_of(starts, ends, ends)
    parted = before * after < 0  # (sides, sides): the line through side i separates the ends of side j
    return int(np.count_nonzero(parted & parted.T)) // 2


def _side_of(
    starts: NDArray[np.float64], ends: NDArray[np.float64], points: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return -1, 0 or 1, (sides, points): the side of the line through side i on which point j lies (cross product)."""
    x, y = (ends - starts).T[:, :, None]
    offsets = points[None] - starts[:, None]
    hand: NDArray[np.float64] = np.sign(x * offsets[..., 1] - y * offsets[..., 0])
    return hand
