"""Notes on inputs that the reference scorer treats in an unexpected way.

They change no score; they explain one.
"""

from collections.abc import Mapping, Set

import numpy as np
import pandas as pd
import shapely

from sn7ml.metrics.identified import IdentifiedFootprints
from sn7ml.metrics.matching import Matching
from sn7ml.metrics.overlaps import POLYGONAL, Polygons

NULL = -1
"""Shapely's type number of a missing geometry."""


def describe_tables(labelled: Set[str], scored: Set[str], proposal_rows: Mapping[str, int]) -> tuple[str, ...]:
    """Return notes on AOIs that are in one of the tables but not in the mean.

    Parameters
    ----------
    labelled, scored
        AOIs with truth rows, and those of them with a row that is large enough.
    proposal_rows
        AOI to number of proposals.
    """
    missing = [f"{aoi}: nothing proposed, so the AOI scores 0 and counts in the mean"
               for aoi in sorted(scored - set(proposal_rows))]  # fmt: skip
    dropped = [f"{aoi}: every truth row is too small, EMPTY or missing, so the AOI is left out of the mean"
               for aoi in sorted(labelled - scored)]  # fmt: skip
    ignored = [f"{aoi}: {count} proposal(s) ignored, the AOI is not in the truth"
               for aoi, count in sorted(proposal_rows.items()) if aoi not in labelled]  # fmt: skip
    return (*dropped, *missing, *ignored)


def describe_aoi(
    labels: IdentifiedFootprints,
    truth: IdentifiedFootprints,
    proposals: IdentifiedFootprints,
    matching: Matching,
    frames: pd.DataFrame,
) -> tuple[str, ...]:
    """Return notes on one AOI.

    Parameters
    ----------
    labels, truth
        All rows of the truth, and those that are large enough.
    proposals
        All rows.
    matching, frames
        The result: ``AoiScot.frames`` and the matching behind it.
    """
    months = frames["time"].tolist()
    outside = ~proposals.time.isin(months).to_numpy(dtype=bool)
    scored, ignored = proposals.take(~outside), proposals.time[outside]
    dropped = int(Polygons(labels.geometry, np.zeros(len(labels), dtype=np.intp)).polygonal().sum()) - len(truth)
    gone = sorted(set(labels.months()) - set(months))
    why = "only one month has truth" if len(frames) == 1 else "no building is born after the first month"
    notes = [
        f"{dropped:,} truth polygon(s) dropped, smaller than what counts (or self-crossing, so that their area as "
        "drawn is): a proposal that finds one is a false positive"
        if dropped > 0
        else "",
        _repeated(truth, "truth"),
        _repeated(scored, "proposal"),
        *_about_matching(matching, months),
        *_about_shapes(scored),
        _crossing(truth, "truth"),
        _crossing(scored, "proposal"),
        f"{len(ignored)} proposal(s) ignored in months without truth: {_some(sorted(ignored.unique()))}"
        if len(ignored)
        else "",
        f"truth rows of {_some(gone)} are all too small, EMPTY or missing: scored as months without truth"
        if gone
        else "",
        f"change is undefined ({why}): change and combined score are 0 whatever is proposed"
        if not (frames["change_tp"] + frames["change_fn"]).sum()
        else "",
    ]
    return tuple(note for note in notes if note)


def _repeated(rows: IdentifiedFootprints, name: str) -> str:
    keys = pd.DataFrame({"time": rows.time[rows.repeated], "id": rows.id[rows.repeated]})
    again = keys[keys.duplicated()]
    if again.empty:
        return ""
    first = again.iloc[0]
    return (
        f"{len(again)} {name} row(s) repeat an id of their month (first: id {first['id']!r} in {first['time']}): "
        "their IoUs are summed and at most one match is given for all of them"
    )


def _about_matching(matching: Matching, months: list[str]) -> list[str]:
    """Describe phantoms and ties: see ``sn7ml.metrics.matching``."""
    solved = [months[f] for f in matching.phantom_frames if f not in matching.unsolved_frames]
    unsolved = [months[f] for f in matching.unsolved_frames]
    tied = [months[f] for f in matching.tied_frames]
    notes = {
        f"IoUs of one id, each too small to match, were summed past the threshold in {_some(solved)}": solved,
        f"IoUs of one id, each too small to match, sum past the threshold in {_some(unsolved)}; the reference might "
        "match them by chance, but its matrix would be too large here, so they are not matched": unsolved,
        f"several assignments are equally good in {_some(tied)}; the reference may take another of them, its matrix "
        "would be too large here, so that id switches may differ by a few": tied,
    }
    return [note for note, found in notes.items() if found]


def _about_shapes(rows: IdentifiedFootprints) -> list[str]:
    """Describe proposals that are no polygons."""
    kind = shapely.get_type_id(rows.geometry)
    empty = shapely.is_empty(rows.geometry)
    kinds = {
        "a missing geometry": kind == NULL,
        "an EMPTY geometry": empty,
        "lines or points": ~np.isin(kind, (*POLYGONAL, NULL)) & ~empty,
    }
    notes = [
        f"{count} proposal(s) with {name}: a false positive each, and a false birth if the id is new"
        for name, which in kinds.items()
        if (count := int(which.sum()))
    ]
    if kinds["lines or points"].any():
        notes.append("lines or points among proposals: beside polygons, the reference raises NotImplementedError")
    return notes


def _crossing(rows: IdentifiedFootprints, name: str) -> str:
    kind = shapely.get_type_id(rows.geometry)
    count = int((np.isin(kind, POLYGONAL) & ~shapely.is_valid(rows.geometry)).sum())
    if not count:
        return ""
    return (
        f"{count} {name} polygon(s) are invalid (self-crossing, for instance): their area is taken as drawn, the "
        "intersection from the repaired outline, so their IoU may be off"
    )


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
