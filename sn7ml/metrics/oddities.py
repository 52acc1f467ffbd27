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
from sn7ml.metrics.per_aoi import AoiFootprints


def describe_tables(aois: Mapping[str, AoiFootprints], scored: Set[str]) -> tuple[str, ...]:
    """Return notes on AOIs that are in one of the tables but not in the mean; ``scored`` are in the mean."""
    rows = {name: (len(aoi.truth), len(aoi.proposals)) for name, aoi in aois.items()}
    dropped = "every truth row is too small, EMPTY or missing, so the AOI is left out of the mean"
    missing = "nothing proposed, so the AOI scores 0 and counts in the mean"
    return (
        *(f"{name}: {dropped}" for name, (true, _) in rows.items() if true and name not in scored),
        *(f"{name}: {missing}" for name, (_, found) in rows.items() if not found and name in scored),
        *(
            f"{name}: {found} proposal(s) ignored, the AOI is not in the truth"
            for name, (true, found) in rows.items()
            if found and not true
        ),
    )


def describe_aoi(
    labels: IdentifiedFootprints,
    truth: IdentifiedFootprints,
    proposals: IdentifiedFootprints,
    matching: Matching,
    frames: pd.DataFrame,
) -> tuple[str, ...]:
    """Return notes on one AOI.

    ``labels`` are all rows of the truth, ``truth`` those that are large enough, ``proposals`` all rows. ``frames`` are
    those of the ``AoiScot`` that was counted from ``matching``.
    """
    months = frames["time"].tolist()
    outside = ~proposals.time.isin(months).to_numpy(dtype=bool)
    scored, ignored = proposals.take(~outside), proposals.time[outside]
    dropped = int(Polygons(labels.geometry, np.zeros(len(labels), dtype=np.intp)).polygonal().sum()) - len(truth)
    gone = sorted(set(labels.months()) - set(months))
    why = "only one month has truth" if len(frames) == 1 else "no building is born after the first month"
    phantoms, unsolved = set(matching.phantom_frames), set(matching.unsolved_frames)
    solved, too_large, tied = (
        [months[frame] for frame in sorted(which)]
        for which in (phantoms - unsolved, unsolved, set(matching.tied_frames))
    )
    strange = "a false positive each, and a false birth if the id is new"
    missing, empty = shapely.is_missing(scored.geometry), shapely.is_empty(scored.geometry)
    lines = int((~np.isin(shapely.get_type_id(scored.geometry), POLYGONAL) & ~missing & ~empty).sum())
    notes: dict[str, object] = {
        f"{dropped:,} truth polygon(s) dropped, smaller than what counts (or self-crossing, so that their area as "
        "drawn is): a proposal that finds one is a false positive": dropped > 0,
        **_repeated(truth, "truth"),
        **_repeated(scored, "proposal"),
        f"IoUs of one id, each too small to match, were summed past the threshold in {_some(solved)}": solved,
        f"IoUs of one id, each too small to match, sum past the threshold in {_some(too_large)}; the reference might "
        "match them by chance, but its matrix would be too large here, so they are not matched": too_large,
        f"several assignments are equally good in {_some(tied)}; the reference may take another of them, its matrix "
        "would be too large here, so that id switches may differ by a few": tied,
        f"{missing.sum()} proposal(s) with a missing geometry: {strange}": missing.any(),
        f"{empty.sum()} proposal(s) with an EMPTY geometry: {strange}": empty.any(),
        f"{lines} proposal(s) with lines or points: {strange}": lines,
        "lines or points among proposals: beside polygons, the reference raises NotImplementedError": lines,
        **_crossing(truth, "truth"),
        **_crossing(scored, "proposal"),
        f"{len(ignored)} proposal(s) ignored in months without truth: {_some(sorted(ignored.unique()))}": len(ignored),
        f"truth rows of {_some(gone)} are all too small, EMPTY or missing: scored as months without truth": gone,
        f"change is undefined ({why}): change and combined score are 0 whatever is proposed": not (
            frames["change_tp"] + frames["change_fn"]
        ).any(),
    }
    return tuple(note for note, found in notes.items() if found)


def _repeated(rows: IdentifiedFootprints, name: str) -> dict[str, bool]:
    """Return a note, and whether it holds."""
    keys = pd.DataFrame({"time": rows.time[rows.repeated], "id": rows.id[rows.repeated]})
    again = keys[keys.duplicated()]
    first = "".join(f"id {row.id!r} in {row.time}" for row in again[:1].itertuples())
    note = (
        f"{len(again)} {name} row(s) repeat an id of their month (first: {first}): "
        "their IoUs are summed and at most one match is given for all of them"
    )
    return {note: not again.empty}


def _crossing(rows: IdentifiedFootprints, name: str) -> dict[str, bool]:
    """Return a note, and whether it holds."""
    kind = shapely.get_type_id(rows.geometry)
    count = int((np.isin(kind, POLYGONAL) & ~shapely.is_valid(rows.geometry)).sum())
    note = (
        f"{count} {name} polygon(s) are invalid (self-crossing, for instance): their area is taken as drawn, the "
        "intersection from the repaired outline, so their IoU may be off"
    )
    return {note: count > 0}


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
