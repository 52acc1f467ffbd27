"""Where SCOT was lost, for SpaceNet 7: a section of the report, a page of its own, and a section of a comparison.

The tables that go in are those of ``sn7ml.report.diagnosis``.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sn7ml.metrics.diagnosis import COUNTS, kinds_of, with_gain
from sn7ml.metrics.score import Score
from sn7ml.report import diagnosis as numbers
from sn7ml.report.charts.diagnosis import birth_delays, cost_bars, loss_bars, loss_by_aoi, size_bars
from sn7ml.report.comparison import SAME, ComparedRun
from sn7ml.report.offline import Plot, plot, render
from sn7ml.report.tables import Table, cell, exact, signed, table

DIGITS = 4
"""Of gains in tables, as of the scores that they are differences of."""

GAINS = {"scot": "SCOT", "scot_without": "SCOT without", "gain": "gain"}
NAMES = {**numbers.COUNT_NAMES, **GAINS}
"""Column to what people call it."""


def explains(scores: Sequence[Score]) -> bool:
    """Return True where SCOT is among the scores, so that pages have a section about where it was lost."""
    return any(score.name == "scot" for score in scores)


def lost(losses: pd.DataFrame, births: pd.DataFrame, sizes: pd.DataFrame) -> dict[str, Any] | None:
    """Prepare the tables for the macro ``lost`` of the templates. Without losses, nothing was scored: None."""
    if losses.empty:
        return None
    kinds, aois = numbers.labelled_kinds(losses), losses["aoi"].nunique()
    scot = cell(kinds["scot"].iloc[0]).text
    shown = table(
        kinds[["label", "meaning", *COUNTS, "scot_without", "gain"]].round({"gain": DIGITS}),
        f"Errors of each kind, summed over AOIs, and SCOT without them; it is {scot} today",
        names={"label": "kind", **NAMES},
    )
    by_aoi = "Heat map: what each AOI would gain without each kind of error"
    late = "Bars: births by months late and by what went wrong"
    by_size = "Bars: recall and precision by size of footprint"
    return {
        "scot": scot,
        "aois": aois,
        "kinds": shown,
        "bars": plot("loss-bars", "Bars: SCOT today and without each kind of error", loss_bars(losses)),
        "by_aoi": plot("loss-by-aoi", by_aoi, loss_by_aoi(losses)) if aois > 1 else None,
        "delays": plot("birth-delays", late, birth_delays(births)) if len(births) else None,
        "sizes": plot("size-bars", by_size, size_bars(sizes)) if len(sizes) else None,
    }


def render_diagnosis(losses: pd.DataFrame, births: pd.DataFrame, sizes: pd.DataFrame) -> str:
    """Return the page as HTML text, the same for the same tables. Whatever came from outside is escaped."""
    gains = with_gain(losses).round({"gain": DIGITS})
    by_kind = gains.pivot(index="aoi", columns="kind", values="gain")[kinds_of(gains)].rename(columns=numbers.label_of)
    by_aoi = gains.drop_duplicates("aoi").set_index("aoi")[["scot"]].join(by_kind)
    best_first = by_aoi.sort_values("scot", ascending=False, kind="stable").reset_index()
    errors = gains.loc[gains[COUNTS].any(axis=1), ["aoi", "kind", *NAMES]]
    errors["kind"] = errors["kind"].map(numbers.label_of)
    return render(
        "diagnosis.html.j2",
        title="Where SCOT was lost",
        task="SpaceNet 7: every building, month by month",
        lost=lost(losses, births, sizes),
        gains=table(best_first, "What each AOI would gain without each kind of error", names=GAINS),
        errors=table(errors, "Errors of each AOI and kind", names=NAMES),
    )


def lost_by_each(runs: Sequence[ComparedRun]) -> dict[str, Plot | Table | None]:
    """Prepare what a comparison shows of where its runs lost SCOT; tables are empty for what was not recorded."""
    kinds, (base, *others) = numbers.costs(runs), runs
    scores = {f"costs {run.label}": kinds[f"cost_{run.label}"] for run in runs}
    savings = {f"{run.label} saves": kinds[f"cost_{base.label}"] - kinds[f"cost_{run.label}"] for run in others}
    counts = {f"errors {run.label}": kinds[f"errors_{run.label}"].astype("int64") for run in runs}
    bars = "Bars: SCOT that each kind of error costs each run"
    return {
        "bars": plot("cost-bars", bars, cost_bars(kinds, runs)) if len(kinds) else None,
        "costs": table(
            kinds[["label", "meaning"]].assign(**scores, **savings, **counts),
            "What each kind of error costs, in SCOT, and how many there are",
            names={"label": "kind"},
            cells=dict.fromkeys(scores, exact) | dict.fromkeys(savings, signed),
        ),
        "births": table(numbers.birth_outcomes(runs), "Births by what became of them"),
        "sizes": table(numbers.size_ratios(runs), "Recall and precision by area of the footprint, px², at IoU > 0.25"),
    }


def reasons(winner: ComparedRun, loser: ComparedRun, pairs: pd.DataFrame, gain: float) -> list[str]:
    """Say what explains most of a gain of SCOT: which of its two parts, and which kinds of error.

    ``pairs`` are of :func:`sn7ml.report.comparison.paired`, at least one row; ``gain`` is their mean gain, which is
    below 0 if the winner is the base.
    """
    said = []
    if {"base_tracking", "base_change"} <= set(pairs.columns):
        # + 0.0 turns -0.0 into 0.0
        tracking, change = (math.copysign(1.0, gain) * it + 0.0 for it in numbers.shares_of_gain(pairs).values())
        said.append(
            f"Which part: of {winner.label}'s {abs(gain):+.4f}, {tracking:+.4f} comes from tracking (ids kept from "
            f"month to month) and {change:+.4f} from change (births in the right month)."
        )
    kinds: list[dict[Any, Any]] = numbers.costs([winner, loser]).to_dict("records")
    if not kinds:
        return [*said, "Why: no diagnosis was recorded for both (an older run?); evaluating again records one."]
    saved = [float(kind[f"cost_{loser.label}"] - kind[f"cost_{winner.label}"]) for kind in kinds]
    if max(saved) >= SAME:
        said.append(f"Why: above all {_cost_text(kinds[saved.index(max(saved))], winner, loser)}.")
    else:
        said.append("Why: no kind of error alone costs it less SCOT; see the counts below.")
    if min(saved) <= -SAME:
        said.append(f"Against it: {_cost_text(kinds[saved.index(min(saved))], winner, loser)}.")
    return said


def _cost_text(kind: Mapping[Any, Any], winner: ComparedRun, loser: ComparedRun) -> str:
    sides = []
    for run in (winner, loser):
        errors = int(kind[f"errors_{run.label}"])
        plural = "" if errors == 1 else "s"
        sides.append(f"{run.label} {kind[f'cost_{run.label}']:.4f} of SCOT ({errors:,} error{plural})")
    return f"{kind['label']}, which cost {sides[0]} and {sides[1]}"
