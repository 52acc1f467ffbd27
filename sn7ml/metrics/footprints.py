"""Footprints found, false and missed, frame by frame: SpaceNet's building F1."""

import numpy as np
import pandas as pd

from sn7ml.metrics.matching import Side, match
from sn7ml.metrics.sightings import NONE, Sightings, split_by_aoi

FRAME_COLUMNS = ("aoi", "month", "tp", "fp", "fn")


def count_footprints(truth: pd.DataFrame, proposals: pd.DataFrame, iou_threshold: float) -> pd.DataFrame:
    """Count matched and unmatched polygons.

    Matching is that of SCOT (one to one, as many as possible, IoU greater than the threshold), but every row counts by
    itself, whatever its id, and nothing is too small. A missing or EMPTY geometry, a line or a point matches nothing and so
    counts as false or missed.

    Parameters
    ----------
    truth, proposals
        Columns ``aoi``, ``month``, ``id`` and ``geometry``, as for ``sn7ml.metrics.scot.score_scot``.
    iou_threshold
        In [0, 1).

    Returns
    -------
    DataFrame
        aoi, month, tp, fp, fn, sorted; one row for each frame of either table. Empty tables give no rows. Counts add up
        over any set of frames; ratios come from ``precision_recall_f1`` of the sums.

    Raises
    ------
    TableError
        If a table lacks a column, a key, or holds something that is no geometry.
    """
    left, right = split_by_aoi(truth, "truth"), split_by_aoi(proposals, "proposal")
    parts = [
        _count_aoi(left.get(aoi, NONE), right.get(aoi, NONE), iou_threshold).assign(aoi=aoi)
        for aoi in sorted({*left, *right})
    ]
    kinds = {"aoi": "str", "month": "str", "tp": "int64", "fp": "int64", "fn": "int64"}
    empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})
    table = pd.concat(parts, ignore_index=True) if parts else empty
    return table.astype(kinds)[list(FRAME_COLUMNS)]


def _count_aoi(truth: Sightings, proposals: Sightings, iou_threshold: float) -> pd.DataFrame:
    months = tuple(sorted({*truth.months(), *proposals.months()}))
    sides = []
    for polygons in (truth.polygons(months), proposals.polygons(months)):
        order = np.argsort(polygons.frame, kind="stable")
        member = np.empty(len(order), dtype=np.intp)
        member[order] = np.arange(len(order))
        sides.append(Side(polygons, member))
    matched = match(sides[0], sides[1], iou_threshold).pairs
    tp = np.bincount(sides[0].frames()[matched.truth], minlength=len(months))
    rows = [np.bincount(side.polygons.frame, minlength=len(months)) for side in sides]
    return pd.DataFrame({"month": pd.Series(months, dtype="str"), "tp": tp, "fp": rows[1] - tp, "fn": rows[0] - tp})


def precision_recall_f1(tp: int, fp: int, fn: int) -> tuple[float, float, float]:
    """Return the three ratios of summed counts.

    A ratio of nothing is 0, as in SCOT: it stays a number that can be logged, compared and searched, and finding nothing
    is never rewarded.

    Examples
    --------
    >>> precision_recall_f1(tp=3, fp=1, fn=3)
    (0.75, 0.5, 0.6)
    >>> precision_recall_f1(0, 0, 0)
    (0.0, 0.0, 0.0)
    """
    if min(tp, fp, fn) < 0:
        raise ValueError(f"counts cannot be negative, got tp={tp}, fp={fp}, fn={fn}")
    return ratio(tp, tp + fp), ratio(tp, tp + fn), ratio(tp, tp + (fp + fn) / 2)


def ratio(part: float, whole: float) -> float:
    """Return ``part / whole``, or 0 where there is nothing."""
    return float(part / whole) if whole > 0 else 0.0
