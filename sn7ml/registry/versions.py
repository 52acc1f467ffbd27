"""The model registry: every trained model becomes a version; aliases say which one to use.

``challenger`` is the version looked at last, ``champion`` the one to use, ``previous`` the champion before.
"""

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import mlflow.artifacts
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, Metric
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException

from sn7ml.core.errors import ModelError, StoreError
from sn7ml.package_files import CONFIG, WEIGHTS, package_digest
from sn7ml.registry.pyfunc import ARTIFACT, save_pyfunc
from sn7ml.runs.runs import MODEL_DIGEST
from sn7ml.runs.store import FINAL, Store, open_store, paged

CHALLENGER, CHAMPION, PREVIOUS = "challenger", "champion", "previous"

MODEL_URI = re.compile(r"models:/(?P<name>[^/@]+)(@(?P<alias>[^/@]+)|/(?P<number>\d+))")
"""The address of a version."""

ABSENT = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")
"""MLflow's words for no such alias, version or model."""


def package_folder(model: str) -> Path:
    """Return the package folder of a registered model (``models:/sn7-buildings@champion``), or ``model``, being a folder.

    Raises
    ------
    ModelError
        If it is neither.
    StoreError
        If the registry has no such model or its files are gone.
    """
    if not model.startswith("models:/"):
        if not Path(model).is_dir():
            raise ModelError(
                "registry.model-name",
                f"model {model!r} is neither a folder such as build/model nor like models:/sn7-buildings@champion",
            )
        return Path(model)
    store = open_store()
    try:
        with store.as_global():
            return Path(mlflow.artifacts.download_artifacts(f"{model}/artifacts/{ARTIFACT}", tracking_uri=store.uri))
    except (MlflowException, OSError) as error:
        raise StoreError("registry.cannot-fetch", f"cannot fetch {model} from {store.uri}: {error}") from None


def register(store: Store, package: Path, name: str, run_id: str) -> ModelVersion:
    """Return the version that holds this very package, made at need, as trained by a run."""
    client, digest = store.client, package_digest(package)
    with store.promoting():
        try:
            client.create_registered_model(
                name, description="Buildings in SpaceNet 7 mosaics; use the alias `champion`."
            )
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        known = [one for one in versions(client, name) if one.tags.get(MODEL_DIGEST) == digest]
        return known[0] if known else _create(store, package, digest, name, run_id)


def versions(client: MlflowClient, name: str) -> list[ModelVersion]:
    """Return all versions of a model, the newest first."""
    found = paged(lambda token: client.search_model_versions(f"name = '{name}'", page_token=token))
    return sorted(found, key=lambda version: -int(version.version))


def registered(store: Store, name: str) -> RegisteredModel:
    """Return the model with its aliases and tags. Raises StoreError if there is none."""
    try:
        return store.client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code not in ABSENT:
            raise
        raise StoreError(
            "registry.no-such-model", f"the registry has no model {name!r} yet; `dvc repro` trains and registers one"
        ) from None


def find_version(store: Store, name: str, which: str) -> ModelVersion:
    """Return a version by its number or an alias of it. Raises StoreError, naming what there is, if there is none."""
    model, known = registered(store, name), versions(store.client, name)
    number = str(model.aliases.get(which, which))
    for version in known:
        if str(version.version) == number:
            return version
    numbers = sorted(int(version.version) for version in known)
    raise StoreError(
        "registry.no-such-version",
        f"{name!r} has no version {which!r}; it has the versions {numbers} and the aliases {sorted(model.aliases)}",
    )


def version_at(client: MlflowClient, name: str, alias: str) -> ModelVersion | None:
    """Return the version an alias stands at; None if it stands nowhere."""
    try:
        return client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if error.error_code in ABSENT:
            return None
        raise


def fetch(store: Store, version: ModelVersion, folder: Path) -> Path:
    """Copy all files of a version into ``folder``: package, code, requirements.

    Raises
    ------
    StoreError
        If they are gone.
    """
    with _reading(store, version) as uri:
        return Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(folder), tracking_uri=store.uri))


def fetch_words(store: Store, version: ModelVersion, folder: Path) -> Path:
    """Copy what the package of a version says of itself into ``folder``: all but the weights. Raises as :func:`fetch`."""
    with _reading(store, version) as uri:
        package = f"{uri}/artifacts/{ARTIFACT}"
        files = mlflow.artifacts.list_artifacts(package, tracking_uri=store.uri)
        # CONFIG in any case: of files that are gone the list is merely empty.
        for name in sorted({CONFIG, *(PurePosixPath(file.path).name for file in files)} - {WEIGHTS}):
            mlflow.artifacts.download_artifacts(f"{package}/{name}", dst_path=str(folder), tracking_uri=store.uri)
    return folder


@contextmanager
def _reading(store: Store, version: ModelVersion) -> Iterator[str]:
    """Yield where the files of a version lie; what fails in the block is a StoreError that says what can be done."""
    uri = store.client.get_model_version_download_uri(version.name, version.version)
    try:
        yield uri
    except (MlflowException, OSError) as error:
        raise StoreError(
            "registry.version-unreadable",
            f"cannot read version {version.version} of {version.name!r} at {uri} ({error}); bring the files back or, if it is "
            f"the champion, take the alias {CHAMPION!r} from it in the MLflow UI",
        ) from None


def model_id_of(version: ModelVersion) -> str:
    """Return the id of the logged model behind a version."""
    return str(version.model_id or str(version.source).removeprefix("models:/"))


def _create(store: Store, package: Path, digest: str, name: str, run_id: str) -> ModelVersion:
    client, tags = store.client, {MODEL_DIGEST: digest}
    model_id = _log_model(store, package, digest, name, run_id)
    with store.as_global():
        made = client.create_model_version(name, f"models:/{model_id}", run_id=run_id, tags=tags, model_id=model_id)
    # The two links between model and version, and run and model (below), that MLflow's UI shows.
    client.set_logged_model_tags(
        model_id, {"mlflow.modelVersions": json.dumps([{"name": name, "version": made.version}])}
    )
    return made


def _log_model(store: Store, package: Path, digest: str, name: str, run_id: str) -> str:
    client = store.client
    model = client.create_logged_model(
        store.experiments[FINAL], name, source_run_id=run_id, tags={MODEL_DIGEST: digest}
    )
    with tempfile.TemporaryDirectory(prefix="sn7ml-register-") as folder:
        client.log_model_artifacts(model.model_id, str(save_pyfunc(package, Path(folder))))
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    _copy_scores(client, run_id, model.model_id)
    return str(model.model_id)


def _copy_scores(client: MlflowClient, run_id: str, model_id: str) -> None:
    """Show the run's scores on the held-out data with the model too."""
    for name in client.get_run(run_id).data.metrics:
        if name.startswith("test_"):
            last: Metric = client.get_metric_history(run_id, name)[-1]
            client.log_metric(run_id, name, last.value, last.timestamp, last.step, model_id=model_id)
