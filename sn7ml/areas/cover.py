"""From a boundary to the map tiles that cover it: web-mercator tiles, (x, y, z) with y counted from the north."""

import math
from collections.abc import Sequence
from pathlib import Path

import geopandas
import morecantile
import numpy as np
import shapely
from morecantile import Tile
from numpy.typing import NDArray
from pyogrio.errors import DataSourceError
from pyproj import Transformer
from shapely.geometry import MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from sn7ml.core.errors import AreasError
from sn7ml.core.geo.grid import WEB_MERCATOR

TILES = morecantile.tms.get("WebMercatorQuad")
TO_DEGREES = Transformer.from_crs(WEB_MERCATOR, 4326, always_xy=True)

DEEPEST = 24
"""Largest zoom: a tile of 256 px is 2.4 m wide there."""

MOST_TILES = 2_000_000
"""Unless more are allowed: a wrong zoom, or degrees taken for metres, asks for billions."""

QUARTERS = np.array([(0, 0), (1, 0), (0, 1), (1, 1)])
"""(x, y) of the four tiles in one, from their first."""

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

    From the whole Earth down, only tiles that meet the area are divided. Each of them holds at least one of the next
    zoom, so that too many are noticed long before the last.

    Raises
    ------
    AreasError
        If the zoom is not 0 to ``DEEPEST``, or there are more than ``most``.
    """
    if not 0 <= zoom <= DEEPEST:
        raise AreasError("areas.zoom", f"zoom {zoom}: expected 0 to {DEEPEST}")
    _refuse_too_many(_area_in_tiles(area, zoom), zoom, most)
    shapely.prepare(area)
    tiles, within = np.zeros((1, 2), np.int64), np.zeros(1, np.bool_)  # (x, y) of a tile, and whether it lies within
    for depth in range(zoom + 1):
        if depth:
            tiles, within = np.repeat(2 * tiles, 4, axis=0) + np.tile(QUARTERS, (len(tiles), 1)), np.repeat(within, 4)
        meets, (cut,) = within.copy(), np.nonzero(~within)
        ground = squares(tiles[cut], depth)
        near = shapely.intersects(area, ground)
        cut, ground = cut[near], ground[near]
        within[cut] = shapely.contains_properly(area, ground)
        meets[cut] = within[cut] | ~shapely.touches(area, ground)
        tiles, within = tiles[meets], within[meets]
        _refuse_too_many(within.sum() * 4.0 ** (zoom - depth) + (~within).sum(), zoom, most)
    rows = np.lexsort(tiles.T)
    return [Tile(x, y, zoom) for x, y in tiles[rows].tolist()]


def _refuse_too_many(least: float, zoom: int, most: int) -> None:
    if least > most:
        raise AreasError(
            "areas.too-many-tiles",
            f"the boundary covers {least:,.0f} tiles or more at zoom {zoom}, more than {most:,}; check the zoom and "
            "the boundary, or allow more with --max-tiles",
        )


def squares(tiles: NDArray[np.int64], zoom: int) -> NDArray[np.object_]:
    """Return the ground of tiles (x, y) in degrees, as ``TILES.bounds`` has it to the last bit: for many at once."""
    matrix = TILES.matrix(zoom)
    left, top = matrix.pointOfOrigin
    (west, north), (east, south) = (
        TO_DEGREES.transform(
            left + corners[:, 0] * matrix.cellSize * matrix.tileWidth,
            top - corners[:, 1] * matrix.cellSize * matrix.tileHeight,
        )
        for corners in (tiles, tiles + 1)
    )
    return np.asarray(shapely.box(west, south, east, north), dtype=object)


def _area_in_tiles(area: BaseGeometry, zoom: int) -> float:
    """Return how many tiles of a zoom the area fills, were they cut to measure."""

    def mercator(lonlat: np.ndarray) -> np.ndarray:
        turn = np.radians(np.clip(lonlat[:, 1], -NORTHERNMOST, NORTHERNMOST))
        return np.column_stack([lonlat[:, 0] / 360, np.arcsinh(np.tan(turn)) / (2 * math.pi)])

    return float(shapely.area(shapely.transform(area, mercator))) * 4.0**zoom
