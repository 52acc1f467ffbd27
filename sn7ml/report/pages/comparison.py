"""One HTML page about two runs or more: which is better, where and why. Opens offline, prints, same bytes for same runs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sn7ml.core.runtime.files import write_text
from sn7ml.report.charts import comparison as charts
from sn7ml.report.charts.scores import SCORES
from sn7ml.report.comparison import (
    PAIRED,
    ComparedRun,
    birth_outcomes,
    costs,
    differing,
    paired,
    size_ratios,
)
from sn7ml.report.maps.overlays import GAP_PX, Picture, from_png, to_png
from sn7ml.report.offline import Plot, data_uri, plot, render
from sn7ml.report.pages.comparison_text import Verdict, verdict
from sn7ml.report.tables import NOTHING, Cell, Grid, cell, grid

DIGITS = 4
"""Of scores and differences: two good runs may lie close together."""

SHORT = 7
"""Characters of a run id that tell it from others."""


@dataclass(frozen=True)
class Comparison:
    """All that a page shows."""

    runs: Sequence[ComparedRun]
    """Two or more, each with a SCOT; all are held against the first."""

    objections: Sequence[str] = ()
    """Why their scores cannot be compared; none if they can."""

    split: str = "test"
    """What was scored, as people read it."""


@dataclass(frozen=True)
class Strip:
    """One window in one month: what is there, and what each run found."""

    month: str
    heads: Sequence[str]
    """What stands below each panel."""
    uri: str


@dataclass(frozen=True)
class PairSection:
    """A run beside the first one, AOI by AOI."""

    title: str
    chart: Plot
    table: Grid


def write_comparison(path: Path, comparison: Comparison) -> None:
    """Write the page; parent folders are made. The same content gives the same bytes."""
    write_text(path, render_comparison(comparison))


def verdicts(comparison: Comparison) -> list[Verdict]:
    """Return what is said of every run beside the first one."""
    base, *others = comparison.runs
    return [verdict(base, other, comparison.objections) for other in others]


def render_comparison(comparison: Comparison) -> str:
    """Return the page as HTML text. Whatever came from outside is escaped."""
    runs = comparison.runs
    lost = costs(runs)
    return render(
        "compare.html.j2",
        title=" beside ".join(f"{run.label} ({run.run_id[:SHORT]})" for run in runs),
        split=comparison.split,
        verdicts=verdicts(comparison),
        origins=_origins(runs),
        scores=_scores(runs),
        pairs=_pairs(runs),
        costs=_costs(lost, runs),
        bars=plot("cost-bars", "Bars: SCOT that each kind of error costs each run", charts.cost_bars(lost, runs))
        if len(lost)
        else None,
        births=_side_table(birth_outcomes(runs), "Births by what became of them"),
        sizes=_side_table(size_ratios(runs), "Recall and precision by area of the footprint, px², at IoU > 0.25"),
        overlays=_overlays(runs),
        curves=_curves(runs),
        params=_params(runs),
    )


def _origins(runs: Sequence[ComparedRun]) -> Grid:
    keys = dict.fromkeys(key for run in runs for key in run.origin)
    rows = [[Cell("run", None), *(Cell(run.run_id, None) for run in runs)]]
    rows += [[Cell("name", None), *(Cell(run.name, None) for run in runs)]]
    rows += [[Cell(key, None), *(Cell(run.origin.get(key, ""), None) for run in runs)] for key in keys]
    return Grid("Where they come from", ["", *(run.label for run in runs)], rows)


def _scores(runs: Sequence[ComparedRun]) -> Grid:
    """Show every score, the first run's and then each other's with its difference to it."""
    base, *others = runs
    known = [name for name in SCORES if any(name in run.scores for run in runs)]
    names = [*known, *sorted({name for run in runs for name in run.scores} - set(known))]
    headers = ["score", base.label, *(text for run in others for text in (run.label, f"{run.label} − {base.label}"))]
    rows = []
    for name in names:
        first = base.scores.get(name, math.nan)
        row = [Cell(SCORES.get(name, name), None), _number(first)]
        for run in others:
            value = run.scores.get(name, math.nan)
            row += [_number(value), signed(value - first)]
        rows.append(row)
    return Grid("Scores over all AOIs", headers, rows)


def _pairs(runs: Sequence[ComparedRun]) -> list[PairSection]:
    base, *others = runs
    sections = []
    for place, other in enumerate(others, start=1):
        pairs = paired(base, other)
        if pairs.empty:
            continue
        label = f"Points: SCOT of {base.label} and {other.label} on every AOI"
        chart = plot(f"pairs-{place}", label, charts.aoi_pairs(pairs, (base, other), (0, place)))
        names = [name for name in PAIRED if f"gain_{name}" in pairs]
        headers = ["aoi", f"SCOT {base.label}", f"SCOT {other.label}", *(f"Δ {SCORES[name]}" for name in names)]
        rows = [
            [Cell(str(row["aoi"]), None), _number(row["base_scot"]), _number(row["other_scot"])]
            + [signed(row[f"gain_{name}"]) for name in names]
            for row in pairs.to_dict("records")
        ]
        caption = f"Δ: {other.label} less {base.label}; the AOI that gains most comes first"
        sections.append(PairSection(f"{other.label} beside {base.label}", chart, Grid(caption, headers, rows)))
    return sections


def _costs(table: pd.DataFrame, runs: Sequence[ComparedRun]) -> Grid | None:
    if table.empty:
        return None
    base, *others = runs
    headers = ["kind", "meaning", *(f"costs {run.label}" for run in runs)]
    headers += [*(f"{run.label} saves" for run in others), *(f"errors {run.label}" for run in runs)]
    rows = []
    for row in table.to_dict("records"):
        cells = [Cell(row["label"], None), Cell(row["meaning"], None)]
        cells += [_number(row[f"cost_{run.label}"]) for run in runs]
        cells += [signed(row[f"cost_{base.label}"] - row[f"cost_{run.label}"]) for run in others]
        rows.append([*cells, *(cell(int(row[f"errors_{run.label}"])) for run in runs)])
    return Grid("What each kind of error costs, in SCOT, and how many there are", headers, rows)


def _side_table(table: pd.DataFrame, caption: str) -> Grid | None:
    return grid(table, caption) if len(table) else None


def _curves(runs: Sequence[ComparedRun]) -> list[Plot]:
    if all(run.history.empty for run in runs):
        return []
    return [
        plot("curve-loss", "Curves: training and validation loss of every run by epoch", charts.losses_by_epoch(runs)),
        plot(
            "curve-quality",
            "Curves: pixel score on validation tiles of every run by epoch",
            charts.quality_by_epoch(runs),
        ),
    ]


def _params(runs: Sequence[ComparedRun]) -> Grid | None:
    found = differing([run.params for run in runs])
    if not found:
        return None
    rows = [
        [Cell(key, None), *(Cell("not set" if value is None else value, None) for value in side)]
        for key, side in found.items()
    ]
    return Grid("Params that differ", ["param", *(run.label for run in runs)], rows)


def _overlays(runs: Sequence[ComparedRun]) -> dict[str, list[Strip]]:
    """AOI to its windows, those that every run has a picture of."""
    common = sorted(set.intersection(*(set(run.overlays) for run in runs)))
    strips: dict[str, list[Strip]] = {}
    for aoi, step in common:
        month = next((run.months[aoi, step] for run in runs if (aoi, step) in run.months), f"frame {step}")
        strips.setdefault(aoi, []).extend(_strips(month, {run.label: run.overlays[aoi, step] for run in runs}))
    return strips


def _strips(month: str, pictures: Mapping[str, bytes]) -> list[Strip]:
    """Show the ground once and every run's finds beside it; where the ground is not the same, each run's own picture."""
    panels = {label: _panels(from_png(png)) for label, png in pictures.items()}
    first, *rest = panels.values()
    if all(np.array_equal(first[0], other[0]) and np.array_equal(first[1], other[1]) for other in rest):
        shown = [first[0], first[1], *(found for _, _, found in panels.values())]
        return [Strip(month, ["image", "truth", *panels], data_uri(to_png(_joined(shown))))]
    return [
        Strip(f"{month}, {label}", [f"image {label}", f"truth {label}", label], data_uri(png))
        for label, png in pictures.items()
    ]


def _panels(picture: Picture) -> tuple[Picture, Picture, Picture]:
    """Cut a triptych into image, truth and prediction."""
    width = (picture.shape[1] - 2 * GAP_PX) // 3
    starts = [place * (width + GAP_PX) for place in range(3)]
    image, truth, found = (picture[:, start : start + width] for start in starts)
    return image, truth, found


def _joined(panels: Sequence[Picture]) -> Picture:
    gap = np.full((panels[0].shape[0], GAP_PX, 3), 255, np.uint8)
    row = [part for panel in panels for part in (gap, panel)]
    return np.concatenate(row[1:], axis=1)


def _number(value: float) -> Cell:
    return Cell(NOTHING, None) if math.isnan(value) else Cell(f"{value:.{DIGITS}f}", value)


def signed(value: float) -> Cell:
    """Show a difference with its sign.

    >>> signed(0.02631).text, signed(-0.5).text, signed(0.0).text, signed(float("nan")).text
    ('+0.0263', '-0.5000', '0', '–')
    """
    if math.isnan(value):
        return Cell(NOTHING, None)
    return Cell(f"{value:+.{DIGITS}f}" if value else "0", value)
