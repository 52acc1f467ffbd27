"""The model that a person asks for by a registry address or a folder, and which one that is today."""

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

    An alias is resolved first, and once: it may move to another version while files are fetched.

    Parameters
    ----------
    model
        ``models:/sn7-buildings@champion``, ``models:/sn7-buildings/3``, or a folder such as ``build/model``.
    params, tracker
        How the model is used, in place of what it says itself: params or a file of them, and a file with a tuned tracker,
        ``build/tuning/best.yaml``. A registered model says it; the folder of a training does not.

    Raises
    ------
    ModelError
        If ``model`` is neither a folder nor such an address, or the package is not whole.
    StoreError
        If the registry has no such model or its files are gone.
    ParamsError
        If neither the package nor a file says how the model is used.
    """
    asked = str(model)
    resolved = _resolved(asked)
    folder = package_folder(resolved)
    return TrainedModel(asked, resolved, package_digest(folder), folder, choose_usage(folder, params, tracker))


def _resolved(model: str) -> str:
    match = MODEL_URI.fullmatch(model)
    if match and match["alias"]:
        store = open_store()
        try:
            version = store.client.get_model_version_by_alias(match["name"], match["alias"])
        except MlflowException as error:
            raise StoreError(
                "registry.no-such-model",
                f"no model {model} in {store.uri} ({error.message}); `sn7ml models` lists those there are, and `dvc repro` "
                "trains and promotes one",
            ) from None
        return f"models:/{match['name']}/{version.version}"
    return model if model.startswith("models:/") else str(Path(model).resolve())
