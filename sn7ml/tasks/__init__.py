"""Tasks: what is predicted from which images. Each is one file that names an output, its scores and their texts.

Stages that need no score and no output (tile, train, predict) use ``layout_of`` and ``target_of`` only, so that an edit
of a tracker or a score re-trains nothing.
"""

from typing import assert_never

from sn7ml.core.errors import ParamsError
from sn7ml.params import Params, TaskName
from sn7ml.tasks.buildings_through_time import BUILDINGS_THROUGH_TIME
from sn7ml.tasks.task import Task

__all__ = ["Task", "task_named", "task_of"]


def task_named(name: TaskName) -> Task:
    """Return a task by its name in ``params.yaml``."""
    match name:
        case "buildings_through_time":
            return BUILDINGS_THROUGH_TIME
        case _:
            assert_never(name)


def task_of(params: Params) -> Task:
    """Return the task of a project. Raises ParamsError that names every key with a score the task does not have."""
    task = task_named(params.task)
    known = [score.name for score in task.scores]
    named = {
        "search.objective": [params.search.objective],
        "promote.objective": [params.promote.objective],
        "promote.floors": list(params.promote.floors),
        "promote.max_loss": list(params.promote.max_loss),
    }
    wrong = [f"  {key}: {name!r}" for key, names in named.items() for name in names if name not in known]
    if wrong:
        raise ParamsError(
            "params.unknown-score",
            "\n".join([f"task {task.name} has no such score; it has {', '.join(known)}:", *wrong]),
        )
    return task
