"""Predict the chosen splits. Reads DATA, SCENES, TILES and MODEL, writes PROBABILITIES/<AOI>/<month>.tif."""

from pathlib import Path

from rich.progress import track

from sn7ml.core.runtime.stage import run_stage
from sn7ml.learn.predict import load_predictor, predict_frames
from sn7ml.params import load_params
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.store import TileStore


def main(data: Path, scenes: Path, tiles: Path, model: Path, probabilities: Path) -> None:
    """Run the stage."""
    params = load_params()
    stretches = TileStore(tiles).stretches(params.predict.splits)
    wanted = Scenes(scenes).frames_of(stretches)
    predictor = load_predictor(model, params.predict)
    done = predict_frames(predictor, Scenes(scenes).images_in(data), wanted, stretches, probabilities)
    for _ in track(done, "predicting", total=len(wanted)):
        pass


if __name__ == "__main__":
    run_stage(main, "data", "scenes", "tiles", "model", "probabilities")
