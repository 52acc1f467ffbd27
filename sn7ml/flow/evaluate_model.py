"""What a trained model is worth on a split: predict, track, score."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sn7ml.core.geo.grid import Grid
from sn7ml.flow.evaluate import Truth, read_split_truth, score_tracks, track_aois
from sn7ml.learn.package import Package
from sn7ml.learn.predict import Predictor, predict_frames
from sn7ml.metrics.summary import Scores
from sn7ml.params import EvaluateParams, PredictParams, TrackParams
from sn7ml.scenes.scored_columns import Columns, read_grids, spanned
from sn7ml.scenes.store import TileStore


@dataclass(frozen=True)
class Assessor:
    """Scores models on the same frames in the same way; the truth is read once.

    Probabilities go to a temporary folder and are gone afterwards.
    """

    root: Path
    frames: pd.DataFrame
    tiles: TileStore
    truth: Truth
    grids: dict[str, Grid]
    predict: PredictParams
    track: TrackParams
    evaluate: EvaluateParams

    def score(self, package: Package) -> Scores:
        """Predict, track and score with one model."""
        return self.assess(package)[0]

    def assess(self, package: Package) -> tuple[Scores, pd.DataFrame]:
        """Predict, track and score with one model; return the ``TRACKS`` too."""
        predictor = Predictor(package, self.predict)
        with tempfile.TemporaryDirectory(prefix="sn7ml-assess-") as folder:
            out = Path(folder)
            for _ in predict_frames(predictor, self.root, self.frames, spanned(self.truth.columns), out):
                pass
            tracks = track_aois(out, self.grids, self.track)
            return score_tracks(tracks, self.truth, self.tiles, out, self.grids, self.evaluate), tracks


def assessor_for(
    root: Path,
    frames: pd.DataFrame,
    tiles: TileStore,
    columns: Columns,
    sections: tuple[PredictParams, TrackParams, EvaluateParams],
) -> Assessor:
    """Prepare to score models on some columns."""
    grids = read_grids(root, frames, list(columns))
    return Assessor(root, frames, tiles, read_split_truth(root, frames, columns), grids, *sections)
