"""Charts of a report, as plotly figures. Colours of text and grid are the page's business, which may be light or dark."""

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from sn7ml.report.palette import FOUND, SERIES, TRUTH

SCORES: Mapping[str, str] = {
    "scot": "SCOT", "tracking": "tracking", "change": "change", "f1": "F1 at IoU 0.25", "f1_50": "F1 at IoU 0.5",
    "iou": "pixel IoU", "pixel_f1": "pixel F1",
}  # fmt: skip
"""Column of a table of scores to the name people read, in the order they read it."""

BARS: Mapping[str, str] = {"scot": "SCOT", "tracking": "tracking", "change": "change", "f1": "F1", "iou": "IoU"}
"""Scores with a panel of their own, under titles that fit on a phone."""

PIXEL_SCORES: Mapping[str, str] = {"val_iou": "pixel IoU", "val_f1": "pixel F1"}
"""Column of a training's history to the name people read."""

TRIAL = ("number", "value", "state")
STATES: Mapping[str, tuple[str, str]] = {"complete": (SERIES[0], "circle"), "pruned": (SERIES[4], "x")}
"""State of a trial to colour and symbol; any other state is drawn as a failure."""

MARGIN = {"l": 52, "r": 16, "t": 40, "b": 44}
AOI_HEIGHT_PX = 26
OTHERS_OPACITY = 0.45
"""Of the curves of further networks: all alike, so the first stands for them in the legend."""


def loss_curves(history: pd.DataFrame) -> go.Figure:
    """Training and validation loss by epoch. ``history``: network, epoch, train_loss, val_loss; no rows give no points."""
    return _curves(history, {"train_loss": "training", "val_loss": "validation"}, "loss")


def quality_curves(history: pd.DataFrame) -> go.Figure:
    """Pixel scores on validation tiles by epoch. ``history``: network, epoch, and a column like val_iou for each score."""
    columns = [name for name in map(str, history) if name.startswith("val_") and name not in ("val_loss", "val_score")]
    names = {name: PIXEL_SCORES.get(name, name.removeprefix("val_")) for name in columns}
    figure = _curves(history, names, "validation score")
    return figure.update_yaxes(range=[0, 1])


def rate_curve(history: pd.DataFrame) -> go.Figure:
    """Learning rate by epoch, from zero. ``history``: network, epoch, lr."""
    figure = _curves(history, {"lr": "learning rate"}, "learning rate")
    return figure.update_yaxes(rangemode="tozero", tickformat="~g").update_layout(showlegend=False)


def _curves(history: pd.DataFrame, names: Mapping[str, str], title: str) -> go.Figure:
    figure = go.Figure()
    for (column, name), colour in zip(names.items(), SERIES, strict=False):
        for network, rows in history.groupby("network"):
            figure.add_scatter(
                x=rows["epoch"].to_numpy(), y=rows[column].to_numpy(float), mode="lines+markers",
                name=name if network == 1 else f"{name}, network {network}", legendgroup=name, showlegend=network == 1,
                line={"color": colour, "width": 2}, marker={"size": 5}, opacity=1 if network == 1 else OTHERS_OPACITY,
            )  # fmt: skip
    figure.update_xaxes(title_text="epoch", tickformat="d", rangemode="tozero")
    figure.update_yaxes(title_text=title)
    return figure.update_layout(height=320, margin=MARGIN, hovermode="x unified", legend=legend_above())


def search_trials(trials: pd.DataFrame, objective: str = "objective") -> go.Figure:
    """Objective of every trial in order, and the best so far.

    Parameters
    ----------
    trials
        number, value (NaN where a trial gave none: such a trial is not drawn), state ("complete", "pruned" or
        another); every other column is shown while the mouse is over a trial.
    objective
        What ``value`` is, higher is better.
    """
    figure = go.Figure()
    drawn = trials[trials["value"].notna()].sort_values("number", kind="stable")
    complete = drawn[drawn["state"].str.lower() == "complete"]
    figure.add_scatter(
        x=complete["number"].to_numpy(), y=complete["value"].cummax().to_numpy(float), name="best so far", mode="lines",
        line={"shape": "hv", "color": SERIES[2], "width": 2}, hoverinfo="skip",
    )  # fmt: skip
    for state, group in drawn.groupby(drawn["state"].str.lower(), sort=True):
        colour, symbol = STATES.get(str(state), (SERIES[1], "diamond-open"))
        figure.add_scatter(
            x=group["number"].to_numpy(), y=group["value"].to_numpy(float), name=html.escape(str(state)), mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 10}, text=[_about(row) for row in group.to_dict("records")],
            hovertemplate="trial %{x}: %{y:.4f}<br>%{text}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text="trial", tickformat="d", zeroline=False)
    figure.update_yaxes(title_text=html.escape(objective))
    return figure.update_layout(height=360, margin=MARGIN, hovermode="closest", legend=legend_above())


def _about(row: Mapping[Any, Any]) -> str:
    return "<br>".join(f"{html.escape(str(key))}: {html.escape(str(row[key]))}" for key in row if key not in TRIAL)


def aoi_bars(per_aoi: pd.DataFrame) -> go.Figure:
    """Scores of every AOI, a panel per score and a row per AOI, best SCOT on top.

    Parameters
    ----------
    per_aoi
        aoi, scot and others of :data:`BARS`; those that are missing are left out. NaN has no bar.
    """
    names = [name for name in BARS if name in per_aoi.columns]
    ordered = per_aoi.sort_values("scot", kind="stable", na_position="first")
    labels = short_names(ordered["aoi"].tolist())
    figure = make_subplots(
        rows=1,
        cols=len(names),
        shared_yaxes=True,
        horizontal_spacing=0.03,
        subplot_titles=[BARS[name] for name in names],
    )
    for place, name in enumerate(names):
        figure.add_bar(
            x=ordered[name].to_numpy(float), y=labels, orientation="h", marker={"color": SERIES[place]}, name=SCORES[name],
            customdata=[html.escape(aoi) for aoi in ordered["aoi"]], row=1, col=place + 1,
            hovertemplate="%{customdata}: %{x:.3f}<extra>" + SCORES[name] + "</extra>",
        )  # fmt: skip
    figure.update_xaxes(range=[0, 1], tickvals=[0, 0.5, 1], ticktext=["0", "", "1"])
    figure.update_annotations(font_size=13)
    figure.update_yaxes(automargin=True, type="category")
    height = 96 + AOI_HEIGHT_PX * max(len(ordered), 1)
    return figure.update_layout(height=height, margin=MARGIN | {"b": 32}, showlegend=False, bargap=0.3)


def short_names(aois: Sequence[str]) -> list[str]:
    """Folder names up to the first underscore where that still tells them apart.

    >>> short_names(["L15-0357E-1223N_1429_3296_13", "town"])
    ['L15-0357E-1223N', 'town']
    """
    short = [aoi.partition("_")[0] for aoi in aois]
    return [html.escape(name) for name in (short if len(set(short)) == len(aois) else aois)]


def building_counts(counts: pd.DataFrame) -> go.Figure:
    """Draw the buildings of one AOI by month, true and found.

    Parameters
    ----------
    counts
        month, truth, found; NaN (a month without labels, or not predicted) leaves a gap.
    """
    ordered = counts.sort_values("time", kind="stable")
    figure = go.Figure()
    for column, colour, dash in (("truth", TRUTH, "dash"), ("found", FOUND, "solid")):
        figure.add_scatter(
            x=[html.escape(month) for month in ordered["time"]],
            y=ordered[column].to_numpy(float), name=column, mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 2}, marker={"size": 6},
        )  # fmt: skip
    figure.update_xaxes(type="category", tickangle=0 if len(ordered) <= 8 else -45, automargin=True)
    figure.update_yaxes(title_text="buildings", range=[0, _ceiling(ordered)], tickformat="d")
    return figure.update_layout(height=300, margin=MARGIN, hovermode="x unified", legend=legend_above())


def _ceiling(counts: pd.DataFrame) -> float:
    """Return a little more than the highest count, so that growth is seen against zero."""
    highest = counts[["truth", "found"]].to_numpy(float)
    finite = highest[~pd.isna(highest)]
    return math.ceil(1.1 * finite.max()) if finite.size and finite.max() > 0 else 1.0


def legend_above() -> dict[str, Any]:
    """Return the layout of a legend that lies in a line above its chart."""
    return {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
