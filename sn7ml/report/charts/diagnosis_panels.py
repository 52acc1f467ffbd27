"""Panels of the picture of a diagnosis, the charts of its page drawn by matplotlib."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from sn7ml.report.diagnosis_counts import (
    RATIOS,
    TIMED,
    UNTIMED,
    by_delay,
    by_outcome,
    by_size,
    gain_texts,
    labelled_kinds,
    reach,
    span,
    ticks_up_to,
    totals,
)
from sn7ml.report.maps.drawing import SMALL
from sn7ml.report.palette import GROUND, INK, LINE, OLD, SERIES, SOFT

UNDER = {"facecolor": GROUND, "edgecolor": "none", "pad": 1}
"""Words are not crossed by the grid."""

LABELLED = 9
"""So many months have room for their counts."""


def draw_losses(axes: Axes, losses: pd.DataFrame) -> None:
    """Draw SCOT as it is, and beyond it what it would be without each kind of error, the first kind on top."""
    table = labelled_kinds(losses)
    if table.empty:
        _say_nothing(axes, "Where SCOT was lost", "nothing was scored")
        return
    aois = losses["aoi"].nunique()
    over = f"the mean over {aois} AOIs" if aois > 1 else "one AOI"
    _dress(axes, f"Where SCOT was lost: {table['scot'].iloc[0]:.3f} today, {over}", "x")
    rows, scot, gain = list(range(len(table))), table["scot"], table["gain"]
    axes.barh(rows, scot, color=OLD, alpha=0.5, height=0.66, label="SCOT today")
    axes.barh(rows, gain, left=scot, color=SERIES[0], height=0.66, label="more without errors of this kind")
    end = reach(table)
    for row, place, text in zip(rows, table["scot_without"], gain_texts(table), strict=True):
        axes.text(place + 0.008 * end, row, text, va="center", fontsize=SMALL, color=INK, bbox=UNDER)
    axes.set_yticks(rows, labels=table["label"], parse_math=False)
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.set_xlim(0, end)
    axes.set_xticks(ticks_up_to(end))
    _explain(axes, columns=2, y=-0.1)


def draw_births(delays: Axes, outcomes: Axes, births: pd.DataFrame) -> None:
    """Draw reported births by months late, and beside them those without a delay, on one scale."""
    if births.empty:
        _say_nothing(delays, "Births by months late", "no birth, none reported")
        _say_nothing(outcomes, "Never, or wrongly reported", "none")
        return
    tables, others = [by_delay(births, group) for group in TIMED], [by_outcome(births, group) for group in UNTIMED]
    counts = totals(tables)
    top = 1.12 * max([1, *counts, *(count for table in others for count in table["births"])])
    _dress(delays, "Births by months late", "y")
    _dress(outcomes, "Never, or wrongly reported", "y")
    _draw_delays(delays, tables, counts)
    _draw_outcomes(outcomes, others)
    for axes in (delays, outcomes):
        axes.set_ylim(0, top)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))


def _draw_delays(axes: Axes, tables: Sequence[pd.DataFrame], counts: pd.Series) -> None:
    for group, table in zip(TIMED, tables, strict=True):
        below = counts.reindex(table["months"]).to_numpy() - table["births"] if group is TIMED[1] else 0
        if len(table):
            axes.bar(table["months"], table["births"], bottom=below, color=group.colour, width=0.8, label=group.label)
    if len(counts) <= LABELLED:
        for month, count in counts.items():
            _count_above(axes, float(str(month)), int(count))
    first, last = span(tables)
    axes.set_xlim(first - 0.6, last + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=9))
    axes.set_xlabel("months late (below 0: early)", fontsize=SMALL, color=SOFT)
    _explain(axes, columns=1, y=-0.19)


def _draw_outcomes(axes: Axes, tables: Sequence[pd.DataFrame]) -> None:
    start, labels = 0, []
    for group, table in zip(UNTIMED, tables, strict=True):
        places = list(range(start, start + len(table)))
        if len(table):
            axes.bar(places, table["births"], color=group.colour, width=0.7, label=group.label)
        for place, count in zip(places, table["births"], strict=True):
            _count_above(axes, place, count)
        start += len(table)
        labels += [label.replace(" ", "\n") for label in table["label"]]
    if not start:
        axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", va="center", color=SOFT)
    axes.set_xticks(range(start), labels=labels)
    axes.set_xlim(-0.6, max(start, 1) - 0.4)
    axes.tick_params(axis="y", labelleft=False)
    _explain(axes, columns=1, y=-0.19)


def _count_above(axes: Axes, place: float, count: int) -> None:
    axes.annotate(
        f"{count:,}", (place, count), (0, 2), textcoords="offset points", ha="center", fontsize=SMALL, color=INK
    )


def draw_sizes(axes: Axes, sizes: pd.DataFrame) -> None:
    """Draw recall and precision by area of the footprint; a class of nothing has no bar."""
    table = by_size(sizes)
    if table.empty:
        _say_nothing(axes, "Footprints by area", "no footprints")
        return
    _dress(axes, "Footprints by area, px²", "y")
    places = np.arange(len(table))
    for name, shift in zip(RATIOS, (-0.2, 0.2), strict=True):
        _, _, colour, meaning = RATIOS[name]
        axes.bar(places + shift, table[name].fillna(0), color=colour, width=0.38, label=f"{name} ({meaning})")
    axes.set_xticks(places, labels=table["size"], parse_math=False)
    axes.set_ylim(0, 1)
    _explain(axes, columns=1, y=-0.19)


def _dress(axes: Axes, title: str, along: Literal["x", "y"]) -> None:
    axes.set_title(title, loc="left", fontsize=11, color=INK, parse_math=False)
    axes.set_facecolor("none")
    axes.grid(axis=along, color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=SMALL + 0.5, labelcolor=INK)
    for name, spine in axes.spines.items():
        spine.set_visible(name == ("left" if along == "x" else "bottom"))
        spine.set_color(SOFT)


def _explain(axes: Axes, *, columns: int, y: float) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="upper left", bbox_to_anchor=(0, y), ncols=columns, frameon=False, fontsize=SMALL, labelcolor=INK,
            borderaxespad=0, handlelength=1.2, borderpad=0,
        )  # fmt: skip


def _say_nothing(axes: Axes, title: str, words: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set_facecolor("none")
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=SOFT)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(LINE)
