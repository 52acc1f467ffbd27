"""Scores of buildings in single images: SpaceNet 2's footprint F1, pixels and areas. Counts first, ratios last."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sn7ml.core.ratios import precision_recall_f1, ratio
from sn7ml.metrics.overlaps import Polygons, find_overlaps
from sn7ml.metrics.score import Evaluation
from sn7ml.params import EvaluateParams
from sn7ml.targets.pixels import PixelCounts

SPACENET2_IOU = 0.5
"""The IoU from which SpaceNet 2 counts a footprint as found."""


@dataclass(frozen=True)
class Matches:
    """Which rows of two tables were matched, as bools in the order of their rows."""

    truth: NDArray[np.bool_]
    found: NDArray[np.bool_]


def match_by_confidence(truth: pd.DataFrame, found: pd.DataFrame, iou_threshold: float) -> Matches:
    """Match found footprints to true ones image by image, as SpaceNet 2's scorer does.

    The surest footprint chooses first (of equally sure ones the first row). It takes, of the true footprints that are
    left, the one with the best IoU, if that is ``iou_threshold`` or more. The result need not be the best there is.

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
    true, proposed = (
        Polygons(table["geometry"].to_numpy(dtype=object), part)
        for table, part in zip((truth, found), np.split(codes, [len(truth)]), strict=True)
    )
    overlaps = find_overlaps(true, proposed, above=float(np.nextafter(iou_threshold, 0)))
    confidence = found["confidence"].to_numpy(dtype=float)[overlaps.proposal]
    order = np.lexsort((-overlaps.iou, overlaps.proposal, -confidence))
    matches = Matches(np.zeros(len(truth), np.bool_), np.zeros(len(found), np.bool_))
    for true_row, found_row in zip(overlaps.truth[order].tolist(), overlaps.proposal[order].tolist(), strict=True):
        if not (matches.truth[true_row] or matches.found[found_row]):
            matches.truth[true_row] = matches.found[found_row] = True
    return matches


def count_by_aoi(
    truth: pd.DataFrame, found: pd.DataFrame, aois: Collection[str], iou_threshold: float
) -> dict[str, tuple[int, int, int]]:
    """Return AOI to its footprints that are right, false and missed; arguments as of :func:`match_by_confidence`."""
    matched = match_by_confidence(truth, found, iou_threshold)
    of_aoi = {aoi: (matched.truth[truth["aoi"] == aoi], matched.found[found["aoi"] == aoi]) for aoi in aois}
    return {aoi: (int(t.sum()), int((~f).sum()), int((~t).sum())) for aoi, (t, f) in of_aoi.items()}


def evaluate_buildings(
    truth: pd.DataFrame, found: pd.DataFrame, pixels: Mapping[str, PixelCounts], params: EvaluateParams
) -> Evaluation:
    """Score the buildings of single images, ``POLYGONS`` and ``FOUND``, and the pixels of each AOI that is scored.

    Scores are ``f1``, ``precision`` and ``recall`` of footprints at IoU 0.5, ``f1_25`` and so on (of
    ``params.iou_thresholds``), ``iou`` and ``pixel_f1``, and ``built_error``: how far the built area found is off, as a
    share of the true one. All are of sums over images.
    """
    rows: dict[str, dict[str, float | str]] = {aoi: {"aoi": aoi} for aoi in pixels}
    overall: dict[str, float] = {}
    for threshold in dict.fromkeys((SPACENET2_IOU, *params.iou_thresholds)):
        name = "f1" if threshold == SPACENET2_IOU else f"f1_{round(100 * threshold)}"
        counts = count_by_aoi(truth, found, pixels, threshold)
        tp, fp, fn = (sum(one) for one in zip((0, 0, 0), *counts.values(), strict=True))
        precision, recall, overall[name] = precision_recall_f1(tp, fp, fn)
        if threshold == SPACENET2_IOU:
            overall |= {"precision": precision, "recall": recall}
        for aoi, row in rows.items():
            tp, fp, fn = counts[aoi]
            row |= {name: precision_recall_f1(tp, fp, fn)[2], f"{name}_tp": tp, f"{name}_fp": fp, f"{name}_fn": fn}
    for aoi, row in rows.items():
        row |= pixel_scores(pixels[aoi]) | {"built_share": ratio(pixels[aoi].tp + pixels[aoi].fp, known(pixels[aoi]))}
    pooled = sum(pixels.values(), PixelCounts())
    overall |= pixel_scores(pooled)
    built = PixelCounts(tp=pooled.tp + pooled.fn, fp=pooled.fp + pooled.tn)
    trivial = {
        "nothing found": dict.fromkeys(overall, 0.0) | {"built_error": 1.0},
        "all building": pixel_scores(built),
    }
    labelled = tuple(aoi for aoi in pixels if pixels[aoi].tp + pixels[aoi].fn)
    return Evaluation(overall, pd.DataFrame(list(rows.values())), labelled, trivial, {}, {})


def pixel_scores(counts: PixelCounts) -> dict[str, float]:
    """Return IoU, F1, and the relative error of the built area; the last is 0 where nothing is built nor found."""
    true, found = counts.tp + counts.fn, counts.tp + counts.fp
    return {"iou": counts.iou, "pixel_f1": counts.f1, "built_error": ratio(abs(found - true), true or found)}


def known(counts: PixelCounts) -> int:
    """Return the number of pixels that were counted."""
    return counts.tp + counts.fp + counts.fn + counts.tn
