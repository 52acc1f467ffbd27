"""The numbers of a SpaceNet 7 diagnosis, under the names people read: of one run, and of several beside each other.

Three tables go in, of ``sn7ml.metrics.diagnosis`` and ``footprints``; each may be empty:

* *losses*: aoi, kind, track_fp, track_fn, change_fp, change_fn, scot, scot_without; every AOI has every kind;
* *births*: aoi, outcome, months_late (negative: early; NaN where it means nothing), and ids, which are not shown;
* *sizes*: aoi, size, truth, truth_matched, proposals, proposals_matched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from sn7ml.metrics.aoi import combine
from sn7ml.metrics.diagnosis import COUNTS, KINDS, by_kind
from sn7ml.report.comparison import ComparedRun
from sn7ml.report.palette import FOUND, SERIES, TRUTH

COUNT_NAMES: Mapping[str, str] = {
    "track_fp": "tracking, false", "track_fn": "tracking, missed",
    "change_fp": "change, false", "change_fn": "change, missed",
}  # fmt: skip
"""Column of ``losses`` to the name people read, in the order of ``COUNTS``."""


@dataclass(frozen=True)
class Group:
    """Births that share a colour."""

    label: str
    colour: str
    outcomes: Mapping[str, tuple[str, str]]
    """Outcome to what stands under its bar and what it means, in order."""


TIMED: tuple[Group, ...] = (
    Group("in the right month", SERIES[2], {"found": ("found", "found in the month it appeared")}),
    Group("right month, wrong place", SERIES[3], {
        "misplaced": ("misplaced", "right month, but its footprint fits only later"),
    }),
    Group("early or late", SERIES[0], {
        "early": ("early", "found before it appeared"), "late": ("late", "found only later"),
    }),
)  # fmt: skip
"""True births that were reported, by months late."""

UNTIMED: tuple[Group, ...] = (
    Group("never reported", SERIES[4], {
        "missed": ("missed", "a true birth that was never found"),
        "switched": ("other's id", "a true birth found under the id of another building"),
    }),
    Group("reported, but no birth", SERIES[1], {
        "false": ("nothing there", "reported as born, but nothing is there"),
        "older": ("older", "reported as born, but it stood there from the first month"),
        "switch": ("fresh id", "reported as born, but it is a known building under a fresh id"),
    }),
)  # fmt: skip
"""Births without a delay: nobody reported them, or there was nothing to report."""

RATIOS: Mapping[str, tuple[str, str, str, str]] = {
    "recall": ("truth_matched", "truth", TRUTH, "of what is there, found"),
    "precision": ("proposals_matched", "proposals", FOUND, "of what was found, there"),
}
"""Ratio to its numerator, its denominator, its colour, and what it says."""


def label_of(kind: str) -> str:
    """Return a kind of error as people read it: missed_footprints is "missed footprints"."""
    return kind.replace("_", " ")


def labelled_kinds(losses: pd.DataFrame) -> pd.DataFrame:
    """Return ``by_kind`` of ``sn7ml.metrics.diagnosis`` with label and meaning ("" if unknown) after the kind."""
    rows = by_kind(losses)
    rows.insert(1, "label", [label_of(kind) for kind in rows["kind"]])
    rows.insert(2, "meaning", [KINDS.get(kind, "") for kind in rows["kind"]])
    return rows


@dataclass(frozen=True)
class BirthCounts:
    """Births as the bars of a chart."""

    delays: Sequence[tuple[Group, pd.Series]]
    """Groups of :data:`TIMED`, each with months late (int, ascending) to births."""

    outcomes: Sequence[tuple[Group, pd.DataFrame]]
    """Groups of :data:`UNTIMED`, each with a row per outcome that occurs, in order: label, meaning, births."""

    stacked: pd.Series
    """Sum of the delays."""

    months: tuple[int, int]
    """First and last month of the delays; 0 and a month on either side are always within."""

    highest: int
    """Births of the highest bar, delays being stacked; at least 1."""


def count_births(births: pd.DataFrame) -> BirthCounts:
    """Count births by months late, and those without a delay by outcome."""
    totals = births["outcome"].value_counts()
    delays, outcomes = [], []
    for group in TIMED:
        late = births.loc[births["outcome"].isin(list(group.outcomes)), "months_late"].astype("float64").dropna()
        delays.append((group, late.round().astype("int64").value_counts().sort_index()))
    for group in UNTIMED:
        rows = [(*texts, int(totals[name])) for name, texts in group.outcomes.items() if name in totals.index]
        outcomes.append((group, pd.DataFrame(rows, columns=["label", "meaning", "births"])))
    stacked = pd.concat([counts for _, counts in delays]).groupby(level=0).sum()
    heights = [*stacked, *(births for _, table in outcomes for births in table["births"])]
    months = int(min([-1, *stacked.index])), int(max([1, *stacked.index]))
    return BirthCounts(delays, outcomes, stacked, months, int(max([1, *heights])))


def by_size(sizes: pd.DataFrame) -> pd.DataFrame:
    """Add up footprints over AOIs: a row per size class with recall and precision (0 of 0 is NaN)."""
    counts = ["truth", "truth_matched", "proposals", "proposals_matched"]
    table = sizes.astype(dict.fromkeys(counts, "int64")).groupby("size", sort=False)[counts].sum().reset_index()
    return table.assign(**{name: table[part] / table[whole] for name, (part, whole, _, _) in RATIOS.items()})


def gain_texts(table: pd.DataFrame) -> list[str]:
    """Return what stands beside the bars of :func:`labelled_kinds`; errors that cost nothing are still errors.

    >>> kinds = pd.DataFrame({"gain": [0.0312, 0.00012, 0.0, 0.0]}).assign(**dict.fromkeys(COUNTS, [7, 7, 7, 0]))
    >>> gain_texts(kinds)
    ['+0.031', '+0.0001', 'costs nothing', 'none']
    """
    texts = [
        f"+{gain:.3f}" if gain >= 0.0005 else f"+{gain:.1g}" if gain > 0 else "costs nothing" for gain in table["gain"]
    ]
    return [text if errors else "none" for text, errors in zip(texts, table[COUNTS].sum(axis=1), strict=True)]


def scot_axis(table: pd.DataFrame) -> tuple[float, list[float]]:
    """Return the end of the axis of SCOT, with room for words beside the longest bar, and its ticks, which stop at 1.

    >>> scot_axis(pd.DataFrame({"scot_without": [0.1, 0.25]}))
    (0.3, [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3])
    """
    end = 1.2 * max(float(table["scot_without"].max()), 0.05) if len(table) else 1.0
    last = min(end, 1.0)
    step = next((step for step in (0.01, 0.02, 0.05, 0.1) if last / step <= 7), 0.2)
    return end, [round(place * step, 2) for place in range(int(last / step + 1e-9) + 1)]


def shares_of_gain(pairs: pd.DataFrame) -> dict[str, float]:
    """Split the mean gain of SCOT between tracking and change by Shapley values: it is no sum of its parts.

    A part brings the mean of what it brings with the other part as in either run. ``pairs`` are of
    :func:`sn7ml.report.comparison.paired`, at least one row.

    >>> row = {"base_tracking": [0.5], "other_tracking": [0.5], "base_change": [0.1], "other_change": [0.5]}
    >>> {name: round(gain, 4) for name, gain in shares_of_gain(pd.DataFrame(row)).items()}
    {'tracking': 0.0, 'change': 0.2222}
    """
    sums = {"tracking": 0.0, "change": 0.0}
    for row in pairs.fillna(0.0).to_dict("records"):
        t0, t1, c0, c1 = (row[f"{side}_{part}"] for part in sums for side in ("base", "other"))
        sums["tracking"] += (combine(t1, c0) - combine(t0, c0) + combine(t1, c1) - combine(t0, c1)) / 2
        sums["change"] += (combine(t0, c1) - combine(t0, c0) + combine(t1, c1) - combine(t1, c0)) / 2
    return {name: total / len(pairs) for name, total in sums.items()}


def costs(runs: Sequence[ComparedRun]) -> pd.DataFrame:
    """Return what each kind of error costs each run, over the AOIs that all have; empty if a run has no losses.

    A row per kind that any run makes, in the order of ``KINDS``: kind, label, meaning, and for each run's label cost_A
    (SCOT that would be gained without these errors, the mean over AOIs) and errors_A (how many).
    """
    if any(run.losses.empty for run in runs):
        sides = [f"{what}_{run.label}" for run in runs for what in ("cost", "errors")]
        return pd.DataFrame(columns=["kind", "label", "meaning", *sides])
    common = set.intersection(*(set(run.losses["aoi"]) for run in runs))
    columns = []
    for run in runs:
        rows = labelled_kinds(run.losses[run.losses["aoi"].isin(common)]).set_index(["kind", "label", "meaning"])
        columns += [rows["gain"].rename(f"cost_{run.label}"), rows[COUNTS].sum(axis=1).rename(f"errors_{run.label}")]
    table = pd.concat(columns, axis=1).fillna(0)  # a kind that older code did not know has no errors there
    made = table[[f"errors_{run.label}" for run in runs]].any(axis=1)
    return table[made].reset_index()


def birth_outcomes(runs: Sequence[ComparedRun]) -> pd.DataFrame:
    """Count births by outcome: meaning, and a column per run's label; outcomes that no run has are left out."""
    counts = {run.label: run.births["outcome"].value_counts() for run in runs if len(run.births)}
    meanings = {name: meaning for group in (*TIMED, *UNTIMED) for name, (_, meaning) in group.outcomes.items()}
    table = pd.DataFrame(counts).reindex(list(meanings)).dropna(how="all").fillna(0).astype("int64")
    return table.rename(index=meanings).rename_axis("birth").reset_index()


def size_ratios(runs: Sequence[ComparedRun]) -> pd.DataFrame:
    """Put recall and precision by size class side by side: size, and "recall A", "precision A" and so on per run."""
    tables = {run.label: by_size(run.sizes).set_index("size") for run in runs if len(run.sizes)}
    columns = [table[name].rename(f"{name} {label}") for name in RATIOS for label, table in tables.items()]
    return pd.concat(columns, axis=1).reset_index() if columns else pd.DataFrame()
