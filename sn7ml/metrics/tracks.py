"""All scores of tracked buildings, per AOI and overall. Counts first, ratios last."""

from collections.abc import Mapping

import pandas as pd

from sn7ml.core.ratios import precision_recall_f1
from sn7ml.metrics.diagnosis import diagnose
from sn7ml.metrics.footprints import match_footprints
from sn7ml.metrics.per_aoi import in_processes
from sn7ml.metrics.score import Evaluation
from sn7ml.metrics.scot import ScotResult, score_scot
from sn7ml.params import EvaluateParams
from sn7ml.targets.pixels import PixelCounts

SPACENET_IOU = 0.25
"""The IoU above which SpaceNet 7 counts a footprint as found."""


def f1_name(iou_threshold: float) -> str:
    """Return the name of the footprint F1 at a threshold.

    >>> f1_name(0.25), f1_name(0.5)
    ('f1', 'f1_50')
    """
    return "f1" if iou_threshold == SPACENET_IOU else f"f1_{round(100 * iou_threshold)}"


def evaluate_tracks(
    truth: pd.DataFrame, found: pd.DataFrame, pixels: Mapping[str, PixelCounts], params: EvaluateParams
) -> Evaluation:
    """Score tracked buildings against the truth.

    Parameters
    ----------
    truth, found
        ``POLYGONS``: aoi, time, id, geometry in pixel coordinates.
    pixels
        AOI to pixel counts of the footprint probability; every AOI that is scored.
    params
        ``iou_thresholds`` of the footprint F1; 0.25 is always among them.

    Returns
    -------
    Evaluation
        Scores ``scot``, ``tracking``, ``change`` (means over AOIs), ``f1`` (footprints at IoU 0.25), ``f1_50`` and so on,
        ``iou`` and ``pixel_f1`` (over all counts); the table ``sizes`` (footprints by AOI and size class), ``losses`` and
        ``births`` (where SCOT was lost), and ``scot`` in full.
    """
    scot = score_scot(truth, found, map_aois=in_processes)
    rows = {aoi: {"aoi": aoi} | _scot_row(scot, aoi) for aoi in pixels}
    overall = {"scot": scot.score, "tracking": scot.tracking, "change": scot.change}
    matches = {
        limit: match_footprints(truth, found, limit, map_aois=in_processes)
        for limit in dict.fromkeys((SPACENET_IOU, *params.iou_thresholds))
    }
    for threshold, matched in matches.items():
        counts = matched.by_frame()
        name = f1_name(threshold)
        overall[name] = precision_recall_f1(*(int(counts[kind].sum()) for kind in ("tp", "fp", "fn")))[2]
        for aoi, row in rows.items():
            tp, fp, fn = (int(counts.loc[counts["aoi"] == aoi, kind].sum()) for kind in ("tp", "fp", "fn"))
            row |= {name: precision_recall_f1(tp, fp, fn)[2], f"{name}_tp": tp, f"{name}_fp": fp, f"{name}_fn": fn}
    for aoi, row in rows.items():
        row |= {"iou": pixels[aoi].iou, "pixel_f1": pixels[aoi].f1}
    pooled = sum(pixels.values(), PixelCounts())
    overall |= {"iou": pooled.iou, "pixel_f1": pooled.f1}
    diagnosis = diagnose(scot.aois)
    tables = {"losses": diagnosis.losses, "births": diagnosis.births, "sizes": matches[SPACENET_IOU].by_size()}
    return Evaluation(
        overall=overall,
        per_aoi=pd.DataFrame(list(rows.values())),
        scored=tuple(scot.aois),
        trivial={"nothing found": _nothing_found(truth, found, overall), "all building": _all_building(pooled)},
        tables=tables,
        details={"scot": scot.as_dict()},
    )


def _nothing_found(truth: pd.DataFrame, found: pd.DataFrame, overall: Mapping[str, float]) -> dict[str, float]:
    """Scores of an empty answer: 0, but for what SCOT gives an AOI in which nothing changes."""
    scot = score_scot(truth, found.iloc[:0])
    return dict.fromkeys(overall, 0.0) | {"scot": scot.score, "tracking": scot.tracking, "change": scot.change}


def _all_building(pixels: PixelCounts) -> dict[str, float]:
    """Pixel scores of calling every pixel a building. Its footprints would be one per frame, and match nothing."""
    built = PixelCounts(tp=pixels.tp + pixels.fn, fp=pixels.fp + pixels.tn)
    return {"iou": built.iou, "pixel_f1": built.f1}


def _scot_row(scot: ScotResult, aoi: str) -> dict[str, float]:
    """One AOI's SCOT; zeros where its truth holds nothing to score."""
    found = scot.aois.get(aoi)
    names = ("mm", "track_tp", "track_fp", "track_fn", "change_tp", "change_fp", "change_fn")
    if found is None:
        return {"scot": 0.0, "tracking": 0.0, "change": 0.0} | dict.fromkeys(names, 0)
    scores = {"scot": found.combo_score, "tracking": found.track_score, "change": found.change_score}
    return scores | {name: getattr(found, name) for name in names}
