"""The output's params, searched on cached probabilities. Trials are cheap, so one MLflow run holds them all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.samplers import TPESampler

from sn7ml.core.geo.polygons import moved
from sn7ml.core.runtime.parallel import residents
from sn7ml.flow.evaluate import Truth, read_split_truth, scored_part
from sn7ml.metrics.score import Score
from sn7ml.outputs.output import Extract
from sn7ml.outputs.probabilities import ProbabilityCube, crop_cube
from sn7ml.params import OutputParams, TaskName, TuneParams, flatten, with_values
from sn7ml.runs.runs import create_run, ending
from sn7ml.runs.store import SEARCH, Store
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.scored_columns import spanned
from sn7ml.scenes.store import TileStore
from sn7ml.search.space import GIVEN, inside, suggest
from sn7ml.tasks import Task, task_named

MARGIN_PX = 16
"""Extra columns on each side of those that are scored, so that objects on the line are seen whole."""


@dataclass(frozen=True)
class CachedGround:
    """What trials are scored on; what no trial changes is computed once, by ``Output.prepare``."""

    task: Task

    extracts: Mapping[str, Extract]
    """AOI to what makes its objects, in pixel coordinates of its crop."""

    starts_px: Mapping[str, int]
    """AOI to the first column of its crop."""

    truth: Truth
    objective: str

    def score(self, params: OutputParams) -> dict[str, float]:
        """Return the task's ``tune_score`` of an output, over all AOIs."""
        return self.task.tune_score(self.truth.polygons, scored_part(self.found(params), self.truth), self.objective)

    def found(self, params: OutputParams) -> pd.DataFrame:
        """Return the objects of all AOIs, in pixel coordinates of the whole original images."""
        tables = []
        for aoi, extract in self.extracts.items():
            found = extract(params)
            placed = moved(found["geometry"].to_numpy(), self.starts_px[aoi], 0)
            tables.append(found.assign(aoi=aoi, geometry=pd.Series(placed, index=found.index, dtype="object")))
        return self.task.output.table.check(pd.concat(tables, ignore_index=True))


def read_ground(
    task: TaskName, scenes: Scenes, tiles: Path, probabilities: Path, splits: Sequence[str], objective: str
) -> CachedGround:
    """Read the probabilities and the labels of some splits. Raises LabelError if there is no truth to score with."""
    chosen = task_named(task)
    columns = TileStore(tiles).columns(splits)
    extracts, starts_px = {}, {}
    for aoi, grid in scenes.grids_of(columns).items():
        ((start, stop, _),) = spanned(columns)[aoi]
        seen = max(start - MARGIN_PX, 0), min(stop + MARGIN_PX, grid.shape[1])
        cube = ProbabilityCube(probabilities / aoi, grid, chosen.output.channels)
        extracts[aoi] = chosen.output.prepare(crop_cube(cube, cube.upsampling, seen), cube.upsampling)
        starts_px[aoi] = seen[0]
    return CachedGround(chosen, extracts, starts_px, read_split_truth(scenes, columns), objective)


@dataclass(frozen=True)
class Tuned:
    """The outcome of a tuning."""

    best: OutputParams
    trials: pd.DataFrame
    """A row per trial: number, scores (``Task.tune_score``), and the values it tried under dotted keys."""

    scores: tuple[str, ...]
    """Names of the scores, the objective first."""


def tune(
    ground: Callable[[], CachedGround],
    output: OutputParams,
    params: TuneParams,
    objective: Score,
    on_trial: Callable[[], None] = lambda: None,
) -> Tuned:
    """Find the output's params with the best objective; the first trial is ``output`` itself.

    Optuna's TPE. Trials are drawn and scored in rounds of ``params.at_once``, so that the same inputs give the same
    best on any number of workers. Of equal trials the earlier one is taken; of none, ``output`` untried. ``ground``
    makes what trials are scored on, in each worker, and must be picklable; ``objective`` is one of ``Task.tunable``;
    ``on_trial`` is called after each trial. Raises LabelError if there is no truth.
    """
    if params.trials == 0:
        return Tuned(output, pd.DataFrame(columns=["number"]), ())
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = TPESampler(seed=params.seed, multivariate=True, constant_liar=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    given, known = inside(params.space, flatten(output))
    study.enqueue_trial(known, user_attrs={GIVEN: given})
    rows: list[dict[str, Any]] = []
    with residents(ground, params.at_once) as on_ground:
        for first in range(0, params.trials, params.at_once):
            trials = [study.ask() for _ in range(min(params.at_once, params.trials - first))]
            values = [suggest(trial, params.space) for trial in trials]
            outputs = [with_values(output, chosen, "tune.space") for chosen in values]
            for trial, chosen, scores in zip(trials, values, on_ground(CachedGround.score, outputs), strict=True):
                study.tell(trial, objective.rank(scores[objective.name]))
                rows.append({"number": trial.number} | scores | chosen)
                on_trial()
    table = pd.DataFrame(rows)
    best = rows[int(table[objective.name].map(objective.rank).to_numpy().argmax())]
    tried = {key: best[key] for key in (choice.param for choice in params.space) if key in best}
    return Tuned(with_values(output, tried, "tune.space"), table, tuple(scores))


def record(store: Store, tuned: Tuned, params: TuneParams) -> None:
    """Write a tuning into MLflow: one run in the experiment of searches, a step per trial."""
    values = {f"tune.{name}": value for name, value in flatten(params).items()} | flatten(tuned.best)
    with ending(create_run(store, SEARCH, f"tune-{len(tuned.trials)}-trials", {"sn7.kind": "tune"}, values)) as run:
        for row in tuned.trials.to_dict("records"):
            run.log_metrics({f"tune_{name}": row[name] for name in tuned.scores}, int(row["number"]))
        run.log_table(tuned.trials, "trials.json")
