"""What a task is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sn7ml.core.errors import ParamsError
from sn7ml.core.geo.probabilities import CERTAIN, Probabilities
from sn7ml.metrics.score import Evaluation, Score, score_named
from sn7ml.outputs.output import Output
from sn7ml.params import EvaluateParams, OutputParams
from sn7ml.targets import Target
from sn7ml.targets.pixels import PixelCounts, count_pixels
from sn7ml.targets.signed_distance import with_errors
from sn7ml.targets.target import Counts, Planes


@dataclass(frozen=True)
class FoundPixels:
    """One frame that is scored by its pixels, at the scale of the tiles' masks."""

    probabilities: Probabilities

    planes: Planes
    """What is true: (rows, cols)."""

    scored: NDArray[np.bool_]
    """(rows, cols): where something is known, there is evidence, and the columns are scored."""

    params: EvaluateParams
    output: OutputParams

    unit_m: float | None
    """Metres of a found distance of 1; None where channels are probabilities."""


def count_buildings(target: Target, found: FoundPixels) -> PixelCounts:
    """Count pixels of the target's first channel, and how far distances are off."""
    first = found.probabilities.channels[0]
    built = first >= found.params.pixel_threshold * CERTAIN
    pixels = count_pixels(built, target.built(found.planes), found.scored)
    if not (target.unit_m and found.unit_m):
        return pixels
    found_m = (first / (CERTAIN / 2) - 1) * found.unit_m
    return with_errors(pixels, found_m, found.planes, found.scored, target.unit_m)


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

    evaluate: Callable[[pd.DataFrame, pd.DataFrame, Mapping[str, Any], EvaluateParams], Evaluation]
    """Truth and found objects (``POLYGONS``, cut to what is scored) and pixel counts by AOI to scores."""

    tunable: tuple[str, ...]
    """Scores that need no pixels, so that a tuning can compare trials by one of them; the first is the default."""

    tune_score: Callable[[pd.DataFrame, pd.DataFrame, str], dict[str, float]]
    """Truth, found objects and the objective, one of ``tunable``, to scores, among them the objective."""

    count: Callable[[Target, "FoundPixels"], Counts] = count_buildings
    """Counts the pixels of one frame."""

    gate_by: Literal["aoi", "group"] = "group"
    """What the gate takes for one independent observation: ``group`` where AOIs of a group may share streets or ground,
    ``aoi`` where they only lie in the same region."""

    def tuned_by(self, objective: str | None) -> Score:
        """Return the score that a tuning compares trials by. Raises ParamsError if it needs pixels, or is unknown."""
        name = objective or (self.tunable or (self.scores[0].name,))[0]
        if not self.tunable:
            return score_named(self.scores, name)
        if name not in self.tunable:
            raise ParamsError(
                "params.unknown-score", f"tune.objective: {name!r}; expected null or one of {', '.join(self.tunable)}"
            )
        return score_named(self.scores, name)
