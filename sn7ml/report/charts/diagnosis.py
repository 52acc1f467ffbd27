"""Charts of a diagnosis for a page, as plotly figures: losses, births, sizes (see ``sn7ml.report.pages.diagnosis``)."""

import html
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from sn7ml.metrics.diagnosis import kinds_of, with_gain
from sn7ml.report.charts.scores import AOI_HEIGHT_PX, MARGIN, legend_above, short_names
from sn7ml.report.diagnosis_counts import (
    COUNT_NAMES,
    RATIOS,
    TIMED,
    UNTIMED,
    Group,
    by_delay,
    by_outcome,
    by_size,
    gain_texts,
    label_of,
    labelled_kinds,
    reach,
    span,
    ticks_up_to,
    totals,
)
from sn7ml.report.palette import OLD, SERIES
from sn7ml.report.tables import decimal

KIND_HEIGHT_PX = 30
HOVER_CHARACTERS = 52
"""plotly breaks no line by itself."""

NO_LINE = {"ticks": "outside", "ticklen": 6, "tickcolor": "rgba(0,0,0,0)"}
"""A gap between a name and what it stands for."""

LABELLED_MONTHS = 12
"""So many bars have room for their counts."""

HEAT = ((0.0, "rgba(0, 114, 178, 0)"), (1.0, "rgba(0, 114, 178, 0.65)"))
"""From the page's ground, light or dark, to a blue on which the page's ink is still read."""

HOTTEST = 0.05
"""The deepest blue is at least this gain: a table of next to nothing stays pale."""


def loss_bars(losses: pd.DataFrame) -> go.Figure:
    """Draw SCOT as it is, and beyond it what it would be without each kind of error, as means over AOIs.

    The kinds are in the order of ``KINDS``, the first on top. No losses give no bars.
    """
    table = labelled_kinds(losses)
    labels = [html.escape(label) for label in table["label"]]
    about = [_about(row) for row in table.to_dict("records")]
    figure = go.Figure()
    figure.add_bar(
        x=table["scot"].to_numpy(float), y=labels, orientation="h", name="SCOT today", marker=_plain(OLD) | {"opacity": 0.5},
        hovertext=about, hoverinfo="text",
    )  # fmt: skip
    figure.add_bar(
        x=table["gain"].to_numpy(float), base=table["scot"].tolist(), y=labels, orientation="h",
        name="more without errors of this kind", marker=_plain(SERIES[0]), hovertext=about, hoverinfo="text",
        text=gain_texts(table), textposition="outside", cliponaxis=False, constraintext="none",
    )  # fmt: skip
    end = reach(table)
    figure.update_xaxes(title_text="SCOT, mean over AOIs", range=[0, end], tickvals=ticks_up_to(end))
    figure.update_yaxes(type="category", autorange="reversed", automargin=True, **NO_LINE)
    height = 110 + KIND_HEIGHT_PX * max(len(table), 1)
    return figure.update_layout(
        height=height, margin=MARGIN, barmode="overlay", bargap=0.3, hovermode="closest", legend=legend_above()
    )


def _about(row: Mapping[Any, Any]) -> str:
    """Tell counts and meaning of a kind to the mouse."""
    counts = ", ".join(f"{name}: {row[count]:,}" for count, name in COUNT_NAMES.items())
    scores = f"SCOT {row['scot']:.4f}, without them {row['scot_without']:.4f} ({row['gain']:+.4f})"
    lines = [scores, counts, *textwrap.wrap(str(row["meaning"]), HOVER_CHARACTERS)]
    return f"<b>{html.escape(str(row['label']))}</b><br>" + "<br>".join(html.escape(line) for line in lines)


def loss_by_aoi(losses: pd.DataFrame) -> go.Figure:
    """Draw what each AOI would gain without each kind of error, the AOI with the best SCOT on top.

    Of one AOI it says no more than :func:`loss_bars`.
    """
    table = with_gain(losses)
    kinds = kinds_of(table)
    order = table.drop_duplicates("aoi").sort_values("scot", ascending=False, kind="stable")["aoi"].tolist()
    gains = table.pivot_table(index="aoi", columns="kind", values="gain").reindex(index=order, columns=kinds)
    scores = table.drop_duplicates("aoi").set_index("aoi")["scot"]
    cells = gains.to_numpy(float)
    about = [[f"{html.escape(aoi)}, SCOT {scores[aoi]:.3f}" for _ in kinds] for aoi in order]
    figure = go.Figure(
        go.Heatmap(
            z=cells, x=[_broken(label_of(kind)) for kind in kinds], y=short_names(order), customdata=about,
            text=[[f"{gain:.2f}" if gain >= 0.005 else "" for gain in row] for row in cells], texttemplate="%{text}",
            colorscale=HEAT, zmin=0, zmax=max(HOTTEST, np.nanmax(cells, initial=0)), xgap=2, ygap=2,
            showscale=False,
            hovertemplate="%{customdata}<br>without %{x}: +%{z:.4f}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_xaxes(
        type="category", side="top", automargin=True, showgrid=False, tickangle=0, tickfont={"size": 11}
    )
    figure.update_yaxes(type="category", autorange="reversed", automargin=True, showgrid=False, **NO_LINE)
    return figure.update_layout(height=120 + AOI_HEIGHT_PX * max(len(order), 2), margin=MARGIN | {"t": 64, "b": 16})


def _broken(label: str) -> str:
    return html.escape(label).replace(" ", "<br>")


def birth_delays(births: pd.DataFrame) -> go.Figure:
    """Draw the true births that were reported by months late, and beside them those without a delay, by what went wrong.

    Outcomes that do not occur have no bar.
    """
    delays, others = [by_delay(births, group) for group in TIMED], [by_outcome(births, group) for group in UNTIMED]
    figure = make_subplots(
        rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.04, column_widths=[0.6, 0.4],
        subplot_titles=["births reported, by months late", "reported never, or wrongly"],
    )  # fmt: skip
    for group, table in zip(TIMED, delays, strict=True):
        _add_delays(figure, group, table)
    for group, table in zip(UNTIMED, others, strict=True):
        _add_outcomes(figure, group, table)
    counts, bars = totals(delays), sum(map(len, others))
    if len(counts) <= LABELLED_MONTHS:
        _add_words(figure, counts.index.tolist() or [0], counts.tolist() or ["none"], 1)
    if not bars:
        _add_words(figure, [""], ["none"], 2)
    first, last = span(delays)
    figure.update_xaxes(
        title_text="months late (below 0: early)", range=[first - 0.6, last + 0.6], tickformat="d",
        dtick=max(1, round((last - first) / 8)), tick0=0, zeroline=False, row=1, col=1,
    )  # fmt: skip
    figure.update_xaxes(
        type="category", range=[-0.6, max(bars, 1) - 0.4], automargin=True, tickangle=0, showgrid=False, row=1, col=2
    )
    top = max([1, *counts, *(births for table in others for births in table["births"])])
    figure.update_yaxes(range=[0, 1.12 * top], tickformat="d", dtick=1 if top <= 5 else None)
    figure.update_yaxes(title_text="births", row=1, col=1)
    figure.update_annotations(font_size=13)
    legend = {"orientation": "h", "x": 0, "y": -0.3, "yanchor": "top", "traceorder": "normal"}
    return figure.update_layout(
        height=420, margin=MARGIN, barmode="stack", bargap=0.2, hovermode="closest", legend=legend
    )


def _add_words(figure: go.Figure, x: Sequence[int | str], words: Sequence[int | str], col: int) -> None:
    """Write counts on top of bars, or a word where there is none: plotly draws no axis without anything on it."""
    y = [word if isinstance(word, int) else 0 for word in words]
    figure.add_scatter(
        x=x, y=y, text=words, mode="text", textposition="top center", hoverinfo="skip", showlegend=False, row=1, col=col
    )


def _add_delays(figure: go.Figure, group: Group, table: pd.DataFrame) -> None:
    if table.empty:
        return
    figure.add_bar(
        x=table["months"].to_numpy(), y=table["births"].to_numpy(), name=group.label, marker=_plain(group.colour),
        hovertext=[f"{_when(month)}: {births:,}" for month, births in table.itertuples(index=False)], hoverinfo="text+name",
        row=1, col=1,
    )  # fmt: skip


def _when(months: int) -> str:
    if months == 0:
        return "in time"
    return f"{abs(months)} month{'s' if abs(months) > 1 else ''} {'late' if months > 0 else 'early'}"


def _add_outcomes(figure: go.Figure, group: Group, table: pd.DataFrame) -> None:
    if table.empty:
        return
    figure.add_bar(
        x=[_broken(label) for label in table["label"]], y=table["births"].to_numpy(), name=group.label,
        marker=_plain(group.colour), text=table["births"].tolist(), textposition="outside", cliponaxis=False,
        hovertext=[f"{births:,}: {meaning}" for meaning, births in table[["meaning", "births"]].itertuples(index=False)],
        hoverinfo="text", row=1, col=2,
    )  # fmt: skip


def size_bars(sizes: pd.DataFrame) -> go.Figure:
    """Draw recall and precision by area of the footprint, over all AOIs; a class of nothing has no bar."""
    table = by_size(sizes)
    figure = go.Figure()
    for name, (part, whole, colour, of) in RATIOS.items():
        rows = list(table[[name, part, whole]].itertuples(index=False))
        figure.add_bar(
            x=[html.escape(str(size)) for size in table["size"]], y=table[name].to_numpy(float), name=f"{name} ({of})",
            marker=_plain(colour), hoverinfo="text",
            hovertext=[f"{name} {decimal(ratio)}: {a:,} of {b:,}" for ratio, a, b in rows],
        )  # fmt: skip
    figure.update_xaxes(type="category", title_text="area of the footprint, px²")
    figure.update_yaxes(range=[0, 1], title_text="share, at IoU > 0.25")
    return figure.update_layout(
        height=340, margin=MARGIN, barmode="group", bargap=0.25, hovermode="closest", legend=legend_above()
    )


def _plain(colour: str) -> dict[str, Any]:
    """Return the look of a bar without plotly's rim, which shines on a dark page."""
    return {"color": colour, "line": {"width": 0}}
