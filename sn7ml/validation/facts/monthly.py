"""Facts from comparing the months of an AOI: shifted, of other ground, blurred, too bright, or a copy."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rasterio.windows import Window

from sn7ml.core.errors import RasterError
from sn7ml.core.geo.quality import LEAST_PIXELS, grey_of, shift_px, similarity
from sn7ml.core.runtime.parallel import map_items
from sn7ml.scenes.images import BANDS
from sn7ml.scenes.rasters import open_geotiff

COMPARED_PX = 512
"""Side of the window in the middle of a frame that is compared with the other months."""

LEAST_MONTHS = 3
"""Least number of months to compare: of two, either could be the odd one."""


def add_series(root: Path, table: pd.DataFrame) -> None:
    """Add to ``FRAME_FACTS``, in order of AOI and month, the facts that need more than one frame."""
    # The commonest grid of the AOI, the earliest one in a tie (value_counts keeps the order of first appearance among
    # equals): so one odd month does not make all others look odd.
    known = table["grid"].notna()
    usual = table["grid"][known].groupby(table["aoi"][known]).agg(lambda grids: grids.value_counts(sort=True).index[0])
    table["usual_grid"] = table["aoi"].map(usual).where(known).astype("str")
    # The first file with the same pixels, "" for that file itself; missing where the digest is.
    whole = table[table["pixels_digest"].notna()]
    first = whole.groupby("pixels_digest")["file"].transform("first")
    table["duplicate_of"] = first.where(first != whole["file"], "").reindex(table.index).astype("str")
    # Months without an image since the last one with one; 0 in the first of an AOI.
    imaged = table[table["has_image"].fillna(False)]
    number = imaged["time"].str[:4].astype("int64") * 12 + imaged["time"].str[5:7].astype("int64")
    missing = number.groupby(imaged["aoi"]).diff().fillna(1) - 1
    table["gap_months"] = missing.reindex(table.index).astype("Int64")
    table["brightness_change"] = (table["brightness"] - _median_of_aoi(table, "brightness")).abs().round(4)
    table["sharpness_ratio"] = (table["sharpness"] / _median_of_aoi(table, "sharpness")).round(4)
    comparable = table[table["readable"].fillna(False) & (table["grid"] == table["usual_grid"]).fillna(False)]
    comparable = comparable[(comparable["bands"] == BANDS) & (comparable["dtype"] == "uint8")]
    jobs = {str(aoi): list(rows["file"]) for aoi, rows in comparable.groupby("aoi") if len(rows) >= LEAST_MONTHS}
    found: dict[str, tuple[float, float]] = {}
    for compared in map_items(partial(_compare_months, root), jobs).values():
        found |= compared
    columns = ["shift_px", "similarity"]
    table[columns] = pd.DataFrame.from_dict(found, "index", columns=columns).reindex(table["file"]).to_numpy()


def _compare_months(root: Path, files: list[str]) -> dict[str, tuple[float, float]]:
    """Return file → shift against the median frame of these files, and similarity to it; broken files are left out."""
    greys: dict[str, NDArray[np.float32]] = {}
    usables: dict[str, NDArray[np.bool_]] = {}
    for file in files:
        try:
            with open_geotiff(root / file) as source:
                rows, cols = (min(count, COMPARED_PX) for count in source.shape)
                middle = Window((source.width - cols) // 2, (source.height - rows) // 2, cols, rows)
                pixels = source.read(list(range(1, BANDS + 1)), window=middle)
        except RasterError:  # changed since it was read; the frame's own facts hold what was there
            continue
        greys[file], usables[file] = grey_of(pixels), pixels[BANDS - 1] > 0
    if len(greys) < LEAST_MONTHS:
        return {}
    # (months, rows, cols) of grey levels, NaN where a month is not usable; median and usable are (rows, cols).
    stack = np.stack([np.where(usables[file], grey, np.nan) for file, grey in greys.items()])
    seen = np.isfinite(stack)
    if seen.all():
        median = np.asarray(np.median(stack, axis=0), dtype=np.float32)
    else:  # NaN where no month is usable
        median, ever = np.full(stack.shape[1:], np.nan, np.float32), seen.any(axis=0)
        median[ever] = np.nanmedian(stack[:, ever], axis=0)
    found = {}
    for file, grey in greys.items():
        usable = usables[file] & np.isfinite(median)
        if np.count_nonzero(usable) < max(LEAST_PIXELS, usable.size // 4):  # under cloud nothing can be compared
            continue
        # Unusable ground takes the median's values, so that it shows no shift.
        filled = np.where(usable, grey, 0) + np.where(usable, 0, np.nan_to_num(median))
        shift, alike = shift_px(filled, np.nan_to_num(median)), similarity(grey, median, usable)
        found[file] = (round(shift, 2), round(alike, 4))
    return found


def _median_of_aoi(table: pd.DataFrame, column: str) -> pd.Series:
    """Return the median of an AOI; missing where too few months are known."""
    groups = table.groupby("aoi")[column]
    return groups.transform("median").where(groups.transform("count") >= LEAST_MONTHS)
