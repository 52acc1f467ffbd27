"""What each choice of training is worth: one thing changed at a time, trained briefly, scored where the network did not learn.

    python -m benchmarks.ablate [--epochs N] [--only NAME ...]

Run in a project folder after `dvc repro tile`. Every variation trains the network of the first fold for N epochs (of
``train.tiles_per_epoch`` tiles) and is scored on what that fold holds out: never on the test split. A network takes minutes; its
line is printed as soon as it is known. One area and one seed: differences of a few hundredths are noise.
"""

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sn7ml.data.catalog import scan
from sn7ml.data.tiles import TileStore, write_tiles
from sn7ml.experiment.assess import assessor_for
from sn7ml.learn.fit import fit
from sn7ml.params import Params, load_params, recipe_of, with_values

DATA = Path("data")

VARIATIONS: Mapping[str, Mapping[str, Any]] = {
    "as in params.yaml": {},
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
    "footprint channel only": {"loss.boundary": 0.0, "loss.contact": 0.0},
    "boundary and contact count in full": {"loss.boundary": 1.0, "loss.contact": 1.0},
    "BCE + Dice + focal": {"loss.focal": 1.0},
    "Dice only": {"loss.bce": 0.0},
    "up-sampled 2 times": {"tiling.upsampling": 2},
    "up-sampled 4 times": {"tiling.upsampling": 4},
    "mean of four flips": {"predict.flips": True},
}
"""Name to what differs, keys of params.yaml."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--only", nargs="*", choices=list(VARIATIONS), default=list(VARIATIONS))
    arguments = parser.parse_args()
    params = with_values(load_params(), {"train.epochs": arguments.epochs}, "--epochs")
    print("| variation | SCOT | tracking | change | F1 (IoU 0.25) | pixel IoU | minutes of training |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="sn7ml-ablate-") as folder:
        for name in arguments.only:
            print(line(name, with_values(params, VARIATIONS[name], name), Path(folder)), flush=True)


def line(name: str, params: Params, folder: Path) -> str:
    """Train and score one variation."""
    store = tiles_of(params, folder)
    scoring = (params.predict, params.track, params.evaluate)
    assessor = assessor_for(DATA, scan(DATA), store, store.columns(("validation",), fold=1), scoring)
    start = time.monotonic()
    found = fit(recipe_of(params), params.train, store)
    minutes = (time.monotonic() - start) / 60
    scores = assessor.score(found.package).overall
    shown = " | ".join(f"{scores[score]:.3f}" for score in ("scot", "tracking", "change", "f1", "iou"))
    return f"| {name} | {shown} | {minutes:.1f} |"


def tiles_of(params: Params, folder: Path) -> TileStore:
    """Return the project's tiles, or, if their up-sampling is another one, tiles of our own."""
    store = TileStore(Path("build/tiles"))
    if store.upsampling == params.tiling.upsampling:
        return store
    out = folder / f"tiles-{params.tiling.upsampling}"
    if not out.exists():
        write_tiles(DATA, scan(DATA), params.split, params.tiling, out)
    return TileStore(out)


if __name__ == "__main__":
    main()
