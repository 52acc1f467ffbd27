"""All scores of a set of AOIs, per AOI and overall. Counts first, ratios last."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sn7ml.core.ratios import precision_recall_f1
from sn7ml.metrics.footprints import match_footprints
from sn7ml.metrics.per_aoi import in_processes
from sn7ml.metrics.scot import ScotResult, score_scot
from sn7ml.targets.pixels import PixelCounts

SPACENET_IOU = 0.25
"""The IoU above which SpaceNet 7 counts a footprint as found."""


@dataclass(frozen=True)
class Scores:
    """What a set of found buildings is worth."""

    overall: dict[str, float]
    """scot, tracking, change (means over AOIs); f1 (footprints at IoU 0.25), f1_50 and so on, iou and pixel_f1 (over all
    counts)."""

    per_aoi: pd.DataFrame
    """A row per AOI with the same columns, and the counts behind them."""

    scot: ScotResult
    """SCOT in full."""

    sizes: pd.DataFrame
    """Footprints by AOI and size class at IoU 0.25: ``FootprintMatches.by_size``."""

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON types; an undefined ratio is null."""
        rows = self.per_aoi.to_dict("records")
        return {
            "overall": {name: _plain(value) for name, value in self.overall.items()},
            "per_aoi": [{name: _plain(value) for name, value in row.items()} for row in rows],
            "scot": self.scot.as_dict(),
        }


def f1_name(iou_threshold: float) -> str:
    """Return the name of the footprint F1 at a threshold.

    >>> f1_name(0.25), f1_name(0.5)
    ('f1', 'f1_50')
    """
    return "f1" if iou_threshold == SPACENET_IOU else f"f1_{round(100 * iou_threshold)}"


def summarise(
    truth: pd.DataFrame, found: pd.DataFrame, pixels: Mapping[str, PixelCounts], iou_thresholds: Sequence[float]
) -> Scores:
    """Score found buildings against the truth.

    Parameters
    ----------
    truth, found
        ``POLYGONS``: aoi, month, id, geometry in pixel coordinates.
    pixels
        AOI to pixel counts of the footprint probability.
    iou_thresholds
        Of the footprint F1; 0.25 is always among them.
    """
    scot = score_scot(truth, found, map_aois=in_processes)
    rows = {aoi: {"aoi": aoi} | _scot_row(scot, aoi) for aoi in pixels}
    overall = {"scot": scot.score, "tracking": scot.tracking, "change": scot.change}
    matches = {
        limit: match_footprints(truth, found, limit, map_aois=in_processes)
        for limit in dict.fromkeys((SPACENET_IOU, *iou_thresholds))
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
    pooled = sum(pixels.values(), PixelCounts(0, 0, 0, 0))
    overall |= {"iou": pooled.iou, "pixel_f1": pooled.f1}
    return Scores(overall, pd.DataFrame(list(rows.values())), scot, matches[SPACENET_IOU].by_size())


def _scot_row(scot: ScotResult, aoi: str) -> dict[str, float]:
    """One AOI's SCOT; zeros where its truth holds nothing to score."""
    found = scot.aois.get(aoi)
    names = ("mm", "track_tp", "track_fp", "track_fn", "change_tp", "change_fp", "change_fn")
    if found is None:
        return {"scot": 0.0, "tracking": 0.0, "change": 0.0} | dict.fromkeys(names, 0)
    scores = {"scot": found.combo_score, "tracking": found.track_score, "change": found.change_score}
    return scores | {name: getattr(found, name) for name in names}


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
