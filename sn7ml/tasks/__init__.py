"""Tasks: what is predicted from which images. Each is one file that names an output, its scores and their texts.

Stages that need no score and no output (tile, train, predict) use ``layout_of`` and ``target_of`` only, so that an edit
of a tracker or a score re-trains nothing.
"""

from typing import assert_never

from sn7ml.core.errors import ParamsError
from sn7ml.metrics.score import score_named
from sn7ml.params import Params, TaskName
from sn7ml.tasks.building_distance import BUILDING_DISTANCE
from sn7ml.tasks.buildings import BUILDINGS
from sn7ml.tasks.buildings_through_time import BUILDINGS_THROUGH_TIME
from sn7ml.tasks.land_use import LAND_USE
from sn7ml.tasks.task import Task

__all__ = ["Task", "notes_on", "task_named", "task_of"]


def task_named(name: TaskName) -> Task:
    """Return a task by its name in ``params.yaml``."""
    match name:
        case "buildings_through_time":
            return BUILDINGS_THROUGH_TIME
        case "buildings":
            return BUILDINGS
        case "building_distance":
            return BUILDING_DISTANCE
        case "land_use":
            return LAND_USE
        case _:
            assert_never(name)


def task_of(params: Params) -> Task:
    """Return the task of a project. Raises ParamsError that names every key with a score it cannot have there."""
    task, gate = task_named(params.task), params.promote
    known = [score.name for score in task.scores]
    named = [("search.objective", params.search.objective), ("promote.objective", gate.objective)]
    named += [("promote.floors", name) for name in gate.floors] + [("promote.max_loss", name) for name in gate.max_loss]
    wrong = [f"  {key}: {name!r}" for key, name in named if name not in known]
    if (tuned := params.tune.objective) not in (None, *task.tunable):
        wrong.append(f"  tune.objective: {tuned!r}, which must be one of {', '.join(task.tunable)}")
    if params.tune.trials and not task.tunable:
        wrong.append(f"  tune.trials: {params.tune.trials}; all scores need pixels, so set it to 0")
    if wrong:
        head = f"task {task.name} has no such score; it has {', '.join(known)}:"
        raise ParamsError("params.unknown-score", "\n".join([head, *wrong]))
    return task


def notes_on(params: Params, task: Task) -> list[str]:
    """Return what is allowed in params but seldom meant: sentences about objectives that do not go together."""
    search, tune, gate = params.search, params.tune, params.promote
    first, tuned = task.scores[0].name, task.tuned_by(tune.objective).name
    notes = []
    if search.trials and search.finalists > 1 and search.objective != first:
        notes.append(
            f"search.objective is {search.objective}, but of search.finalists, {search.finalists}, the best {first} "
            "wins; set it to 1"
        )
    if tune.trials and tuned != gate.objective and gate.objective in task.tunable:
        notes.append(f"outputs are tuned for {tuned}, but promote.objective is {gate.objective}; see tune.objective")
    if not score_named(task.scores, gate.objective).higher_is_better and gate.min_score == 0:
        notes.append(
            f"promote.objective is {gate.objective}, which is better the lower, and promote.min_score is 0: it is the "
            "worst value allowed, so no model passes; set it to one that a model may have"
        )
    notes += [
        f"promote.{key} has {gate.objective}, which is promote.objective and so is guarded by {guard} already"
        for key, guard in (("floors", "min_score"), ("max_loss", "min_gain"))
        if gate.objective in getattr(gate, key)
    ]
    return notes
