"""Tune the tracker on one made-up AOI: trials per second on one process and on all cores.

    python -m benchmarks.bench_tune

256 x 1024 pixels, 25 months, 1,180 buildings, 3 pixels per pixel, the space of params.yaml. Start-up (workers,
collapsing the cube) is left out, as a tuning has it once.
"""

import os
import time
from functools import partial

import pandas as pd

from benchmarks.bench_track import UPSAMPLING, MadeUpCube
from sn7ml.core.geo.burn import outlines
from sn7ml.flow.evaluate import Truth
from sn7ml.outputs.probabilities import crop_cube
from sn7ml.params import load_params
from sn7ml.search.tuning import CachedGround, tune
from sn7ml.tasks import task_named, task_of

AOI = "made-up"
COLS = 256
MONTHS = 25
TRIALS = 12


def made_up_ground() -> CachedGround:
    """Draw the cube, its western columns' probabilities and their truth."""
    cube = MadeUpCube(months=MONTHS)
    houses = outlines(cube.ids[:, : COLS * UPSAMPLING], UPSAMPLING, 0.3)
    rows = [
        (AOI, month, str(number), house)
        for index, month in enumerate(cube.names)
        for number, house in houses.items()
        if cube.birth[number - 1] <= index
    ]
    truth = pd.DataFrame(rows, columns=["aoi", "time", "id", "geometry"])
    frames = frozenset((AOI, month) for month in cube.names)
    task, crop = task_named("buildings_through_time"), crop_cube(cube, UPSAMPLING, (0, COLS))
    extracts = {AOI: task.output.prepare(crop, UPSAMPLING)}
    return CachedGround(task, extracts, {AOI: 0}, Truth(truth, {AOI: [(0, COLS)]}, frames), "scot")


def note(times: list[float]) -> None:
    """Keep the time at which a trial ended."""
    times.append(time.perf_counter())


def main() -> None:
    """Print the rates."""
    params = load_params()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for executor in ("serial", f"processes:{cores}"):
        os.environ["SN7ML_EXECUTOR"] = executor
        times: list[float] = []
        settings = params.tune.model_copy(update={"trials": TRIALS, "at_once": cores})
        objective = task_of(params).scores[0]
        tune(made_up_ground, params.output, settings, objective, partial(note, times))
        after_first_round = len(times) - cores
        print(f"{executor:>12}: {after_first_round / (times[-1] - times[cores - 1]):.2f} trials per second")


if __name__ == "__main__":
    main()
