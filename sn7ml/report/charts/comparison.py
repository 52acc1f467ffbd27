"""Charts of a comparison, as plotly figures. A run has the same colour and mark in all of them."""

import html
from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from sn7ml.report.charts.diagnosis import NO_LINE
from sn7ml.report.charts.scores import AOI_HEIGHT_PX, MARGIN, legend_above, short_names
from sn7ml.report.comparison import ComparedRun
from sn7ml.report.palette import OLD, SERIES

MARKS = ("circle-open", "diamond", "square", "triangle-up", "x")
"""Runs are told apart by shape too, in order."""

KIND_HEIGHT_PX = 18
"""Height of one run's bar, with its gap."""


def aoi_pairs(pairs: pd.DataFrame, runs: tuple[ComparedRun, ComparedRun], places: tuple[int, int]) -> go.Figure:
    """Draw the SCOT of two runs on every AOI, joined by a line; the AOI that gains most is on top.

    Parameters
    ----------
    pairs
        Of :func:`sn7ml.report.comparison.paired`; at least one row.
    runs, places
        The two, and their places among all runs, which decide about colours.
    """
    labels = short_names(pairs["aoi"].tolist())
    figure = go.Figure()
    ends = [(float(row["base_scot"]), float(row["other_scot"])) for row in pairs.to_dict("records")]
    figure.add_scatter(
        x=[x for low, high in ends for x in (low, high, None)], y=[y for label in labels for y in (label, label, None)],
        mode="lines", line={"color": OLD, "width": 3}, hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    for side, run, place in zip(("base", "other"), runs, places, strict=True):
        figure.add_scatter(
            x=pairs[f"{side}_scot"].to_numpy(float), y=labels, mode="markers", name=_name(run), marker=_mark(place, 10),
            customdata=[[html.escape(aoi), gain] for aoi, gain in pairs[["aoi", "gain_scot"]].itertuples(index=False)],
            hovertemplate="%{customdata[0]}: %{x:.4f}<br>" + f"{runs[1].label} less {runs[0].label}: "
            + "%{customdata[1]:+.4f}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text="SCOT", rangemode="tozero")
    figure.update_yaxes(type="category", autorange="reversed", automargin=True, **NO_LINE)
    height = 110 + AOI_HEIGHT_PX * max(len(pairs), 2)
    return figure.update_layout(height=height, margin=MARGIN, hovermode="closest", legend=legend_above())


def cost_bars(table: pd.DataFrame, runs: Sequence[ComparedRun]) -> go.Figure:
    """Draw what each kind of error costs each run. ``table``: of :func:`sn7ml.report.comparison.costs`."""
    labels = [html.escape(label) for label in table["label"]]
    figure = go.Figure()
    for place, run in enumerate(runs):
        cost, errors = table[f"cost_{run.label}"], table[f"errors_{run.label}"].astype(int)
        figure.add_bar(
            x=cost.to_numpy(float), y=labels, orientation="h", name=_name(run), hoverinfo="text",
            marker={"color": SERIES[place % len(SERIES)], "line": {"width": 0}},
            hovertext=[f"{run.label}: {value:.4f} of SCOT, {count:,} errors" for value, count in zip(cost, errors, strict=True)],
        )  # fmt: skip
    figure.update_xaxes(title_text="SCOT lost to errors of this kind, mean over AOIs", rangemode="tozero")
    figure.update_yaxes(type="category", autorange="reversed", automargin=True, **NO_LINE)
    height = 120 + (KIND_HEIGHT_PX * len(runs) + 8) * len(table)
    return figure.update_layout(
        height=height, margin=MARGIN, barmode="group", bargap=0.25, hovermode="closest", legend=legend_above()
    )


def losses_by_epoch(runs: Sequence[ComparedRun]) -> go.Figure:
    """Draw training (dotted) and validation loss (solid) of every run by epoch."""
    columns = {"train_loss": ("training", "dot"), "val_loss": ("validation", "solid")}
    return _curves(runs, columns, "loss")


def quality_by_epoch(runs: Sequence[ComparedRun]) -> go.Figure:
    """Draw what epochs are compared by, on validation tiles, of every run by epoch."""
    return _curves(runs, {"val_score": ("pixel score", "solid")}, "pixel score, validation tiles")


def _curves(runs: Sequence[ComparedRun], columns: dict[str, tuple[str, str]], title: str) -> go.Figure:
    figure = go.Figure()
    for place, run in enumerate(runs):
        for column, (name, dash) in columns.items():
            if column not in run.history or run.history[column].isna().all():
                continue
            figure.add_scatter(
                x=run.history["epoch"].to_numpy(), y=run.history[column].to_numpy(float), name=f"{run.label} {name}",
                mode="lines+markers", line={"color": SERIES[place % len(SERIES)], "dash": dash, "width": 2},
                marker=_mark(place, 6),
            )  # fmt: skip
    figure.update_xaxes(title_text="epoch", tickformat="d", rangemode="tozero")
    figure.update_yaxes(title_text=title)
    return figure.update_layout(height=340, margin=MARGIN, hovermode="x unified", legend=legend_above())


def _name(run: ComparedRun) -> str:
    return html.escape(f"{run.label}  {run.run_id[:7]}")


def _mark(place: int, size: int) -> dict[str, object]:
    colour = SERIES[place % len(SERIES)]
    return {"symbol": MARKS[place % len(MARKS)], "size": size, "color": colour, "line": {"width": 2, "color": colour}}
