"""What runs beside each other show, as numbers: gains by AOI, how likely chance is, params that differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
from scipy.stats import binomtest

from sn7ml.metrics.score import Score

SAME = 0.00005
"""A gain smaller than this is none."""


@dataclass(frozen=True)
class ComparedRun:
    """One of the runs, labelled A, B, …, as plain data. Any table may be empty."""

    label: str
    run_id: str
    name: str

    origin: Mapping[str, str]
    """Where it comes from, under the names people read: data, commit, when, …"""

    params: Mapping[str, str]
    scores: Mapping[str, float]
    """By name, without the split's prefix."""

    per_aoi: pd.DataFrame
    """A row per AOI: aoi and scores."""

    losses: pd.DataFrame
    """This and the next two are those of ``sn7ml.report.diagnosis``; empty where the task has no such diagnosis."""

    births: pd.DataFrame
    sizes: pd.DataFrame

    history: pd.DataFrame
    """A row per epoch: epoch, train_loss, val_loss, val_score, …"""

    overlays: Mapping[tuple[str, int], bytes] = field(default_factory=dict)
    """(aoi, step) to a PNG of :func:`sn7ml.report.maps.overlays.triptych`."""

    months: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """(aoi, step) to the month, where it was recorded."""


def paired(base: ComparedRun, other: ComparedRun, scores: Sequence[Score]) -> pd.DataFrame:
    """Put the scores of two runs side by side, for the AOIs that both have; the first score ranks.

    The columns are aoi, and of each score that both have base_iou, other_iou and gain_iou (above 0: the other is
    better); the AOI that gains most in the first score comes first. AOIs where either side lacks that score are left
    out; without a table on either side there are no rows.
    """
    first = scores[0].name
    if base.per_aoi.empty or other.per_aoi.empty:
        return pd.DataFrame({"aoi": pd.Series(dtype="str"), f"gain_{first}": pd.Series(dtype="float64")})
    known = [score for score in scores if score.name in base.per_aoi and score.name in other.per_aoi]
    names = [score.name for score in known]
    left, right = (run.per_aoi.set_index("aoi")[names].astype("float64") for run in (base, other))
    table = left.add_prefix("base_").join(right.add_prefix("other_"), how="inner")
    for score in known:
        after, before = table[f"other_{score.name}"], table[f"base_{score.name}"]
        table[f"gain_{score.name}"] = after - before if score.higher_is_better else before - after
    kept = table[table[f"gain_{first}"].notna()].reset_index()
    return kept.sort_values([f"gain_{first}", "aoi"], ascending=[False, True], ignore_index=True)


def chance(gains: Sequence[float]) -> float:
    """Return the p-value of the two-sided sign test, ties left out: how often coins would be at least as one-sided.

    >>> chance([0.1, 0.2, 0.3, 0.1, 0.0]), chance([0.1]), chance([])
    (0.125, 1.0, 1.0)
    """
    better, worse = (sum(sign * gain > 0 for gain in gains) for sign in (1, -1))
    return float(binomtest(better, better + worse).pvalue) if better + worse else 1.0


def differing(values: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Keep of mappings the keys whose values are not the same everywhere, sorted; "not set" where one lacks the key.

    >>> differing({"A": {"a": "1", "b": "2"}, "B": {"a": "1", "b": "3", "c": "4"}})
    {'A': {'b': '2', 'c': 'not set'}, 'B': {'b': '3', 'c': '4'}}
    """
    keys = sorted({key for mapping in values.values() for key in mapping})
    keys = [key for key in keys if len({mapping.get(key) for mapping in values.values()}) > 1]
    return {name: {key: mapping.get(key, "not set") for key in keys} for name, mapping in values.items()}
