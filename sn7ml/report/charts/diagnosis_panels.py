"""One picture of a diagnosis, drawn by matplotlib: MLflow and documents show PNGs."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from sn7ml.report import diagnosis as numbers
from sn7ml.report.maps.drawing import SMALL, plain, png
from sn7ml.report.palette import GROUND, INK, LINE, OLD, SERIES, SOFT


def draw_diagnosis(losses: pd.DataFrame, births: pd.DataFrame, sizes: pd.DataFrame) -> bytes:
    """Draw losses, births and sizes in one PNG, 1000 px wide. The same tables give the same bytes."""
    figure = Figure(figsize=(10, 8.4), dpi=100, facecolor=GROUND, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1))
    above, below = np.asarray(figure.subfigures(2, 1, height_ratios=(1.05, 1))).tolist()
    _draw_losses(above.add_subplot(), losses)
    left, middle, right = below.subplots(1, 3, width_ratios=(1.25, 0.95, 1.1))
    counted = numbers.count_births(births)
    _draw_delays(left, counted)
    _draw_outcomes(middle, counted)
    for axes in (left, middle) if len(births) else ():
        axes.set_ylim(0, 1.12 * counted.highest)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    _draw_sizes(right, sizes)
    return png(figure)


def _draw_losses(axes: Axes, losses: pd.DataFrame) -> None:
    table, aois = numbers.labelled_kinds(losses), losses["aoi"].nunique()
    if table.empty:
        _say_nothing(axes, "Where SCOT was lost", "nothing was scored")
        return
    over = f"the mean over {aois} AOIs" if aois > 1 else "one AOI"
    _dress(axes, f"Where SCOT was lost: {table['scot'].iloc[0]:.3f} today, {over}", "x")
    rows, (end, ticks) = list(range(len(table))), numbers.scot_axis(table)
    axes.barh(rows, table["scot"], color=OLD, alpha=0.5, height=0.66, label="SCOT today")
    axes.barh(
        rows, table["gain"], left=table["scot"], color=SERIES[0], height=0.66, label="more without errors of this kind"
    )
    on_ground = {"facecolor": GROUND, "edgecolor": "none", "pad": 1}  # the grid does not cross the words
    for row, place, text in zip(rows, table["scot_without"], numbers.gain_texts(table), strict=True):
        axes.text(place + 0.008 * end, row, text, va="center", fontsize=SMALL, color=INK, bbox=on_ground)
    axes.set_yticks(rows, labels=table["label"], parse_math=False)
    axes.set(ylim=(len(table) - 0.4, -0.6), xlim=(0, end), xticks=ticks)
    _explain(axes, columns=2, y=-0.1)


def _draw_delays(axes: Axes, counted: numbers.BirthCounts) -> None:
    _dress(axes, "Births by months late", "y")
    drawn = pd.Series(dtype="int64")
    for group, counts in counted.delays:
        if len(counts):
            below = drawn.reindex(counts.index, fill_value=0)
            axes.bar(counts.index, counts, bottom=below, color=group.colour, width=0.8, label=group.label)
        drawn = drawn.add(counts, fill_value=0)
    if len(counted.stacked) <= 9:  # more bars have no room for their counts
        _write_counts(axes, counted.stacked.index.tolist(), counted.stacked.tolist())
    first, last = counted.months
    axes.set_xlim(first - 0.6, last + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=9))
    axes.set_xlabel("months late (below 0: early)", fontsize=SMALL, color=SOFT)
    _explain(axes, columns=1, y=-0.19)


def _draw_outcomes(axes: Axes, counted: numbers.BirthCounts) -> None:
    _dress(axes, "Never, or wrongly reported", "y")
    table = pd.concat([rows for _, rows in counted.outcomes], ignore_index=True)
    places, start = list(range(len(table))), 0
    for group, rows in counted.outcomes:
        if len(rows):
            axes.bar(places[start:][: len(rows)], rows["births"], color=group.colour, width=0.7, label=group.label)
        start += len(rows)
    _write_counts(axes, places, table["births"].tolist())
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
    table = numbers.by_size(sizes)
    if table.empty:
        _say_nothing(axes, "Footprints by area", "no footprints")
        return
    _dress(axes, "Footprints by area, px²", "y")
    places = np.arange(len(table))
    for (name, (_, _, colour, meaning)), shift in zip(numbers.RATIOS.items(), (-0.2, 0.2), strict=True):
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
