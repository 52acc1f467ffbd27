"""Pictures of the model of births: series with their fitted change, and a map of births beside the truth."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
import shapely
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from sn7ml.core.schemas import TRACKS
from sn7ml.outputs.tracking.births import Levels
from sn7ml.report.maps.drawing import SMALL, plain
from sn7ml.report.palette import BORN, GROUND, INK, LINE, MAP_GROUND, OLD, RIM, SERIES, SOFT, TRUTH

WIDTH_IN, DPI = 10.4, 110
"""A picture fills a page of documentation, and is sharp there."""

PERCENT = (0.01, 0.1, 0.5, 0.9, 0.99)
"""Probabilities named on an axis of log-odds."""

NO_EVIDENCE = "#d3d6da"
BEFORE, AFTER = SERIES[4], SERIES[1]
MONTH_TICK = 6
WHOSE = {"truth": "truth_id", "found": "prop_id"}
"""Panel of the map to the column of ``Diagnosis.births`` that names its buildings."""

DELAY = "months late (below 0: early)"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One candidate, what the model makes of it, and what is true of it."""

    title: str

    verdict: str
    """The decision in words: a second line of the title."""

    series: Floats
    """(months,) mean footprint probability; NaN where there is no evidence."""

    posterior: Floats
    """(months + 1,): born in each month (the first: stands from the start), and, last, never (``births.Births``)."""

    birth: int
    """Index of the month from which it is taken to stand; 0 always, the number of months never."""

    truth: int
    """The same of the truth."""

    alone: Floats | None = None
    """The posterior if neighbours had no say; None if that is not to be drawn."""


def cases_figure(cases: Sequence[Case], months: Sequence[str], levels: Levels, min_probability: float) -> Figure:
    """Draw the series of each candidate over the posterior of its month of birth.

    Above: log-odds by month on the two levels of the model. Below: the posterior.

    Parameters
    ----------
    cases
        At least one; two to a row.
    months
        Their names, as many as the series are long.
    levels
        Those the cases were judged by.
    min_probability
        Above it a birth is declared.
    """
    rows = math.ceil(len(cases) / 2)
    figure = Figure(
        figsize=(WIDTH_IN, 2.9 * rows + 1),
        dpi=DPI,
        facecolor=GROUND,
        layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.06),
    )
    panels, key = np.asarray(figure.subfigures(2, 1, height_ratios=(2.9 * rows, 1))).tolist()
    for case, place in zip(cases, panels.subfigures(rows, 2, squeeze=False).ravel(), strict=False):
        above, below = place.subplots(2, 1, sharex=True, height_ratios=(1.5, 1))
        _draw_series(above, case, levels)
        _draw_posterior(below, case, months, min_probability)
    key.legend(handles=_key(min_probability), loc="center", ncols=3, frameon=False, fontsize=SMALL, labelcolor=INK)
    return figure


def _draw_series(axes: Axes, case: Case, levels: Levels) -> None:
    plain(axes)
    axes.grid(axis="y", color=LINE, linewidth=0.7)
    axes.set_title(case.title, loc="left", fontsize=10, color=INK, pad=18, fontweight="bold", parse_math=False)
    axes.text(0, 1.04, case.verdict, transform=axes.transAxes, fontsize=SMALL, color=SOFT, parse_math=False)
    count = len(case.series)
    for start, stop, level, spread, colour in (
        (-0.5, case.birth - 0.5, levels.before, levels.before_spread, BEFORE),
        (case.birth - 0.5, count - 0.5, levels.after, levels.after_spread, AFTER),
    ):
        if stop > start:
            axes.fill_between([start, stop], level - spread, level + spread, color=colour, alpha=0.16, linewidth=0)
            axes.plot([start, stop], [level, level], color=colour, linewidth=2)
    axes.plot(np.arange(count), _odds(case.series), "o-", color=SERIES[0], markersize=4.2, linewidth=0.9, zorder=3)
    for month in np.flatnonzero(np.isnan(case.series)):
        axes.axvspan(month - 0.5, month + 0.5, color=NO_EVIDENCE, linewidth=0)
    axes.set_ylim(-6.6, 5.2)
    axes.set_yticks(_odds(np.array(PERCENT)), labels=[f"{value:.0%}" for value in PERCENT])
    axes.tick_params(axis="x", bottom=False, labelbottom=False)
    _mark_truth(axes, case)


def _draw_posterior(axes: Axes, case: Case, months: Sequence[str], min_probability: float) -> None:
    plain(axes)
    axes.grid(axis="y", color=LINE, linewidth=0.7)
    count = len(case.series)
    static = np.isin(np.arange(count + 1), (0, count))
    axes.bar(np.arange(count + 1), case.posterior, width=0.8, color=np.where(static, OLD, BORN).tolist(), zorder=2)
    if case.alone is not None:
        axes.step(
            np.arange(-0.5, count + 1), np.append(case.alone, case.alone[-1]), INK, where="post", linewidth=1, zorder=3
        )
    axes.plot([0.5, count - 0.5], [min_probability] * 2, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=3)
    axes.set_xlim(-0.7, count + 0.7)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.5, 1], labels=["0", "0.5", "1"])
    ticks = [0, *range(MONTH_TICK, count, MONTH_TICK), count]
    names = ["always", *(months[month] for month in ticks[1:-1]), "never"]
    axes.set_xticks(ticks, labels=names)
    _mark_truth(axes, case)


def _mark_truth(axes: Axes, case: Case) -> None:
    axes.axvline(case.truth, color=TRUTH, linewidth=1.6, linestyle=(0, (1, 1)), zorder=1)


def _key(min_probability: float) -> list[Line2D | Patch]:
    def line(colour: str, label: str, **look: object) -> Line2D:
        return Line2D([], [], color=colour, label=label, **look)  # type: ignore[arg-type]

    return [
        line(SERIES[0], "footprint probability of a month", marker="o", markersize=4.2, linewidth=0.9),
        line(BEFORE, "level while nothing stands there, ± spread", linewidth=2),
        line(AFTER, "level once the building stands, ± spread", linewidth=2),
        Patch(color=BORN, label="posterior of the month of birth"),
        Patch(color=OLD, label="posterior of always and never"),
        line(INK, "posterior without neighbours, where drawn", linewidth=1),
        line(INK, f"above {min_probability:g} a birth is declared", linewidth=0.9, linestyle=(0, (4, 3))),
        line(TRUTH, "the truth", linewidth=1.6, linestyle=(0, (1, 1))),
        Patch(color=NO_EVIDENCE, label="no evidence (cloud)"),
    ]


def _odds(probability: Floats) -> Floats:
    """Log-odds as they are drawn: 0 and 1 lie on the frame's edge, not at infinity."""
    inside = np.clip(probability, 0.002, 0.994)
    return np.asarray(np.log(inside / (1 - inside)), dtype=np.float64)


def births_figure(truth: pd.DataFrame, found: pd.DataFrame, months: Sequence[str], births: pd.DataFrame) -> Figure:
    """Draw true and found buildings side by side, coloured by the month of birth; grey stands from the first month on.

    Parameters
    ----------
    truth, found
        ``TRACKS``; of each id the last outline is drawn, without holes. No rows give an empty map.
    months
        All months of the AOI in order.
    births
        ``Diagnosis.births``: buildings whose birth is not right get a thick rim, and how many months they were found
        too late or too early.
    """
    figure = Figure(figsize=(WIDTH_IN, 4.3), dpi=DPI, facecolor=GROUND, layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    wrong = births[births["outcome"] != "found"]
    for axes, tracks, name in ((left, truth, "truth"), (right, found, "found")):
        last = last_outlines(tracks)
        born = int((last["birth_month"] != months[0]).sum())
        axes.set_title(f"{name}: {len(last)} buildings, {born} born", loc="left", fontsize=10, color=INK)
        axes.set(aspect="equal", facecolor=MAP_GROUND, xlabel="column, px")
        axes.tick_params(labelsize=SMALL, labelcolor=INK)
        shapes = [shapely.get_coordinates(geometry.exterior) for geometry in last["geometry"]]
        bad = last["id"].isin(wrong[WHOSE[name]]).to_numpy()
        axes.add_collection(
            PolyCollection(
                shapes, facecolors=[birth_colour(month, months) for month in last["birth_month"]],
                edgecolors=np.where(bad, SERIES[2], RIM).tolist(), linewidths=np.where(bad, 2.2, 0.3).tolist(),
            )
        )  # fmt: skip
        axes.autoscale_view()
    _write_delays(right, found, wrong)
    left.set_ylabel("row, px")
    left.invert_yaxis()
    figure.legend(
        handles=[
            Patch(facecolor=OLD, edgecolor=RIM, linewidth=0.3, label="stands from the start"),
            Patch(
                facecolor="none", edgecolor=SERIES[2], linewidth=2.2, label="birth not found (truth), not right (found)"
            ),
            Line2D(
                [], [], color="none", marker="$-1$", markerfacecolor=INK, markeredgewidth=0, markersize=10, label=DELAY
            ),
        ],
        loc="outside lower left", ncols=3, frameon=False, fontsize=SMALL, labelcolor=INK,
    )  # fmt: skip
    _add_bar(figure, [left, right], months)
    return figure


def _write_delays(axes: Axes, found: pd.DataFrame, wrong: pd.DataFrame) -> None:
    last = last_outlines(found)
    centres = dict(zip(last["id"], shapely.centroid(last["geometry"].to_numpy(dtype=object)), strict=True))
    timed = wrong[wrong["prop_id"].isin(last["id"]) & wrong["months_late"].notna() & (wrong["months_late"] != 0)]
    rim = [withStroke(linewidth=1.6, foreground=INK)]
    for building, months in zip(timed["prop_id"], timed["months_late"], strict=True):
        x, y = centres[building].x, centres[building].y
        axes.text(x, y, f"{months:+.0f}", ha="center", va="center", fontsize=6.5, color="white", path_effects=rim)


def last_outlines(tracks: pd.DataFrame) -> pd.DataFrame:
    """Return the last row of each id of ``TRACKS``; those without a shape are left out."""
    last = tracks.sort_values(["time", "id"], kind="stable").drop_duplicates("id", keep="last")
    shaped = last[[not geometry.is_empty for geometry in last["geometry"]]]
    return shaped if len(shaped) else TRACKS.empty()


def birth_colour(month: str, months: Sequence[str]) -> str:
    """Return the colour of a month of birth: grey for the first, then dark to bright, the same for all maps of an AOI.

    >>> birth_colour("2018-01", ["2018-01", "2018-02"]) == OLD
    True
    """
    place = list(months).index(month)
    return OLD if place == 0 else _ramp(len(months) - 1)[place - 1]


def _ramp(count: int) -> list[str]:
    return [mpl.colors.to_hex(colour) for colour in mpl.colormaps["plasma"](np.linspace(0.02, 0.95, max(count, 1)))]


def _add_bar(figure: Figure, axes: list[Axes], months: Sequence[str]) -> None:
    """Add the key of colours: a step per month of birth."""
    count = len(months) - 1
    if count < 1:
        return
    steps = ScalarMappable(BoundaryNorm(np.arange(0.5, count + 1), count), ListedColormap(_ramp(count)))
    ticks = list(range(1, count + 1, max(1, count // 7)))
    bar = figure.colorbar(steps, ax=axes, shrink=0.8, pad=0.015, ticks=ticks)
    bar.ax.set_yticklabels([months[tick] for tick in ticks], fontsize=SMALL, color=INK)
    bar.ax.tick_params(which="both", length=0)
    bar.ax.set_title("born in", fontsize=SMALL, color=INK, loc="left")
    bar.outline.set_visible(False)
