"""Register the model with its tuned tracker; it becomes champion if it beats the champion on the same data.

Reads DATA, TILES, MODEL, TUNED (section track) and EVALUATION, writes OUT.
"""

import json
import shutil
import tempfile
from pathlib import Path

from sn7ml.data.catalog import scan
from sn7ml.data.model_files import read_usage, write_usage
from sn7ml.data.tiles import TileStore
from sn7ml.experiment.assess import assessor_for
from sn7ml.experiment.final import final_run
from sn7ml.experiment.registry import promote
from sn7ml.experiment.store import open_store
from sn7ml.learn.package import load_package
from sn7ml.params import Usage, load_params, load_track
from sn7ml.runtime.files import read_output, write_text
from sn7ml.runtime.stage import run_stage


def main(data: Path, tiles: Path, model: Path, tuned: Path, evaluation: Path, out: Path) -> None:
    """Run the stage. A challenger that is not better is a normal result: promoted is false, and the exit code 0."""
    params, store = load_params(), open_store()
    challenger = read_output(evaluation / "metrics.json")

    usage = Usage(predict=params.predict, track=load_track(tuned))

    def score_champion(package: Path) -> dict[str, float]:
        own = read_usage(package) or usage
        scoring = (own.predict, own.track, params.evaluate)
        tile_store = TileStore(tiles)
        assessor = assessor_for(data, scan(data), tile_store, tile_store.columns(params.evaluate.splits), scoring)
        return assessor.score(load_package(package)).overall

    run = final_run(store, model, params)
    with tempfile.TemporaryDirectory(prefix="sn7ml-promote-") as folder:
        package = shutil.copytree(model, Path(folder) / "package")
        write_usage(package, usage)
        verdict = promote(store, package, challenger, score_champion, params.promote, run.run_id)
    write_text(out, json.dumps(verdict.as_dict(), indent=2) + "\n")
    state = "is the champion" if verdict.promoted else "was not promoted"
    print(f"{params.promote.model_name} version {verdict.version} {state}: {'; '.join(verdict.reasons)}")  # noqa: T201


if __name__ == "__main__":
    run_stage(main, "data", "tiles", "model", "tuned", "evaluation", "out")
