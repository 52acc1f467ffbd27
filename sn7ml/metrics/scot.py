"""SCOT, SpaceNet 7's change and object tracking score, by the rules of the reference scorer.

For one AOI, month by month, proposals are matched to truth (see ``sn7ml.metrics.matching``). Then

* *tracking* is an F1 of the matches, where a match that contradicts either side's most recent earlier match (a
  mismatch) counts as one false positive and one false negative instead;
* *change* is an F1 of the births: ids never seen before, from the second month with truth on. A birth counts only if it
  is matched to a birth of the very same month;
* the score is ``5 * C * T / (4 * C + T)``, and that of a data set the plain mean over its AOIs.

The reference has defects. They are reproduced, because scores must be comparable with published ones, and each one that
affected a result is named in its ``notes`` (``sn7ml.metrics.oddities``). The score without them stands beside it
(``sn7ml.metrics.strict``).
"""

from dataclasses import dataclass, replace
from functools import partial

import pandas as pd
import shapely

from sn7ml.core.errors import LabelError
from sn7ml.metrics.aoi import AoiScot, score_aoi
from sn7ml.metrics.oddities import describe_aoi, describe_tables
from sn7ml.metrics.per_aoi import AoiFootprints, AoiMap, one_by_one, pair_aois
from sn7ml.metrics.strict import StrictScot, score_strictly


@dataclass(frozen=True)
class ScotResult:
    """The score of a data set: plain means over its AOIs, big and small alike."""

    aois: dict[str, AoiScot]
    """AOIs that have truth, in order of name; never empty."""

    strict: StrictScot
    """The same without the reference's defects."""

    table_notes: tuple[str, ...] = ()
    """Notes on AOIs that are not in ``aois``."""

    @property
    def score(self) -> float:
        """SCOT."""
        return sum(aoi.combo_score for aoi in self.aois.values()) / len(self.aois)

    @property
    def tracking(self) -> float:
        """Mean tracking score."""
        return sum(aoi.track_score for aoi in self.aois.values()) / len(self.aois)

    @property
    def change(self) -> float:
        """Mean change score."""
        return sum(aoi.change_score for aoi in self.aois.values()) / len(self.aois)

    @property
    def notes(self) -> tuple[str, ...]:
        """Which of the reference's defects this input triggered, one sentence each, AOI first."""
        return self.table_notes + tuple(f"{name}: {note}" for name, aoi in self.aois.items() for note in aoi.notes)

    def as_dict(self) -> dict[str, object]:
        """Return everything but the tables, ready for JSON."""
        return {
            "score": self.score,
            "tracking": self.tracking,
            "change": self.change,
            "aois": {name: aoi.as_dict() for name, aoi in self.aois.items()},
            "notes": list(self.notes),
            "strict": self.strict.as_dict(),
        }


def score_scot(
    truth: pd.DataFrame,
    proposals: pd.DataFrame,
    *,
    min_area_px2: float = 4.0,
    iou_threshold: float = 0.25,
    map_aois: AoiMap = one_by_one,
) -> ScotResult:
    """Score proposals against truth, by the reference's rules and strictly.

    Both tables have columns ``aoi``, ``time`` ("2018-01"), ``id`` (text) and ``geometry`` (shapely geometry in pixel
    coordinates, or None). A missing, EMPTY, line or point geometry among the proposals is a false positive; in truth it
    has no area and is dropped. (At a line or point beside polygons the reference raises instead.) Z is ignored.

    Truth smaller than ``min_area_px2`` is dropped; proposals never are. A pair can match if its IoU is greater than
    ``iou_threshold``. ``map_aois`` is how to go through the AOIs: ``per_aoi.in_processes`` uses all cores.

    Raises LabelError if no truth is left: a mean over no AOI is undefined (the reference divides by zero). Raises
    TableError if a table lacks a column, a key, or holds something that is no geometry.
    """
    aois = pair_aois(truth, proposals)
    results = map_aois(partial(_score_one, min_area_px2, iou_threshold), aois)
    scored = {name: both for name, both in results.items() if both is not None}
    if not scored:
        raise LabelError(
            "scoring.no-truth",
            f"the truth holds no polygon of at least {min_area_px2:g} px² ({len(truth)} rows): "
            "SCOT is a mean over the AOIs with truth, so there is nothing to score",
        )
    return ScotResult(
        {name: default for name, (default, _) in scored.items()},
        StrictScot({name: strict for name, (_, strict) in scored.items()}),
        describe_tables(aois, set(scored)),
    )


def _score_one(min_area_px2: float, iou_threshold: float, aoi: AoiFootprints) -> tuple[AoiScot, AoiScot] | None:
    """Return the default and the strict score of one AOI; None if its truth is all too small."""
    truth, proposals = aoi.truth, aoi.proposals
    large = truth.take(shapely.area(truth.geometry) >= min_area_px2)
    if not len(large):
        return None
    default, matching = score_aoi(large, proposals, iou_threshold, large.months())
    notes = describe_aoi(truth, large, proposals, matching, default.frames)
    return replace(default, notes=notes), score_strictly(truth, large, proposals, iou_threshold, default)
