"""Search for the output's params on cached probabilities.

Reads SCENES, TILES and PROBABILITIES, writes OUT/best.yaml (section output) and OUT/trials.csv; MLflow gets a run.
"""

from functools import partial
from pathlib import Path

import yaml
from rich.progress import Progress

from sn7ml.core.runtime.files import write_text
from sn7ml.core.runtime.stage import run_stage
from sn7ml.params import load_params
from sn7ml.runs.store import open_store
from sn7ml.scenes.ingest import Scenes
from sn7ml.search.tuning import read_ground, record, tune
from sn7ml.tasks import task_named


def main(scenes: Path, tiles: Path, probabilities: Path, out: Path) -> None:
    """Run the stage."""
    params = load_params()
    settings, objective = params.tune, task_named(params.task).tuned_by(params.tune.objective)
    ground = partial(read_ground, params.task, Scenes(scenes), tiles, probabilities, settings.splits, objective.name)
    with Progress(disable=not settings.trials) as progress:
        bar = progress.add_task("tuning", total=settings.trials)
        found = tune(ground, params.output, settings, objective, partial(progress.advance, bar))
    if settings.trials:
        record(open_store(), found, settings)
        values, splits = found.trials[objective.name], ", ".join(settings.splits)
        tuned = f"{values.iloc[0]:.4f} as in params.yaml, {max(values, key=objective.rank):.4f} tuned"
        print(f"{objective.label} on {splits}: {tuned}")  # noqa: T201 - a stage speaks to a terminal
    write_text(out / "trials.csv", found.trials.to_csv(index=False))
    write_text(out / "best.yaml", yaml.safe_dump({"output": found.best.model_dump(mode="json")}, sort_keys=True))


if __name__ == "__main__":
    run_stage(main, "scenes", "tiles", "probabilities", "out")
