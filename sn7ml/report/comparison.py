"""What a comparison of runs shows, as numbers: gains by AOI, what they come from, what each kind of error costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
from scipy.stats import binomtest

from sn7ml.metrics.aoi import combine
from sn7ml.metrics.diagnosis import COUNTS
from sn7ml.report.diagnosis_counts import RATIOS, TIMED, UNTIMED, by_size, labelled_kinds

PAIRED = ("scot", "tracking", "change", "f1", "iou")
"""Scores of an AOI that are compared."""


@dataclass(frozen=True)
class ComparedRun:
    """One of the runs, as plain data. Any table may be empty."""

    label: str
    """A, B, …: short, for it stands in every table and chart."""

    run_id: str
    name: str

    origin: Mapping[str, str]
    """Where it comes from, under the names people read: data, commit, when, …"""

    params: Mapping[str, str]
    """Under dotted keys."""

    scores: Mapping[str, float]
    """scot, tracking, change, f1, iou, …: without the split's prefix."""

    per_aoi: pd.DataFrame
    """A row per AOI: aoi and scores."""

    losses: pd.DataFrame
    """``Diagnosis.losses`` of ``sn7ml.metrics.diagnosis``; so are the next two."""

    births: pd.DataFrame
    sizes: pd.DataFrame

    history: pd.DataFrame
    """A row per epoch: epoch, train_loss, val_loss, val_score, …"""

    overlays: Mapping[tuple[str, int], bytes] = field(default_factory=dict)
    """(aoi, step) to a PNG of image | truth | prediction, as ``sn7ml.report.maps.overlays.triptych`` draws it."""

    months: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """(aoi, step) to the month, where it was recorded."""


def paired(base: ComparedRun, other: ComparedRun) -> pd.DataFrame:
    """Put the scores of two runs side by side, for the AOIs that both have.

    Returns
    -------
    DataFrame
        aoi, and of each of ``PAIRED`` that both have: base_scot, other_scot, gain_scot (other less base), and so on. The AOI
        that gains most comes first. AOIs without a SCOT on either side are left out.
    """
    if base.per_aoi.empty or other.per_aoi.empty:
        return pd.DataFrame({"aoi": pd.Series(dtype="str"), "gain_scot": pd.Series(dtype="float64")})
    names = [name for name in PAIRED if name in base.per_aoi and name in other.per_aoi]
    sides = [
        run.per_aoi.set_index("aoi")[names].astype("float64").add_prefix(f"{side}_")
        for side, run in (("base", base), ("other", other))
    ]
    table = sides[0].join(sides[1], how="inner")
    for name in names:
        table[f"gain_{name}"] = table[f"other_{name}"] - table[f"base_{name}"]
    kept = table[table["gain_scot"].notna()].reset_index()
    return kept.sort_values(["gain_scot", "aoi"], ascending=[False, True], ignore_index=True)


def parts(pairs: pd.DataFrame) -> dict[str, float]:
    """Share the mean gain of SCOT out between tracking and change; the two add up to it.

    SCOT is no sum of its parts, so what a part brings depends on where the other stands: it is the mean of what it brings
    with the other as in the base and as in the other run (the Shapley value of two).

    Parameters
    ----------
    pairs
        Of :func:`paired`; at least one row.

    Examples
    --------
    >>> row = {"base_tracking": [0.5], "other_tracking": [0.5], "base_change": [0.1], "other_change": [0.5]}
    >>> {name: round(gain, 4) for name, gain in parts(pd.DataFrame(row)).items()}
    {'tracking': 0.0, 'change': 0.2222}
    """
    sums = {"tracking": 0.0, "change": 0.0}
    for row in pairs.fillna(0.0).to_dict("records"):
        t0, t1, c0, c1 = (row[f"{side}_{part}"] for part in sums for side in ("base", "other"))
        sums["tracking"] += (combine(t1, c0) - combine(t0, c0) + combine(t1, c1) - combine(t0, c1)) / 2
        sums["change"] += (combine(t0, c1) - combine(t0, c0) + combine(t1, c1) - combine(t1, c0)) / 2
    return {name: total / len(pairs) for name, total in sums.items()}


def chance(gains: Sequence[float]) -> float:
    """Return how often tossing coins would be at least as one-sided as these signs: the sign test, two-sided; ties are left out.

    >>> chance([0.1, 0.2, 0.3, 0.1, 0.0]), chance([0.1]), chance([])
    (0.125, 1.0, 1.0)
    """
    better, worse = (sum(sign * gain > 0 for gain in gains) for sign in (1, -1))
    return float(binomtest(better, better + worse).pvalue) if better + worse else 1.0


def costs(runs: Sequence[ComparedRun]) -> pd.DataFrame:
    """Say what each kind of error costs each run.

    Returns
    -------
    DataFrame
        A row per kind that any run makes, in the order of ``KINDS``: kind, label, meaning, and for each run's label cost_A
        (SCOT that would be gained without these errors, the mean over AOIs) and errors_A (how many). Over the AOIs that all
        runs have; empty if a run has no losses.
    """
    if any(run.losses.empty for run in runs):
        return pd.DataFrame(columns=["kind", "label", "meaning"])
    common = set.intersection(*(set(run.losses["aoi"]) for run in runs))
    columns = []
    for run in runs:
        rows = labelled_kinds(run.losses[run.losses["aoi"].isin(common)]).set_index(["kind", "label", "meaning"])
        columns += [rows["gain"].rename(f"cost_{run.label}"), rows[COUNTS].sum(axis=1).rename(f"errors_{run.label}")]
    table = pd.concat(columns, axis=1).fillna(0)  # of a kind that older code did not know, it tells no errors
    made = table[[f"errors_{run.label}" for run in runs]].any(axis=1)
    return table[made].reset_index()


def birth_outcomes(runs: Sequence[ComparedRun]) -> pd.DataFrame:
    """Count births by outcome: meaning, and a column per run's label; outcomes that no run has are left out."""
    rows = []
    for group in (*TIMED, *UNTIMED):
        for outcome, (_, meaning) in group.outcomes.items():
            counts = {run.label: int((run.births["outcome"] == outcome).sum()) for run in runs if len(run.births)}
            if any(counts.values()):
                rows.append({"birth": meaning, **counts})
    return pd.DataFrame(rows)


def size_ratios(runs: Sequence[ComparedRun]) -> pd.DataFrame:
    """Put recall and precision by size class side by side: size, and "recall A", "precision A" and so on per run."""
    tables = {run.label: by_size(run.sizes).set_index("size") for run in runs if len(run.sizes)}
    columns = [table[name].rename(f"{name} {label}") for name in RATIOS for label, table in tables.items()]
    return pd.concat(columns, axis=1).reset_index() if columns else pd.DataFrame()


def differing(values: Sequence[Mapping[str, str]]) -> dict[str, list[str | None]]:
    """Return the keys whose values are not the same everywhere, sorted, with the value in each mapping; None where missing.

    >>> differing([{"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"}])
    {'b': ['2', '3'], 'c': [None, '4']}
    """
    keys = sorted({key for mapping in values for key in mapping})
    sides = {key: [mapping.get(key) for mapping in values] for key in keys}
    return {key: side for key, side in sides.items() if len(set(side)) > 1}
