"""Building outlines as they come, and as this project wants them."""

import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

MOST_CROSSING = 2_000
"""Vertices of an outline that is repaired. Each side can cross all others, so time and memory grow with the square."""


def clean_polygon(geometry: BaseGeometry | None) -> Polygon | MultiPolygon | None:
    """Return a flat, non-empty, polygonal geometry, or None if there is none to be had.

    Z is dropped and holes stay. A self-crossing outline is repaired (``make_valid``); of what that gives, only the
    polygonal parts stay. Lines, points, empty and missing geometries give None.

    Raises
    ------
    ValueError
        If an outline crosses itself and has more than ``MOST_CROSSING`` vertices.
    """
    if geometry is None or geometry.is_empty:
        return None
    flat = shapely.force_2d(geometry)
    if not flat.is_valid:
        if (vertices := shapely.get_num_coordinates(flat)) > MOST_CROSSING:
            raise ValueError(f"it crosses itself and has {vertices:,} vertices; at most {MOST_CROSSING:,} are repaired")
        flat = shapely.make_valid(flat)
    if isinstance(flat, Polygon | MultiPolygon):
        return flat
    merged = shapely.union_all(
        [part for part in getattr(flat, "geoms", []) if isinstance(part, Polygon | MultiPolygon)]
    )
    return merged if isinstance(merged, Polygon | MultiPolygon) and not merged.is_empty else None
