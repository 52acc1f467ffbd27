"""Prediction of frames against bare forward passes over the same windows.

Run as ``python -m benchmarks.bench_predict [DATA]`` (about a minute). DATA is a folder in the layout of SpaceNet 7;
without it a toy area is drawn. ``predict_image`` cuts, standardises, up-samples, blends and crops; ``predict_frames``,
as ``sn7ml predict`` calls it, also reads the image, writes the probabilities and reads them back. The bare passes have
all windows ready in memory, as the network takes them. The three alternate, so that other load on the machine falls on
all alike.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from sn7ml.core.geo.windows import plan_windows
from sn7ml.learn.fit import enlarge
from sn7ml.learn.models import build_model
from sn7ml.learn.package import Package
from sn7ml.learn.predict import Predictor, predict_frames
from sn7ml.params import load_params, recipe_of
from sn7ml.scenes.images import read_image
from sn7ml.scenes.input_checks import read_any_image
from sn7ml.scenes.layouts.spacenet7 import scan
from sn7ml.scenes.scored_columns import Stretch
from sn7ml.targets import target_of
from tests.learn.toy import write_world

THREADS = 2
SIDE_PX = 320
"""Of the toy area: nine windows of 128 pixels that share 32."""

LARGEST_PX = 416
"""Of a real frame only the north-west corner is predicted in memory, to stay within a minute."""

ROUNDS = 5
GOAL = 0.85


def seconds(work: Callable[[], object]) -> float:
    """Wall time of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def bare_passes(predictor: Predictor, shape: tuple[int, int]) -> Callable[[], None]:
    """Return forward passes over as many windows of the same size, in memory."""
    size, batch = predictor.params.tile_px, predictor.params.batch_size
    count = len(plan_windows(shape, size, predictor.params.overlap_px))
    windows = enlarge(torch.randn(count, 3, size, size), predictor.upsampling).split(batch)  # type: ignore[no-untyped-call]

    @torch.inference_mode()
    def run() -> None:
        for window in windows:
            predictor.networks[0](window)

    return run


def whole_frame(predictor: Predictor, root: Path, frame: pd.DataFrame, out: Path) -> Callable[[], None]:
    """Return the prediction of one frame, from file to file."""
    aoi, cols = frame["aoi"].iloc[0], read_image(root / frame["image"].iloc[0]).grid.shape[1]

    def run() -> None:
        for _ in predict_frames(predictor, root, frame, {aoi: [Stretch(0, cols)]}, out, read_any_image):
            pass

    return run


def corner(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut a frame to at most ``LARGEST_PX`` a side."""
    return np.ascontiguousarray(pixels[:, :LARGEST_PX, :LARGEST_PX])


def main(data: Path | None) -> None:
    """Print times and ratios."""
    torch.set_num_threads(THREADS)
    params = load_params()
    target = target_of(params.target)
    package = Package(
        recipe_of(params), target.channels, target.activation, params.tiling.upsampling,
        (build_model(params.model, len(target.channels)).state_dict(),),
    )  # fmt: skip
    predictor = Predictor(package, params.predict)
    with tempfile.TemporaryDirectory() as folder:
        root = data or write_world(Path(folder, "data"), (SIDE_PX, SIDE_PX))
        frame = scan(root).head(1)
        pixels = read_image(root / frame["image"].iloc[0]).pixels
        cut = corner(pixels)
        whole = cut.shape == pixels.shape
        works: dict[str, Callable[[], object]] = {"bare": bare_passes(predictor, cut.shape[1:])}
        works["predict_image"] = lambda: predictor.predict_image(cut)
        if whole:
            works["predict_frames"] = whole_frame(predictor, root, frame, Path(folder, "out"))
        for work in works.values():
            work()
        rounds = [{name: seconds(work) for name, work in works.items()} for _ in range(ROUNDS)]
    network, size = f"{params.model.architecture}, {params.model.encoder}", f"{cut.shape[1]} x {cut.shape[2]} px"
    print(f"{network}, {size} at {predictor.upsampling}x")
    for name in works:
        ratio = statistics.median(times["bare"] / times[name] for times in rounds)
        print(f"{name:14} {statistics.median(times[name] for times in rounds):6.2f} s, throughput / bare {ratio:.3f}")
    print(f"goal: at least {GOAL}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?")
    main(parser.parse_args().data)
