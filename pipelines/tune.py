"""Search for the output's params on cached probabilities.

Reads SCENES, TILES and PROBABILITIES, writes OUT/best.yaml (section output) and OUT/trials.csv; MLflow gets a run.
"""

from functools import partial
from pathlib import Path

import yaml
from rich.progress import Progress

from sn7ml.core.runtime.files import write_text
from sn7ml.core.runtime.stage import run_stage
from sn7ml.params import Params, load_params
from sn7ml.runs.store import open_store
from sn7ml.scenes.ingest import Scenes
from sn7ml.search.tuning import Tuned, read_ground, record, tune, untuned
from sn7ml.tasks import task_named


def main(scenes: Path, tiles: Path, probabilities: Path, out: Path) -> None:
    """Run the stage."""
    params = load_params()
    found = _search(scenes, tiles, probabilities, params) if params.tune.trials else untuned(params.output)
    write_text(out / "trials.csv", found.trials.to_csv(index=False))
    write_text(out / "best.yaml", yaml.safe_dump({"output": found.best.model_dump(mode="json")}, sort_keys=True))


def _search(scenes: Path, tiles: Path, probabilities: Path, params: Params) -> Tuned:
    objective = task_named(params.task).scores[0]
    ground = partial(read_ground, params.task, Scenes(scenes), tiles, probabilities, params.tune.splits)
    with Progress() as progress:
        bar = progress.add_task("tuning", total=params.tune.trials)
        found = tune(ground, params.output, params.tune, objective, lambda _row: progress.advance(bar))
    record(open_store(), found, params.tune)
    values = found.trials[objective.name]
    first, best = values.iloc[0], max(values, key=objective.rank)
    splits = ", ".join(params.tune.splits)
    print(f"{objective.label} on {splits}: {first:.4f} as in params.yaml, {best:.4f} tuned")  # noqa: T201 - to a terminal
    return found


if __name__ == "__main__":
    run_stage(main, "scenes", "tiles", "probabilities", "out")
