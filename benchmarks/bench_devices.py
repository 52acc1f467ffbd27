"""Train and predict on every device at hand, on synthetic cubes: throughput, and whether the devices agree.

Run from the project's root: ``python -m benchmarks.bench_devices [epochs]``.
"""

import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

from sn7ml.learn.fit import Plan, fit
from sn7ml.learn.predict import Predictor
from sn7ml.params import load_params, recipe_of
from sn7ml.scenes.images import read_image
from sn7ml.scenes.ingest import ingest
from sn7ml.scenes.layouts import layout_of
from sn7ml.scenes.store import TileStore
from sn7ml.scenes.tiling import write_tiles
from sn7ml.synthetic import make_synthetic
from sn7ml.targets import target_of


def main(epochs: int) -> None:
    """Print one line per measurement."""
    params = load_params()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        make_synthetic(root, aois=4, months=4, size_px=256, seed=7)
        layout = layout_of(params.data)
        scenes = ingest(root, layout.sources(root), layout, params.split, Path(folder) / "scenes")
        write_tiles(root, scenes, params.split, params.tiling, target_of(params.target), Path(folder) / "tiles")
        tiles = TileStore(Path(folder) / "tiles")
        settings = params.train.model_copy(update={"epochs": epochs, "tiles_per_epoch": 512, "patience": epochs})
        variants = {"32-true": settings}
        if torch.cuda.is_available():
            variants["bf16-mixed"] = settings.model_copy(update={"precision": "bf16-mixed"})
            variants["32-true, 8 loaders"] = settings.model_copy(update={"loader_workers": 8})
        for name, variant in variants.items():
            times = [time.monotonic()]
            note = partial(lambda times, *_: times.append(time.monotonic()), times)
            result = fit(Plan(recipe_of(params), target_of(params.target), variant), tiles, note)
            rate = settings.tiles_per_epoch / np.median(np.diff(times)[1:])
            print(
                f"train {device()} {name}: {rate:.0f} tiles/s, best val_iou {result.history['val_iou'].max():.3f}",
                flush=True,
            )
        pixels = read_image(root / scenes.frames["image"].iloc[0]).pixels
        outputs = {}
        for kind in ("cpu", *(["cuda"] if torch.cuda.is_available() else [])):
            predictor = Predictor(result.package, params.predict, torch.device(kind))
            predictor.predict_image(pixels)
            start = time.monotonic()
            outputs[kind] = predictor.predict_image(pixels).channels
            speed = pixels[0].size / 1e6 / (time.monotonic() - start)
            print(f"predict {kind}: {speed:.2f} Mpx of the original image a second")
        if len(outputs) == 2:
            worst = np.abs(outputs["cpu"].astype(int) - outputs["cuda"]).max()
            print(f"largest difference of cpu and cuda: {worst} of 255")


def device() -> str:
    """Return the name of the device that Fabric takes."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else f"cpu ({torch.get_num_threads()} threads)"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)
