"""What the months of an AOI say of each other: which is shifted, of other ground, blurred, too bright, or a copy."""

from functools import partial
from pathlib import Path
from typing import Any

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
"""Of two months nobody can say which is the odd one."""


def add_series(root: Path, table: pd.DataFrame) -> None:
    """Add to ``FRAME_FACTS``, in order of AOI and month, what needs more than one frame."""
    table["usual_grid"] = _commonest(table["aoi"], table["grid"])
    table["duplicate_of"] = _first_with_the_same(table, "pixels_digest")
    table["gap_months"] = _months_missing_before(table)
    table["brightness_change"] = (table["brightness"] - _median_of_aoi(table, "brightness")).abs().round(4)
    table["sharpness_ratio"] = (table["sharpness"] / _median_of_aoi(table, "sharpness")).round(4)
    comparable = table[table["readable"].fillna(False) & (table["grid"] == table["usual_grid"]).fillna(False)]
    comparable = comparable[(comparable["bands"] == BANDS) & (comparable["dtype"] == "uint8")]
    jobs = {str(aoi): list(rows["file"]) for aoi, rows in comparable.groupby("aoi") if len(rows) >= LEAST_MONTHS}
    found: dict[str, tuple[float, float]] = {}
    for compared in map_items(partial(_compare_months, root), jobs).values():
        found |= compared
    table["shift_px"] = table["file"].map({file: shift for file, (shift, _) in found.items()}).astype("float64")
    table["similarity"] = table["file"].map({file: alike for file, (_, alike) in found.items()}).astype("float64")


def _compare_months(root: Path, files: list[str]) -> dict[str, tuple[float, float]]:
    """Return file → shift against the median frame of these files, and similarity to it. Files that fail now are left out."""
    greys: dict[str, NDArray[np.float32]] = {}
    usables: dict[str, NDArray[np.bool_]] = {}
    for file in files:
        try:
            pixels = _middle(root / file)
        except RasterError:  # changed since it was read: the facts of the frame speak of what was there
            continue
        greys[file], usables[file] = grey_of(pixels), pixels[BANDS - 1] > 0
    if len(greys) < LEAST_MONTHS:
        return {}
    stack = np.stack([np.where(usables[file], grey, np.nan) for file, grey in greys.items()])
    median = _median(stack)
    found = {}
    for file, grey in greys.items():
        usable = usables[file] & np.isfinite(median)
        if np.count_nonzero(usable) < max(LEAST_PIXELS, usable.size // 4):  # under cloud nothing can be compared
            continue
        filled = np.where(usable, grey, 0) + np.where(usable, 0, np.nan_to_num(median))
        shift, alike = shift_px(filled, np.nan_to_num(median)), similarity(grey, median, usable)
        found[file] = (round(shift, 2), round(alike, 4))
    return found


def _median(stack: NDArray[Any]) -> NDArray[np.float32]:
    """Return the median over months, (rows, cols); NaN where no month is usable."""
    seen = np.isfinite(stack).any(axis=0)
    median = np.full(stack.shape[1:], np.nan, np.float32)
    if seen.all() and np.isfinite(stack).all():
        return np.asarray(np.median(stack, axis=0), dtype=np.float32)
    median[seen] = np.nanmedian(stack[:, seen], axis=0)
    return median


def _middle(path: Path) -> NDArray[np.uint8]:
    with open_geotiff(path) as source:
        rows, cols = (min(count, COMPARED_PX) for count in source.shape)
        window = Window((source.width - cols) // 2, (source.height - rows) // 2, cols, rows)
        return np.asarray(source.read(list(range(1, BANDS + 1)), window=window))


def _commonest(groups: pd.Series, values: pd.Series) -> pd.Series:
    """Return, for each row with a value, the commonest of its group, the earliest of these in a tie; missing ones do not count.

    So one odd month does not blame all others.
    """
    known = values.notna()
    # value_counts keeps the order of first appearance among equals.
    usual = values[known].groupby(groups[known]).agg(lambda found: found.value_counts(sort=True).index[0])
    return groups.map(usual).where(known).astype("str")


def _first_with_the_same(table: pd.DataFrame, column: str) -> pd.Series:
    """Return the file of the first row with the same value, "" for that row itself; missing where the value is."""
    known = table[column].notna()
    first = table[known].groupby(column)["file"].transform("first")
    other = first.where(first != table["file"][known], "")
    return other.reindex(table.index).astype("str")


def _months_missing_before(table: pd.DataFrame) -> pd.Series:
    """Count the months without an image since the one before in the AOI; 0 in its first."""
    imaged = table[table["has_image"].fillna(False)]
    number = imaged["time"].str[:4].astype("int64") * 12 + imaged["time"].str[5:7].astype("int64")
    missing = number.groupby(imaged["aoi"]).diff().fillna(1) - 1
    return missing.reindex(table.index).astype("Int64")


def _median_of_aoi(table: pd.DataFrame, column: str) -> pd.Series:
    """Return the median of an AOI; missing where too few months are known."""
    groups = table.groupby("aoi")[column]
    return groups.transform("median").where(groups.transform("count") >= LEAST_MONTHS)
