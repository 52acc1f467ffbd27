"""Score a trained model on a split: predict, extract, evaluate. Loads torch."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sn7ml.flow.data import Data
from sn7ml.flow.evaluate import Ground, extract_aois
from sn7ml.flow.evaluate import evaluate as evaluate_found
from sn7ml.learn.package import Package, load_package
from sn7ml.learn.predict import Predictor, predict_frames
from sn7ml.learn.trained_model import TrainedModel
from sn7ml.metrics.score import Evaluation
from sn7ml.params import Params
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.scored_columns import Columns, spanned
from sn7ml.scenes.store import TileStore
from sn7ml.targets import target_of
from sn7ml.tasks import task_named


@dataclass(frozen=True)
class ModelEvaluator:
    """Scores models on the same frames in the same way; the truth is read once.

    Probabilities go to a temporary folder and are gone afterwards.
    """

    root: Path
    scenes: Scenes
    ground: Ground
    params: Params

    def evaluate(self, package: Package) -> tuple[Evaluation, pd.DataFrame]:
        """Predict, extract and score with one model; return the found objects too."""
        predictor, task = Predictor(package, self.params.predict), task_named(self.params.task)
        columns = self.ground.truth.columns
        with tempfile.TemporaryDirectory(prefix="sn7ml-evaluate-") as folder:
            out = Path(folder)
            for _ in predict_frames(predictor, self.root, self.scenes.frames, spanned(columns), out):
                pass
            found = extract_aois(task.output, out, self.ground.grids, self.params.output)
            scored = evaluate_found(task, found, out, self.ground, self.params.evaluate, self.params.output)
            return scored, found


def evaluator_for(root: Path, scenes: Scenes, tiles: TileStore, columns: Columns, params: Params) -> ModelEvaluator:
    """Prepare to score models on some columns."""
    return ModelEvaluator(root, scenes, Ground.read(scenes, tiles, columns, target_of(params.target)), params)


def evaluate(model: TrainedModel, data: Data, tiles: TileStore, params: Params) -> Evaluation:
    """Score a trained model on the splits that ``evaluate.splits`` names, which it has not learned from.

    The model predicts as its ``usage`` says. ``tiles`` say which columns of which AOI belong to which split, and hold
    the masks for scores of pixels. Of ``params`` section evaluate and the task's own are used.
    """
    used = params.model_copy(update={"predict": model.usage.predict, "output": model.usage.output})
    columns = tiles.columns(params.evaluate.splits)
    return evaluator_for(data.images, data.scenes, tiles, columns, used).evaluate(load_package(model.folder))[0]
