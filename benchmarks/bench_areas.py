"""`sn7ml areas` against bare forward passes of the same network over the same windows.

Run as ``python -m benchmarks.bench_areas [--side TILES] [--rounds N]`` (about two minutes on one core). A town of
``side`` × ``side`` tiles of 256 px is drawn into a folder; a campaign of one worker goes from that folder to areas.csv
and outlines. The network is that of params.yaml with one channel and at the scale of the tiles; what it says is
replaced by where the town is bright, so that there are as many buildings to outline as in a town. The bare passes have
batches of the same shapes in memory. The two alternate, so that other load on the machine falls on both alike.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sn7ml.areas.campaign import Request, run_campaign
from sn7ml.areas.source import SourceOptions
from sn7ml.learn.models import build_model
from sn7ml.learn.trained_model import TrainedModel, choose_usage
from sn7ml.package_files import package_digest, write_usage
from sn7ml.params import ModelParams, Usage, load_params
from tests.areas import town
from tests.learn.toy import windows

TILE_PX, WINDOW_PX, OVERLAP_PX, BATCH = 256, 256, 32, 4
GOAL = 0.9
MANY = (10_000, 10_000_000)


class Busy(nn.Module):
    """Works as the true network does, and says what is bright. Remembers what it was asked."""

    def __init__(self, params: ModelParams) -> None:
        super().__init__()
        self.network = build_model(params.model_copy(update={"weights": None}), 1).eval()
        self.network = self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.batches: list[int] = []

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (batch, 1, rows, cols)."""
        self.batches.append(len(image))
        found: Tensor = 0 * self.network(image) + town.Bright()(image)
        return found


def seconds(work: Callable[[], object]) -> float:
    """Wall time of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def houses(side: int) -> town.Town:
    """Draw a town of which a fifth is built: houses of 12 to 40 px, one in most places of a raster of 48 px."""
    rng = np.random.default_rng(7)
    places = [(row, col) for row in range(0, side * TILE_PX - 48, 48) for col in range(0, side * TILE_PX - 48, 48)]
    sizes = rng.integers(12, 41, (len(places), 2)).tolist()
    kept = [(*place, *size) for place, size in zip(places, sizes, strict=True) if rng.random() < 0.7]
    return town.Town(side, side, tuple(kept), side_px=TILE_PX)


@torch.inference_mode()
def bare_passes(network: nn.Module, batches: list[int], size_px: int) -> None:
    """Run the network over batches that are in memory."""
    ready = {count: torch.randn(count, 3, size_px, size_px) for count in set(batches)}
    for count in batches:
        network(ready[count])


def measure(folder: Path, side: int, rounds: int) -> None:
    """Print what campaigns and bare passes take."""
    drawn = houses(side)
    tiles = drawn.write(folder / "tiles")
    boundary = town.write_boundary(folder / "boundary.geojson", *drawn.tiles)
    package = town.write_model(folder / "model", min_area_px2=20.0, simplify_px=1.0)
    usage = choose_usage(package)
    usage = Usage(
        task=usage.task,
        predict=windows(tile_px=WINDOW_PX, overlap_px=OVERLAP_PX, batch_size=BATCH),
        output=usage.output,
    )
    write_usage(package, usage)
    model = TrainedModel("drawn", str(package), package_digest(package), package, usage)
    busy = Busy(load_params().model)
    campaigns, bare, alone = [], [], []
    with pytest.MonkeyPatch.context() as patch:
        town.use(patch, busy)
        for number in range(rounds):
            busy.batches.clear()
            request = Request(boundary, town.ZOOM, SourceOptions(str(tiles), TILE_PX), model)
            out = folder / f"out-{number}"
            campaigns.append(seconds(lambda request=request, out=out: run_campaign(request, out)))  # type: ignore[misc]
            asked = list(busy.batches)
            bare.append(seconds(lambda asked=asked: bare_passes(busy.network, asked, WINDOW_PX)))  # type: ignore[misc]
            by_tile = [BATCH] * (side**2 // BATCH)
            alone.append(seconds(lambda by_tile=by_tile: bare_passes(busy.network, by_tile, TILE_PX)))  # type: ignore[misc]
    ratio = statistics.median(one / whole for one, whole in zip(bare, campaigns, strict=True))
    plain = statistics.median(one / whole for one, whole in zip(alone, campaigns, strict=True))
    per_tile_s = statistics.median(campaigns) / side**2
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) / side**2
    print(f"{side**2} tiles of {TILE_PX} px, {len(drawn.buildings)} buildings, {sum(asked)} windows of {WINDOW_PX} px")
    print(f"sn7ml areas: {per_tile_s * 1000:.1f} ms a tile, {size:,.0f} bytes a tile in the folder of results")
    print(f"bare passes over the same windows, share of that: {ratio:.3f} (goal {GOAL})")
    print(f"bare passes over the tiles alone, without margins and overlaps, share of that: {plain:.3f}")
    for count in MANY:
        print(f"{count:,} tiles: {count * per_tile_s / 3600:,.2f} hours of one worker, {count * size / 1e9:,.2f} GB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=16, help="tiles along a side of the town")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), arguments.side, arguments.rounds)
