"""Whether a channel of centres parts buildings better than the channel of rims.

    python -m benchmarks.try_centres [--epochs N] [--elsewhere DATA]

After selim_sef, third in SpaceNet 7, who detected centres because houses that touch were not parted otherwise. Run in a
project folder after `dvc repro tile`. Two networks of the first fold are trained alike, but that the one learns, in
place of rims, a Gaussian at each building's centre; its complement lowers the evidence like a rim does. Both are scored
with several weights of the channel, on what the fold holds out. Until it is known to help it stands here, and not in
sn7ml.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from benchmarks.ablate import DATA, SCENES, Ablation
from sn7ml.core.geo.windows import Corner
from sn7ml.flow.evaluate import evaluate, extract_aois
from sn7ml.flow.evaluate_model import evaluator_for
from sn7ml.learn.dataset import targets
from sn7ml.learn.package import Package
from sn7ml.learn.predict import Predictor, predict_frames
from sn7ml.params import Params, load_params, with_values
from sn7ml.scenes.scored_columns import spanned
from sn7ml.scenes.store import TileStore
from sn7ml.targets import Target
from sn7ml.targets.rims import BOUNDARY, BOUNDARY_BIT, FOOTPRINT_BIT
from sn7ml.tasks import task_of

SIGMA_PX = 2.0
"""Of a centre's Gaussian, in up-sampled pixels: selim_sef's."""

WEIGHTS = (0.0, 0.25, 0.5)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--elsewhere", type=Path, help="as of benchmarks.ablate")
    arguments = parser.parse_args()
    params = with_values(load_params(), {"train.epochs": arguments.epochs, "predict.flips": False}, "--epochs")
    print("| channel | its weight | SCOT | tracking | change | F1 (IoU 0.25) | F1 elsewhere |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="sn7ml-centres-") as folder:
        bench = Ablation(Path(folder), arguments.elsewhere)
        rows(bench, params, "rims")
        with (
            patch("sn7ml.learn.fit.targets", centre_targets),
            patch("benchmarks.ablate.Predictor", CentrePredictor),
            patch(f"{__name__}.Predictor", CentrePredictor),
        ):
            bench.trained.clear()
            rows(bench, params, "centres")


def rows(bench: Ablation, params: Params, name: str) -> None:
    """Train one network and print its line for every weight."""
    store = TileStore(Path("build/tiles"))
    package, _ = bench.train(params, store)
    for weight in WEIGHTS:
        weighed = with_values(
            params,
            {f"output.tracks.changepoint.{peaks}.boundary_weight": weight for peaks in ("static", "change")},
            name,
        )
        numbers = [*score(package, weighed, store), bench.f1_elsewhere(package, weighed)]
        print(f"| {name} | {weight} | {' | '.join(numbers)} |", flush=True)


def score(package: Package, params: Params, store: TileStore) -> list[str]:
    """Return SCOT, tracking, change and footprint F1 on the validation part of the first fold."""
    columns = store.columns(("validation",), fold=1)
    here = evaluator_for(DATA, SCENES, store, columns, params)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        for _ in predict_frames(Predictor(package, params.predict), DATA, here.scenes.frames, spanned(columns), out):
            pass
        task = task_of(params)
        tracks = extract_aois(task.output, out, here.ground.grids, params.output)
        scores = evaluate(task, tracks, out, here.ground, params.evaluate, params.output).overall
    return [f"{scores[score]:.3f}" for score in ("scot", "tracking", "change", "f1")]


def centre_targets(target: Target, planes: Tensor) -> tuple[Tensor, Tensor]:
    """As ``sn7ml.learn.dataset.targets``, with centres in the channel of rims."""
    channels_BKYX, valid_BYX = targets(target, planes)
    heat_BYX = np.stack([heat_map(tile) for tile in planes.numpy()])
    channels_BKYX[:, BOUNDARY] = torch.from_numpy(heat_BYX)
    return channels_BKYX, valid_BYX


def heat_map(flags: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(rows, cols): a Gaussian at the centre of each building's inside, the larger one where two meet."""
    insides, count = ndimage.label((flags & FOOTPRINT_BIT > 0) & (flags & BOUNDARY_BIT == 0))
    if not count:
        return np.zeros(flags.shape, np.float32)
    middles = np.array(ndimage.center_of_mass(insides > 0, insides, np.arange(count) + 1)).round().astype(int)
    elsewhere = np.ones(flags.shape, dtype=bool)
    elsewhere[tuple(middles.T)] = False
    distance_px = ndimage.distance_transform_edt(elsewhere)
    return np.exp(-(distance_px**2) / (2 * SIGMA_PX**2)).astype(np.float32)


class CentrePredictor(Predictor):
    """Tells the tracker, in the channel of rims, how far from a centre a pixel seems to be."""

    def _forward(self, networks: Sequence[nn.Module], image: Tensor, corners: list[Corner]) -> Tensor:
        found = super()._forward(networks, image, corners)
        found[:, BOUNDARY] = 1 - found[:, BOUNDARY]
        return found


if __name__ == "__main__":
    main()
