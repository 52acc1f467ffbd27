"""What is true of every image of a data set: read once per file, damaged files included, judged elsewhere."""

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
from affine import Affine

from sn7ml.core.errors import GridError, RasterError
from sn7ml.core.geo.grid import WEB_MERCATOR, Grid
from sn7ml.core.geo.quality import grey_of, sharpness
from sn7ml.core.runtime.parallel import map_items
from sn7ml.core.schemas import Table
from sn7ml.scenes.images import BANDS, fault_of_bands, read_grid, read_mask
from sn7ml.scenes.layouts import Layout
from sn7ml.scenes.layouts.layout import NameFacts
from sn7ml.scenes.rasters import open_geotiff
from sn7ml.validation.facts.data_profile import COLOURS, colours, levels, place, strips
from sn7ml.validation.facts.fact_tables import as_table, fault_of, in_a_line
from sn7ml.validation.facts.monthly import add_series

MAX_SIDE_PX = 16_384
"""Larger images are not read: a file of a few kB can declare any size. SpaceNet 7 has 1024."""

MOST_MEASURED_PX = 4_096**2
"""Of larger images only readability, usable pixels and digest are known: measuring takes ten times their memory."""

PLACE = ("epsg", "transform", "grid", "north_up", "tile_offset_px")
"""Facts about where an image lies."""

FRAME_FACTS = Table(
    "frame facts",
    {
        "aoi": "text", "time": "text", "file": "text", "has_image": "bool", "has_labels": "bool", "stem_ok": "bool",
        "readable": "bool", "fault": "text",
        "rows": "int", "cols": "int", "bands": "int", "dtype": "text", "bands_fault": "text",
        "epsg": "int", "transform": "text", "grid": "text", "usual_grid": "text", "north_up": "bool",
        "tile_offset_px": "float", "usable_fraction": "float",
        "in_unmasked": "bool", "in_masked": "bool", "udm_ok": "bool", "udm_fault": "text",
        "block": "text", "block_px": "int", "ground_px_m": "float", "usable_km2": "float", "noon_sun_deg": "float",
        "alpha_is_binary": "bool", "gap_months": "int",
        **{f"{what}{of}": "float" for what in ("brightness", "contrast") for of in ("", "_red", "_green", "_blue")},
        "black_fraction": "float", "sharpness": "float", "sharpness_ratio": "float", "brightness_change": "float",
        "shift_px": "float", "similarity": "float", "pixels_digest": "text", "duplicate_of": "text",
    },
    key=("aoi", "time"),
)  # fmt: skip
"""One row per month of an AOI that has an image, labels, or both.

A fact that does not apply, or cannot be known of a damaged file, is missing.

file: The image, relative to the data root; the label file where there is no image (``has_image`` is False); the image
    that is not used where images_masked lacks the month (``in_masked`` is False, ``has_image`` missing).
has_labels: Missing where none are expected: the AOI is in ``test_public`` and has no labels at all.
readable, fault: Whether the file opens as a GeoTIFF and every block can be read; if not, why.
dtype: Of all bands; "uint8,uint16" if they differ.
bands_fault: Why four uint8 bands are not red, green, blue and alpha, or not plain bytes; "" if they are.
epsg: 0 of an image that states no CRS, or one without a code.
transform: Its six numbers: pixel width, 0, x of the corner, 0, minus pixel height, y of the corner.
grid, usual_grid: Rows, columns and transform in one text; that of most months of the AOI, the earliest in a tie.
north_up: Whether the pixels are square and in rows from north to south, as ``Grid`` wants them.
tile_offset_px: How far the image lies from the web-mercator tile of the AOI's name: distance of the north-west
    corners along the worse axis, plus what a wrong pixel size adds up to over the image.
usable_fraction: Share of pixels with alpha above 0. Known only of images with four bands.
in_unmasked, in_masked: Whether the folder of original, or masked, images holds the month; missing without both folders.
udm_ok, udm_fault: Whether the UDM mask can be read and lies on the image; if not, why. Missing of frames without one.
block, block_px: What must be read at once to see one pixel: "rows x columns", and how many pixels that is.
ground_px_m, usable_km2, noon_sun_deg: As in ``FRAME_PROFILES``, and known for EPSG:3857 and four bands only.
alpha_is_binary: Alpha is 0 or 255 everywhere.
brightness*, contrast*: Mean and standard deviation of the usable pixels, grey levels; without a colour, their mean.
black_fraction: Share of the usable pixels that are 0 in all three colours.
sharpness, sharpness_ratio: See ``sn7ml.core.geo.quality``; and over the median of the AOI.
brightness_change: Distance to the AOI's median brightness, grey levels.
shift_px, similarity: Against the AOI's median frame, in its middle. These and the two above need three months.
pixels_digest, duplicate_of: 16 hexadecimal digits; the first file of the whole set with the same, "" for that itself.
gap_months: Months without an image since the one before; 0 in the first month of an AOI.
"""


def frame_facts(root: Path, sources: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """Read every image of a ``SOURCES`` table once, in parallel, and find label months without image: ``FRAME_FACTS``.

    A damaged file gives a row that says so and hinders no other. Rows are in order of AOI and month.
    """
    named = {f"{facts['aoi']} {facts['time']}": facts for facts in layout.name_facts(root, sources)}
    masks = {f"{row['aoi']} {row['time']}": row["mask"] for row in sources.to_dict("records")}
    images = {frame: (named[frame], mask) for frame, mask in masks.items()}
    rows = named | map_items(partial(_facts_of_image, root, layout), images)
    table = as_table(list(rows.values()), FRAME_FACTS).sort_values(["aoi", "time"], ignore_index=True)
    add_series(root, table)
    return as_table(table, FRAME_FACTS)


def _facts_of_image(root: Path, layout: Layout, job: tuple[NameFacts, str]) -> dict[str, Any]:
    named, mask = job
    facts, file = dict(named), named["file"]
    try:
        with open_geotiff(root / file) as source:
            facts |= _header(source, layout.place(named["aoi"]))
            facts |= _pixel_facts(source)
            if facts.get("usable_fraction") is not None:
                facts |= place(source, named["time"], facts["usable_fraction"])
    except RasterError as error:
        facts |= {"readable": False, "fault": fault_of(error, root, file)}
    if not facts["readable"]:  # half a header may lack its place: it is not to be blamed for that as well
        facts |= dict.fromkeys(PLACE)
    if mask:
        facts |= {"udm_ok": True, "udm_fault": ""}
        try:
            grid = read_grid(root / file)
        except (RasterError, GridError):  # the facts of the image speak of it
            grid = None
        try:
            read_mask(root / mask, grid)
        except (RasterError, GridError) as error:
            facts |= {"udm_ok": False, "udm_fault": in_a_line(error, root, mask)}
    return facts


def _header(source: rasterio.DatasetReader, stated: Affine | None) -> dict[str, Any]:
    """Return what a file says of its pixels; ``stated`` is the transform of the tile that the AOI's name states."""
    transform = source.transform
    epsg = (source.crs.to_epsg() if source.crs else None) or 0
    block_rows, block_cols = source.block_shapes[0] if source.count else (0, 0)
    numbers = " ".join(f"{number:.15g}" for number in tuple(transform)[:6])
    facts = {
        "block": f"{block_rows} x {block_cols}",
        "block_px": block_rows * block_cols,
        "rows": source.height,
        "cols": source.width,
        "bands": source.count,
        "dtype": ",".join(dict.fromkeys(source.dtypes)),
        "bands_fault": fault_of_bands(source) if source.count == BANDS and set(source.dtypes) == {"uint8"} else None,
        "epsg": epsg,
        "transform": numbers,
        "grid": f"{source.height} x {source.width} {numbers}",
        "north_up": True,
    }
    try:
        Grid(WEB_MERCATOR, transform, source.shape)
    except GridError:
        facts["north_up"] = False
    if epsg == WEB_MERCATOR and stated:
        corner = max(abs(transform.c - stated.c), abs(transform.f - stated.f)) / stated.a
        stretch = max(abs(transform.a / stated.a - 1), abs(transform.e / stated.e - 1)) * max(source.shape)
        facts["tile_offset_px"] = float(round(corner + stretch, 3))
    return facts


def _pixel_facts(source: rasterio.DatasetReader) -> dict[str, Any]:
    """Read all blocks of the first four bands: only that shows whether a file is whole. May raise RasterioError.

    Returns those of ``FRAME_FACTS`` that need pixels. Of images other than uint8 with four bands only some are known.
    """
    rows, cols = source.shape
    if max(rows, cols) > MAX_SIDE_PX:
        fault = f"declares {rows} x {cols} pixels; more than {MAX_SIDE_PX} along a side are not read"
        return {"readable": False, "fault": fault}
    bands = list(range(1, min(source.count, BANDS) + 1))
    measured = rows * cols <= MOST_MEASURED_PX and source.count == BANDS and set(source.dtypes) == {"uint8"}
    n_usable, digest, read = 0, hashlib.sha256(f"{source.shape}".encode()), []
    for window in strips(source):
        strip = source.read(bands, window=window)
        n_usable += int(np.count_nonzero(strip[-1]))
        digest.update(strip.tobytes())
        if measured:
            read.append(strip)
    facts: dict[str, Any] = {"readable": True, "fault": "", "pixels_digest": digest.hexdigest()[:16]}
    if source.count == BANDS:
        facts["usable_fraction"] = round(n_usable / (rows * cols), 6)
    if not measured:
        return facts
    pixels = np.concatenate(read, axis=1)  # (4, rows, cols)
    alpha = pixels[BANDS - 1]
    usable = alpha > 0
    facts["alpha_is_binary"] = bool(np.isin(alpha, (0, 255)).all())
    facts |= colours(levels(pixels, usable), alpha.shape)
    if not n_usable:  # then there are no grey levels either
        return facts
    for what in ("brightness", "contrast"):
        facts[what] = round(float(np.mean([facts[f"{what}_{colour}"] for colour in COLOURS])), 4)
    dark = ~pixels[: BANDS - 1].any(axis=0) & usable
    sharp = sharpness(grey_of(pixels), usable)
    return facts | {
        "black_fraction": round(float(dark.sum() / usable.sum()), 6),
        "sharpness": round(sharp, 6) if np.isfinite(sharp) else None,
    }
