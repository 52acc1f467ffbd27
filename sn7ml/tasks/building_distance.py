"""Looking Glass: buildings in map tiles by the signed distance to their outlines."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from sn7ml.core.ratios import ratio
from sn7ml.metrics.scene_buildings import evaluate_buildings
from sn7ml.metrics.score import Evaluation, Score
from sn7ml.outputs.buildings import BUILDINGS_OUTPUT
from sn7ml.params import EvaluateParams
from sn7ml.targets.pixels import PixelCounts
from sn7ml.tasks.buildings import tune_score
from sn7ml.tasks.task import Task

SCORES = (
    Score("iou", "IoU", "building pixels, over all counts"),
    Score("built_error", "area error", "built area found against the true one", higher_is_better=False),
    Score("mae_m", "MAE", "mean error of a pixel's signed distance, metres", higher_is_better=False),
    Score("f1", "F1", "footprints found at IoU 0.5, over all counts", headline=False),
)


def evaluate(
    truth: pd.DataFrame, found: pd.DataFrame, pixels: Mapping[str, PixelCounts], params: EvaluateParams
) -> Evaluation:
    """Score as for ``buildings``, and the error of distances."""
    scored = evaluate_buildings(truth, found, pixels, params)
    total = sum(pixels.values(), PixelCounts())
    by_aoi = scored.per_aoi.assign(mae_m=[pixels[aoi].mae_m for aoi in scored.per_aoi["aoi"]])
    errors_m = {"nothing found": total.nothing_error_m, "all building": total.all_building_error_m}
    trivial = {
        answer: {**scores, "mae_m": ratio(errors_m[answer], total.known)} for answer, scores in scored.trivial.items()
    }
    return replace(scored, overall={**scored.overall, "mae_m": total.mae_m}, per_aoi=by_aoi, trivial=trivial)


BUILDING_DISTANCE = Task(
    name="building_distance",
    title="Looking Glass: buildings in map tiles",
    purpose="Finds buildings in map tiles by the signed distance of each pixel to the nearest outline.",
    limits=(
        "Buildings that touch are one. Areas and counts are meant for blocks, not for single buildings.",
        "Zooms other than that of the training were not tried.",
    ),
    licences=("Of the tiles and outlines: see their source.",),
    scores=SCORES,
    output=BUILDINGS_OUTPUT,
    evaluate=evaluate,
    tunable=("f1",),
    tune_score=tune_score,
)
