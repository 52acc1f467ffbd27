"""Building outlines as they come, and as this project wants them."""

import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry


def clean_polygon(geometry: BaseGeometry | None) -> Polygon | MultiPolygon | None:
    """Return a flat, non-empty, polygonal geometry, or None if there is none to be had.

    Z is dropped and holes stay. A self-crossing outline is repaired (``make_valid``); of what that gives, only the
    polygonal parts stay. Lines, points, empty and missing geometries give None.
    """
    if geometry is None or geometry.is_empty:
        return None
    flat = shapely.force_2d(geometry)
    if not flat.is_valid:
        flat = shapely.make_valid(flat)
    if isinstance(flat, Polygon | MultiPolygon):
        return flat
    merged = shapely.union_all(
        [part for part in getattr(flat, "geoms", []) if isinstance(part, Polygon | MultiPolygon)]
    )
    return merged if isinstance(merged, Polygon | MultiPolygon) and not merged.is_empty else None
