"""Train the final model by the best recipe. Reads TILES and BEST, writes MODEL/{weights.safetensors,package.yaml,history.csv}."""

import time
from pathlib import Path

from sn7ml.data.model_files import HISTORY, package_digest
from sn7ml.data.tiles import TileStore
from sn7ml.experiment.final import run_name, trial_tags
from sn7ml.experiment.runs import MODEL_DIGEST, training_run
from sn7ml.experiment.store import open_store
from sn7ml.learn.fit import fit
from sn7ml.learn.package import save_package
from sn7ml.params import flatten, load_params, load_recipe, resolved
from sn7ml.runtime.files import write_text
from sn7ml.runtime.stage import run_stage


def main(tiles: Path, best: Path, model: Path) -> None:
    """Run the stage. Killed and started again, it goes on after the last whole epoch."""
    params, recipe, store = load_params(), load_recipe(best), TileStore(tiles)
    checkpoint = model.parent / ".checkpoints" / "train.pt"
    values = flatten(resolved(params, recipe))
    mlflow = open_store()
    tags = {"stage": "train", **trial_tags(mlflow, recipe)}
    start = time.monotonic()
    with training_run(mlflow, name=run_name(recipe), tags=tags, params=values) as run:
        for split in ("train", "validation"):
            run.log_dataset(f"sn7-tiles-{split}", str(tiles), store.digest(), split)

        def on_epoch(epoch: int, metrics: dict[str, float]) -> None:
            run.log_epoch(epoch, metrics)
            text = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
            print(f"epoch {epoch}/{params.train.epochs}  {text}", flush=True)  # noqa: T201 - to a terminal

        result = fit(recipe, params.train, store, on_epoch, checkpoint)
        save_package(model, result.package)
        write_text(model / HISTORY, result.history.to_csv(index=False))
        run.log_metrics({"train_seconds": time.monotonic() - start}, result.best_epoch)
        run.set_tags({MODEL_DIGEST: package_digest(model), "sn7.best_epoch": str(result.best_epoch)})
    checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    run_stage(main, "tiles", "best", "model")
