"""SpaceNet 2: every building in single images."""

import pandas as pd

from sn7ml.core.ratios import precision_recall_f1
from sn7ml.metrics.scene_buildings import SPACENET2_IOU, evaluate_buildings, match_by_confidence, outline_error
from sn7ml.metrics.score import Score
from sn7ml.outputs.buildings import BUILDINGS_OUTPUT
from sn7ml.tasks.task import Task

SCORES = (
    Score("f1", "F1", "footprints found at IoU 0.5, over all counts"),
    Score("iou", "IoU", "building pixels, over all counts"),
    Score("built_error", "area error", "built area found against the true one", headline=False, higher_is_better=False),
    Score("outline_error", "outline error", "area of all outlines against the true ones", False, False),
)


def tune_score(truth: pd.DataFrame, found: pd.DataFrame, _objective: str) -> dict[str, float]:
    """Return F1 at IoU 0.5, and how far the area of all outlines is off."""
    matched = match_by_confidence(truth, found, SPACENET2_IOU)
    tp = int(matched.truth.sum())
    f1 = precision_recall_f1(tp, int((~matched.found).sum()), int((~matched.truth).sum()))[2]
    return {"f1": f1, "outline_error": outline_error(truth, found)}


BUILDINGS = Task(
    name="buildings",
    title="SpaceNet 2: every building in single images",
    purpose="Finds the outline of every building in single images of about 0.3 m (SpaceNet 2: red, green, blue).",
    limits=(
        "Buildings wall to wall may merge; small ones are missed more often than large ones.",
        "Other sensors, resolutions or band orders were not tried. Probabilities are not calibrated.",
        "Not for decisions about single buildings or the people in them.",
    ),
    licences=(
        "SpaceNet 2 imagery and labels: CC BY-SA 4.0. Share what you derive from them under the same terms, with "
        "attribution.",
    ),
    scores=SCORES,
    output=BUILDINGS_OUTPUT,
    evaluate=evaluate_buildings,
    tunable=("f1", "outline_error"),
    tune_score=tune_score,
)
