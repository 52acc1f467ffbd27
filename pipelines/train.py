"""Train the networks of the final model, some per fold, by the best recipe.

Reads TILES and BEST, writes MODEL/{weights.safetensors,package.yaml,history.csv}.
"""

import time
from pathlib import Path

from sn7ml.core.runtime.stage import run_stage
from sn7ml.flow.train import Epoch, train
from sn7ml.learn.fit import Plan
from sn7ml.package_files import package_digest
from sn7ml.params import flatten, load_params, load_recipe, resolved
from sn7ml.runs.final import best_epoch, run_name, trial_tags
from sn7ml.runs.runs import MODEL_DIGEST, resumable_run
from sn7ml.runs.store import open_store
from sn7ml.scenes.store import TileStore
from sn7ml.targets import target_of


def main(tiles: Path, best: Path, model: Path) -> None:
    """Run the stage; after a kill it continues with the last whole epoch."""
    params, recipe, store = load_params(), load_recipe(best), TileStore(tiles)
    work, mlflow, start = model.parent / ".checkpoints", open_store(), time.monotonic()
    tags, values = {"stage": "train", **trial_tags(mlflow, recipe)}, flatten(resolved(params, recipe))
    with resumable_run(mlflow, work / "run", name=run_name(recipe), tags=tags, params=values) as run:
        for split in ("train", "validation"):
            run.log_dataset(f"sn7-tiles-{split}", str(tiles), store.digest(), split)

        def on_epoch(epoch: Epoch) -> None:
            run.log_epoch(epoch.epoch, epoch.metrics, epoch.network)
            print(epoch, flush=True)  # noqa: T201 - to a terminal

        plan, networks = Plan(recipe, target_of(params.target), params.train), params.train.networks
        train(store, plan, model, networks=networks, on_epoch=on_epoch, checkpoints=work)
        run.log_metrics({"train_seconds": time.monotonic() - start}, best_epoch(model))
        run.set_tags({MODEL_DIGEST: package_digest(model), "sn7.best_epoch": str(best_epoch(model))})
    for checkpoint in work.glob("train-*.pt"):
        checkpoint.unlink()


if __name__ == "__main__":
    run_stage(main, "tiles", "best", "model")
