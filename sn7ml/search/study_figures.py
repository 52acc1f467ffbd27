"""What a search found, as Optuna draws it; made from the table of trials alone, so that a report needs no study."""

import html
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import optuna
import pandas as pd
import plotly.graph_objects as go
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.study import Study
from optuna.trial import TrialState
from optuna.visualization import (
    plot_optimization_history,
    plot_parallel_coordinate,
    plot_param_importances,
    plot_slice,
)

from sn7ml.params import Choice

FIGURES: Mapping[str, tuple[str, Callable[[Study], go.Figure]]] = {
    "history": ("The objective by trial, and the best so far", plot_optimization_history),
    "parallel": ("Every complete trial as a line through what it chose", plot_parallel_coordinate),
    "importances": ("How much of what made trials good hung on each choice (PED-ANOVA)", plot_param_importances),
    "slice": ("The objective by each choice", plot_slice),
}
"""Name of a figure to what it shows and how it is drawn."""

FEWEST = 3
"""Complete trials below which there is nothing to compare."""

HEIGHT_PX = 420


def study_figures(
    trials: pd.DataFrame, space: Sequence[Choice], rises: bool = True
) -> dict[str, tuple[str, go.Figure]]:
    """Return name to caption and figure of a search, in the order they are read.

    ``trials`` is ``SearchResult.trials``, also as read from CSV; the same table gives the same figures. ``rises`` says
    whether a higher ``value`` is better. There are none for fewer than ``FEWEST`` complete trials, and none of choices
    if all trials chose alike.
    """
    complete = trials[trials["state"] == "complete"]
    if len(complete) < FEWEST:
        return {}
    varied = {
        choice.param: distribution
        for choice in space
        if choice.param in complete and (distribution := _seen(choice, complete[choice.param])) is not None
    }
    study = _study_of(trials, varied, "maximize" if rises else "minimize")
    names = [name for name in FIGURES if varied or name == "history"]
    if complete["value"].nunique() == 1 and "importances" in names:
        names.remove("importances")  # nothing made a difference
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna calls half of its figures experimental
        figures = {name: FIGURES[name][1](study) for name in names}
    look = {"height": HEIGHT_PX, "title": None, "margin": {"t": 40, "b": 60, "l": 60, "r": 20}}
    return {name: (FIGURES[name][0], figure.update_layout(**look)) for name, figure in figures.items()}


def study_page(figures: Mapping[str, tuple[str, go.Figure]]) -> str:
    """Return the figures as one HTML page that needs nothing from elsewhere."""
    parts = [
        f"<h2>{caption}</h2>\n{figure.to_html(full_html=False, include_plotlyjs=number == 0, div_id=name)}"
        for number, (name, (caption, figure)) in enumerate(figures.items())
    ]
    nothing = f"<p>Fewer than {FEWEST} trials completed: there is nothing to compare.</p>"
    head = '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Search</title></head>'
    return f'{head}\n<body style="font-family: sans-serif">\n{"".join(parts) or nothing}\n</body></html>\n'


def _seen(choice: Choice, column: pd.Series) -> BaseDistribution | None:
    """Return the dimension as wide as what was tried, which may lie outside the space; None if all tried the same."""
    values = [_escaped(value) for value in column.dropna().tolist()]
    if len(set(values)) + (len(values) < len(column)) < 2 or not values:
        return None
    if choice.values or len(set(values)) == 1:
        return CategoricalDistribution(sorted(set(values), key=str))
    return FloatDistribution(min(values), max(values), log=choice.log and min(values) > 0)


def _study_of(
    trials: pd.DataFrame, varied: Mapping[str, BaseDistribution], direction: Literal["maximize", "minimize"]
) -> Study:
    """Return a study of all trials, so that each has its number; what those tried that gave no value is left out."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction=direction)
    for row in trials.to_dict("records"):
        if row["state"] != "complete":
            study.add_trial(optuna.create_trial(state=TrialState.FAIL))
            continue
        tried = [name for name in varied if pd.notna(row[name])]
        study.add_trial(
            optuna.create_trial(
                value=float(row["value"]),
                params={html.escape(name): _escaped(row[name]) for name in tried},
                distributions={html.escape(name): varied[name] for name in tried},
            )
        )
    return study


def _escaped(value: Any) -> Any:
    """Return a cell as Optuna takes it; plotly would read text as HTML."""
    return html.escape(value) if isinstance(value, str) else value
