"""Where SCOT was lost, for SpaceNet 7: a section of the report, a page of its own, and a section of a comparison.

The tables that go in, and what they may lack, are those of ``sn7ml.report.diagnosis``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sn7ml.core.runtime.files import write_text
from sn7ml.metrics.diagnosis import COUNTS, kinds_of, with_gain
from sn7ml.metrics.score import Score
from sn7ml.report.charts.diagnosis import birth_delays, cost_bars, loss_bars, loss_by_aoi, size_bars
from sn7ml.report.comparison import SAME, ComparedRun
from sn7ml.report.diagnosis import (
    COUNT_NAMES,
    birth_outcomes,
    costs,
    label_of,
    labelled_kinds,
    shares_of_gain,
    size_ratios,
)
from sn7ml.report.offline import Plot, plot, render
from sn7ml.report.tables import Table, cell, exact, signed, table

DIGITS = 4
"""Of gains in tables: their last digits are those of two scores' difference."""

GAIN_NAMES = {"scot": "SCOT", "scot_without": "SCOT without", "gain": "gain"}


def explains(scores: Sequence[Score]) -> bool:
    """Return True where SCOT is among the scores, so that pages have a section about where it was lost."""
    return any(score.name == "scot" for score in scores)


@dataclass(frozen=True)
class Lost:
    """What a page says about where SCOT was lost."""

    scot: str
    """As it is, the mean over AOIs."""

    aois: int
    bars: Plot
    kinds: Table

    by_aoi: Plot | None
    """None if there is one AOI only."""

    delays: Plot | None
    """None without births."""

    sizes: Plot | None


def lost(losses: pd.DataFrame, births: pd.DataFrame, sizes: pd.DataFrame) -> Lost | None:
    """Prepare the tables for the macro ``lost`` of the templates. Without losses, nothing was scored: None."""
    if losses.empty:
        return None
    kinds, aois = labelled_kinds(losses), losses["aoi"].nunique()
    scot = cell(kinds["scot"].iloc[0]).text
    shown = kinds[["label", "meaning", *COUNTS, "scot_without", "gain"]].round({"gain": DIGITS})
    by_aoi = "Heat map: what each AOI would gain without each kind of error"
    return Lost(
        scot=scot,
        aois=aois,
        bars=plot("loss-bars", "Bars: SCOT today and without each kind of error", loss_bars(losses)),
        kinds=table(
            shown,
            f"Errors of each kind, summed over AOIs, and SCOT without them; it is {scot} today",
            names={"label": "kind", **COUNT_NAMES, **GAIN_NAMES},
        ),
        by_aoi=plot("loss-by-aoi", by_aoi, loss_by_aoi(losses)) if aois > 1 else None,
        delays=plot("birth-delays", "Bars: births by months late and by what went wrong", birth_delays(births))
        if len(births)
        else None,
        sizes=plot("size-bars", "Bars: recall and precision by size of footprint", size_bars(sizes))
        if len(sizes)
        else None,
    )


def write_diagnosis(path: Path, losses: pd.DataFrame, births: pd.DataFrame, sizes: pd.DataFrame) -> None:
    """Write one HTML page that opens offline; parent folders are made. The same tables give the same bytes."""
    write_text(path, render_diagnosis(losses, births, sizes))


def render_diagnosis(losses: pd.DataFrame, births: pd.DataFrame, sizes: pd.DataFrame) -> str:
    """Return the page as HTML text. Whatever came from outside is escaped."""
    gains = with_gain(losses).round({"gain": DIGITS})
    by_kind = gains.pivot(index="aoi", columns="kind", values="gain")[kinds_of(gains)].rename(columns=label_of)
    by_aoi = gains.drop_duplicates("aoi").set_index("aoi")[["scot"]].join(by_kind)
    errors = gains.loc[gains[COUNTS].any(axis=1), ["aoi", "kind", *COUNTS, *GAIN_NAMES]]
    return render(
        "diagnosis.html.j2",
        title="Where SCOT was lost",
        task="SpaceNet 7: every building, month by month",
        lost=lost(losses, births, sizes),
        gains=table(
            by_aoi.sort_values("scot", ascending=False, kind="stable").reset_index(),
            "What each AOI would gain without each kind of error",
            names=GAIN_NAMES,
        ),
        errors=table(
            errors.assign(kind=errors["kind"].map(label_of)),
            "Errors of each AOI and kind",
            names={**COUNT_NAMES, **GAIN_NAMES},
        ),
    )


@dataclass(frozen=True)
class LostByEach:
    """What a comparison says about where its runs lost SCOT; None for what no run recorded."""

    bars: Plot | None
    costs: Table | None
    births: Table | None
    sizes: Table | None


def lost_by_each(runs: Sequence[ComparedRun]) -> LostByEach:
    """Prepare the tables of several runs for the section of their page."""
    kinds, births, sizes = costs(runs), birth_outcomes(runs), size_ratios(runs)
    ratios = "Recall and precision by area of the footprint, px², at IoU > 0.25"
    return LostByEach(
        bars=plot("cost-bars", "Bars: SCOT that each kind of error costs each run", cost_bars(kinds, runs))
        if len(kinds)
        else None,
        costs=_cost_table(kinds, runs) if len(kinds) else None,
        births=table(births, "Births by what became of them") if len(births) else None,
        sizes=table(sizes, ratios) if len(sizes) else None,
    )


def _cost_table(kinds: pd.DataFrame, runs: Sequence[ComparedRun]) -> Table:
    """Show what each kind of error costs each run, what the others save of the first run's costs, and how many there are."""
    base, *others = runs
    scores = {f"costs {run.label}": kinds[f"cost_{run.label}"] for run in runs}
    savings = {f"{run.label} saves": kinds[f"cost_{base.label}"] - kinds[f"cost_{run.label}"] for run in others}
    counts = {f"errors {run.label}": kinds[f"errors_{run.label}"].astype("int64") for run in runs}
    return table(
        kinds[["label", "meaning"]].assign(**scores, **savings, **counts),
        "What each kind of error costs, in SCOT, and how many there are",
        names={"label": "kind"},
        cells=dict.fromkeys(scores, exact) | dict.fromkeys(savings, signed),
    )


def reasons(winner: ComparedRun, loser: ComparedRun, pairs: pd.DataFrame, gain: float) -> list[str]:
    """Say what explains most of a gain of SCOT: which of its two parts, and which kinds of error.

    Parameters
    ----------
    winner, loser
        The runs, by their scores.
    pairs
        Of :func:`sn7ml.report.comparison.paired`; at least one row.
    gain
        Mean gain in ``pairs``; below 0 if the winner is the base.
    """
    said = []
    if {"base_tracking", "base_change"} <= set(pairs.columns):
        # + 0.0 makes a plain zero of -0.0
        shares = {name: math.copysign(1.0, gain) * share + 0.0 for name, share in shares_of_gain(pairs).items()}
        said.append(
            f"Which part: of {winner.label}'s {abs(gain):+.4f}, {shares['tracking']:+.4f} comes from tracking (ids kept from "
            f"month to month) and {shares['change']:+.4f} from change (births in the right month)."
        )
    kinds: list[dict[Any, Any]] = costs([winner, loser]).to_dict("records")
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
    sides = [
        f"{run.label} {kind[f'cost_{run.label}']:.4f} of SCOT ({errors:,} error{'' if errors == 1 else 's'})"
        for run in (winner, loser)
        for errors in [int(kind[f"errors_{run.label}"])]
    ]
    return f"{kind['label']}, which cost {sides[0]} and {sides[1]}"
