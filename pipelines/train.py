"""Train the networks of the final model by the best recipe: so many per fold.

Reads TILES and BEST, writes MODEL/{weights.safetensors,package.yaml,history.csv}.
"""

import time
from functools import partial
from pathlib import Path

import pandas as pd

from sn7ml.core.runtime.files import write_text
from sn7ml.core.runtime.stage import run_stage
from sn7ml.learn.fit import fit
from sn7ml.learn.package import joined, save_package
from sn7ml.package_files import HISTORY, package_digest
from sn7ml.params import flatten, load_params, load_recipe, resolved
from sn7ml.runs.final import best_epoch, run_name, trial_tags
from sn7ml.runs.runs import MODEL_DIGEST, resumable_run
from sn7ml.runs.store import open_store
from sn7ml.scenes.store import TileStore


def main(tiles: Path, best: Path, model: Path) -> None:
    """Run the stage. Killed and started again, it goes on after the last whole epoch."""
    params, recipe, store = load_params(), load_recipe(best), TileStore(tiles)
    work = model.parent / ".checkpoints"
    networks = store.folds * params.train.networks
    checkpoints = {network: work / f"train-{network}.pt" for network in range(1, networks + 1)}
    values = flatten(resolved(params, recipe))
    mlflow = open_store()
    tags = {"stage": "train", **trial_tags(mlflow, recipe)}
    start = time.monotonic()
    with resumable_run(mlflow, work / "run", name=run_name(recipe), tags=tags, params=values) as run:
        for split in ("train", "validation"):
            run.log_dataset(f"sn7-tiles-{split}", str(tiles), store.digest(), split)

        def on_epoch(network: int, epoch: int, metrics: dict[str, float]) -> None:
            run.log_epoch(epoch, metrics, network)
            text = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
            which = f"network {network}/{networks}  " if networks > 1 else ""
            print(f"{which}epoch {epoch}/{params.train.epochs}  {text}", flush=True)  # noqa: T201 - to a terminal

        fits = {
            network: fit(recipe, params.train, store, partial(on_epoch, network), checkpoint, network)
            for network, checkpoint in checkpoints.items()
        }
        save_package(model, joined([found.package for found in fits.values()], store.folds))
        history = pd.concat([found.history.assign(network=network) for network, found in fits.items()])
        write_text(model / HISTORY, history.to_csv(index=False))
        run.log_metrics({"train_seconds": time.monotonic() - start}, best_epoch(model))
        run.set_tags({MODEL_DIGEST: package_digest(model), "sn7.best_epoch": str(best_epoch(model))})
    for checkpoint in checkpoints.values():
        checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    run_stage(main, "tiles", "best", "model")
