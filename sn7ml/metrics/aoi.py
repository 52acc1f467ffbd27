"""SCOT of one AOI: its counts, and the tables that tell where they come from."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sn7ml.core.ratios import precision_recall_f1
from sn7ml.metrics.identified import Buildings, Sightings, name_buildings
from sn7ml.metrics.matching import Matching, Side, match

BETA_SQUARED = 4.0

TRUTH, PROPOSAL = "truth", "proposal"
"""The two sides, as tables name them."""


@dataclass(frozen=True)
class Calendar:
    """The months of an AOI that are scored."""

    months: tuple[str, ...]
    """In order of time."""

    first: int = 0
    """Place of the month that truth begins with: ids seen until then are no births, for nothing is known before."""


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
    """One row per scored month: month, n_truth, n_prop (rows), tp, fp, fn (before mismatches), mm, change_tp, change_fp,
    change_fn."""

    pairs: pd.DataFrame = field(repr=False, compare=False)
    """One row per match, by month: month, truth_id, prop_id, iou, mismatch, truth_new, prop_new (bool: the id's first
    month)."""

    ids: pd.DataFrame = field(repr=False, compare=False)
    """One row per id of each side: side ("truth" or "proposal"), id, month (its first), birth (bool: later than the month
    that truth begins with, so that it is scored as a change)."""

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


def combine(track: float, change: float) -> float:
    """Return SCOT from its two parts, an F-score with beta 2; 0 where both are.

    >>> combine(track=0.5, change=0.1)
    0.2777777777777778
    """
    below = BETA_SQUARED * change + track
    return (1 + BETA_SQUARED) * (change * track) / below if below > 0 else 0.0


def score_aoi(
    truth: Sightings, proposals: Sightings, iou_threshold: float, calendar: Calendar
) -> tuple[AoiScot, Matching]:
    """Score one AOI.

    Parameters
    ----------
    truth, proposals
        What counts; at least one truth. Proposals in months outside the calendar are ignored.
    iou_threshold
        A pair can match if its IoU is greater.
    calendar
        Every month of ``truth`` is in it.

    Returns
    -------
    AoiScot, Matching
        The score, without notes, and the matching beneath it.
    """
    months = calendar.months
    in_time = proposals.take(proposals.month.isin(months).to_numpy(dtype=bool))
    left, right = truth.polygons(months), in_time.polygons(months)
    true, proposed = name_buildings(truth.id, left.frame), name_buildings(in_time.id, right.frame)
    matching = match(Side(left, true.member), Side(right, proposed.member), iou_threshold)
    pairs = _pairs_table(months, true, proposed, matching)
    frames = _frames_table(calendar, true, proposed, pairs)
    totals = frames.drop(columns="time").sum()
    mm = int(totals["mm"])
    aoi = AoiScot(
        mm=mm,
        track_tp=int(totals["tp"]) - mm,
        track_fp=int(totals["fp"]) + mm,
        track_fn=int(totals["fn"]) + mm,
        change_tp=int(totals["change_tp"]),
        change_fp=int(totals["change_fp"]),
        change_fn=int(totals["change_fn"]),
        frames=frames,
        pairs=pairs.drop(columns=["frame"]),
        ids=pd.concat([_ids_table(calendar, true, TRUTH), _ids_table(calendar, proposed, PROPOSAL)], ignore_index=True),
    )
    return aoi, matching


def _pairs_table(months: tuple[str, ...], truth: Buildings, proposals: Buildings, matching: Matching) -> pd.DataFrame:
    pairs = matching.pairs
    frame = truth.frame[pairs.truth]
    mine, theirs = truth.id[pairs.truth], proposals.id[pairs.proposal]
    return pd.DataFrame(
        {
            "frame": frame,
            "time": pd.Index(months, dtype="str").take(frame),
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


def _frames_table(calendar: Calendar, truth: Buildings, proposals: Buildings, pairs: pd.DataFrame) -> pd.DataFrame:
    frame = pairs["frame"].to_numpy()
    true_new, found_new = (pairs[name].to_numpy(dtype=bool) for name in ("truth_new", "prop_new"))

    def count(frames: NDArray[np.intp]) -> NDArray[np.intp]:
        return np.bincount(frames, minlength=len(calendar.months)).astype(np.intp)

    n_truth, n_prop = count(truth.frame[truth.member]), count(proposals.frame[proposals.member])
    tp, both = count(frame), count(frame[true_new & found_new])
    table = pd.DataFrame(
        {
            "time": pd.Series(calendar.months, dtype="str"),
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
    table.loc[: calendar.first, ["change_tp", "change_fp", "change_fn"]] = 0  # these months only fill the memory
    return table


def _ids_table(calendar: Calendar, buildings: Buildings, side: str) -> pd.DataFrame:
    new = buildings.new()
    frame = buildings.frame[new]
    return pd.DataFrame(
        {
            "side": pd.Series([side] * len(frame), dtype="str"),
            "id": buildings.ids.take(buildings.id[new]),
            "time": pd.Index(calendar.months, dtype="str").take(frame),
            "birth": frame > calendar.first,
        }
    )
