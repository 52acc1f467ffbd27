"""Training steps as ``fit`` takes them on a CPU, against steps without what makes them fast there.

    python -m benchmarks.bench_step [--steps N]

The network and batch of configs/one-area.yaml, random images. Each variant is a process of its own, since an allocator
is set once and for all; they take one step each in turn, so that other load on the machine falls on all alike. What is
said of bfloat16 holds for a processor that knows avx512_bf16.
"""

import argparse
import resource
import statistics
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
from lightning_fabric import Fabric

from benchmarks.bench_train import THREADS, seconds
from sn7ml.learn.fit import keep_freed_memory
from sn7ml.learn.models import build_model, exact_depthwise
from sn7ml.params import load_params, recipe_of
from sn7ml.targets import target_of

CONFIG = Path("configs/one-area.yaml")
WARM_UP = 2
VARIANTS = {
    "as fit": (True, True),
    "depthwise in bfloat16": (False, True),
    "freed memory returned": (True, False),
    "both": (False, False),
}
"""Name: whether depthwise convolutions are float32, whether freed memory is kept."""


def prepare(exact: bool, keep: bool) -> None:
    """Make this process ready for ``step``."""
    global one_step
    if keep and not keep_freed_memory():
        raise SystemExit("this system's allocator cannot be told to keep memory: nothing to compare")
    torch.set_num_threads(THREADS)
    params = load_params(CONFIG)
    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    network = build_model(recipe_of(params).model, len(target_of(params.target).channels)).to(
        memory_format=torch.channels_last
    )  # type: ignore[call-overload]
    if exact:
        exact_depthwise(network)
    network, optimiser = fabric.setup(network, torch.optim.AdamW(network.parameters()))
    side = params.tiling.size_px * params.tiling.upsampling
    image = torch.randn(params.train.batch_size, 3, side, side).contiguous(memory_format=torch.channels_last)

    def train() -> None:
        optimiser.zero_grad()
        fabric.backward(network(image).square().mean())
        optimiser.step()

    one_step = train


one_step: Callable[[], None]


def step() -> tuple[float, float]:
    """Seconds of a training step, and the most memory that this process held so far, in GiB."""
    return seconds(one_step), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main(steps: int) -> None:
    """Print seconds per step, ratio to that of ``fit``, and peak memory of every variant."""
    pools = {
        name: ProcessPoolExecutor(1, get_context("spawn"), initializer=prepare, initargs=made)
        for name, made in VARIANTS.items()
    }
    rounds = [{name: pool.submit(step).result() for name, pool in pools.items()} for _ in range(WARM_UP + steps)]
    for pool in pools.values():
        pool.shutdown()
    for name in VARIANTS:
        times = [each[name][0] for each in rounds[WARM_UP:]]
        ratio = statistics.median(each[name][0] / each["as fit"][0] for each in rounds[WARM_UP:])
        print(f"{name:24}{statistics.median(times):6.3f} s per step  x {ratio:.3f}  {rounds[-1][name][1]:.2f} GiB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=15)
    main(parser.parse_args().steps)
