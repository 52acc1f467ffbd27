"""Search for the tracker's params on cached probabilities.

Reads DATA, TILES and PROBABILITIES, writes OUT/best.yaml (section track) and OUT/trials.csv; MLflow gets a run.
"""

from functools import partial
from pathlib import Path

import yaml
from rich.progress import Progress

from sn7ml.core.runtime.files import write_text
from sn7ml.core.runtime.stage import run_stage
from sn7ml.params import Params, load_params
from sn7ml.runs.store import open_store
from sn7ml.search.tuning import Tuned, read_ground, record, tune, untuned


def main(data: Path, tiles: Path, probabilities: Path, out: Path) -> None:
    """Run the stage."""
    params = load_params()
    found = _search(data, tiles, probabilities, params) if params.tune.trials else untuned(params.track)
    write_text(out / "trials.csv", found.trials.to_csv(index=False))
    write_text(out / "best.yaml", yaml.safe_dump(found.best.model_dump(mode="json"), sort_keys=True))


def _search(data: Path, tiles: Path, probabilities: Path, params: Params) -> Tuned:
    ground = partial(read_ground, data, tiles, probabilities, params.tune.splits)
    with Progress() as progress:
        task = progress.add_task("tuning", total=params.tune.trials)
        found = tune(ground, params.track, params.tune, lambda _row: progress.advance(task))
    record(open_store(), found, params.tune)
    first, best = found.trials["scot"].iloc[0], found.trials["scot"].max()
    print(f"SCOT on {', '.join(params.tune.splits)}: {first:.4f} as in params.yaml, {best:.4f} tuned")  # noqa: T201
    return found


if __name__ == "__main__":
    run_stage(main, "data", "tiles", "probabilities", "out")
