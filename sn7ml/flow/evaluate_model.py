"""Score a trained model on a split: predict, extract, evaluate. Loads torch."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sn7ml.flow.evaluate import Ground, evaluate, extract_aois, read_split_truth
from sn7ml.learn.package import Package
from sn7ml.learn.predict import Predictor, predict_frames
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
            return evaluate(task, found, out, self.ground, self.params.evaluate), found


def evaluator_for(root: Path, scenes: Scenes, tiles: TileStore, columns: Columns, params: Params) -> ModelEvaluator:
    """Prepare to score models on some columns."""
    ground = Ground(read_split_truth(scenes, columns), tiles, target_of(params.target), scenes.grids_of(columns))
    return ModelEvaluator(root, scenes, ground, params)
