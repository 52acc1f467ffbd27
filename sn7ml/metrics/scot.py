"""SCOT, SpaceNet 7's change and object tracking score, by the rules of the reference scorer.

For one AOI, month by month, proposals are matched to truth (see ``sn7ml.metrics.matching``). Then

* *tracking* is an F1 of the matches, where a match that contradicts either side's most recent earlier match (a
  mismatch) counts as one false positive and one false negative instead;
* *change* is an F1 of the births: ids never seen before, from the second month with truth on. A birth counts only if it
  is matched to a birth of the very same month;
* the score is ``5 * C * T / (4 * C + T)``, and that of a data set the plain mean over its AOIs.

The reference has defects. They are followed, because scores must compare with everybody else's, and every one that
touched a result is named in its ``notes`` (``sn7ml.metrics.defects``).
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sn7ml.errors import LabelError
from sn7ml.metrics.defects import describe_aoi, describe_tables
from sn7ml.metrics.footprints import precision_recall_f1
from sn7ml.metrics.matching import Matching, Side, match
from sn7ml.metrics.sightings import NONE, Buildings, Sightings, name_buildings, split_by_aoi

BETA_SQUARED = 4.0


@dataclass(frozen=True)
class AoiScot:
    """One AOI's counts, and what follows from them. Ratios of nothing are 0, never 1: so the reference has it."""

    mm: int
    """Mismatches: matches that contradict an earlier one."""

    track_tp: int
    """Matches that are no mismatch, over all months."""
    track_fp: int
    """Proposal rows less ``track_tp``."""
    track_fn: int
    """Truth rows less ``track_tp``."""

    change_tp: int
    change_fp: int
    change_fn: int

    frames: pd.DataFrame = field(repr=False, compare=False)
    """One row per month with truth: month, n_truth, n_prop (rows), tp, fp, fn (before mismatches), mm, change_tp,
    change_fp, change_fn."""

    pairs: pd.DataFrame = field(repr=False, compare=False)
    """One row per match: month, truth_id, prop_id, iou, mismatch, truth_new, prop_new (bool: the id's first month)."""

    notes: tuple[str, ...] = ()

    @property
    def track_score(self) -> float:
        """T: F1 of the matches."""
        return precision_recall_f1(self.track_tp, self.track_fp, self.track_fn)[2]

    @property
    def change_score(self) -> float:
        """C: F1 of the births."""
        return precision_recall_f1(self.change_tp, self.change_fp, self.change_fn)[2]

    @property
    def combo_score(self) -> float:
        """SCOT of this AOI."""
        change, track = self.change_score, self.track_score
        below = BETA_SQUARED * change + track
        return (1 + BETA_SQUARED) * (change * track) / below if below > 0 else 0.0

    def as_dict(self) -> dict[str, int | float]:
        """Return counts and scores under the reference's names."""
        return {
            "mm": self.mm,
            "track_tp": self.track_tp,
            "track_fp": self.track_fp,
            "track_fn": self.track_fn,
            "track_score": self.track_score,
            "change_tp": self.change_tp,
            "change_fp": self.change_fp,
            "change_fn": self.change_fn,
            "change_score": self.change_score,
            "combo_score": self.combo_score,
        }


@dataclass(frozen=True)
class ScotResult:
    """The score of a data set: plain means over its AOIs, big and small alike."""

    aois: dict[str, AoiScot]
    """AOIs that have truth, in order of name; never empty."""

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
        }


def score_scot(
    truth: pd.DataFrame, proposals: pd.DataFrame, *, min_area_px2: float = 4.0, iou_threshold: float = 0.25
) -> ScotResult:
    """Score proposals against truth.

    Parameters
    ----------
    truth, proposals
        Columns ``aoi``, ``month`` ("2018-01"), ``id`` (text) and ``geometry`` (shapely geometry in pixel coordinates,
        or None). A missing, EMPTY, line or point geometry among the proposals is a false positive; in truth it has no
        area and is dropped. (At a line or point beside polygons the reference raises instead.) Z is ignored.
    min_area_px2
        Truth smaller than this is dropped; proposals never are.
    iou_threshold
        A pair can match if its IoU is greater.

    Raises
    ------
    LabelError
        If no truth is left: a mean over no AOI is undefined (the reference divides by zero).
    TableError
        If a table lacks a column, a key, or holds something that is no geometry.
    """
    labels, found = split_by_aoi(truth, "truth"), split_by_aoi(proposals, "proposal")
    usable = {aoi: rows.take(shapely.area(rows.geometry) >= min_area_px2) for aoi, rows in labels.items()}
    aois = [aoi for aoi, rows in usable.items() if len(rows)]
    if not aois:
        raise LabelError(
            f"the truth holds no polygon of at least {min_area_px2:g} px² ({len(truth)} rows): "
            "SCOT is a mean over the AOIs with truth, so there is nothing to score"
        )
    scores = {aoi: score_aoi(usable[aoi], found.get(aoi, NONE), iou_threshold, labels[aoi].months()) for aoi in aois}
    return ScotResult(scores, describe_tables(set(labels), set(aois), {aoi: len(rows) for aoi, rows in found.items()}))


def score_aoi(
    truth: Sightings, proposals: Sightings, iou_threshold: float, labelled_months: tuple[str, ...]
) -> AoiScot:
    """Score one AOI.

    Parameters
    ----------
    truth, proposals
        Truth without what is too small, at least one row; all proposals.
    iou_threshold
        See ``score_scot``.
    labelled_months
        Months of the truth before small rows were dropped; only the notes need them.
    """
    months = truth.months()
    in_time = proposals.take(proposals.month.isin(months).to_numpy(dtype=bool))
    left, right = truth.polygons(months), in_time.polygons(months)
    true, proposed = name_buildings(truth.id, left.frame), name_buildings(in_time.id, right.frame)
    matching = match(Side(left, true.member), Side(right, proposed.member), iou_threshold)
    pairs = _pairs_table(months, true, proposed, matching)
    frames = _frames_table(months, true, proposed, pairs)
    notes = describe_aoi(truth, proposals, labelled_months, matching, frames)
    totals = frames.drop(columns="month").sum()
    mm = int(totals["mm"])
    return AoiScot(
        mm=mm,
        track_tp=int(totals["tp"]) - mm,
        track_fp=int(totals["fp"]) + mm,
        track_fn=int(totals["fn"]) + mm,
        change_tp=int(totals["change_tp"]),
        change_fp=int(totals["change_fp"]),
        change_fn=int(totals["change_fn"]),
        frames=frames,
        pairs=pairs.drop(columns=["frame"]),
        notes=notes,
    )


def _pairs_table(months: tuple[str, ...], truth: Buildings, proposals: Buildings, matching: Matching) -> pd.DataFrame:
    pairs = matching.pairs
    frame = truth.frame[pairs.truth]
    mine, theirs = truth.id[pairs.truth], proposals.id[pairs.proposal]
    return pd.DataFrame(
        {
            "frame": frame,
            "month": pd.Index(months, dtype="str").take(frame),
            "truth_id": truth.ids.take(mine),
            "prop_id": proposals.ids.take(theirs),
            "iou": pairs.iou,
            "mismatch": _partner_changed(mine, theirs) | _partner_changed(theirs, mine),
            "truth_new": truth.new()[pairs.truth],
            "prop_new": proposals.new()[pairs.proposal],
        }
    )


def _partner_changed(subject: NDArray[np.intp], partner: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Tell the matches whose subject's previous match was with someone else.

    Parameters
    ----------
    subject, partner
        Ids of every match, sorted by time. A subject has at most one match at a time.

    Examples
    --------
    >>> _partner_changed(np.array([7, 8, 7, 7]), np.array([1, 2, 1, 2]))
    array([False, False, False,  True])
    """
    order = np.argsort(subject, kind="stable")
    same = np.diff(subject[order], prepend=-1) == 0
    other = np.diff(partner[order], prepend=-1) != 0
    changed = np.zeros(len(subject), dtype=bool)
    changed[order] = same & other
    return changed


def _frames_table(months: tuple[str, ...], truth: Buildings, proposals: Buildings, pairs: pd.DataFrame) -> pd.DataFrame:
    frame = pairs["frame"].to_numpy()
    true_new, found_new = (pairs[name].to_numpy(dtype=bool) for name in ("truth_new", "prop_new"))

    def count(frames: NDArray[np.intp]) -> NDArray[np.intp]:
        return np.bincount(frames, minlength=len(months)).astype(np.intp)

    n_truth, n_prop = count(truth.frame[truth.member]), count(proposals.frame[proposals.member])
    tp, both = count(frame), count(frame[true_new & found_new])
    table = pd.DataFrame(
        {
            "month": pd.Series(months, dtype="str"),
            "n_truth": n_truth,
            "n_prop": n_prop,
            "tp": tp,
            "fp": n_prop - tp,
            "fn": n_truth - tp,
            "mm": count(frame[pairs["mismatch"].to_numpy(dtype=bool)]),
            "change_tp": both,
            # every new id is either a change found in time or an error, matched or not
            "change_fp": count(proposals.frame[proposals.new()]) - both,
            "change_fn": count(truth.frame[truth.new()]) - both,
        }
    )
    table.loc[0, ["change_tp", "change_fp", "change_fn"]] = 0  # the first month only fills the memory
    return table
