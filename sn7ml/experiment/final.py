"""The MLflow run behind a trained package, found by what the package is; written down again where it is unknown."""

from pathlib import Path

import pandas as pd

from sn7ml.data.model_files import HISTORY, package_digest, read_config
from sn7ml.experiment.runs import Run, find_run, restore_run
from sn7ml.experiment.store import Store
from sn7ml.params import Params, Recipe, flatten, resolved


def final_run(store: Store, model: Path, params: Params) -> Run:
    """Return the run that trained ``model``; a store that does not know it (fresh clone, `dvc pull`) gets a restored one."""
    digest = package_digest(model)
    recipe, _ = read_config(model)
    history = pd.read_csv(model / HISTORY)
    found = find_run(store, digest)
    return found or restore_run(store, digest, run_name(recipe), flatten(resolved(params, recipe)), history)


def best_epoch(model: Path) -> int:
    """Return the epoch whose weights a package holds."""
    history = pd.read_csv(model / HISTORY)
    return int(history["epoch"].to_numpy()[history["val_iou"].to_numpy().argmax()])


def run_name(recipe: Recipe) -> str:
    """Return a name that tells runs apart at a glance.

    >>> from sn7ml.params import load_params, recipe_of
    >>> run_name(recipe_of(load_params()))
    'train Unet tf_efficientnet_lite0 bce+dice'
    """
    terms = [name for name in ("bce", "dice", "focal", "jaccard") if getattr(recipe.loss, name) > 0]
    return f"train {recipe.model.architecture} {recipe.model.encoder.removeprefix('tu-')} {'+'.join(terms)}"
