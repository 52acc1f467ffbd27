"""From a boundary to the map tiles that cover it: web-mercator tiles, (x, y, z) with y counted from the north."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import geopandas
import morecantile
import numpy as np
import shapely
from morecantile import Tile
from pyogrio.errors import DataSourceError
from shapely.geometry import MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from sn7ml.core.errors import AreasError

TILES = morecantile.tms.get("WebMercatorQuad")

DEEPEST = 24
"""Largest zoom: a tile of 256 px is 2.4 m wide there."""

MOST_TILES = 2_000_000
"""Unless more are allowed: a wrong zoom, or degrees taken for metres, asks for billions."""

HALF_TURN, NORTHERNMOST = 180.0, 85.0511287
"""Where the web-mercator world ends, degrees."""


def read_boundary(path: Path) -> MultiPolygon:
    """Read the polygons of a vector file, in any CRS and format that GDAL knows, as one area in degrees.

    Parts that reach over the antimeridian, with longitudes beyond ±180°, are cut there.

    Raises
    ------
    AreasError
        If it cannot be read, has no CRS, holds something else than polygons, is wider than half the Earth in one part,
        or lies where there are no tiles.
    """
    try:
        table = geopandas.read_file(path)
    except (DataSourceError, OSError, ValueError) as error:
        raise AreasError("boundary.cannot-read", f"{path}: cannot be read as polygons ({error!s:.200})") from None
    if table.crs is None:
        raise AreasError("boundary.no-crs", f"{path}: does not say which CRS it is in; expected one, or GeoJSON")
    shapes = table.geometry.to_crs(4326).to_numpy()
    wrong = sorted({it.geom_type for it in shapes if it is not None} - {"Polygon", "MultiPolygon"})
    if wrong:
        raise AreasError("boundary.not-polygons", f"{path}: holds {', '.join(wrong)}; expected polygons")
    return on_the_map(shapes, str(path))


def on_the_map(shapes: Sequence[BaseGeometry | None], name: str = "the boundary") -> MultiPolygon:
    """Join polygons in degrees to one area of the web-mercator world. Raises AreasError."""
    parts = [part for it in shapes if it is not None for part in shapely.get_parts(shapely.make_valid(it))]
    parts = [part for part in parts if isinstance(part, Polygon) and not part.is_empty]
    if not parts:
        raise AreasError("boundary.empty", f"{name}: holds no polygon")
    bounds = np.array([part.bounds for part in parts])
    if not np.isfinite(bounds).all() or np.abs(bounds[:, [1, 3]]).max() > 90 or np.abs(bounds[:, [0, 2]]).max() > 540:
        raise AreasError(
            "boundary.not-degrees", f"{name}: has coordinates {bounds.min(0)[:2]} to {bounds.max(0)[2:]}, not degrees"
        )
    if (bounds[:, 2] - bounds[:, 0]).max() > HALF_TURN:
        raise AreasError(
            "boundary.too-wide",
            f"{name}: one part is wider than 180°. If it crosses the antimeridian, cut it there (RFC 7946, 3.1.9)",
        )
    world = box(-HALF_TURN, -NORTHERNMOST, HALF_TURN, NORTHERNMOST)
    turned = [
        shapely.transform(part, lambda xy, by=turn: np.add(xy, (by, 0.0))) for part in parts for turn in (-360, 0, 360)
    ]
    area = shapely.union_all([shapely.intersection(part, world) for part in turned])
    kept = [part for part in shapely.get_parts(area) if isinstance(part, Polygon) and not part.is_empty]
    if not kept:
        raise AreasError("boundary.no-tiles", f"{name}: lies beyond ±{NORTHERNMOST:.2f}° of latitude")
    return MultiPolygon(kept)


def tiles_over(area: BaseGeometry, zoom: int, most: int = MOST_TILES) -> list[Tile]:
    """Return the tiles of a zoom that share more than an edge with an area in degrees, row by row from the north-west.

    From the whole Earth down, only tiles that meet the area are divided.

    Raises
    ------
    AreasError
        If the zoom is not 0 to ``DEEPEST``, or there are more than ``most``: said before they are counted out.
    """
    if not 0 <= zoom <= DEEPEST:
        raise AreasError("areas.zoom", f"zoom {zoom}: expected 0 to {DEEPEST}")
    least = _area_in_tiles(area, zoom)
    if least > most:
        raise AreasError(
            "areas.too-many-tiles",
            f"the boundary covers about {least:,.0f} tiles at zoom {zoom}, more than {most:,}; check the zoom and the "
            "boundary, or allow more with --max-tiles",
        )
    shapely.prepare(area)
    found = sorted(_below(area, Tile(0, 0, 0), zoom), key=lambda tile: (tile.y, tile.x))
    if len(found) > most:
        raise AreasError(
            "areas.too-many-tiles", f"the boundary covers {len(found):,} tiles at zoom {zoom}, more than {most:,}"
        )
    return found


def _below(area: BaseGeometry, tile: Tile, zoom: int) -> Iterator[Tile]:
    """Yield the tiles of ``zoom`` within ``tile`` that meet the area."""
    square = box(*TILES.bounds(tile))
    if not shapely.intersects(area, square) or shapely.touches(area, square):
        return
    if tile.z == zoom:
        yield tile
    elif shapely.contains_properly(area, square):
        side = 2 ** (zoom - tile.z)
        for y in range(tile.y * side, (tile.y + 1) * side):
            yield from (Tile(x, y, zoom) for x in range(tile.x * side, (tile.x + 1) * side))
    else:
        for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)):
            yield from _below(area, Tile(2 * tile.x + x, 2 * tile.y + y, tile.z + 1), zoom)


def _area_in_tiles(area: BaseGeometry, zoom: int) -> float:
    """Return how many tiles of a zoom the area fills, were they cut to measure."""

    def mercator(lonlat: np.ndarray) -> np.ndarray:
        turn = np.radians(np.clip(lonlat[:, 1], -NORTHERNMOST, NORTHERNMOST))
        return np.column_stack([lonlat[:, 0] / 360, np.arcsinh(np.tan(turn)) / (2 * math.pi)])

    return float(shapely.area(shapely.transform(area, mercator))) * 4.0**zoom
