"""Charts of one run and of several, as plotly figures. The page, which may be light or dark, colours text and grid."""

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from sn7ml.metrics.score import Score
from sn7ml.report.comparison import ComparedRun
from sn7ml.report.palette import FOUND, OLD, SERIES, TRUTH

STATES: Mapping[str, tuple[str, str]] = {"complete": (SERIES[0], "circle"), "pruned": (SERIES[4], "x")}
"""State of a trial to colour and symbol; any other state is drawn as a failure."""

MARGIN = {"l": 52, "r": 16, "t": 40, "b": 44}

LEGEND_ABOVE = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
"""Layout of a legend in a line above its chart."""

NO_LINE = {"ticks": "outside", "ticklen": 6, "tickcolor": "rgba(0,0,0,0)"}
"""A gap between a name and what it stands for."""

NAMES_DOWN = {"type": "category", "autorange": "reversed", "automargin": True, **NO_LINE}
"""An axis of names, the first on top."""

MARKS = ("circle-open", "diamond", "square", "triangle-up", "x")
"""A run has the same of these and of ``SERIES`` in every chart."""

AOI_HEIGHT_PX = 26


def dressed(figure: go.Figure, height_px: int, **layout: Any) -> go.Figure:
    """Give a figure the layout that all have, and more."""
    common = {"height": height_px, "margin": MARGIN, "hovermode": "closest", "legend": LEGEND_ABOVE}
    return figure.update_layout(**(common | layout))


def training_charts(history: pd.DataFrame) -> dict[str, tuple[str, go.Figure]]:
    """Draw loss, pixel scores on validation tiles and learning rate by epoch: name to what it shows, and the chart.

    ``history``: network (from 1), epoch, train_loss, val_loss, val_… for each pixel score, lr.
    """
    pixel = [name for name in map(str, history) if name.startswith("val_") and name not in ("val_loss", "val_score")]
    loss = _curves(history, {"train_loss": "training", "val_loss": "validation"}, "loss")
    quality = _curves(history, {name: f"pixel {name.removeprefix('val_')}" for name in pixel}, "validation score")
    rate = _curves(history, {"lr": "learning rate"}, "learning rate").update_layout(showlegend=False)
    return {
        "loss": ("training and validation loss", loss),
        "quality": ("pixel scores on validation tiles", quality.update_yaxes(rangemode="tozero")),
        "rate": ("learning rate", rate.update_yaxes(rangemode="tozero", tickformat="~g")),
    }


def _curves(history: pd.DataFrame, names: Mapping[str, str], title: str) -> go.Figure:
    figure = go.Figure()
    for (column, name), colour in zip(names.items(), SERIES, strict=False):
        for network, rows in history.groupby("network"):
            first = network == 1  # it stands for all in the legend
            figure.add_scatter(
                x=rows["epoch"].to_numpy(), y=rows[column].to_numpy(float), mode="lines+markers",
                name=name if first else f"{name}, network {network}", legendgroup=name, showlegend=first,
                line={"color": colour, "width": 2}, marker={"size": 5}, opacity=1 if first else 0.45,
            )  # fmt: skip
    return by_epoch(figure, title)


def by_epoch(figure: go.Figure, title: str) -> go.Figure:
    """Dress a figure whose x are epochs; ``title`` is that of the other axis."""
    figure.update_xaxes(title_text="epoch", tickformat="d", rangemode="tozero")
    figure.update_yaxes(title_text=title)
    return dressed(figure, 330, hovermode="x unified")


def search_trials(trials: pd.DataFrame, objective: str, rises: bool = True) -> go.Figure:
    """Draw the objective of every trial in order, and the best so far; the mouse shows what was chosen.

    ``trials``: number, value (a trial with NaN is not drawn), state, and what was chosen. ``rises`` says whether higher
    is better.
    """
    figure = go.Figure()
    drawn = trials[trials["value"].notna()].sort_values("number", kind="stable")
    complete = drawn[drawn["state"].str.lower() == "complete"]
    best = complete["value"].cummax() if rises else complete["value"].cummin()
    figure.add_scatter(
        x=complete["number"].to_numpy(), y=best.to_numpy(float), name="best so far",
        mode="lines", line={"shape": "hv", "color": SERIES[2], "width": 2}, hoverinfo="skip",
    )  # fmt: skip
    for state, group in drawn.groupby(drawn["state"].str.lower(), sort=True):
        colour, symbol = STATES.get(str(state), (SERIES[1], "diamond-open"))
        choices = group.drop(columns=["number", "value", "state"]).to_dict("records")
        figure.add_scatter(
            x=group["number"].to_numpy(), y=group["value"].to_numpy(float), name=html.escape(str(state)),
            mode="markers", marker={"color": colour, "symbol": symbol, "size": 10},
            text=["<br>".join(html.escape(f"{key}: {value}") for key, value in chosen.items()) for chosen in choices],
            hovertemplate="trial %{x}: %{y:.4f}<br>%{text}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text="trial", tickformat="d", zeroline=False)
    figure.update_yaxes(title_text=html.escape(objective))
    return dressed(figure, 360)


def aoi_bars(per_aoi: pd.DataFrame, scores: Sequence[Score]) -> go.Figure:
    """Draw a panel per score and a row per AOI, the best by the first score on top; NaN has no bar.

    ``per_aoi`` holds aoi and at least the first score; labels should be short, so that panels fit on a phone.
    """
    shown = [score for score in scores if score.name in per_aoi.columns]
    first = shown[0]  # its best come last: plotly counts from below
    ordered = per_aoi.sort_values(first.name, ascending=first.higher_is_better, kind="stable", na_position="first")
    labels = short_names(ordered["aoi"].tolist())
    titles = [html.escape(score.label) for score in shown]
    figure = make_subplots(rows=1, cols=len(shown), shared_yaxes=True, horizontal_spacing=0.03, subplot_titles=titles)
    for place, (score, title) in enumerate(zip(shown, titles, strict=True)):
        figure.add_bar(
            x=ordered[score.name].to_numpy(float), y=labels, orientation="h", name=title,
            marker={"color": SERIES[place % len(SERIES)]}, row=1, col=place + 1,
            customdata=[html.escape(aoi) for aoi in ordered["aoi"]],
            hovertemplate="%{customdata}: %{x:.3f}<extra>" + title + "</extra>",
        )  # fmt: skip
        if not (ordered[score.name] > 1).any():
            figure.update_xaxes(range=[0, 1], tickvals=[0, 0.5, 1], ticktext=["0", "", "1"], row=1, col=place + 1)
    figure.update_annotations(font_size=13)
    figure.update_yaxes(automargin=True, type="category")
    height = 96 + AOI_HEIGHT_PX * max(len(ordered), 1)
    return figure.update_layout(height=height, margin=MARGIN | {"b": 32}, showlegend=False, bargap=0.3)


def short_names(aois: Sequence[str]) -> list[str]:
    """Return folder names up to the first underscore, where they still differ.

    >>> short_names(["site-07_1429_3296_13", "town"])
    ['site-07', 'town']
    """
    short = [aoi.partition("_")[0] for aoi in aois]
    return [html.escape(name) for name in (short if len(set(short)) == len(aois) else aois)]


def building_counts(counts: pd.DataFrame) -> go.Figure:
    """Draw the buildings of one AOI by month (time, truth, found); NaN leaves a gap."""
    ordered = counts.sort_values("time", kind="stable")
    figure = go.Figure()
    for column, colour, dash in (("truth", TRUTH, "dash"), ("found", FOUND, "solid")):
        figure.add_scatter(
            x=[html.escape(month) for month in ordered["time"]],
            y=ordered[column].to_numpy(float), name=column, mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 2}, marker={"size": 6},
        )  # fmt: skip
    most = ordered[["truth", "found"]].astype("float64").max().max()
    top = math.ceil(1.1 * most) if most > 0 else 1.0  # from zero, so that growth is seen as what it is
    figure.update_xaxes(type="category", tickangle=0 if len(ordered) <= 8 else -45, automargin=True)
    figure.update_yaxes(title_text="buildings", range=[0, top], tickformat="d")
    return dressed(figure, 300, hovermode="x unified")


def aoi_pairs(
    pairs: pd.DataFrame, score: Score, runs: tuple[ComparedRun, ComparedRun], places: tuple[int, int]
) -> go.Figure:
    """Draw a score of two runs on every AOI, joined by a line; the AOI that gains most is on top.

    ``pairs`` are of :func:`sn7ml.report.comparison.paired`, at least one row; ``places`` decide about colours.
    """
    labels = short_names(pairs["aoi"].tolist())
    figure = go.Figure()
    ends = pairs[[f"base_{score.name}", f"other_{score.name}"]].astype("float64")
    figure.add_scatter(
        x=ends.assign(gap=None).to_numpy(object).ravel(), y=[y for label in labels for y in (label, label, None)],
        mode="lines", line={"color": OLD, "width": 3}, hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    about = [[html.escape(aoi), gain] for aoi, gain in zip(pairs["aoi"], pairs[f"gain_{score.name}"], strict=True)]
    gains = f"{runs[1].label} gains over {runs[0].label}"
    for side, run, place in zip(("base", "other"), runs, places, strict=True):
        figure.add_scatter(
            x=pairs[f"{side}_{score.name}"].to_numpy(float), y=labels, mode="markers", name=named(run),
            marker=_mark(place, 10), customdata=about,
            hovertemplate=f"%{{customdata[0]}}: %{{x:.4f}}<br>{gains}: %{{customdata[1]:+.4f}}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text=html.escape(score.label), rangemode="tozero")
    figure.update_yaxes(**NAMES_DOWN)
    return dressed(figure, 110 + AOI_HEIGHT_PX * max(len(pairs), 2))


def curves_of_runs(runs: Sequence[ComparedRun]) -> dict[str, tuple[str, go.Figure]]:
    """Draw loss (training dotted) and pixel score of every run by epoch: name to what it shows, and the chart."""
    losses = {"train_loss": ("training", "dot"), "val_loss": ("validation", "solid")}
    loss = _run_curves(runs, losses, "loss")
    score = _run_curves(runs, {"val_score": ("pixel score", "solid")}, "pixel score, validation tiles")
    return {
        "loss": ("training and validation loss of every run", loss),
        "quality": ("pixel score on validation tiles of every run", score),
    }


def _run_curves(runs: Sequence[ComparedRun], columns: dict[str, tuple[str, str]], title: str) -> go.Figure:
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
    return by_epoch(figure, title)


def named(run: ComparedRun) -> str:
    """Return what the legend calls a run."""
    return html.escape(f"{run.label}  {run.run_id[:7]}")


def _mark(place: int, size: int) -> dict[str, object]:
    colour = SERIES[place % len(SERIES)]
    return {"symbol": MARKS[place % len(MARKS)], "size": size, "color": colour, "line": {"width": 2, "color": colour}}
