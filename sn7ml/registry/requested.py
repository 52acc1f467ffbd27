"""The model that a person asks for by a registry address or a folder, and which one that is today."""

import os
from pathlib import Path

from mlflow.exceptions import MlflowException

from sn7ml.core.errors import StoreError
from sn7ml.learn.trained_model import TrainedModel, choose_usage
from sn7ml.package_files import package_digest
from sn7ml.params import Params
from sn7ml.registry.versions import MODEL_URI, package_folder
from sn7ml.runs.store import open_store


def load_model(
    model: Path | str = "models:/sn7-buildings@champion",
    params: Params | Path | str | None = None,
    tracker: Path | str | None = None,
) -> TrainedModel:
    """Find a trained model by its address in the registry, or by its folder.

    ``model`` is ``models:/sn7-buildings@champion``, ``models:/sn7-buildings/3``, or a folder such as ``build/model``.
    ``params`` (params, or a file of them) and ``tracker`` (a file with a tuned tracker, ``build/tuning/best.yaml``) are
    used in place of what the model says itself. A registered model says it; the folder of a training does not.

    Raises ModelError if ``model`` is neither a folder nor such an address, or the package is not whole; StoreError if
    the registry has no such model or its files are gone; ParamsError if nothing says how the model is used.
    """
    asked = str(model)
    resolved = asked if asked.startswith("models:/") else os.path.realpath(asked)
    if (match := MODEL_URI.fullmatch(asked)) and match["alias"]:
        store = open_store()
        try:
            # Once, and before files are fetched: meanwhile the alias may move.
            version = store.client.get_model_version_by_alias(match["name"], match["alias"])
        except MlflowException as error:
            raise StoreError(
                "registry.no-such-model",
                f"no model {asked} in {store.uri} ({error.message}); `sn7ml models` lists those there are, and "
                "`dvc repro` trains and promotes one",
            ) from None
        resolved = f"models:/{match['name']}/{version.version}"
    folder = package_folder(resolved)
    return TrainedModel(asked, resolved, package_digest(folder), folder, choose_usage(folder, params, tracker))
