"""Training steps of ``fit`` against the same network in a bare loop on tensors in memory.

Run as ``python -m benchmarks.bench_train [DATA]`` (about a minute). DATA is a folder in the layout of SpaceNet 7;
without it a toy area is drawn. ``fit``'s step reads tiles, augments, up-samples, and takes the combined loss and the
optimiser's step; the bare one has batches ready and takes the plainest loss. Both use the network, batch and recipe of
params.yaml. They alternate every few steps, so that other load on the machine falls on both alike.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from sn7ml.learn.dataset import TileDataset, TileLoader, draw_tiles
from sn7ml.learn.fit import Plan, Training
from sn7ml.params import Params, load_params, recipe_of
from sn7ml.scenes.store import TileStore
from sn7ml.targets import target_of
from tests.learn.toy import few_tiles, write_world

THREADS = 2
STEPS = 1
"""Steps between two changes of side."""

PAIRS = 15
GOAL = 0.9


def seconds(work: Callable[[], object]) -> float:
    """Wall time of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def bare_loop(params: Params, store: TileStore) -> Callable[[], None]:
    """Return steps on tensors in memory, of the shape that the network sees."""
    torch.manual_seed(0)
    training = Training(Plan(recipe_of(params), target_of(params.target), params.train), store)
    side = store.tile_px * store.upsampling
    images = torch.randn(STEPS, params.train.batch_size, 3, side, side)
    wanted = (torch.rand_like(images) < 0.1).float()

    def run() -> None:
        for image, target in zip(images, wanted, strict=True):
            logits = training.network(image.contiguous(memory_format=torch.channels_last))
            loss = binary_cross_entropy_with_logits(logits, target.contiguous(memory_format=torch.channels_last))
            training.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            training.optimiser.step()

    training.network.train()
    return run


def fit_loop(params: Params, store: TileStore) -> Callable[[], None]:
    """Return an epoch of ``fit`` of as many steps."""
    rows = store.tiles[store.tiles["split"] == "train"]
    long = params.train.model_copy(update={"epochs": 1000})
    training = Training(Plan(recipe_of(params), target_of(params.target), long), store)
    loader = TileLoader(TileDataset(store, rows, params.augmentation), params.train.batch_size, workers=0)

    seeds = count(1)

    def run() -> None:
        draws = draw_tiles(rows, STEPS * long.batch_size, next(seeds), long.built_up_power)
        training.train(loader.batches(draws))

    return run


def main(data: Path | None) -> None:
    """Print seconds per tile of both loops, and their ratio."""
    torch.set_num_threads(THREADS)
    params = load_params()
    with tempfile.TemporaryDirectory() as folder:
        root = data or write_world(Path(folder, "data"), (256, 640))
        store = few_tiles(root, Path(folder, "tiles"), params.split, params.tiling, target_of(params.target))
        bare, whole = bare_loop(params, store), fit_loop(params, store)
        bare(), whole()
        pairs = [(seconds(bare), seconds(whole)) for _ in range(PAIRS)]
    tiles = STEPS * params.train.batch_size
    size = f"{store.tile_px} px at {store.upsampling}x"
    print(f"{params.model.architecture}, {params.model.encoder}, batches of {params.train.batch_size} tiles of {size}")
    for name, times in zip(("bare", "fit"), zip(*pairs, strict=True), strict=True):
        print(f"{name:5} {1000 * statistics.median(times) / tiles:7.1f} ms per tile")
    ratio = statistics.median(one / other for one, other in pairs)
    print(f"throughput of fit / bare: {ratio:.3f} (goal: at least {GOAL})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?")
    main(parser.parse_args().data)
