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
    """Score tracked buildings against the truth, both ``POLYGONS`` in pixel coordinates.

    ``pixels`` maps every AOI that is scored to pixel counts of the footprint probability. Scores are ``scot``,
    ``tracking``, ``change`` (means over AOIs), ``f1`` (footprints at IoU 0.25), ``f1_50`` and so on (of
    ``params.iou_thresholds``), ``iou`` and ``pixel_f1`` (over all counts). Tables are ``sizes`` (footprints by AOI and
    size class), ``losses`` and ``births`` (where SCOT was lost); the details hold ``scot`` in full.
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
    # An empty answer scores 0, but for what SCOT gives an AOI in which nothing changes. Calling every pixel a building
    # has only pixel scores: its footprints would be one per frame, and match nothing.
    empty = score_scot(truth, found.iloc[:0])
    nothing = dict.fromkeys(overall, 0.0) | {"scot": empty.score, "tracking": empty.tracking, "change": empty.change}
    built = PixelCounts(tp=pooled.tp + pooled.fn, fp=pooled.fp + pooled.tn)
    diagnosis = diagnose(scot.aois)
    tables = {"losses": diagnosis.losses, "births": diagnosis.births, "sizes": matches[SPACENET_IOU].by_size()}
    return Evaluation(
        overall=overall,
        per_aoi=pd.DataFrame(list(rows.values())),
        scored=tuple(scot.aois),
        trivial={"nothing found": nothing, "all building": {"iou": built.iou, "pixel_f1": built.f1}},
        tables=tables,
        details={"scot": scot.as_dict()},
    )


def _scot_row(scot: ScotResult, aoi: str) -> dict[str, float]:
    """One AOI's SCOT; zeros where its truth holds nothing to score."""
    found = scot.aois[aoi].as_dict() if aoi in scot.aois else {}
    names = {"scot": "combo_score", "tracking": "track_score", "change": "change_score"}
    counts = ("mm", "track_tp", "track_fp", "track_fn", "change_tp", "change_fp", "change_fn")
    scores = {name: found.get(field, 0.0) for name, field in names.items()}
    return scores | {name: found.get(name, 0) for name in counts}
