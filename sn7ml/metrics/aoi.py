"""SCOT of one AOI: its counts, and the tables behind them."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sn7ml.core.ratios import precision_recall_f1
from sn7ml.metrics.identified import FrameIds, IdentifiedFootprints, number_ids
from sn7ml.metrics.matching import Matching, Side, match

BETA_SQUARED = 4.0
"""Beta is 2: tracking weighs more than change."""

TRUTH, PROPOSAL = "truth", "proposal"
"""The two sides, as tables name them."""


@dataclass(frozen=True)
class AoiScot:
    """One AOI's counts and scores. A ratio of nothing is 0, never 1, as in the reference."""

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
    """A row per scored month: time, n_truth, n_prop (rows), tp, fp, fn (before mismatches), mm, change_tp, _fp, _fn."""

    pairs: pd.DataFrame = field(repr=False, compare=False)
    """A row per match, by month: time, truth_id, prop_id, iou, mismatch, truth_new, prop_new (the id's first month)."""

    ids: pd.DataFrame = field(repr=False, compare=False)
    """A row per id of each side: side ("truth" or "proposal"), id, time (its first month), birth (whether that is later
    than the first month of truth, so that it is scored as a change)."""

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
        return combine(self.track_score, self.change_score)

    @property
    def has_births(self) -> bool:
        """Whether anything was born in truth; without births change is undefined."""
        return self.change_tp + self.change_fn > 0

    def as_dict(self) -> dict[str, int | float]:
        """Return counts and scores under the reference's names."""
        tracking, change = ("track_tp", "track_fp", "track_fn"), ("change_tp", "change_fp", "change_fn")
        names = ("mm", *tracking, "track_score", *change, "change_score", "combo_score")
        return {name: getattr(self, name) for name in names}


def combine(track: float, change: float) -> float:
    """Return SCOT from its two parts, an F-score with beta 2; 0 where both are.

    >>> combine(track=0.5, change=0.1)
    0.2777777777777778
    """
    below = BETA_SQUARED * change + track
    return (1 + BETA_SQUARED) * (change * track) / below if below > 0 else 0.0


def score_aoi(
    truth: IdentifiedFootprints,
    proposals: IdentifiedFootprints,
    iou_threshold: float,
    months: tuple[str, ...],
    first: int = 0,
) -> tuple[AoiScot, Matching]:
    """Return the score of one AOI, without notes, and the matching that it was counted from.

    ``truth`` has at least one row, and all its months are in ``months``, in order; proposals in others are ignored. Ids
    seen until ``months[first]``, the first month of truth, are no births: nothing is known of earlier months. A pair
    can match if its IoU is greater than ``iou_threshold``.
    """
    # Only these months exist here, so frames count from 0 and none is -1.
    in_time = proposals.take(proposals.time.isin(months).to_numpy(dtype=bool))
    left, right = truth.polygons(months), in_time.polygons(months)
    true, proposed = number_ids(truth.id, left.frame), number_ids(in_time.id, right.frame)
    matching = match(Side(left, true.member), Side(right, proposed.member), iou_threshold)
    matched = matching.pairs
    frame = true.frame[matched.truth]
    mine, theirs = true.id[matched.truth], proposed.id[matched.proposal]
    pairs = pd.DataFrame(
        {
            "time": pd.Index(months, dtype="str").take(frame),
            "truth_id": true.ids.take(mine),
            "prop_id": proposed.ids.take(theirs),
            "iou": matched.iou,
            "mismatch": _partner_changed(mine, theirs) | _partner_changed(theirs, mine),
            "truth_new": true.new[matched.truth],
            "prop_new": proposed.new[matched.proposal],
        }
    )
    frames = _frames_table(months, true, proposed, pairs.assign(frame=frame))
    frames.loc[:first, ["change_tp", "change_fp", "change_fn"]] = 0
    total = {name: int(frames[name].sum()) for name in frames.columns.drop("time")}
    ids = pd.concat([_ids_table(months, true, TRUTH), _ids_table(months, proposed, PROPOSAL)], ignore_index=True)
    aoi = AoiScot(
        mm=total["mm"],
        track_tp=total["tp"] - total["mm"],
        track_fp=total["fp"] + total["mm"],
        track_fn=total["fn"] + total["mm"],
        change_tp=total["change_tp"],
        change_fp=total["change_fp"],
        change_fn=total["change_fn"],
        frames=frames,
        pairs=pairs,
        ids=ids.assign(birth=ids["time"] > months[first]),
    )
    return aoi, matching


def _partner_changed(subject: NDArray[np.intp], partner: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return True for the matches whose subject's previous match was with another partner.

    Both are (matches,) ids, sorted by time; a subject has at most one match at a time.

    >>> _partner_changed(np.array([7, 8, 7, 7]), np.array([1, 2, 1, 2]))
    array([False, False, False,  True])
    """
    order = np.argsort(subject, kind="stable")  # by subject, then by time: each match stands after the previous one
    same = np.diff(subject[order], prepend=-1) == 0
    other = np.diff(partner[order], prepend=-1) != 0
    changed = np.zeros(len(subject), dtype=bool)
    changed[order] = same & other
    return changed


def _frames_table(months: tuple[str, ...], truth: FrameIds, proposals: FrameIds, pairs: pd.DataFrame) -> pd.DataFrame:
    def count(frames: pd.Series | NDArray[np.intp]) -> NDArray[np.intp]:
        """(months,) how often each month occurs."""
        return np.bincount(frames, minlength=len(months)).astype(np.intp)

    n_truth, n_prop = count(truth.frame[truth.member]), count(proposals.frame[proposals.member])
    tp, both_new = count(pairs["frame"]), count(pairs["frame"][pairs["truth_new"] & pairs["prop_new"]])
    return pd.DataFrame(
        {
            "time": pd.Series(months, dtype="str"),
            "n_truth": n_truth,
            "n_prop": n_prop,
            "tp": tp,
            "fp": n_prop - tp,
            "fn": n_truth - tp,
            "mm": count(pairs["frame"][pairs["mismatch"]]),
            "change_tp": both_new,
            # every new id is either a change found in time or an error, matched or not
            "change_fp": count(proposals.frame[proposals.new]) - both_new,
            "change_fn": count(truth.frame[truth.new]) - both_new,
        }
    )


def _ids_table(months: tuple[str, ...], buildings: FrameIds, side: str) -> pd.DataFrame:
    frame = buildings.frame[buildings.new]
    return pd.DataFrame(
        {
            "side": pd.Series([side] * len(frame), dtype="str"),
            "id": buildings.ids.take(buildings.id[buildings.new]),
            "time": pd.Index(months, dtype="str").take(frame),
        }
    )
