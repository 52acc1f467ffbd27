"""What a task is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from sn7ml.core.errors import ParamsError
from sn7ml.metrics.score import Evaluation, Score, score_named
from sn7ml.outputs.output import Output
from sn7ml.params import EvaluateParams
from sn7ml.targets.pixels import PixelCounts


@dataclass(frozen=True)
class Task:
    """What is made of probabilities, how it is scored, and what people are told of it."""

    name: str
    """``task`` in ``params.yaml``."""

    title: str
    """One line for the heads of pages."""

    purpose: str
    """What a model of this task does, for the model card; Markdown, a sentence or two."""

    limits: tuple[str, ...]
    """What a user of a model must know, for the model card; a sentence each."""

    licences: tuple[str, ...]
    """Of the data, for the model card; a sentence each."""

    scores: tuple[Score, ...]
    """Shown everywhere in this order; the first is the one a search ends on."""

    output: Output

    evaluate: Callable[[pd.DataFrame, pd.DataFrame, Mapping[str, PixelCounts], EvaluateParams], Evaluation]
    """Truth and found objects (``POLYGONS``, cut to what is scored) and pixel counts by AOI to scores."""

    tunable: tuple[str, ...]
    """Scores that need no pixels, so that a tuning can compare trials by one of them; the first is the default."""

    tune_score: Callable[[pd.DataFrame, pd.DataFrame, str], dict[str, float]]
    """Truth, found objects and the objective, one of ``tunable``, to scores, among them the objective."""

    gate_by: Literal["aoi", "group"] = "group"
    """What the gate takes for one independent observation: ``group`` where AOIs of a group may share streets or ground,
    ``aoi`` where they only lie in the same region."""

    def tuned_by(self, objective: str | None) -> Score:
        """Return the score that a tuning compares trials by. Raises ParamsError if it needs pixels, or is unknown."""
        name = objective or self.tunable[0]
        if name not in self.tunable:
            raise ParamsError(
                "params.unknown-score", f"tune.objective: {name!r}; expected null or one of {', '.join(self.tunable)}"
            )
        return score_named(self.scores, name)
