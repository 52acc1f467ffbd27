"""Time and memory of `ingest` and `tile` on one dense area: 25 real frames, 120,094 polygons, 3 mask pixels per pixel.

Run as ``python -m benchmarks.bench_tile [DATA]`` (under a minute). DATA is a folder in the layout of SpaceNet 7;
without it the real area beside the repository is taken. One area is one job, so this uses one core; several areas run
side by side. "cpu s" is the processor's time, which a busy machine stretches less than the clock's.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

from sn7ml.params import load_params
from sn7ml.scenes.ingest import ingest
from sn7ml.scenes.layouts import layout_of
from sn7ml.scenes.store import TileStore
from sn7ml.scenes.tiling import write_tiles
from sn7ml.targets import target_of

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "sn7"
AOI = "L15-0357E-1223N_1429_3296_13"
GOAL_S = 60


def main() -> None:
    """Print one line of measurements."""
    parser = argparse.ArgumentParser(description="Time the tile stage on one area.")
    parser.add_argument("data", type=Path, nargs="?", default=REAL_DATA)
    parser.add_argument("--aoi", default=AOI)
    arguments = parser.parse_args()
    if not (arguments.data / "train" / arguments.aoi).is_dir():
        sys.exit(
            f"no {arguments.aoi} in {arguments.data / 'train'}; give a folder in the layout of SpaceNet 7, and --aoi"
        )
    measure(arguments.data, arguments.aoi)


def measure(root: Path, aoi: str) -> None:
    """Ingest and tile one AOI in a temporary folder."""
    params = load_params()
    layout = layout_of(params.data)
    sources = layout.sources(root)
    frames = sources[sources["aoi"] == aoi]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as tables:
        start, cpu = time.perf_counter(), cpu_seconds()
        scenes = ingest(root, frames, layout, params.split, Path(tables))
        polygons = len(scenes.labels_of([aoi]))
        write_tiles(root, scenes, params.split, params.tiling, target_of(params.target), Path(folder))
        seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.tif"))
        tiles = len(TileStore(Path(folder)).tiles)
    print(
        f"{len(frames)} frames, {polygons:,} polygons at {params.tiling.upsampling}x: {seconds:.1f} s (goal {GOAL_S}), "
        f"cpu {cpu:.1f} s, peak {peak_mb():,.0f} MB, {tiles:,} tiles in {size / 1e6:.0f} MB"
    )


def cpu_seconds() -> float:
    """Processor time of this process and of the workers that have ended."""
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in uses)


def peak_mb() -> float:
    """Largest resident set of this process or of any worker."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024


if __name__ == "__main__":
    main()
