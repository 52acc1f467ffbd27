"""Charts of a diagnosis for a page, as plotly figures."""

import html
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from sn7ml.metrics.diagnosis import kinds_of, with_gain
from sn7ml.report import diagnosis as numbers
from sn7ml.report.charts.scores import AOI_HEIGHT_PX, MARGIN, NAMES_DOWN, NO_LINE, dressed, named, short_names
from sn7ml.report.comparison import ComparedRun
from sn7ml.report.palette import OLD, SERIES
from sn7ml.report.tables import cell

KIND_HEIGHT_PX, RUN_HEIGHT_PX = 30, 18
"""Heights of one bar, with its gap."""

HEAT = ((0.0, "rgba(0, 114, 178, 0)"), (1.0, "rgba(0, 114, 178, 0.65)"))
"""From the page's ground, light or dark, to a blue on which the page's ink can still be read."""


def loss_bars(losses: pd.DataFrame) -> go.Figure:
    """Draw SCOT as it is, and beyond it what it would be without each kind of error, as means over AOIs."""
    table = numbers.labelled_kinds(losses)
    labels = [html.escape(label) for label in table["label"]]
    about = []
    for row in table.to_dict("records"):
        scores = f"SCOT {row['scot']:.4f}, without them {row['scot_without']:.4f} ({row['gain']:+.4f})"
        counts = ", ".join(f"{name}: {row[count]:,}" for count, name in numbers.COUNT_NAMES.items())
        meaning = textwrap.wrap(str(row["meaning"]), 52)  # plotly breaks no line by itself
        first, *lines = map(html.escape, (row["label"], scores, counts, *meaning))
        about.append("<br>".join([f"<b>{first}</b>", *lines]))
    figure = go.Figure()
    figure.add_bar(
        x=table["scot"].to_numpy(float), y=labels, orientation="h", name="SCOT today",
        marker=_fill(OLD) | {"opacity": 0.5}, hovertext=about, hoverinfo="text",
    )  # fmt: skip
    figure.add_bar(
        x=table["gain"].to_numpy(float), base=table["scot"].tolist(), y=labels, orientation="h",
        name="more without errors of this kind", marker=_fill(SERIES[0]), hovertext=about, hoverinfo="text",
        text=numbers.gain_texts(table), textposition="outside", cliponaxis=False, constraintext="none",
    )  # fmt: skip
    end, ticks = numbers.scot_axis(table)
    figure.update_xaxes(title_text="SCOT, mean over AOIs", range=[0, end], tickvals=ticks)
    figure.update_yaxes(**NAMES_DOWN)
    return dressed(figure, 110 + KIND_HEIGHT_PX * max(len(table), 1), barmode="overlay", bargap=0.3)


def loss_by_aoi(losses: pd.DataFrame) -> go.Figure:
    """Draw what each AOI would gain without each kind of error, the AOI with the best SCOT on top."""
    table = with_gain(losses)
    kinds = kinds_of(table)
    scores = table.drop_duplicates("aoi").sort_values("scot", ascending=False, kind="stable").set_index("aoi")["scot"]
    gains = table.pivot_table(index="aoi", columns="kind", values="gain").reindex(index=scores.index, columns=kinds)
    cells = gains.to_numpy(float)
    hottest = max(0.05, np.nanmax(cells, initial=0))  # a table of next to nothing stays pale
    figure = go.Figure(
        go.Heatmap(
            z=cells, x=[_broken(numbers.label_of(kind)) for kind in kinds], y=short_names(scores.index.tolist()),
            customdata=[[f"{html.escape(str(aoi))}, SCOT {scot:.3f}"] * len(kinds) for aoi, scot in scores.items()],
            text=[[f"{gain:.2f}" if gain >= 0.005 else "" for gain in row] for row in cells], texttemplate="%{text}",
            colorscale=HEAT, zmin=0, zmax=hottest, xgap=2, ygap=2, showscale=False,
            hovertemplate="%{customdata}<br>without %{x}: +%{z:.4f}<extra></extra>",
        )
    )  # fmt: skip
    small = {"size": 11}
    figure.update_xaxes(type="category", side="top", automargin=True, showgrid=False, tickangle=0, tickfont=small)
    figure.update_yaxes(type="category", autorange="reversed", automargin=True, showgrid=False, **NO_LINE)
    return figure.update_layout(height=120 + AOI_HEIGHT_PX * max(len(scores), 2), margin=MARGIN | {"t": 64, "b": 16})


def _broken(label: str) -> str:
    return html.escape(label).replace(" ", "<br>")


def birth_delays(births: pd.DataFrame) -> go.Figure:
    """Draw true births that were reported by months late, and beside them the others by what went wrong."""
    counted = numbers.count_births(births)
    figure = make_subplots(
        rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.04, column_widths=[0.6, 0.4],
        subplot_titles=["births reported, by months late", "reported never, or wrongly"],
    )  # fmt: skip
    _add_delays(figure, counted)
    _add_outcomes(figure, counted)
    figure.update_yaxes(range=[0, 1.12 * counted.highest], tickformat="d", dtick=1 if counted.highest <= 5 else None)
    figure.update_yaxes(title_text="births", row=1, col=1)
    figure.update_annotations(font_size=13)
    legend = {"orientation": "h", "x": 0, "y": -0.3, "yanchor": "top", "traceorder": "normal"}
    return dressed(figure, 420, barmode="stack", bargap=0.2, legend=legend)


def _add_delays(figure: go.Figure, counted: numbers.BirthCounts) -> None:
    for group, counts in counted.delays:
        late = [f"{abs(it)} month{'s' * (abs(it) > 1)} {'late' if it > 0 else 'early'}" for it in counts.index]
        when = [text if month else "in time" for month, text in zip(counts.index, late, strict=True)]
        if len(counts):
            figure.add_bar(
                x=counts.index.to_numpy(), y=counts.to_numpy(), name=group.label, marker=_fill(group.colour),
                hovertext=[f"{text}: {births:,}" for text, births in zip(when, counts, strict=True)],
                hoverinfo="text+name", row=1, col=1,
            )  # fmt: skip
    if len(counted.stacked) <= 12:  # more bars have no room for their counts
        _add_words(figure, counted.stacked.index.tolist() or [0], counted.stacked.tolist() or ["none"], 1)
    first, last = counted.months
    figure.update_xaxes(
        title_text="months late (below 0: early)", range=[first - 0.6, last + 0.6], tickformat="d",
        dtick=max(1, round((last - first) / 8)), tick0=0, zeroline=False, row=1, col=1,
    )  # fmt: skip


def _add_outcomes(figure: go.Figure, counted: numbers.BirthCounts) -> None:
    for group, table in counted.outcomes:
        said = table[["births", "meaning"]].itertuples(index=False)
        if len(table):
            figure.add_bar(
                x=[_broken(label) for label in table["label"]], y=table["births"].to_numpy(), name=group.label,
                marker=_fill(group.colour), text=table["births"].tolist(), textposition="outside", cliponaxis=False,
                hovertext=[f"{births:,}: {meaning}" for births, meaning in said], hoverinfo="text", row=1, col=2,
            )  # fmt: skip
    bars = sum(len(table) for _, table in counted.outcomes)
    if not bars:
        _add_words(figure, [""], ["none"], 2)
    figure.update_xaxes(
        type="category", range=[-0.6, max(bars, 1) - 0.4], automargin=True, tickangle=0, showgrid=False, row=1, col=2
    )


def _add_words(figure: go.Figure, x: Sequence[int | str], words: Sequence[int | str], col: int) -> None:
    """Write counts on top of bars, or a word where there is none: plotly draws no axis for nothing."""
    y = [word if isinstance(word, int) else 0 for word in words]
    figure.add_scatter(
        x=x, y=y, text=words, mode="text", textposition="top center", hoverinfo="skip", showlegend=False, row=1, col=col
    )


def size_bars(sizes: pd.DataFrame) -> go.Figure:
    """Draw recall and precision by area of the footprint, over all AOIs; a class of nothing has no bar."""
    table = numbers.by_size(sizes)
    figure = go.Figure()
    for name, (part, whole, colour, meaning) in numbers.RATIOS.items():
        rows = table[[name, part, whole]].itertuples(index=False)
        figure.add_bar(
            x=[html.escape(str(size)) for size in table["size"]], y=table[name].to_numpy(float),
            name=f"{name} ({meaning})", marker=_fill(colour), hoverinfo="text",
            hovertext=[f"{name} {cell(ratio).text}: {a:,} of {b:,}" for ratio, a, b in rows],
        )  # fmt: skip
    figure.update_xaxes(type="category", title_text="area of the footprint, px²")
    figure.update_yaxes(range=[0, 1], title_text="share, at IoU > 0.25")
    return dressed(figure, 340, barmode="group", bargap=0.25)


def cost_bars(table: pd.DataFrame, runs: Sequence[ComparedRun]) -> go.Figure:
    """Draw what each kind of error costs each run. ``table``: of :func:`sn7ml.report.diagnosis.costs`."""
    figure = go.Figure()
    for place, run in enumerate(runs):
        rows = table[[f"cost_{run.label}", f"errors_{run.label}"]].itertuples(index=False)
        figure.add_bar(
            x=table[f"cost_{run.label}"].to_numpy(float), y=[html.escape(label) for label in table["label"]],
            orientation="h", name=named(run), hoverinfo="text", marker=_fill(SERIES[place % len(SERIES)]),
            hovertext=[f"{run.label}: {cost:.4f} of SCOT, {errors:,.0f} errors" for cost, errors in rows],
        )  # fmt: skip
    figure.update_xaxes(title_text="SCOT lost to errors of this kind, mean over AOIs", rangemode="tozero")
    figure.update_yaxes(**NAMES_DOWN)
    return dressed(figure, 120 + (RUN_HEIGHT_PX * len(runs) + 8) * len(table), barmode="group", bargap=0.25)


def _fill(colour: str) -> dict[str, Any]:
    """Return the look of a bar without plotly's rim, which shines on a dark page."""
    return {"color": colour, "line": {"width": 0}}
