"""Maps of classes as an output: GeoTIFFs with colours, heat maps, pixels and areas by class, polygons.

Of a folder::

    counts.csv                       CLASS_COUNTS: a row per image and class, zeros too, and one for "unknown"
    maps/<AOI>/<time>.tif            a byte a pixel, the class's place; 255 unknown; colours and names within
    maps/<AOI>/<time>.qml            the same colours and names as a style of QGIS
    maps/<AOI>/<time>.png            only of an image that lies nowhere: the map in its colours
    heat/<AOI>/<time>.tif            a band per class: its probability, 0 to 100 %
    classes.gpkg                     polygons with class and area, of images that lie somewhere
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio.features
from numpy.typing import NDArray

from sn7ml.core.errors import TableError
from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.ground import row_pixel_areas_m2
from sn7ml.core.geo.probabilities import Probabilities, rescaled
from sn7ml.core.runtime.files import replacing
from sn7ml.core.safe_files import require_regular
from sn7ml.core.schemas import POLYGONS, Table
from sn7ml.outputs.class_map_files import PlacedMap, class_colours, write_heat, write_map, write_polygons
from sn7ml.outputs.output import Extract, Output
from sn7ml.outputs.probabilities import ProbabilityCube
from sn7ml.params import LandUseParams, OutputParams
from sn7ml.targets.classes import UNKNOWN

COUNTS = "counts.csv"
UNKNOWN_NAME = "unknown"
MOST_BYTES = 2**28

CLASS_COUNTS = Table(
    "class counts",
    {"aoi": "text", "time": "text", "class": "text", "pixels": "int", "share": "float", "area_m2": "float"},
    key=("aoi", "time", "class"),
)
"""Pixels of each class in each image, and of ``unknown``; they add up to rows × columns. ``share`` is of the known
pixels, NaN for ``unknown``; ``area_m2`` is NaN where the image does not say where it lies."""


def class_map(found: Probabilities, upsampling: int, params: LandUseParams) -> NDArray[np.uint8]:
    """Return the likeliest class of each pixel of the image, of equal ones the first; ``UNKNOWN`` without evidence.

    Areas that are too small become part of the largest one beside them, as GDAL's sieve does.
    """
    coarse = rescaled(found, upsampling, 1)
    classes = coarse.channels.argmax(axis=0).astype(np.uint8)
    if params.min_area_px > 1 and coarse.usable.any():
        classes = rasterio.features.sieve(classes, params.min_area_px, mask=coarse.usable, connectivity=4)
    return np.where(coarse.usable, classes, np.uint8(UNKNOWN))


def count_map(classes: NDArray[np.uint8], names: Sequence[str], grid: Grid) -> pd.DataFrame:
    """Return the rows of ``CLASS_COUNTS`` of one map, without aoi and time: classes in order, then ``unknown``."""
    pixels = np.bincount(classes.ravel(), minlength=256)
    counts = [*pixels[: len(names)].tolist(), int(pixels[UNKNOWN])]
    areas = [float("nan")] * len(counts)
    if grid.placed:
        row_m2 = row_pixel_areas_m2(grid)
        numbers = [*range(len(names)), UNKNOWN]
        areas = [round(float(((classes == number).sum(axis=1) * row_m2).sum()), 2) for number in numbers]
    known = max(sum(counts[:-1]), 1)
    shares = [*(round(count / known, 6) for count in counts[:-1]), float("nan")]
    return pd.DataFrame({"class": [*names, UNKNOWN_NAME], "pixels": counts, "share": shares, "area_m2": areas})


def prepare(cube: Mapping[str, Probabilities], upsampling: int) -> Extract:
    """Return what counts the classes of one AOI, image by image, by given params."""
    assert isinstance(cube, ProbabilityCube)
    names, grid = cube.channels, cube.grid

    def extract(params: OutputParams) -> pd.DataFrame:
        own = params.of_land_use()
        tables = [
            count_map(class_map(one, upsampling, own), names, grid).assign(time=time) for time, one in cube.items()
        ]
        return pd.concat(tables, ignore_index=True)

    return extract


def write(folder: Path, found: pd.DataFrame, grids: Mapping[str, Grid]) -> None:
    """Write ``counts.csv`` of the AOIs of ``grids``."""
    rows = found[found["aoi"].isin(grids)]
    with replacing(folder / COUNTS) as temporary:
        rows.to_csv(temporary, index=False, lineterminator="\n")


def read(folder: Path, grids: Mapping[str, Grid]) -> pd.DataFrame:
    """Read ``CLASS_COUNTS`` of some AOIs. Raises TableError, naming the file, if it is absent or damaged."""
    path = folder / COUNTS
    try:
        require_regular(path, MOST_BYTES)
        table = pd.read_csv(path, dtype=dict.fromkeys(("aoi", "time", "class"), "str"))
        found = CLASS_COUNTS.check(table.astype({"share": "float64", "area_m2": "float64"}))
    except (OSError, ValueError, KeyError, TableError) as error:
        raise TableError("outputs.unreadable", f"{path}: {error!s:.200}; run `dvc repro extract`") from None
    if missing := sorted(set(grids) - set(found["aoi"])):
        raise TableError("outputs.missing-aoi", f"{path}: lacks {missing[:3]}; run `dvc repro extract`")
    return found[found["aoi"].isin(grids)].reset_index(drop=True)


def no_outlines(_folder: Path, _grids: Mapping[str, Grid]) -> pd.DataFrame:
    """Return no ``POLYGONS``: classes are scored by pixel."""
    return POLYGONS.empty()


def export(
    folder: Path, found: pd.DataFrame, grids: Mapping[str, Grid], probabilities: Path, params: OutputParams
) -> pd.DataFrame:
    """Write maps, heat maps and polygons; return ``CLASS_COUNTS``."""
    own, polygons = params.of_land_use(), list[PlacedMap]()
    for aoi, grid in grids.items():
        cube = ProbabilityCube(probabilities / aoi, grid)
        colours = class_colours(cube.channels, own)
        for time, one in cube.items():
            classes = class_map(one, cube.upsampling, own)
            write_map(folder / "maps" / aoi / f"{time}.tif", classes, colours, grid)
            write_heat(folder / "heat" / aoi / f"{time}.tif", rescaled(one, cube.upsampling, 1), cube.channels, grid)
            if grid.placed:
                polygons.append(PlacedMap(aoi, time, classes, cube.channels, grid))
    write_polygons(folder / "classes.gpkg", polygons)
    return found


def said(found: pd.DataFrame) -> str:
    """Say which share of the known pixels of all images each class has."""
    pixels = sums(found)
    unknown = pixels.pop(UNKNOWN_NAME, 0)
    known = max(sum(pixels.values()), 1)
    shares = ", ".join(f"{name} {count / known:.1%}" for name, count in pixels.items())
    return f"{shares}; {unknown / max(known + unknown, 1):.1%} unknown"


def sums(found: pd.DataFrame) -> dict[str, int]:
    """Count the pixels of each class over all images."""
    return {str(name): int(count) for name, count in found.groupby("class", sort=False)["pixels"].sum().items()}


LAND_USE_OUTPUT = Output(
    *("land_use", CLASS_COUNTS, None, prepare, write, read, no_outlines, said, sums),
    folder="",
    needs_place=False,
    export=export,
)
