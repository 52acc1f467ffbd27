"""From cached probabilities to objects, and from objects to scores. Loads neither torch nor MLflow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from pathlib import Path

import numpy as np
import pandas as pd

from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.probabilities import rescaled
from sn7ml.core.runtime.parallel import map_items
from sn7ml.metrics.score import Evaluation
from sn7ml.outputs.output import Output
from sn7ml.outputs.probabilities import ProbabilityCube
from sn7ml.params import EvaluateParams, OutputParams
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.scored_columns import Columns, inside
from sn7ml.scenes.store import TileStore
from sn7ml.targets import Target
from sn7ml.targets.target import Counts
from sn7ml.tasks import Task
from sn7ml.tasks.task import FoundPixels


def extract_aois(
    output: Output,
    probabilities: Path,
    grids: Mapping[str, Grid],
    params: OutputParams,
    scales: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Make the output's objects of every AOI, several AOIs at a time; rows of ``output.table``.

    ``scales`` is of AOIs whose pixels are larger or smaller than those of the training, which the params of buildings
    mean: the length of one of these in pixels of the AOI.
    """
    jobs = {
        aoi: (probabilities / aoi, grid, params.scaled(scales[aoi]) if scales else params)
        for aoi, grid in grids.items()
    }
    tables = map_items(partial(_extract_aoi, output), jobs)
    found = [table.assign(aoi=aoi) for aoi, table in tables.items() if len(table)]
    return output.table.check(pd.concat(found, ignore_index=True) if found else output.table.empty())


def _extract_aoi(output: Output, job: tuple[Path, Grid, OutputParams]) -> pd.DataFrame:
    folder, grid, params = job
    cube = ProbabilityCube(folder, grid, output.channels)
    return output.prepare(cube, cube.upsampling)(params)


@dataclass(frozen=True)
class Truth:
    """What is known of the frames that are scored."""

    polygons: pd.DataFrame
    """``POLYGONS`` of the labelled frames, cut to ``columns``."""

    columns: Columns

    frames: frozenset[tuple[str, str]]
    """(aoi, time) with labels."""


def read_split_truth(scenes: Scenes, columns: Columns) -> Truth:
    """Read the labels of the AOIs and columns that are scored."""
    frames = scenes.frames_of(columns)
    labelled = frames[frames["labelled"]]
    keys = frozenset(zip(labelled["aoi"], labelled["time"], strict=True))
    return Truth(inside(scenes.labels_of(columns), columns), columns, keys)


def scored_part(found: pd.DataFrame, truth: Truth) -> pd.DataFrame:
    """Keep the objects that ``truth`` can judge: times with labels, columns that are scored."""
    keys = zip(found["aoi"], found["time"], strict=True)
    labelled = np.array([key in truth.frames for key in keys], dtype=bool)  # an empty list would choose no columns
    if "geometry" not in found:
        return found[labelled]
    return inside(found[labelled], truth.columns)


@dataclass(frozen=True)
class Ground:
    """What found objects are scored against: the truth, and masks for scores of pixels."""

    truth: Truth
    tiles: TileStore
    target: Target
    """What the planes of ``tiles`` show."""

    grids: Mapping[str, Grid]
    """Of the AOIs that are scored."""

    @classmethod
    def read(cls, scenes: Scenes, tiles: TileStore, columns: Columns, target: Target) -> "Ground":
        """Read what there is about the columns that are scored."""
        return cls(read_split_truth(scenes, columns), tiles, target, scenes.grids_of(columns))


def evaluate(
    task: Task, found: pd.DataFrame, probabilities: Path, ground: Ground, params: EvaluateParams, output: OutputParams
) -> Evaluation:
    """Score objects and probabilities on the columns that the truth covers. Frames without labels are left out.

    ``found`` are rows of ``task.output.table``, made by ``output``; ``probabilities`` is a folder of rasters,
    ``<AOI>/<time>.tif``.
    """
    truth = ground.truth
    jobs = {aoi: (probabilities / aoi, ground.grids[aoi], list(truth.columns[aoi])) for aoi in truth.columns}
    how = _Counting(task.count, params, output)
    count = partial(_count_aoi, ground.tiles.folder, ground.target, how, truth.frames)
    pixels = map_items(count, jobs)
    return task.evaluate(truth.polygons, scored_part(found, truth), pixels, params)


@dataclass(frozen=True)
class _Counting:
    """How pixels are counted."""

    count: Callable[[Target, FoundPixels], Counts]
    params: EvaluateParams
    output: OutputParams


def _count_aoi(
    tiles: Path,
    target: Target,
    how: _Counting,
    labelled: frozenset[tuple[str, str]],
    job: tuple[Path, Grid, list[tuple[int, int]]],
) -> Counts:
    """Count pixels of one AOI over its labelled times, at the scale of the tiles."""
    folder, grid, stretches = job
    store, cube = TileStore(tiles), ProbabilityCube(folder, grid, target.channels)
    scored = np.zeros(grid.shape[1], np.bool_)
    for start, stop in stretches:
        scored[start:stop] = True
    columns = scored.repeat(store.upsampling)[None, :]
    counts: list[Counts] = []
    for time, probabilities in cube.items():
        if (folder.name, time) in labelled:
            found = rescaled(probabilities, cube.upsampling, store.upsampling)
            planes = store.read_flags(folder.name, time, (0, 0), grid.shape)
            scored = found.usable & columns & target.known(planes)
            counts.append(how.count(target, FoundPixels(found, planes, scored, how.params, how.output, cube.unit_m)))
    return reduce(add, counts)
