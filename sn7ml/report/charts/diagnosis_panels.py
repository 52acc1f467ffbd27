"""One picture of a diagnosis, drawn by matplotlib: MLflow and documents show PNGs (the numbers: ``sn7ml.report.diagnosis``)."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from sn7ml.report.diagnosis import (
    RATIOS,
    TIMED,
    UNTIMED,
    by_delay,
    by_outcome,
    by_size,
    end_of_axis,
    gain_texts,
    labelled_kinds,
    months_shown,
    most_births,
    ticks_up_to,
)
from sn7ml.report.maps.drawing import SMALL, plain, png
from sn7ml.report.palette import GROUND, INK, LINE, OLD, SERIES, SOFT

ON_GROUND = {"facecolor": GROUND, "edgecolor": "none", "pad": 1}
"""Words are not crossed by the grid."""

LABELLED_MONTHS = 9
"""So many months have room for their counts."""


def draw_diagnosis(losses: pd.DataFrame, births: pd.DataFrame, sizes: pd.DataFrame) -> bytes:
    """Draw losses, births and sizes in one PNG, 1000 px wide. The same tables give the same bytes."""
    figure = Figure(figsize=(10, 8.4), dpi=100, facecolor=GROUND, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1))
    above, below = np.asarray(figure.subfigures(2, 1, height_ratios=(1.05, 1))).tolist()
    _draw_losses(above.add_subplot(), losses)
    left, middle, right = below.subplots(1, 3, width_ratios=(1.25, 0.95, 1.1))
    delays, outcomes = [by_delay(births, group) for group in TIMED], [by_outcome(births, group) for group in UNTIMED]
    _draw_delays(left, delays)
    _draw_outcomes(middle, outcomes)
    for axes in (left, middle) if len(births) else ():
        axes.set_ylim(0, 1.12 * most_births(delays, outcomes))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    _draw_sizes(right, sizes)
    return png(figure)


def _draw_losses(axes: Axes, losses: pd.DataFrame) -> None:
    """Draw SCOT as it is, and beyond it what it would be without each kind of error, the first kind on top."""
    table, aois = labelled_kinds(losses), losses["aoi"].nunique()
    if table.empty:
        _say_nothing(axes, "Where SCOT was lost", "nothing was scored")
        return
    over = f"the mean over {aois} AOIs" if aois > 1 else "one AOI"
    _dress(axes, f"Where SCOT was lost: {table['scot'].iloc[0]:.3f} today, {over}", "x")
    rows, end = list(range(len(table))), end_of_axis(table)
    axes.barh(rows, table["scot"], color=OLD, alpha=0.5, height=0.66, label="SCOT today")
    axes.barh(
        rows, table["gain"], left=table["scot"], color=SERIES[0], height=0.66, label="more without errors of this kind"
    )
    for row, place, text in zip(rows, table["scot_without"], gain_texts(table), strict=True):
        axes.text(place + 0.008 * end, row, text, va="center", fontsize=SMALL, color=INK, bbox=ON_GROUND)
    axes.set_yticks(rows, labels=table["label"], parse_math=False)
    axes.set(ylim=(len(table) - 0.4, -0.6), xlim=(0, end), xticks=ticks_up_to(end))
    _explain(axes, columns=2, y=-0.1)


def _draw_delays(axes: Axes, delays: Sequence[pd.Series]) -> None:
    """Stack reported births by months late, their sums on top where there is room."""
    _dress(axes, "Births by months late", "y")
    drawn = pd.Series(dtype="int64")
    for group, counts in zip(TIMED, delays, strict=True):
        if len(counts):
            below = drawn.reindex(counts.index, fill_value=0)
            axes.bar(counts.index, counts, bottom=below, color=group.colour, width=0.8, label=group.label)
        drawn = drawn.add(counts, fill_value=0)
    if len(drawn) <= LABELLED_MONTHS:
        _write_counts(axes, drawn.index.tolist(), drawn.tolist())
    first, last = months_shown(delays)
    axes.set_xlim(first - 0.6, last + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=9))
    axes.set_xlabel("months late (below 0: early)", fontsize=SMALL, color=SOFT)
    _explain(axes, columns=1, y=-0.19)


def _draw_outcomes(axes: Axes, outcomes: Sequence[pd.DataFrame]) -> None:
    """Draw births without a delay, a bar per outcome."""
    _dress(axes, "Never, or wrongly reported", "y")
    table = pd.concat(outcomes)
    places = np.arange(len(table))
    for group, theirs in zip(UNTIMED, np.split(places, np.cumsum([len(it) for it in outcomes])[:-1]), strict=True):
        if len(theirs):
            axes.bar(theirs, table["births"].iloc[theirs], color=group.colour, width=0.7, label=group.label)
    _write_counts(axes, places.tolist(), table["births"].tolist())
    if table.empty:
        axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", va="center", color=SOFT)
    axes.set_xticks(places, labels=[label.replace(" ", "\n") for label in table["label"]])
    axes.set_xlim(-0.6, max(len(table), 1) - 0.4)
    axes.tick_params(axis="y", labelleft=False)
    _explain(axes, columns=1, y=-0.19)


def _write_counts(axes: Axes, places: Sequence[float], counts: Sequence[float]) -> None:
    style: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "fontsize": SMALL, "color": INK}
    for place, count in zip(places, counts, strict=True):
        axes.annotate(f"{count:,.0f}", (place, count), (0, 2), **style)


def _draw_sizes(axes: Axes, sizes: pd.DataFrame) -> None:
    """Draw recall and precision by area of the footprint; a class of nothing has no bar."""
    table = by_size(sizes)
    if table.empty:
        _say_nothing(axes, "Footprints by area", "no footprints")
        return
    _dress(axes, "Footprints by area, px²", "y")
    places = np.arange(len(table))
    for (name, (_, _, colour, meaning)), shift in zip(RATIOS.items(), (-0.2, 0.2), strict=True):
        axes.bar(places + shift, table[name].fillna(0), color=colour, width=0.38, label=f"{name} ({meaning})")
    axes.set_xticks(places, labels=table["size"], parse_math=False)
    axes.set_ylim(0, 1)
    _explain(axes, columns=1, y=-0.19)


def _dress(axes: Axes, title: str, along: Literal["x", "y"]) -> None:
    plain(axes, "left" if along == "x" else "bottom")
    axes.set_title(title, loc="left", fontsize=11, color=INK, parse_math=False)
    axes.grid(axis=along, color=LINE, linewidth=0.8)


def _explain(axes: Axes, *, columns: int, y: float) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="upper left", bbox_to_anchor=(0, y), ncols=columns, frameon=False, fontsize=SMALL, labelcolor=INK,
            borderaxespad=0, handlelength=1.2, borderpad=0,
        )  # fmt: skip


def _say_nothing(axes: Axes, title: str, words: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set(facecolor="none", xticks=[], yticks=[])
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=SOFT)
    for spine in axes.spines.values():
        spine.set_color(LINE)
