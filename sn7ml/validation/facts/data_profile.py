"""Data profile of frames: brightness, contrast, place and season, by which data sets are compared."""

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from sn7ml.core.errors import GridError, RasterError
from sn7ml.core.geo.grid import EARTH_RADIUS_M, WEB_MERCATOR, Grid
from sn7ml.core.runtime.parallel import map_items
from sn7ml.core.schemas import UNDATED, Table
from sn7ml.scenes.images import BANDS
from sn7ml.scenes.rasters import open_geotiff
from sn7ml.validation.facts.fact_tables import as_table, fault_of

COLOURS = ("red", "green", "blue")
LEVELS = 256

STRIP_ROWS = 256

FRAME_PROFILES = Table(
    "frame profiles",
    {
        "aoi": "text", "time": "text", "file": "text", "fault": "text",
        "brightness_red": "float", "brightness_green": "float", "brightness_blue": "float",
        "contrast_red": "float", "contrast_green": "float", "contrast_blue": "float",
        "usable_fraction": "float", "usable_km2": "float", "ground_px_m": "float", "noon_sun_deg": "float",
    },
    key=("aoi", "time"),
)  # fmt: skip
"""One row per frame. Facts that a file does not give are missing.

fault: Why the file cannot be profiled; "" if it can.
brightness_*, contrast_*: Mean and standard deviation of a colour over the usable pixels, grey levels (0 to 255).
usable_fraction: Share of pixels with alpha above 0 or, without alpha, of those that are not masked or nodata.
usable_km2: That share of the image's area on the ground. This, the next and the last are known for EPSG:3857 only, the
    last of dated images only.
ground_px_m: Side of the middle pixel on the ground, metres.
noon_sun_deg: See :func:`noon_sun_deg`: the season, as shadows and plants show it, on both hemispheres and in between.
"""


def profile_frames(root: Path, frames: pd.DataFrame) -> pd.DataFrame:
    """Profile every image of ``FRAMES`` or ``SOURCES``: ``FRAME_PROFILES``, in order of AOI and month.

    A damaged file gives a row with its error.
    """
    jobs = {f"{row['aoi']} {row['time']}": row for row in frames.to_dict("records")}
    rows = list(map_items(partial(_profile, root), jobs).values())
    return as_table(rows, FRAME_PROFILES).sort_values(["aoi", "time"], ignore_index=True)


def profile_from_facts(root: Path, frames: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """Return the same as :func:`profile_frames`, taken from ``FRAME_FACTS`` of the same frames.

    Only images that those facts do not measure, such as ones without alpha, are read again.
    """
    keys = ["aoi", "time"]
    known = frames[keys].merge(facts, on=keys, how="left")
    measured = (known["brightness_red"].notna() | (known["usable_fraction"] == 0)) & known["readable"].fillna(False)
    others = profile_frames(root, frames[~measured.to_numpy()])
    rows = [*known.loc[measured, list(FRAME_PROFILES.columns)].to_dict("records"), *others.to_dict("records")]
    return as_table(rows, FRAME_PROFILES).sort_values(keys, ignore_index=True)


def noon_sun_deg(latitude_deg: float, month: str) -> float:
    """Return the height of the sun at noon on the 15th of a month, degrees; below 0 in a polar night.

    >>> round(noon_sun_deg(0.0, "2018-03"))  # near the equinox, at the equator: overhead
    87
    """
    day = pd.Timestamp(f"{month}-15").day_of_year
    # Latitude at which the sun is overhead, from the tilt of the axis and the days since the winter solstice.
    declination = -23.44 * math.cos(2 * math.pi * (day + 10) / 365.25)  # within half a degree, all year
    return 90.0 - abs(latitude_deg - declination)


def _profile(root: Path, row: dict[str, str]) -> dict[str, Any]:
    facts: dict[str, Any] = {"aoi": row["aoi"], "time": row["time"], "file": row["image"]}
    try:
        with open_geotiff(root / row["image"]) as source:
            if source.count not in (len(COLOURS), BANDS) or set(source.dtypes) != {"uint8"}:
                bands = f"{source.count} of {sorted(set(source.dtypes))}"
                return facts | {"fault": f"expected {len(COLOURS)} or {BANDS} uint8 bands, got {bands}"}
            counts = np.zeros((len(COLOURS), LEVELS), np.int64)
            for window in strips(source):
                strip = source.read(window=window)
                alpha = strip[-1] if source.count == BANDS else source.dataset_mask(window=window)
                counts += levels(strip, alpha > 0)
            facts |= colours(counts, source.shape)
            return facts | {"fault": ""} | place(source, row["time"], facts["usable_fraction"])
    except RasterError as error:
        return facts | {"fault": fault_of(error, root, row["image"])}


def strips(source: rasterio.DatasetReader) -> Iterator[Window]:
    """Part an image into strips from its top, so that memory stays bounded where each is read by itself."""
    rows, cols = source.shape
    for top in range(0, rows, STRIP_ROWS):
        yield Window(0, top, cols, min(STRIP_ROWS, rows - top))


def levels(pixels: NDArray[np.uint8], usable: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count the usable pixels of an image (3 or more, rows, cols) by colour and grey level: (3, 256)."""
    return np.stack([np.bincount(pixels[number][usable], minlength=LEVELS) for number in range(len(COLOURS))])


def colours(counts: NDArray[np.int64], shape: tuple[int, int]) -> dict[str, float]:
    """Return usable fraction, brightness and contrast of an image of (rows, cols), exact, from its :func:`levels`."""
    usable = int(counts[0].sum())
    facts = {"usable_fraction": round(usable / (shape[0] * shape[1]), 6)}
    if not usable:
        return facts
    grey = np.arange(LEVELS)
    for name, count in zip(COLOURS, counts, strict=True):
        mean = float((count * grey).sum() / usable)
        variance = float((count * (grey - mean) ** 2).sum() / usable)
        facts[f"brightness_{name}"], facts[f"contrast_{name}"] = round(mean, 3), round(math.sqrt(variance), 3)
    return facts


def place(source: rasterio.DatasetReader, month: str, usable_fraction: float) -> dict[str, float]:
    """Return the usable area, the size of a pixel and, of a dated image, the season; {} off a grid in EPSG:3857."""
    epsg = source.crs.to_epsg() if source.crs else None
    if epsg != WEB_MERCATOR:
        return {}
    try:
        grid = Grid(epsg, source.transform, source.shape)
    except GridError:  # rotated or mirrored: validation says so
        return {}
    (rows, cols), pixel = grid.shape, grid.ground_pixel_size_m()
    _, y = grid.transform @ (cols / 2, rows / 2)
    latitude = math.degrees(math.atan(math.sinh(y / EARTH_RADIUS_M)))
    facts = {
        "usable_km2": round(rows * cols * pixel**2 * usable_fraction / 1e6, 6),
        "ground_px_m": round(pixel, 4),
    }
    return facts if month == UNDATED else facts | {"noon_sun_deg": round(noon_sun_deg(latitude, month), 2)}
