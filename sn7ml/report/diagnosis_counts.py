"""What the pictures of a diagnosis show: sums over AOIs under the names people read, and the axes that hold them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from sn7ml.metrics.diagnosis import COUNTS, KINDS, by_kind
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
    Group("right month, wrong place", SERIES[3], {"misplaced": ("misplaced", "right month, but its footprint fits only later")}),
    Group("early or late", SERIES[0], {"early": ("early", "found before it appeared"), "late": ("late", "found only later")}),
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
"""Ratio to its part, its whole, its colour, and what it says."""


def label_of(kind: str) -> str:
    """Return a kind of error as people read it.

    >>> label_of("missed_footprints")
    'missed footprints'
    """
    return kind.replace("_", " ")


def labelled_kinds(losses: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`sn7ml.metrics.diagnosis.by_kind` with label and meaning after the kind; an unknown kind means ''."""
    rows = by_kind(losses)
    rows.insert(1, "label", [label_of(kind) for kind in rows["kind"]])
    rows.insert(2, "meaning", [KINDS.get(kind, "") for kind in rows["kind"]])
    return rows


def by_delay(births: pd.DataFrame, group: Group) -> pd.DataFrame:
    """Count the births of a group of :data:`TIMED` by months late: months (int, ascending), births."""
    late = births.loc[births["outcome"].isin(list(group.outcomes)), "months_late"].astype("float64").dropna()
    counts = late.round().astype("int64").value_counts().sort_index()
    return pd.DataFrame({"months": counts.index.to_numpy(), "births": counts.to_numpy()})


def by_outcome(births: pd.DataFrame, group: Group) -> pd.DataFrame:
    """Count the births of a group by outcome, those that exist, in order: outcome, label, meaning, births."""
    counts = births["outcome"].value_counts()
    rows = [(name, *texts, int(counts[name])) for name, texts in group.outcomes.items() if name in counts.index]
    return pd.DataFrame(rows, columns=["outcome", "label", "meaning", "births"])


def by_size(sizes: pd.DataFrame) -> pd.DataFrame:
    """Add up footprints over AOIs: a row per size class, in order of first appearance, with recall and precision.

    A ratio of nothing is NaN: such a class has no bar.
    """
    counts = ["truth", "truth_matched", "proposals", "proposals_matched"]
    table = sizes.astype(dict.fromkeys(counts, "int64")).groupby("size", sort=False)[counts].sum().reset_index()
    table["recall"] = table["truth_matched"] / table["truth"]
    table["precision"] = table["proposals_matched"] / table["proposals"]
    return table


def gain_texts(table: pd.DataFrame) -> list[str]:
    """Say what stands beside the bars of a table of :func:`labelled_kinds`."""
    errors = table[COUNTS].sum(axis=1)
    return [_gain_text(gain, count) for gain, count in zip(table["gain"], errors, strict=True)]


def _gain_text(gain: float, errors: int) -> str:
    """Tell errors that cost nothing from no errors.

    >>> _gain_text(0.0312, 7), _gain_text(0.00012, 7), _gain_text(0.0, 7), _gain_text(0.0, 0)
    ('+0.031', '+0.0001', 'costs nothing', 'none')
    """
    if errors == 0:
        return "none"
    if gain <= 0:
        return "costs nothing"
    return f"+{gain:.3f}" if gain >= 0.0005 else f"+{gain:.1g}"


def reach(table: pd.DataFrame) -> float:
    """Return the end of the axis of SCOT: room for the best of ``scot_without`` and the words beside its bar."""
    return 1.2 * max(table["scot_without"].max(), 0.05) if len(table) else 1.0


def ticks_up_to(end: float) -> list[float]:
    """Return round numbers from 0 to ``end``, but not beyond SCOT's 1.

    >>> ticks_up_to(0.33), ticks_up_to(1.2)
    ([0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3], [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    """
    last = min(end, 1.0)
    step = next((step for step in (0.01, 0.02, 0.05, 0.1) if last / step <= 7), 0.2)
    return [round(place * step, 2) for place in range(int(last / step + 1e-9) + 1)]


def span(delays: Sequence[pd.DataFrame]) -> tuple[int, int]:
    """Return the first and last month of tables of :func:`by_delay`; 0 and a month on either side are always in it."""
    months = [int(month) for table in delays for month in table["months"]]
    return min([-1, *months]), max([1, *months])


def totals(delays: Sequence[pd.DataFrame]) -> pd.Series:
    """Add up tables of :func:`by_delay`: months (the index, ascending) to births."""
    return pd.concat(delays).groupby("months")["births"].sum().sort_index()
