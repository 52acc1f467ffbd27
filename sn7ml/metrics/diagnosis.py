"""Where SCOT was lost, error by error, and what it would be without each kind of error.

Every error that SCOT counts is of exactly one kind, so that the kinds add up to the counts of an AOI, and an AOI
without any of them scores 1. A birth is judged by the first match of each side::

    truth     t  . . T-----------          t's first match is with p and p's first match is with t:
    proposal  p  . . . . P-------          p is meant for t, and born two months late

``t`` has no match: a missed birth; ``p`` has none: a false birth. If the partner was matched to another building
before, the birth was lost, or made, by an id that switched.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sn7ml.metrics.aoi import PROPOSAL, TRUTH, AoiScot

KINDS: Mapping[str, str] = {
    "missed_footprints": "A true footprint that no proposal matches in its month.",
    "false_footprints": "A proposed footprint that matches no truth in its month.",
    "id_switches": "A match that contradicts an earlier one; a known building under a fresh id, which looks born; "
    "a new building under an id that was another's.",
    "late_births": "A new building whose id appears only in a later month.",
    "early_births": "A new building whose id appears in an earlier month already.",
    "misplaced_births": "A new building whose id appears in the right month, but overlaps it enough only later.",
    "missed_births": "A new building that is never matched.",
    "false_births": "An id that appears after the first month and never matches anything.",
    "older_buildings": "A building of the first month that is found only later, so that it looks born.",
}
"""Kind of error to what it means, in the order they are shown."""

COUNTS = ["track_fp", "track_fn", "change_fp", "change_fn"]
SCORES = ["scot", "scot_without"]
LOSSES = ["aoi", "kind", *COUNTS, *SCORES]
BIRTHS = ["aoi", "outcome", "truth_id", "truth_month", "prop_id", "prop_month", "months_late"]


@dataclass(frozen=True)
class Diagnosis:
    """Where SCOT was lost."""

    losses: pd.DataFrame
    """A row per AOI and kind: aoi, kind (of ``KINDS``), track_fp, track_fn, change_fp, change_fn (errors of this kind),
    scot (as it is), scot_without (the same AOI without errors of this kind)."""

    births: pd.DataFrame
    """A row per true birth, and per proposed one that belongs to none: the columns ``BIRTHS`` (months are the first of
    the ids).

    Outcomes of true births: "found", "late", "early", "misplaced", "missed", "switched" (found first under another's
    id); of the others: "false", "older", "switch" (a known building under a fresh id)."""


def diagnose(aois: Mapping[str, AoiScot]) -> Diagnosis:
    """Split the lost score of each AOI of a result by kind of error, and describe every birth; no AOI, no rows."""
    losses, births = [], [pd.DataFrame(columns=BIRTHS)]
    for name, aoi in aois.items():
        found = _births(aoi)
        births.append(found.assign(aoi=name)[BIRTHS])
        for kind, errors in _errors(aoi, found).items():
            counts = dict.fromkeys(COUNTS, 0) | errors
            # Without these errors missed items are found, and false ones are not proposed.
            mended = replace(
                aoi,
                track_tp=aoi.track_tp + counts["track_fn"],
                track_fp=aoi.track_fp - counts["track_fp"],
                track_fn=aoi.track_fn - counts["track_fn"],
                change_tp=aoi.change_tp + counts["change_fn"],
                change_fp=aoi.change_fp - counts["change_fp"],
                change_fn=aoi.change_fn - counts["change_fn"],
            )
            scores = {"scot": aoi.combo_score, "scot_without": mended.combo_score}
            losses.append({"aoi": name, "kind": kind, **counts, **scores})
    filled = [table for table in births if len(table)] or births[:1]
    return Diagnosis(pd.DataFrame(losses, columns=LOSSES), pd.concat(filled, ignore_index=True))


def by_kind(losses: pd.DataFrame) -> pd.DataFrame:
    """Add up ``Diagnosis.losses``, perhaps read from a CSV, over AOIs.

    A row per kind, in the order of :func:`kinds_of`: kind, the counts of ``COUNTS`` (sums), scot, scot_without and
    gain, their difference (means over AOIs). No losses give no rows.
    """
    table = with_gain(losses)
    groups = table.groupby("kind", sort=False)
    rows = pd.concat([groups[COUNTS].sum(), groups[[*SCORES, "gain"]].mean()], axis=1)
    return rows.reindex(pd.Index(kinds_of(table), name="kind")).reset_index()


def with_gain(losses: pd.DataFrame) -> pd.DataFrame:
    """Return losses with typed columns, which an empty table may lack, and ``gain``: ``scot_without - scot``."""
    names, counts = dict.fromkeys(("aoi", "kind"), "object"), dict.fromkeys(COUNTS, "int64")
    table = losses.astype(names | counts | dict.fromkeys(SCORES, "float64"))
    return table.assign(gain=table["scot_without"] - table["scot"])


def kinds_of(losses: pd.DataFrame) -> list[str]:
    """Return the kinds in a table of losses, in the order of ``KINDS``; unknown ones come last.

    >>> kinds_of(pd.DataFrame({"kind": ["haste", "late_births", "missed_footprints", "haste"]}))
    ['missed_footprints', 'late_births', 'haste']
    """
    there = dict.fromkeys(losses["kind"])
    return [kind for kind in KINDS if kind in there] + [kind for kind in there if kind not in KINDS]


def _births(aoi: AoiScot) -> pd.DataFrame:
    """Return ``Diagnosis.births`` of one AOI without ``aoi``; ``prop_birth``: whether the proposal is a birth too."""
    ids = {side: aoi.ids[aoi.ids["side"] == side].set_index("id") for side in (TRUTH, PROPOSAL)}
    # The first match of every id of either side: births are judged by it.
    match_of_truth = aoi.pairs.drop_duplicates("truth_id").set_index("truth_id")
    match_of_proposal = aoi.pairs.drop_duplicates("prop_id").set_index("prop_id")
    true, proposed = ids[TRUTH][ids[TRUTH]["birth"]], ids[PROPOSAL][ids[PROPOSAL]["birth"]]

    births = pd.DataFrame({"truth_id": _text(true.index), "truth_month": _text(true["time"])})
    births["prop_id"] = _at(births["truth_id"], match_of_truth["prop_id"])
    births["prop_month"] = _at(births["prop_id"], ids[PROPOSAL]["time"])
    mutual = _at(births["prop_id"], match_of_proposal["truth_id"]) == births["truth_id"]
    births["months_late"] = (_number(births["prop_month"]) - _number(births["truth_month"])).where(mutual)
    missed, late = births["prop_id"].isna(), births["months_late"]
    misplaced = _at(births["truth_id"], match_of_truth["time"]) != births["truth_month"]
    outcomes = ["missed", "switched", "late", "early", "misplaced"]
    births["outcome"] = np.select([missed, ~mutual, late > 0, late < 0, misplaced], outcomes, "found")
    births["prop_birth"] = births["prop_id"].isin(proposed.index)

    others = pd.DataFrame({"prop_id": _text(proposed.index), "prop_month": _text(proposed["time"])})
    others["truth_id"] = _at(others["prop_id"], match_of_proposal["truth_id"])
    others["truth_month"] = _at(others["truth_id"], ids[TRUTH]["time"])
    mutual = _at(others["truth_id"], match_of_truth["prop_id"]) == others["prop_id"]
    others["outcome"] = np.select([others["truth_id"].isna(), mutual], ["false", "older"], "switch")
    others = others[~(mutual & others["truth_id"].isin(true.index))].assign(months_late=np.nan, prop_birth=True)
    return pd.concat([births, others], ignore_index=True) if len(others) else births


def _text(values: pd.Index | pd.Series) -> pd.Series:
    return pd.Series(values.to_numpy(), dtype="str")


def _at(keys: pd.Series, table: pd.Series) -> pd.Series:
    """Look texts up in a table of texts; missing where a key is missing or unknown."""
    return _text(table.reindex(keys))


def _number(month: pd.Series) -> pd.Series:
    """Months since the year 0; NaN where there is none."""
    return pd.to_numeric(month.str[:4]) * 12 + pd.to_numeric(month.str[5:7])


def _errors(aoi: AoiScot, births: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Return kind to counts, by the names in ``COUNTS``, in the order of ``KINDS``; counts that are left out are 0."""
    outcomes, reported = Counter(births["outcome"]), Counter(births["outcome"][births["prop_birth"]])
    # The building is missed in its month; its id is a false birth, unless it has been there from the first month.
    late, early, misplaced = (
        {"change_fn": outcomes[name], "change_fp": reported[name]} for name in ("late", "early", "misplaced")
    )
    switched = {"change_fp": outcomes["switch"], "change_fn": outcomes["switched"]}
    return {
        "missed_footprints": {"track_fn": aoi.track_fn - aoi.mm},
        "false_footprints": {"track_fp": aoi.track_fp - aoi.mm},
        "id_switches": {"track_fp": aoi.mm, "track_fn": aoi.mm, **switched},
        "late_births": late,
        "early_births": early,
        "misplaced_births": misplaced,
        "missed_births": {"change_fn": outcomes["missed"]},
        "false_births": {"change_fp": outcomes["false"]},
        "older_buildings": {"change_fp": outcomes["older"]},
    }
