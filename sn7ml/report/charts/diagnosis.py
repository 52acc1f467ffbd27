"""Charts of a diagnosis for a page, as plotly figures (the numbers: ``sn7ml.report.diagnosis``)."""

import html
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from sn7ml.metrics.diagnosis import kinds_of, with_gain
from sn7ml.report.charts.comparison import named
from sn7ml.report.charts.scores import AOI_HEIGHT_PX, LEGEND_ABOVE, MARGIN, NO_LINE, short_names
from sn7ml.report.comparison import ComparedRun
from sn7ml.report.diagnosis import (
    COUNT_NAMES,
    RATIOS,
    TIMED,
    UNTIMED,
    by_delay,
    by_outcome,
    by_size,
    end_of_axis,
    gain_texts,
    label_of,
    labelled_kinds,
    months_shown,
    most_births,
    ticks_up_to,
)
from sn7ml.report.palette import OLD, SERIES
from sn7ml.report.tables import cell

KIND_HEIGHT_PX = 30
RUN_HEIGHT_PX = 18
"""Height of one run's bar, with its gap."""

HOVER_CHARACTERS = 52
"""plotly breaks no line by itself."""

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
    about = []
    for row in table.to_dict("records"):
        scores = f"SCOT {row['scot']:.4f}, without them {row['scot_without']:.4f} ({row['gain']:+.4f})"
        counts = ", ".join(f"{name}: {row[count]:,}" for count, name in COUNT_NAMES.items())
        lines = [html.escape(line) for line in (scores, counts, *textwrap.wrap(str(row["meaning"]), HOVER_CHARACTERS))]
        about.append("<br>".join([f"<b>{html.escape(str(row['label']))}</b>", *lines]))
    figure = go.Figure()
    figure.add_bar(
        x=table["scot"].to_numpy(float), y=labels, orientation="h", name="SCOT today", marker=_fill(OLD) | {"opacity": 0.5},
        hovertext=about, hoverinfo="text",
    )  # fmt: skip
    figure.add_bar(
        x=table["gain"].to_numpy(float), base=table["scot"].tolist(), y=labels, orientation="h",
        name="more without errors of this kind", marker=_fill(SERIES[0]), hovertext=about, hoverinfo="text",
        text=gain_texts(table), textposition="outside", cliponaxis=False, constraintext="none",
    )  # fmt: skip
    end = end_of_axis(table)
    figure.update_xaxes(title_text="SCOT, mean over AOIs", range=[0, end], tickvals=ticks_up_to(end))
    figure.update_yaxes(type="category", autorange="reversed", automargin=True, **NO_LINE)
    return _dressed(figure, 110 + KIND_HEIGHT_PX * max(len(table), 1), barmode="overlay", bargap=0.3)


def loss_by_aoi(losses: pd.DataFrame) -> go.Figure:
    """Draw what each AOI would gain without each kind of error, the AOI with the best SCOT on top.

    Of one AOI it says no more than :func:`loss_bars`.
    """
    table = with_gain(losses)
    kinds = kinds_of(table)
    scores = table.drop_duplicates("aoi").sort_values("scot", ascending=False, kind="stable").set_index("aoi")["scot"]
    gains = table.pivot_table(index="aoi", columns="kind", values="gain").reindex(index=scores.index, columns=kinds)
    cells = gains.to_numpy(float)
    figure = go.Figure(
        go.Heatmap(
            z=cells, x=[_broken(label_of(kind)) for kind in kinds], y=short_names(scores.index.tolist()),
            customdata=[[f"{html.escape(str(aoi))}, SCOT {scot:.3f}"] * len(kinds) for aoi, scot in scores.items()],
            text=[[f"{gain:.2f}" if gain >= 0.005 else "" for gain in row] for row in cells], texttemplate="%{text}",
            colorscale=HEAT, zmin=0, zmax=max(HOTTEST, np.nanmax(cells, initial=0)), xgap=2, ygap=2, showscale=False,
            hovertemplate="%{customdata}<br>without %{x}: +%{z:.4f}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_xaxes(
        type="category", side="top", automargin=True, showgrid=False, tickangle=0, tickfont={"size": 11}
    )
    figure.update_yaxes(type="category", autorange="reversed", automargin=True, showgrid=False, **NO_LINE)
    return figure.update_layout(height=120 + AOI_HEIGHT_PX * max(len(scores), 2), margin=MARGIN | {"t": 64, "b": 16})


def _broken(label: str) -> str:
    return html.escape(label).replace(" ", "<br>")


def birth_delays(births: pd.DataFrame) -> go.Figure:
    """Draw the true births that were reported by months late, and beside them those without a delay, by what went wrong.

    Outcomes that do not occur have no bar.
    """
    delays, outcomes = [by_delay(births, group) for group in TIMED], [by_outcome(births, group) for group in UNTIMED]
    figure = make_subplots(
        rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.04, column_widths=[0.6, 0.4],
        subplot_titles=["births reported, by months late", "reported never, or wrongly"],
    )  # fmt: skip
    _add_delays(figure, delays)
    _add_outcomes(figure, outcomes)
    top = most_births(delays, outcomes)
    figure.update_yaxes(range=[0, 1.12 * top], tickformat="d", dtick=1 if top <= 5 else None)
    figure.update_yaxes(title_text="births", row=1, col=1)
    figure.update_annotations(font_size=13)
    legend = {"orientation": "h", "x": 0, "y": -0.3, "yanchor": "top", "traceorder": "normal"}
    return _dressed(figure, 420, barmode="stack", bargap=0.2, legend=legend)


def _add_delays(figure: go.Figure, delays: Sequence[pd.Series]) -> None:
    """Stack the births of each group by months late in the left panel, their sum on top where there is room."""
    for group, counts in zip(TIMED, delays, strict=True):
        late = [f"{abs(it)} month{'s' * (abs(it) > 1)} {'late' if it > 0 else 'early'}" for it in counts.index]
        when = [said if month else "in time" for month, said in zip(counts.index, late, strict=True)]
        if len(counts):
            figure.add_bar(
                x=counts.index.to_numpy(), y=counts.to_numpy(), name=group.label, marker=_fill(group.colour),
                hovertext=[f"{said}: {births:,}" for said, births in zip(when, counts, strict=True)], hoverinfo="text+name",
                row=1, col=1,
            )  # fmt: skip
    totals = pd.concat(delays).groupby(level=0).sum()
    if len(totals) <= LABELLED_MONTHS:
        _add_words(figure, totals.index.tolist() or [0], totals.tolist() or ["none"], 1)
    first, last = months_shown(delays)
    figure.update_xaxes(
        title_text="months late (below 0: early)", range=[first - 0.6, last + 0.6], tickformat="d",
        dtick=max(1, round((last - first) / 8)), tick0=0, zeroline=False, row=1, col=1,
    )  # fmt: skip


def _add_outcomes(figure: go.Figure, outcomes: Sequence[pd.DataFrame]) -> None:
    """Draw the births without a delay in the right panel, a bar per outcome."""
    for group, table in zip(UNTIMED, outcomes, strict=True):
        said = table[["births", "meaning"]].itertuples(index=False)
        if len(table):
            figure.add_bar(
                x=[_broken(label) for label in table["label"]], y=table["births"].to_numpy(), name=group.label,
                marker=_fill(group.colour), text=table["births"].tolist(), textposition="outside", cliponaxis=False,
                hovertext=[f"{births:,}: {meaning}" for births, meaning in said], hoverinfo="text", row=1, col=2,
            )  # fmt: skip
    bars = sum(map(len, outcomes))
    if not bars:
        _add_words(figure, [""], ["none"], 2)
    figure.update_xaxes(
        type="category", range=[-0.6, max(bars, 1) - 0.4], automargin=True, tickangle=0, showgrid=False, row=1, col=2
    )


def _add_words(figure: go.Figure, x: Sequence[int | str], words: Sequence[int | str], col: int) -> None:
    """Write counts on top of bars, or a word where there is none: plotly draws no axis without anything on it."""
    y = [word if isinstance(word, int) else 0 for word in words]
    figure.add_scatter(
        x=x, y=y, text=words, mode="text", textposition="top center", hoverinfo="skip", showlegend=False, row=1, col=col
    )


def size_bars(sizes: pd.DataFrame) -> go.Figure:
    """Draw recall and precision by area of the footprint, over all AOIs; a class of nothing has no bar."""
    table = by_size(sizes)
    figure = go.Figure()
    for name, (part, whole, colour, meaning) in RATIOS.items():
        rows = table[[name, part, whole]].itertuples(index=False)
        figure.add_bar(
            x=[html.escape(str(size)) for size in table["size"]], y=table[name].to_numpy(float), name=f"{name} ({meaning})",
            marker=_fill(colour), hoverinfo="text",
            hovertext=[f"{name} {cell(ratio).text}: {a:,} of {b:,}" for ratio, a, b in rows],
        )  # fmt: skip
    figure.update_xaxes(type="category", title_text="area of the footprint, px²")
    figure.update_yaxes(range=[0, 1], title_text="share, at IoU > 0.25")
    return _dressed(figure, 340, barmode="group", bargap=0.25)


def cost_bars(table: pd.DataFrame, runs: Sequence[ComparedRun]) -> go.Figure:
    """Draw what each kind of error costs each run. ``table``: of :func:`sn7ml.report.diagnosis.costs`."""
    figure = go.Figure()
    for place, run in enumerate(runs):
        rows = table[[f"cost_{run.label}", f"errors_{run.label}"]].itertuples(index=False)
        figure.add_bar(
            x=table[f"cost_{run.label}"].to_numpy(float), y=[html.escape(label) for label in table["label"]], orientation="h",
            name=named(run), hoverinfo="text", marker=_fill(SERIES[place % len(SERIES)]),
            hovertext=[f"{run.label}: {cost:.4f} of SCOT, {errors:,.0f} errors" for cost, errors in rows],
        )  # fmt: skip
    figure.update_xaxes(title_text="SCOT lost to errors of this kind, mean over AOIs", rangemode="tozero")
    figure.update_yaxes(type="category", autorange="reversed", automargin=True, **NO_LINE)
    return _dressed(figure, 120 + (RUN_HEIGHT_PX * len(runs) + 8) * len(table), barmode="group", bargap=0.25)


def _dressed(figure: go.Figure, height_px: int, **layout: Any) -> go.Figure:
    return figure.update_layout(**{
        "height": height_px, "margin": MARGIN, "hovermode": "closest", "legend": LEGEND_ABOVE, **layout
    })  # fmt: skip


def _fill(colour: str) -> dict[str, Any]:
    """Return the look of a bar without plotly's rim, which shines on a dark page."""
    return {"color": colour, "line": {"width": 0}}
