"""Charts of a report, as plotly figures. Colours of text and grid are the page's business, which may be light or dark."""

import html
import math
from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from sn7ml.metrics.score import Score
from sn7ml.report.palette import FOUND, SERIES, TRUTH

TRIAL = ("number", "value", "state")
STATES: Mapping[str, tuple[str, str]] = {"complete": (SERIES[0], "circle"), "pruned": (SERIES[4], "x")}
"""State of a trial to colour and symbol; any other state is drawn as a failure."""

MARGIN = {"l": 52, "r": 16, "t": 40, "b": 44}

LEGEND_ABOVE = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
"""Layout of a legend in a line above its chart."""

NO_LINE = {"ticks": "outside", "ticklen": 6, "tickcolor": "rgba(0,0,0,0)"}
"""A gap between a name and what it stands for."""

AOI_HEIGHT_PX = 26
OTHERS_OPACITY = 0.45
"""Of the curves of further networks: all alike, so the first stands for them in the legend."""


def training_charts(history: pd.DataFrame) -> dict[str, tuple[str, go.Figure]]:
    """Draw loss, pixel scores on validation tiles and learning rate by epoch: name to what it shows, and the chart.

    Parameters
    ----------
    history
        network (from 1), epoch, train_loss, val_loss, val_… for each pixel score, lr; no rows give no points.
    """
    loss = _curves(history, {"train_loss": "training", "val_loss": "validation"}, "loss")
    columns = [str(name) for name in history if str(name).startswith("val_") and name not in ("val_loss", "val_score")]
    scores = {name: f"pixel {name.removeprefix('val_')}" for name in columns}
    quality = _curves(history, scores, "validation score").update_yaxes(rangemode="tozero")
    rate = _curves(history, {"lr": "learning rate"}, "learning rate").update_layout(showlegend=False)
    return {
        "loss": ("training and validation loss", loss),
        "quality": ("pixel scores on validation tiles", quality),
        "rate": ("learning rate", rate.update_yaxes(rangemode="tozero", tickformat="~g")),
    }


def _curves(history: pd.DataFrame, names: Mapping[str, str], title: str) -> go.Figure:
    figure = go.Figure()
    for (column, name), colour in zip(names.items(), SERIES, strict=False):
        for network, rows in history.groupby("network"):
            figure.add_scatter(
                x=rows["epoch"].to_numpy(), y=rows[column].to_numpy(float), mode="lines+markers",
                name=name if network == 1 else f"{name}, network {network}", legendgroup=name, showlegend=network == 1,
                line={"color": colour, "width": 2}, marker={"size": 5}, opacity=1 if network == 1 else OTHERS_OPACITY,
            )  # fmt: skip
    return by_epoch(figure, title)


def by_epoch(figure: go.Figure, title: str) -> go.Figure:
    """Dress a figure whose x are epochs; ``title`` is that of the other axis."""
    figure.update_xaxes(title_text="epoch", tickformat="d", rangemode="tozero")
    figure.update_yaxes(title_text=title)
    return figure.update_layout(height=330, margin=MARGIN, hovermode="x unified", legend=LEGEND_ABOVE)


def search_trials(trials: pd.DataFrame, objective: str) -> go.Figure:
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
        choices = group.drop(columns=[*TRIAL]).to_dict("records")
        figure.add_scatter(
            x=group["number"].to_numpy(), y=group["value"].to_numpy(float), name=html.escape(str(state)), mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 10},
            text=["<br>".join(html.escape(f"{key}: {value}") for key, value in chosen.items()) for chosen in choices],
            hovertemplate="trial %{x}: %{y:.4f}<br>%{text}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text="trial", tickformat="d", zeroline=False)
    figure.update_yaxes(title_text=html.escape(objective))
    return figure.update_layout(height=360, margin=MARGIN, hovermode="closest", legend=LEGEND_ABOVE)


def aoi_bars(per_aoi: pd.DataFrame, scores: Sequence[Score]) -> go.Figure:
    """Scores of every AOI, a panel per score and a row per AOI, the best by the first score on top.

    Parameters
    ----------
    per_aoi
        aoi and scores; those that are missing are left out. NaN has no bar.
    scores
        Each with a panel of its own, so their labels should fit on a phone; at least the first is in ``per_aoi``.
    """
    shown = [score for score in scores if score.name in per_aoi.columns]
    ordered = per_aoi.sort_values(
        shown[0].name, ascending=shown[0].higher_is_better, kind="stable", na_position="first"
    )
    labels = short_names(ordered["aoi"].tolist())
    titles = [html.escape(score.label) for score in shown]
    figure = make_subplots(rows=1, cols=len(shown), shared_yaxes=True, horizontal_spacing=0.03, subplot_titles=titles)
    for place, (score, title) in enumerate(zip(shown, titles, strict=True)):
        figure.add_bar(
            x=ordered[score.name].to_numpy(float), y=labels, orientation="h", marker={"color": SERIES[place % len(SERIES)]},
            name=title, customdata=[html.escape(aoi) for aoi in ordered["aoi"]], row=1, col=place + 1,
            hovertemplate="%{customdata}: %{x:.3f}<extra>" + title + "</extra>",
        )  # fmt: skip
        if not (ordered[score.name] > 1).any():
            figure.update_xaxes(range=[0, 1], tickvals=[0, 0.5, 1], ticktext=["0", "", "1"], row=1, col=place + 1)
    figure.update_annotations(font_size=13)
    figure.update_yaxes(automargin=True, type="category")
    height = 96 + AOI_HEIGHT_PX * max(len(ordered), 1)
    return figure.update_layout(height=height, margin=MARGIN | {"b": 32}, showlegend=False, bargap=0.3)


def short_names(aois: Sequence[str]) -> list[str]:
    """Folder names up to the first underscore where that still tells them apart.

    >>> short_names(["site-07_1429_3296_13", "town"])
    ['site-07', 'town']
    """
    short = [aoi.partition("_")[0] for aoi in aois]
    return [html.escape(name) for name in (short if len(set(short)) == len(aois) else aois)]


def building_counts(counts: pd.DataFrame) -> go.Figure:
    """Draw the buildings of one AOI by month, true and found.

    Parameters
    ----------
    counts
        time, truth, found; NaN (a month without labels, or not predicted) leaves a gap.
    """
    ordered = counts.sort_values("time", kind="stable")
    figure = go.Figure()
    for column, colour, dash in (("truth", TRUTH, "dash"), ("found", FOUND, "solid")):
        figure.add_scatter(
            x=[html.escape(month) for month in ordered["time"]],
            y=ordered[column].to_numpy(float), name=column, mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 2}, marker={"size": 6},
        )  # fmt: skip
    highest = ordered[["truth", "found"]].to_numpy(float)
    most = max(highest[~pd.isna(highest)], default=0)
    top = math.ceil(1.1 * most) if most > 0 else 1.0  # from zero, so that growth is seen as what it is
    figure.update_xaxes(type="category", tickangle=0 if len(ordered) <= 8 else -45, automargin=True)
    figure.update_yaxes(title_text="buildings", range=[0, top], tickformat="d")
    return figure.update_layout(height=300, margin=MARGIN, hovermode="x unified", legend=LEGEND_ABOVE)
