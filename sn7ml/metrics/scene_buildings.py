"""Scores of buildings in single images: SpaceNet 2's footprint F1, pixels and areas. Counts first, ratios last."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sn7ml.metrics.overlaps import Polygons, find_overlaps

SPACENET2_IOU = 0.5
"""The IoU from which SpaceNet 2 counts a footprint as found."""


@dataclass(frozen=True)
class Matches:
    """Which rows of two tables were matched, as bools in the order of their rows."""

    truth: NDArray[np.bool_]
    found: NDArray[np.bool_]


def match_by_confidence(truth: pd.DataFrame, found: pd.DataFrame, iou_threshold: float) -> Matches:
    """Match found footprints to true ones image by image, as SpaceNet 2's scorer does.

    The surest footprint chooses first (of equally sure ones the first row). It takes, of the true footprints that are left, the
    one with the best IoU, if that is ``iou_threshold`` or more. Unlike SpaceNet 7's matching, this is not the best there is.

    Parameters
    ----------
    truth
        ``POLYGONS``.
    found
        ``POLYGONS`` with ``confidence``.

    Raises
    ------
    ValueError
        If the threshold is not in (0, 1].
    """
    if not 0 < iou_threshold <= 1:
        raise ValueError(f"iou_threshold must be in (0, 1], got {iou_threshold}")
    frames = (
        pd.concat([truth[["aoi", "time"]], found[["aoi", "time"]]]).apply(tuple, axis=1).astype("category").cat.codes
    )
    codes = frames.to_numpy().astype(np.intp)
    sides = [
        Polygons(table["geometry"].to_numpy(dtype=object), part)
        for table, part in zip((truth, found), np.split(codes, [len(truth)]), strict=True)
    ]
    overlaps = find_overlaps(*sides, above=float(np.nextafter(iou_threshold, 0)))
    confidence = found["confidence"].to_numpy(dtype=float)[overlaps.proposal]
    order = np.lexsort((-overlaps.iou, overlaps.proposal, -confidence))
    matches = Matches(np.zeros(len(truth), np.bool_), np.zeros(len(found), np.bool_))
    for true_row, found_row in zip(overlaps.truth[order].tolist(), overlaps.proposal[order].tolist(), strict=True):
        if not (matches.truth[true_row] or matches.found[found_row]):
            matches.truth[true_row] = matches.found[found_row] = True
    return matches
