"""Scores by name: what search, gate, leaderboard and report need to know of a score without knowing the task."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sn7ml.core.errors import ParamsError


@dataclass(frozen=True)
class Score:
    """One score of a task."""

    name: str
    """Key in ``metrics.json``, column of tables, MLflow metric after its split's prefix (``test_scot``)."""

    label: str
    """Name on pages and in tables."""

    meaning: str
    """What it counts and how it is averaged, one sentence without a full stop."""

    headline: bool = True
    """Shown where there is room for few."""

    higher_is_better: bool = True

    def gain(self, after: float, before: float) -> float:
        """Return how much better ``after`` is than ``before``: above 0 is better; NaN if either is undefined."""
        return after - before if self.higher_is_better else before - after

    def rank(self, value: float) -> float:
        """Return a number that is larger for a better score; -inf for NaN."""
        if math.isnan(value):
            return -math.inf
        return value if self.higher_is_better else -value


def score_named(scores: Sequence[Score], name: str) -> Score:
    """Return the score of this name. Raises ParamsError, naming those there are, if there is none."""
    named = {score.name: score for score in scores}
    if name not in named:
        raise ParamsError("params.unknown-score", f"the task has no score {name!r}; it has {', '.join(named)}")
    return named[name]


@dataclass(frozen=True)
class Evaluation:
    """What found objects are worth."""

    overall: Mapping[str, float]
    """Score by name over everything scored; also numbers that are no score of the task. NaN is undefined."""

    per_aoi: pd.DataFrame
    """A row per AOI: ``aoi``, the same scores, and the counts behind them."""

    scored: tuple[str, ...]
    """AOIs whose truth holds something to score."""

    trivial: Mapping[str, Mapping[str, float]]
    """Answer that takes no model ("nothing found") to its scores on the same truth; a score means little without it."""

    tables: Mapping[str, pd.DataFrame]
    """Name to a further table, each a CSV beside the scores."""

    details: Mapping[str, Any]
    """Name to plain JSON content, each a JSON file beside the scores."""


def best_trivial(score: Score, trivial: Mapping[str, Mapping[str, float]]) -> tuple[str, float] | None:
    """Return the trivial answer with the best value of a score, and that value; None where none defines it.

    >>> iou = Score("iou", "IoU", "pixels")
    >>> best_trivial(iou, {"nothing found": {"iou": 0.0}, "all building": {"iou": 0.18}})
    ('all building', 0.18)
    """
    known = [(answer, values[score.name]) for answer, values in trivial.items() if score.name in values]
    return max(known, key=lambda found: score.rank(found[1]), default=None)


def score_line(
    scores: Sequence[Score], overall: Mapping[str, float], trivial: Mapping[str, Mapping[str, float]]
) -> str:
    """Return scores for a terminal, each with its best trivial answer.

    >>> iou = Score("iou", "IoU", "pixels")
    >>> score_line([iou], {"iou": 0.671}, {"all building": {"iou": 0.18}})
    'IoU 0.6710 (all building 0.1800)'
    """
    parts = []
    for score in scores:
        found = best_trivial(score, trivial)
        beside = f" ({found[0]} {found[1]:.4f})" if found else ""
        parts.append(f"{score.label} {overall[score.name]:.4f}{beside}")
    return "  ".join(parts)
