"""The MLflow run behind a trained package, found by what the package is; restored where it is unknown."""

import hashlib
import json
from pathlib import Path
from typing import Any

from sn7ml.package_files import package_digest, read_config, read_history
from sn7ml.params import Params, Recipe, flatten, resolved
from sn7ml.runs.runs import STATE, Run, find_run, newest_with, restore_run
from sn7ml.runs.store import SEARCH, Store

RECIPE_DIGEST = "sn7.recipe_digest"
"""Tag of a trial: the recipe that it tried, as 16 hexadecimal digits."""


def final_run(store: Store, model: Path, params: Params) -> Run:
    """Return the run that trained ``model``; a store that does not know it (fresh clone, `dvc pull`) restores it."""
    digest, recipe, history = package_digest(model), read_config(model).recipe, read_history(model)
    found = find_run(store, digest)
    return found or restore_run(store, digest, run_name(recipe), flatten(resolved(params, recipe)), history)


def best_epoch(model: Path) -> int:
    """Return the epoch whose weights a package holds; of several networks, the first's."""
    history = read_history(model)
    history = history[history["network"] == 1]
    return int(history["epoch"].to_numpy()[history["val_score"].to_numpy().argmax()])


def run_name(recipe: Recipe) -> str:
    """Return the name of a run that trains a recipe.

    >>> from sn7ml.params import load_params, recipe_of
    >>> run_name(recipe_of(load_params()))
    'train Unet tf_efficientnet_lite0 bce+dice'
    """
    return f"train {recipe.model.architecture} {recipe.model.encoder.removeprefix('tu-')} {'+'.join(recipe.loss.terms)}"


def trial_tags(store: Store, recipe: Recipe) -> dict[str, str]:
    """Return tags that name the trial, and its search, that tried a recipe; empty if this store knows none."""
    found = newest_with(store, SEARCH, {RECIPE_DIGEST: digest_of(recipe.model_dump()), STATE: "complete"})
    if found is None:
        return {}
    return {"sn7.trial_run_id": found.info.run_id, "sn7.search_run_id": found.data.tags["mlflow.parentRunId"]}


def digest_of(*parts: Any) -> str:
    """Return 16 hexadecimal digits that name plain JSON content."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
