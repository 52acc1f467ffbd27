"""The model that a person asks for by a registry address or a folder, and which one that is today."""

from dataclasses import asdict, dataclass
from pathlib import Path

from mlflow.exceptions import MlflowException

from sn7ml.core.errors import StoreError
from sn7ml.package_files import package_digest
from sn7ml.registry.versions import MODEL_URI, package_folder
from sn7ml.runs.store import open_store


@dataclass(frozen=True)
class RequestedModel:
    """A model, found."""

    asked: str
    """The address or folder as it was given."""

    resolved: str
    """What that is today: ``models:/sn7-buildings/3`` for an alias, the whole path for a folder."""

    digest: str
    """Names the package by its content."""

    folder: Path
    """Where the package lies now: its weights and how it is used."""

    def as_dict(self) -> dict[str, str]:
        """Return what names the model; not where this machine keeps it."""
        return {name: str(value) for name, value in asdict(self).items() if name != "folder"}


def fetch_model(model: str) -> RequestedModel:
    """Find a package by ``models:/sn7-buildings@champion``, ``models:/sn7-buildings/3``, or its folder.

    An alias is resolved first, and once: it may move to another version while files are fetched.

    Raises
    ------
    ModelError
        If ``model`` is neither a folder nor such an address, or the package is not whole.
    StoreError
        If the registry has no such model or its files are gone.
    """
    resolved = _resolved(model)
    folder = package_folder(resolved)
    return RequestedModel(model, resolved, package_digest(folder), folder)


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
