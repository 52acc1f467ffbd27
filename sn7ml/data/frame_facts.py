"""What is true of every image of a data set: read once per file, damaged files included, judged elsewhere."""

import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
from affine import Affine
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from sn7ml.data.catalog import STEM_PATTERN, label_files, tile_of
from sn7ml.data.cubes import BANDS
from sn7ml.errors import GridError
from sn7ml.geo.grid import EARTH_RADIUS_M, WEB_MERCATOR, Grid
from sn7ml.runtime.parallel import map_items
from sn7ml.tables import Table

STEM_LENGTH = 58
"""Characters of a frame's name without ending: the scorer cuts AOI and month out of it by position."""

TILE_PX = 1024
"""Pixels along a zoom-13 tile, of which SpaceNet 7's AOIs are one each."""

MAX_SIDE_PX = 16_384
"""Larger images are not read: a file of a few kB can declare any size. SpaceNet 7 has 1024."""

STRIP_ROWS = 256
"""Rows read at a time, so that memory stays bounded by ``MAX_SIDE_PX``."""

FRAME_FACTS = Table(
    "frame facts",
    {
        "aoi": "text", "month": "text", "file": "text", "has_image": "bool", "has_labels": "bool", "stem_ok": "bool",
        "readable": "bool", "fault": "text", "rows": "int", "cols": "int", "bands": "int", "dtype": "text", "epsg": "int",
        "transform": "text", "north_up": "bool", "grid_agrees": "bool", "tile_offset_px": "float", "usable_fraction": "float",
    },
    key=("aoi", "month"),
)  # fmt: skip
"""One row per month of an AOI that has an image, labels, or both.

A fact that does not apply, or cannot be known of a damaged file, is missing.

file
    The image, relative to the data root; the label file where there is no image (``has_image`` is False).
has_labels
    Missing where none are expected: the AOI is in ``test_public`` and has no labels at all.
readable, fault
    Whether the file opens as a GeoTIFF and every block can be read; if not, why.
dtype
    Of all bands; "uint8,uint16" if they differ.
epsg
    0 of an image that states no CRS, or one without a code.
transform
    Its six numbers: pixel width, 0, x of the corner, 0, minus pixel height, y of the corner.
north_up
    Whether the pixels are square and in rows from north to south, as ``Grid`` wants them.
grid_agrees
    Shape and transform equal those that most months of the AOI have (the earliest of these, in a tie).
tile_offset_px
    How far the image lies from the web-mercator tile that the AOI's name states: distance of the north-west
    corners along the worse axis, plus what a wrong pixel size adds up to over the image.
usable_fraction
    Share of pixels with alpha above 0. Known only of images with four bands.
"""

KINDS = {"text": "str", "int": "Int64", "float": "float64", "bool": "boolean", "geometry": "object"}
"""pandas' types for facts; unlike those of other tables, they may be missing."""


def frame_facts(root: Path, frames: pd.DataFrame) -> pd.DataFrame:
    """Read every image of a ``FRAMES`` table once, in parallel, and find label months without image.

    A damaged file gives a row that says so and hinders no other.

    Returns
    -------
    pd.DataFrame
        ``FRAME_FACTS``, in order of AOI and month; empty if ``frames`` is.
    """
    jobs = {f"{row['aoi']} {row['month']}": row for row in frames.to_dict("records")}
    rows = list(map_items(partial(_facts_of_image, root), jobs).values()) + _label_months_without_image(root, frames)
    table = as_table(rows, FRAME_FACTS).sort_values(["aoi", "month"], ignore_index=True)
    table["grid_agrees"] = _agrees_with_most(table)
    return FRAME_FACTS.check(table)


def as_table(rows: list[dict[str, Any]], table: Table) -> pd.DataFrame:
    """Make a table of facts from rows in which facts may be missing."""
    frame = pd.DataFrame(rows, columns=list(table.columns))
    return frame.astype({name: KINDS[kind] for name, kind in table.columns.items()})


def in_a_line(error: BaseException, root: Path, file: str) -> str:
    """Say an error in one line of at most 300 characters, with the file's name as seen from the data root.

    Facts end up in outputs that DVC tracks: no path of this machine may be in them.
    """
    words = " ".join(str(error).split()).replace(str(root / file), file)
    return (words or type(error).__name__)[:300]


def _facts_of_image(root: Path, row: dict[str, str]) -> dict[str, Any]:
    file = row["image"]
    stem = Path(file).stem
    match = STEM_PATTERN.fullmatch(stem)
    facts: dict[str, Any] = {
        "aoi": row["aoi"],
        "month": row["month"],
        "file": file,
        "has_image": True,
        "has_labels": _has_labels(root, row),
        "stem_ok": len(stem) == STEM_LENGTH and match is not None and match["aoi"] == row["aoi"],
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # a missing transform is a fact like others here
            # One driver: a .tif that is in truth a VRT could point anywhere.
            with rasterio.open(root / file, driver="GTiff") as source:
                facts |= _header(source, row["aoi"])
                facts |= _pixels(source)
    except (RasterioError, CRSError) as error:
        # "Read failed. See previous exception for details": GDAL's own words are in the cause.
        facts |= {"readable": False, "fault": in_a_line(error.__cause__ or error, root, file)}
    return facts


def _has_labels(root: Path, row: dict[str, str]) -> bool | None:
    if row["labels"] or row["part"] != "test_public":
        return bool(row["labels"])
    return False if label_files(_aoi_folder(root, row["image"])) else None


def _aoi_folder(root: Path, image: str) -> Path:
    return (root / image).parent.parent


def _header(source: rasterio.DatasetReader, aoi: str) -> dict[str, Any]:
    transform = source.transform
    epsg = (source.crs.to_epsg() if source.crs else None) or 0
    return {
        "rows": source.height,
        "cols": source.width,
        "bands": source.count,
        "dtype": ",".join(dict.fromkeys(source.dtypes)),
        "epsg": epsg,
        "transform": " ".join(f"{number:.15g}" for number in tuple(transform)[:6]),
        "north_up": _is_north_up(transform, source.shape),
        "tile_offset_px": _offset_px(transform, source.shape, aoi) if epsg == WEB_MERCATOR else None,
    }


def _is_north_up(transform: Affine, shape: tuple[int, int]) -> bool:
    try:
        Grid(WEB_MERCATOR, transform, shape)
    except GridError:
        return False
    return True


def _offset_px(transform: Affine, shape: tuple[int, int], aoi: str) -> float:
    tile_x, tile_y, zoom = tile_of(aoi)
    half_world = np.pi * EARTH_RADIUS_M
    side = 2 * half_world / 2**zoom
    pixel = side / TILE_PX
    corner = max(abs(transform.c + half_world - tile_x * side), abs(half_world - tile_y * side - transform.f)) / pixel
    stretch = max(abs(transform.a / pixel - 1), abs(transform.e / pixel + 1)) * max(shape)
    return float(round(corner + stretch, 3))


def _pixels(source: rasterio.DatasetReader) -> dict[str, Any]:
    """Read all blocks of the first four bands: only that shows whether a file is whole."""
    rows, cols = source.shape
    if max(rows, cols) > MAX_SIDE_PX:
        fault = f"declares {rows} x {cols} pixels; more than {MAX_SIDE_PX} along a side are not read"
        return {"readable": False, "fault": fault}
    bands = range(1, min(source.count, BANDS) + 1)
    usable = 0
    for top in range(0, rows, STRIP_ROWS):
        strip = source.read(list(bands), window=Window(0, top, cols, min(STRIP_ROWS, rows - top)))
        usable += int(np.count_nonzero(strip[-1]))
    return {"readable": True, "fault": "", "usable_fraction": usable / (rows * cols) if source.count == BANDS else None}


def _label_months_without_image(root: Path, frames: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for aoi, cube in frames.groupby("aoi"):
        months = set(cube["month"])
        for month, path in label_files(_aoi_folder(root, cube["image"].iloc[0])).items():
            if month not in months:
                facts = {"aoi": aoi, "month": month, "file": path.relative_to(root).as_posix(), "fault": ""}
                rows.append(facts | {"has_image": False, "has_labels": True})
    return rows


def _agrees_with_most(table: pd.DataFrame) -> pd.Series:
    """Compare each grid with the commonest of its AOI, so that one odd month does not blame all others."""
    grid = table["rows"].astype("str") + " " + table["cols"].astype("str") + " " + table["transform"]
    known = table["rows"].notna()
    # value_counts keeps the order of first appearance among equals, which is the order of months here.
    usual = grid[known].groupby(table["aoi"][known]).agg(lambda grids: grids.value_counts(sort=True).index[0])
    return (grid == table["aoi"].map(usual)).astype("boolean").where(known)
