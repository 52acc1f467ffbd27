"""Charts of a comparison, as plotly figures. A run has the same colour and mark in all of them."""

import html
from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from sn7ml.metrics.score import Score
from sn7ml.report.charts.scores import (
    AOI_HEIGHT_PX,
    LEGEND_ABOVE,
    MARGIN,
    NO_LINE,
    by_epoch,
    short_names,
)
from sn7ml.report.comparison import ComparedRun
from sn7ml.report.palette import OLD, SERIES

MARKS = ("circle-open", "diamond", "square", "triangle-up", "x")
"""Runs are told apart by shape too, in order."""


def aoi_pairs(
    pairs: pd.DataFrame, score: Score, runs: tuple[ComparedRun, ComparedRun], places: tuple[int, int]
) -> go.Figure:
    """Draw a score of two runs on every AOI, joined by a line; the AOI that gains most is on top.

    Parameters
    ----------
    pairs
        Of :func:`sn7ml.report.comparison.paired`; at least one row.
    runs, places
        The two, and their places among all runs, which decide about colours.
    """
    labels = short_names(pairs["aoi"].tolist())
    figure = go.Figure()
    ends = pairs[[f"base_{score.name}", f"other_{score.name}"]].astype("float64")
    figure.add_scatter(
        x=ends.assign(gap=None).to_numpy(object).ravel(), y=[y for label in labels for y in (label, label, None)],
        mode="lines", line={"color": OLD, "width": 3}, hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    gains = pairs[["aoi", f"gain_{score.name}"]].itertuples(index=False)
    about = [[html.escape(aoi), gain] for aoi, gain in gains]
    for side, run, place in zip(("base", "other"), runs, places, strict=True):
        figure.add_scatter(
            x=pairs[f"{side}_{score.name}"].to_numpy(float), y=labels, mode="markers", name=named(run), marker=_mark(place, 10),
            customdata=about,
            hovertemplate="%{customdata[0]}: %{x:.4f}<br>" + f"{runs[1].label} gains over {runs[0].label}: "
            + "%{customdata[1]:+.4f}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text=html.escape(score.label), rangemode="tozero")
    figure.update_yaxes(type="category", autorange="reversed", automargin=True, **NO_LINE)
    height = 110 + AOI_HEIGHT_PX * max(len(pairs), 2)
    return figure.update_layout(height=height, margin=MARGIN, hovermode="closest", legend=LEGEND_ABOVE)


def training_charts(runs: Sequence[ComparedRun]) -> dict[str, tuple[str, go.Figure]]:
    """Draw loss (training dotted) and what epochs are compared by of every run: name to what it shows, and the chart."""
    loss = {"train_loss": ("training", "dot"), "val_loss": ("validation", "solid")}
    score = {"val_score": ("pixel score", "solid")}
    return {
        "loss": ("training and validation loss of every run", _curves(runs, loss, "loss")),
        "quality": (
            "pixel score on validation tiles of every run",
            _curves(runs, score, "pixel score, validation tiles"),
        ),
    }


def _curves(runs: Sequence[ComparedRun], columns: dict[str, tuple[str, str]], title: str) -> go.Figure:
    figure = go.Figure()
    for place, run in enumerate(runs):
        known = [name for name in columns if name in run.history and run.history[name].notna().any()]
        for name, dash, column in ((*columns[name], name) for name in known):
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
