"""Register the model, its tuned tracker and the profile of its training data; promote it if it beats the champion.

Reads DATA, SCENES, TILES, MODEL, TUNED (section output) and EVALUATION, writes OUT.
"""

import json
import shutil
import tempfile
from functools import partial
from pathlib import Path

from sn7ml.core.runtime.files import write_text
from sn7ml.core.runtime.stage import run_stage
from sn7ml.package_files import DATA_PROFILE, package_digest, write_usage
from sn7ml.params import load_output, load_params
from sn7ml.registry.evaluator import evaluator_of, read_scores
from sn7ml.registry.promotion import Promoter
from sn7ml.registry.versions import register
from sn7ml.runs.final import final_run
from sn7ml.runs.store import open_store
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.store import TileStore
from sn7ml.validation.drift import DataProfile, make_profile, with_density
from sn7ml.validation.facts.data_profile import profile_frames


def main(  # noqa: PLR0913, PLR0917 - as many as the stage reads
    data: Path, scenes: Path, tiles: Path, model: Path, tuned: Path, evaluation: Path, out: Path
) -> None:
    """Run the stage. A challenger that is not better is a normal result: promoted is false, the exit code 0."""
    params, store = load_params(), open_store()
    evaluator = evaluator_of(data, scenes, tiles, params, load_output(tuned))
    run = final_run(store, model, params)
    with tempfile.TemporaryDirectory(prefix="sn7ml-promote-") as folder:
        package = shutil.copytree(model, Path(folder) / "package")
        write_usage(package, evaluator.usage)
        profile = training_profile(evaluator.scenes.images_in(data), evaluator.scenes, tiles)
        write_text(package / DATA_PROFILE, profile.model_dump_json(indent=1) + "\n")
        challenger = read_scores(evaluation, package_digest(package), evaluator.task.scores)
        version = register(store, package, params.promote.model_name, run.run_id)
    promoter = Promoter(store, evaluator, evaluator.task, params.promote, partial(print, flush=True))
    decision = promoter.decide(version, challenger)
    write_text(out, json.dumps(decision.as_dict(), indent=2) + "\n")
    state = "is the champion" if decision.promoted else "was not promoted"
    why = "; ".join((*decision.reasons, *decision.notes))
    print(f"{params.promote.model_name} version {decision.version} {state}: {why}")  # noqa: T201 - to a terminal


def training_profile(data: Path, scenes: Scenes, tiles: Path) -> DataProfile:
    """Describe the frames of the AOIs that the model was trained on, and how densely they are built up."""
    store = TileStore(tiles)
    # Each fold is learned by the networks of the others.
    splits = ("train", "validation") if store.folds > 1 else ("train",)
    aois = store.columns(splits)
    counts = scenes.labels_of(aois).groupby(["aoi", "time"]).size().reset_index(name="n")
    return make_profile(with_density(profile_frames(data, scenes.frames_of(aois)), counts))


if __name__ == "__main__":
    run_stage(main, "data", "scenes", "tiles", "model", "tuned", "evaluation", "out")
