"""What each choice of training is worth: one thing changed at a time, trained briefly, scored on held-out data.

    python -m benchmarks.ablate [--epochs N] [--only NAME ...] [--elsewhere DATA]

Run in a project folder after `dvc repro tile`. Every variation trains the network of the first fold for N epochs (of
``train.tiles_per_epoch`` tiles) and is scored on what that fold holds out: never on the test split. Variations that
change nothing but the prediction share a network; no other averages flips, to save time. A network takes minutes; its
line is printed as soon as it is known. One area and one seed: differences of a few hundredths are noise.
"""

import argparse
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sn7ml.core.ratios import precision_recall_f1
from sn7ml.flow.evaluate import extract_aois
from sn7ml.flow.evaluate_model import evaluator_for
from sn7ml.learn.fit import Plan, fit
from sn7ml.learn.package import Package
from sn7ml.learn.predict import Predictor, predict_frames
from sn7ml.metrics.footprints import match_footprints
from sn7ml.outputs.submission import read_polygons
from sn7ml.outputs.tracks import TRACKS_OUTPUT
from sn7ml.params import Params, load_params, recipe_of, with_values
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.layouts.spacenet7 import scan
from sn7ml.scenes.scored_columns import Stretch, read_grids
from sn7ml.scenes.store import TileStore
from sn7ml.scenes.tiling import write_tiles
from sn7ml.targets import target_of

DATA, SCENES = Path("data"), Scenes(Path("build/scenes"))

VARIATIONS: Mapping[str, Mapping[str, Any]] = {
    "as in params.yaml": {},
    "mean of four flips": {"predict.flips": True},
    "no adaptation": {"predict.adaptation": 0.0},
    "adaptation by half": {"predict.adaptation": 0.5},
    "no means of months": {"augmentation.months_around": 0},
    "no gain, no offset": {"augmentation.gain": 0.0, "augmentation.offset": 0.0},
    "twice the gain and offset": {"augmentation.gain": 0.3, "augmentation.offset": 0.4},
    "no colour augmentation": {
        "augmentation.gain": 0.0,
        "augmentation.offset": 0.0,
        "augmentation.brightness": 0.0,
        "augmentation.contrast": 0.0,
    },
    "no flips or turns": {"augmentation.flips": False, "augmentation.quarter_turns": False},
    "noise 0.1": {"augmentation.noise": 0.1},
    "footprint channel only": {"loss.channels.boundary": 0.0, "loss.channels.contact": 0.0},
    "boundary and contact count in full": {"loss.channels.boundary": 1.0, "loss.channels.contact": 1.0},
    "BCE + Dice + focal": {"loss.focal": 1.0},
    "Dice only": {"loss.bce": 0.0},
    "up-sampled 2 times": {"tiling.upsampling": 2},
    "up-sampled 4 times": {"tiling.upsampling": 4},
    "tiles drawn evenly": {"train.built_up_power": 0.0},
    "tiles drawn by built-up share": {"train.built_up_power": 1.0},
}
"""Name to what differs, keys of params.yaml."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--only", nargs="*", choices=list(VARIATIONS), default=list(VARIATIONS))
    parser.add_argument(
        "--elsewhere", type=Path, help="another data folder, labelled: its footprint F1 gets a column of its own"
    )
    arguments = parser.parse_args()
    params = with_values(load_params(), {"train.epochs": arguments.epochs, "predict.flips": False}, "--epochs")
    print("| variation | SCOT | tracking | change | F1 (IoU 0.25) | pixel IoU | F1 elsewhere | minutes of training |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="sn7ml-ablate-") as folder:
        bench = Ablation(Path(folder), arguments.elsewhere)
        for name in arguments.only:
            print(bench.line(name, with_values(params, VARIATIONS[name], name)), flush=True)


@dataclass
class Ablation:
    """Networks are kept for variations that train alike."""

    folder: Path
    elsewhere: Path | None
    trained: dict[str, tuple[Package, float]] = field(default_factory=dict)
    """What decides a training to its package and minutes."""

    def line(self, name: str, params: Params) -> str:
        """Train, if that was not done yet, and score one variation."""
        store = tiles_of(params, self.folder)
        package, minutes = self.train(params, store)
        here = evaluator_for(DATA, SCENES, store, store.columns(("validation",), fold=1), params)
        scores = here.evaluate(package)[0].overall
        numbers = [scores[score] for score in ("scot", "tracking", "change", "f1", "iou")]
        shown = [*(f"{number:.3f}" for number in numbers), self.f1_elsewhere(package, params), f"{minutes:.1f}"]
        return f"| {name} | {' | '.join(shown)} |"

    def train(self, params: Params, store: TileStore) -> tuple[Package, float]:
        """Return the network of the first fold, and how many minutes it took."""
        recipe = recipe_of(params)
        key = recipe.model_dump_json() + params.train.model_dump_json() + str(store.upsampling)
        if key not in self.trained:
            start = time.monotonic()
            package = fit(Plan(recipe, target_of(params.target), params.train), store).package
            self.trained[key] = package, (time.monotonic() - start) / 60
        return self.trained[key]

    def f1_elsewhere(self, package: Package, params: Params) -> str:
        """Return the footprint F1 on the whole of the other data folder; a dash without one."""
        if self.elsewhere is None:
            return "–"
        frames = scan(self.elsewhere)
        grids = read_grids(self.elsewhere, frames, sorted(frames["aoi"].unique()))
        whole = {aoi: [Stretch(0, grid.shape[1])] for aoi, grid in grids.items()}
        with tempfile.TemporaryDirectory(dir=self.folder) as out:
            for _ in predict_frames(Predictor(package, params.predict), self.elsewhere, frames, whole, Path(out)):
                pass
            tracks = extract_aois(TRACKS_OUTPUT, Path(out), grids, params.output)
        counts = (
            match_footprints(read_polygons(self.elsewhere), tracks, 0.25).by_frame()[["tp", "fp", "fn"]].sum().tolist()
        )
        return f"{precision_recall_f1(*counts)[2]:.3f}"


def tiles_of(params: Params, folder: Path) -> TileStore:
    """Return the project's tiles, or, if their up-sampling is another one, tiles of our own."""
    store = TileStore(Path("build/tiles"))
    if store.upsampling == params.tiling.upsampling:
        return store
    out = folder / f"tiles-{params.tiling.upsampling}"
    if not out.exists():
        write_tiles(DATA, SCENES, params.split, params.tiling, target_of(params.target), out)
    return TileStore(out)


if __name__ == "__main__":
    main()
