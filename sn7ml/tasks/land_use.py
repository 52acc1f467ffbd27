"""SegNet: land use by class in images of any size."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from sn7ml.core.errors import ParamsError
from sn7ml.metrics.land_use import evaluate_classes
from sn7ml.metrics.score import Evaluation, Score
from sn7ml.outputs.class_map import LAND_USE_OUTPUT, class_map
from sn7ml.params import EvaluateParams
from sn7ml.targets import Target
from sn7ml.targets.class_counts import ClassCounts, count_classes
from sn7ml.tasks.task import FoundPixels, Task

SCORES = (
    Score("miou", "mean IoU", "mean over classes of the IoU of their pixels, over all counts"),
    Score("accuracy", "accuracy", "pixels that are taken for what they are, over all counts"),
    Score("worst_iou", "worst IoU", "IoU of the class that is found worst, over all counts"),
)


def count(target: Target, found: FoundPixels) -> ClassCounts:
    """Count the pixels of the map that is written, areas that are too small included in their neighbours."""
    classes = class_map(found.probabilities, 1, found.output.of_land_use())
    valid = found.scored & (classes < len(target.channels))
    counts = count_classes(classes, found.planes, valid, len(target.channels))
    return replace(counts, names=target.channels)


def evaluate(
    _truth: pd.DataFrame, _found: pd.DataFrame, pixels: Mapping[str, ClassCounts], _params: EvaluateParams
) -> Evaluation:
    """Score maps by their pixels."""
    return evaluate_classes(pixels)


def tune_score(_truth: pd.DataFrame, _found: pd.DataFrame, objective: str) -> dict[str, float]:
    """Raise ParamsError: all scores need pixels."""
    raise ParamsError("params.nothing-to-tune", f"{objective} needs pixels; set tune.trials to 0")


LAND_USE = Task(
    name="land_use",
    title="SegNet: land use by class",
    purpose="Gives each pixel of an image one of several classes, such as land, water, building, vegetation and road.",
    limits=(
        "It knows the classes it has learned and no others: what is none of them gets one of them.",
        "Other sensors, resolutions, seasons or cities were not tried. Probabilities are not calibrated.",
    ),
    licences=("Of the images and labels: see their source.",),
    scores=SCORES,
    output=LAND_USE_OUTPUT,
    evaluate=evaluate,
    count=count,
    tunable=(),
    tune_score=tune_score,
)
