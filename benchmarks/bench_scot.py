"""Time and memory of SCOT over made-up cubes: 1 AOI, 24 months, 1,000 to 10,000 buildings of about 5 x 5 px.

    python benchmarks/bench_scot.py [BUILDINGS ...]

Truth: 30 % of the buildings are born after the first month. Proposals: every outline is off by up to half a pixel a
side, 20 % are missed, 1 % a month go on under a new id, and 2 % as many tracks again are false. Two kinds of cube:
*noisy*, with new errors every month (as from a tracker that keeps each month's own footprint), and *steady*, with one
outline per track. Every cube is built and scored in a process of its own. "cpu s" is the processor's time, which a busy
machine stretches less than the clock's. "peak" is the process' largest resident set, with libraries and both tables;
"rise" is by how much scoring raised it.

    python benchmarks/bench_scot.py --aois 60 [BUILDINGS]

scores 60 AOIs of 300 buildings (or BUILDINGS) in one process and in one per core.
"""

import argparse
import multiprocessing
import os
import resource
import time

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sn7ml.core.runtime.parallel import VARIABLE
from sn7ml.metrics.per_aoi import in_processes
from sn7ml.metrics.scot import score_scot

MONTHS = [f"{2018 + m // 12}-{m % 12 + 1:02d}" for m in range(24)]
AOI = "L15-0331E-1257N_1327_3160_13"
SPACING_PX = 8.0


def build_cube(count: int, steady: bool, seed: int = 7) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw ``count`` buildings and what a mediocre tracker makes of them, as tables of polygons."""
    rng = np.random.default_rng(seed)
    houses = _houses(count, rng)
    born = np.where(rng.random(count) < 0.3, rng.integers(1, len(MONTHS), count), 0)
    false = _houses(count // 50, rng) + SPACING_PX / 2
    false_born = rng.integers(0, len(MONTHS), len(false))
    noise = rng.uniform(-0.5, 0.5, houses.shape)
    ids, fresh = np.arange(count), count + len(false)
    true_parts, found_parts = [], []
    for m, month in enumerate(MONTHS):
        there = np.flatnonzero(born <= m)
        true_parts.append(_rows(month, there, houses[there]))
        switched = np.flatnonzero((rng.random(count) < 0.01) & (born < m))
        ids[switched] = fresh + np.arange(len(switched))
        fresh += len(switched)
        if not steady:
            noise = rng.uniform(-0.5, 0.5, houses.shape)
        seen = there[rng.random(len(there)) > 0.2]
        found_parts.append(_rows(month, ids[seen], houses[seen] + noise[seen]))
        up = np.flatnonzero(false_born <= m)
        found_parts.append(_rows(month, count + up, false[up]))
    return pd.concat(true_parts, ignore_index=True), pd.concat(found_parts, ignore_index=True)


def _houses(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Boxes (xmin, ymin, xmax, ymax), one per cell of a grid, moved by up to a pixel."""
    side = int(np.ceil(np.sqrt(count)))
    cell = rng.permutation(side * side)[:count]
    corner = np.column_stack([cell % side, cell // side]) * SPACING_PX + rng.uniform(-1, 1, (count, 2))
    return np.hstack([corner, corner + rng.uniform(4, 6, (count, 2))])


def _rows(month: str, ids: NDArray[np.int64], boxes: NDArray[np.float64]) -> pd.DataFrame:
    columns = {"aoi": AOI, "time": month, "id": ids.astype(str), "geometry": shapely.box(*boxes.T)}
    return pd.DataFrame(columns).astype({"aoi": "str", "time": "str", "id": "str"})


def measure(count: int, steady: bool) -> str:
    """Build, score, and return one line of the table."""
    truth, proposals = build_cube(count, steady)
    before = _peak_mib()
    started, started_cpu = time.perf_counter(), time.process_time()
    result = score_scot(truth, proposals)
    seconds, cpu = time.perf_counter() - started, time.process_time() - started_cpu
    kind = "steady" if steady else "noisy"
    peak = _peak_mib()
    return (
        f"{count:>9,} {kind:<7}{len(truth):>9,}{len(proposals):>10,}"
        f"{seconds:>8.2f}{cpu:>7.2f}{peak:>10.0f}{peak - before:>10.0f}"
        f"{result.score:>8.3f}{result.tracking:>7.3f}{result.change:>7.3f}"
    )


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def compare_workers(aois: int, count: int) -> None:
    """Score many AOIs in one process and in all; print seconds and their ratio."""
    names = [AOI.replace("13", f"{number:02d}", 1) for number in range(aois)]
    cubes = [build_cube(count, steady=False, seed=number) for number in range(aois)]
    truth, proposals = (
        pd.concat([cube[side].assign(aoi=name) for name, cube in zip(names, cubes, strict=True)], ignore_index=True)
        for side in (0, 1)
    )
    print(f"{aois} AOIs of {count} buildings: {len(truth):,} truth and {len(proposals):,} proposed polygons")
    seconds = []
    for executor in ("serial", f"processes:{os.cpu_count()}"):
        os.environ[VARIABLE] = executor
        started = time.perf_counter()
        result = score_scot(truth, proposals, map_aois=in_processes)
        seconds.append(time.perf_counter() - started)
        print(f"{executor:<12} {seconds[-1]:6.2f} s   SCOT {result.score:.6f}", flush=True)
    print(f"{os.cpu_count()} processes are {seconds[0] / seconds[1]:.2f} times as fast as one")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("buildings", nargs="*", type=int)
    parser.add_argument("--aois", type=int, help="compare one process with many on this many AOIs")
    arguments = parser.parse_args()
    if arguments.aois:
        compare_workers(arguments.aois, (arguments.buildings or [300])[0])
        return
    counts = arguments.buildings or [1_000, 4_740, 10_000]
    print("buildings kind       truth proposals seconds  cpu s  peak MiB  rise MiB    SCOT      T      C")
    jobs = [(count, steady) for count in counts for steady in (False, True)]
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for job in jobs:
            print(pool.apply(measure, job), flush=True)


if __name__ == "__main__":
    main()
