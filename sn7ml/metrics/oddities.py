"""What of an input the reference scorer treats in a way nobody would expect, in words.

A score is the same with or without these notes. They are for the reader who wonders why.
"""

from collections.abc import Iterable, Mapping, Set

import numpy as np
import pandas as pd
import shapely

from sn7ml.metrics.identified import Sightings
from sn7ml.metrics.matching import Matching
from sn7ml.metrics.overlaps import POLYGONAL

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
    labels: Sightings,
    truth: Sightings,
    proposals: Sightings,
    matching: Matching,
    frames: pd.DataFrame,
) -> tuple[str, ...]:
    """Return notes on one AOI.

    Parameters
    ----------
    labels, truth
        All of the truth, and what of it is large enough.
    proposals
        All of them.
    matching, frames
        What was found: ``AoiScot.frames`` and the matching beneath it.
    """
    months = frames["time"].tolist()
    scored = proposals.take(proposals.month.isin(months).to_numpy(dtype=bool))
    notes = [
        *_small(labels, truth),
        *_duplicates(truth, "truth"),
        *_duplicates(scored, "proposal"),
        *_phantoms(matching, months),
        *_tied(matching, months),
        *_shapeless(scored),
        *_crossing(truth, "truth"),
        *_crossing(scored, "proposal"),
        *_ignored(proposals, months),
        *_vanished(labels.months(), months),
        *_no_births(frames),
    ]
    return tuple(notes)


def _small(labels: Sightings, truth: Sightings) -> Iterable[str]:
    polygons = np.isin(shapely.get_type_id(labels.geometry), POLYGONAL) & ~shapely.is_empty(labels.geometry)
    dropped = int(polygons.sum()) - len(truth)
    if dropped > 0:
        yield (
            f"{dropped:,} truth polygon(s) dropped, smaller than what counts (or self-crossing, so that their area as drawn is): "
            "a proposal that finds one is a false positive"
        )


def _tied(matching: Matching, months: list[str]) -> Iterable[str]:
    tied = [months[f] for f in matching.tied_frames]
    if tied:
        yield (
            f"several assignments are equally good in {_some(tied)}; the reference may take another of them, its matrix would be "
            "too large here, so that id switches may differ by a few"
        )


def _duplicates(rows: Sightings, name: str) -> Iterable[str]:
    keys = pd.DataFrame({"time": rows.month[rows.repeated], "id": rows.id[rows.repeated]})
    again = keys[keys.duplicated()]
    if len(again):
        first = again.iloc[0]
        yield (
            f"{len(again)} {name} row(s) repeat an id of their month (first: id {first['id']!r} in {first['time']}): "
            "their IoUs are summed and at most one match is given for all of them"
        )


def _phantoms(matching: Matching, months: list[str]) -> Iterable[str]:
    solved = [months[f] for f in matching.phantom_frames if f not in matching.unsolved_frames]
    unsolved = [months[f] for f in matching.unsolved_frames]
    if solved:
        yield f"IoUs of one id, each too small to match, were summed past the threshold in {_some(solved)}"
    if unsolved:
        yield (
            f"IoUs of one id, each too small to match, sum past the threshold in {_some(unsolved)}; the reference might "
            "match them by chance, but its matrix would be too large here, so they are not matched"
        )


def _shapeless(rows: Sightings) -> Iterable[str]:
    kind = shapely.get_type_id(rows.geometry)
    empty = shapely.is_empty(rows.geometry)
    kinds = {
        "a missing geometry": kind == NULL,
        "an EMPTY geometry": empty,
        "lines or points": ~np.isin(kind, (*POLYGONAL, NULL)) & ~empty,
    }
    for name, which in kinds.items():
        if count := int(which.sum()):
            yield f"{count} proposal(s) with {name}: a false positive each, and a false birth if the id is new"
    if int(kinds["lines or points"].sum()):
        yield "lines or points among proposals: beside polygons, the reference raises NotImplementedError"


def _crossing(rows: Sightings, name: str) -> Iterable[str]:
    kind = shapely.get_type_id(rows.geometry)
    invalid = np.isin(kind, POLYGONAL) & ~shapely.is_valid(rows.geometry)
    if count := int(invalid.sum()):
        yield (
            f"{count} {name} polygon(s) are invalid (self-crossing, for instance): their area is taken as drawn, the "
            "intersection from the repaired outline, so their IoU may be off"
        )


def _ignored(proposals: Sightings, months: list[str]) -> Iterable[str]:
    outside = proposals.month[~proposals.month.isin(months)]
    if len(outside):
        yield f"{len(outside)} proposal(s) ignored in months without truth: {_some(sorted(outside.unique()))}"


def _vanished(labelled: tuple[str, ...], months: list[str]) -> Iterable[str]:
    gone = sorted(set(labelled) - set(months))
    if gone:
        yield f"truth rows of {_some(gone)} are all too small, EMPTY or missing: scored as months without truth"


def _no_births(frames: pd.DataFrame) -> Iterable[str]:
    births = int(frames["change_tp"].sum() + frames["change_fn"].sum())
    if not births:
        why = "only one month has truth" if len(frames) == 1 else "no building is born after the first month"
        yield f"change is undefined ({why}): change and combined score are 0 whatever is proposed"


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
