"""Tiny folders in the SpaceNet 7 layout. Every pixel of an image holds its own address."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from sn7ml.core.geo.grid import Grid
from sn7ml.params import SplitParams
from sn7ml.scenes.ingest import Scenes, ingest
from sn7ml.scenes.layouts.spacenet7 import SPACENET7, tile_of

AOI = "L15-0331E-1257N_1327_3160_13"
FAR_AOI = "L15-0571E-1075N_2287_3888_13"
THIRD_AOI = "L15-1538E-1163N_6154_3539_13"
MONTHS = ("2018-01", "2018-02", "2018-04")
"""March is missing, as in 36 of the 60 real areas."""

SHAPE = (63, 64)
"""One row short, as some real areas are."""

HOUSES: Mapping[int, Polygon] = {0: box(4, 4, 8, 7), 7: box(20, 30, 25, 34), 12: box(25, 30, 28, 34)}
"""``Id`` 0 is a building; 7 and 12 share a wall. Pixels: x is the column, y the row."""

SPLIT = SplitParams(folds=1, validation_fraction=0.25, test_fraction=0.3, gap_px=4, neighbour_tiles=8, seed=7)

HALF_WORLD_M = 6_378_137 * np.pi
PIXEL_M = 4.77731426716


def grid_of(aoi: str, shape: tuple[int, int] = SHAPE) -> Grid:
    """The grid that starts at the north-west corner of the tile in the AOI's name."""
    x, y, zoom = tile_of(aoi)
    side = 2 * HALF_WORLD_M / 2**zoom
    return Grid(3857, Affine(PIXEL_M, 0, x * side - HALF_WORLD_M, 0, -PIXEL_M, HALF_WORLD_M - y * side), shape)


def stem(aoi: str, month: str) -> str:
    return f"global_monthly_{month.replace('-', '_')}_mosaic_{aoi}"


def addressed(shape: tuple[int, int], number: int = 0) -> NDArray[np.uint8]:
    """RGBA: red is the row, green the column (both modulo 256), blue the number of the month, alpha 255."""
    rows, cols = np.indices(shape)
    return np.stack([rows % 256, cols % 256, np.full(shape, number), np.full(shape, 255)]).astype(np.uint8)


def write_image(path: Path, pixels: NDArray[Any], grid: Grid) -> None:
    """Write a GeoTIFF with as many bands as ``pixels`` has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count, rows, cols = pixels.shape
    profile = {"driver": "GTiff", "dtype": pixels.dtype.name, "count": count, "height": rows, "width": cols}
    profile |= {"crs": f"EPSG:{grid.epsg}", "transform": grid.transform, "compress": "lzw"}
    with rasterio.open(path, "w", **profile) as target:
        target.write(pixels)


def feature(building: Any, geometry: BaseGeometry | None) -> dict[str, Any]:
    shape = None if geometry is None else json.loads(shapely.to_geojson(geometry))
    return {"type": "Feature", "properties": {"Id": building, "area": 1.0}, "geometry": shape}


def write_features(path: Path, features: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")


def write_labels(path: Path, buildings: Mapping[int, BaseGeometry], grid: Grid | None = None) -> None:
    """Write pixel polygons as they are, or, with a grid, in its CRS."""
    places = {number: grid.to_crs(polygon) if grid else polygon for number, polygon in buildings.items()}
    write_features(path, [feature(number, polygon) for number, polygon in places.items()])


def write_udm(folder: Path, month: str, unusable: NDArray[np.bool_], grid: Grid) -> None:
    write_image(
        folder / "UDM_masks" / f"{stem(folder.name, month)}_UDM.tif", unusable[None].astype(np.uint8) * 255, grid
    )


def write_aoi(
    root: Path,
    aoi: str = AOI,
    months: Sequence[str] = MONTHS,
    *,
    size: tuple[int, int] = SHAPE,
    buildings: Mapping[int, BaseGeometry] = HOUSES,
    part: str = "train",
    images: str = "images_masked",
    labels: Sequence[str] = ("labels_match", "labels_match_pix"),
) -> Path:
    """Write one area, the same buildings every month; return its folder."""
    folder, grid = root / part / aoi, grid_of(aoi, size)
    for number, month in enumerate(months, start=1):
        write_image(folder / images / f"{stem(aoi, month)}.tif", addressed(size, number), grid)
        for kind in labels:
            path = folder / kind / f"{stem(aoi, month)}_Buildings.geojson"
            write_labels(path, buildings, None if kind == "labels_match_pix" else grid)
    return folder


def scenes_of(
    root: Path, sources: pd.DataFrame | None = None, split: SplitParams = SPLIT, out: Path | None = None
) -> Scenes:
    """Ingest a data folder, or some of its frames, into a folder beside it."""
    found = SPACENET7.sources(root) if sources is None else sources
    return ingest(root, found, SPACENET7, split, out or root.with_name(f"{root.name}-scenes"))
