"""The model registry: every trained model becomes a version, with the code that runs it; aliases say which one to use.

``challenger`` is the version looked at last, ``champion`` the one to use, ``previous`` the champion before.
"""

import json
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version as installed
from pathlib import Path, PurePosixPath

import mlflow.artifacts
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, Metric
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types.schema import DataType, ParamSchema, ParamSpec, Schema, TensorSpec

import sn7ml
from sn7ml.core.errors import ModelError, StoreError
from sn7ml.package_files import CONFIG, WEIGHTS, package_digest, read_config
from sn7ml.params import BUNDLED
from sn7ml.runs.runs import MODEL_DIGEST
from sn7ml.runs.store import FINAL, Store, open_store, paged

with warnings.catch_warnings():  # about a class of MLflow's own
    warnings.filterwarnings("ignore", ".*Any type hint is inferred as AnyType", UserWarning)
    import mlflow.pyfunc

CHALLENGER, CHAMPION, PREVIOUS = "challenger", "champion", "previous"

ARTIFACT = "package"
"""Name of the package folder within the registered model; ``serving.py`` asks for it."""

REQUIREMENTS = (
    *BUNDLED.values(), "affine", "geopandas", "lightning-fabric", "mlflow", "numpy", "pandas", "pyarrow",
    "pydantic", "pyproj", "pyyaml", "rasterio", "safetensors", "scipy", "segmentation-models-pytorch", "shapely",
    "timm", "torch", "torchvision",
)  # fmt: skip
"""What the model's code imports. Given and not inferred: MLflow would load the model in a new process to find out."""

MODEL_URI = re.compile(r"models:/(?P<name>[^/@]+)(@(?P<alias>[^/@]+)|/(?P<number>\d+))")

ABSENT = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")
"""MLflow's words for no such alias, version or model."""


def package_folder(model: str) -> Path:
    """Return the package folder of a registered model (``models:/sn7-buildings@champion``); a folder is its own.

    Raises ModelError if ``model`` is neither, StoreError if the registry has no such model or its files are gone.
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
            client.create_registered_model(name, description="Buildings in satellite images; use the alias `champion`.")
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        for known in versions(client, name):
            if known.tags.get(MODEL_DIGEST) == digest:
                return known
        model_id, tags = _log_model(store, package, name, run_id), {MODEL_DIGEST: digest}
        with store.as_global():
            made = client.create_model_version(name, f"models:/{model_id}", run_id=run_id, tags=tags, model_id=model_id)
        # MLflow's UI shows the version with the logged model by this tag.
        shown = json.dumps([{"name": name, "version": made.version}])
        client.set_logged_model_tags(model_id, {"mlflow.modelVersions": shown})
        return made


def _log_model(store: Store, package: Path, name: str, run_id: str) -> str:
    """Log a package as a model of its run, with the run's scores on the held-out data; return the model's id."""
    client, tags = store.client, {MODEL_DIGEST: package_digest(package)}
    model = client.create_logged_model(store.experiments[FINAL], name, source_run_id=run_id, tags=tags)
    with tempfile.TemporaryDirectory(prefix="sn7ml-register-") as folder:
        client.log_model_artifacts(model.model_id, str(save_pyfunc(package, Path(folder))))
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    for score in client.get_run(run_id).data.metrics:
        if score.startswith("test_"):
            last: Metric = client.get_metric_history(run_id, score)[-1]
            client.log_metric(run_id, score, last.value, last.timestamp, last.step, model_id=model.model_id)
    return str(model.model_id)


def save_pyfunc(package: Path, folder: Path) -> Path:
    """Write a package folder as a model that MLflow can load and serve; returns its folder, in ``folder``."""
    # A copy under a fixed name: MLflow keeps an artifact under the name of its folder.
    copied = shutil.copytree(package, folder / ARTIFACT)
    # Any number of images of any one size (-1 is free). The tensors bear no names: MLflow would want a dictionary.
    config = read_config(package)
    stretched = config.images is not None and bool(config.images.stretch)
    images = TensorSpec(np.dtype(np.float32 if stretched else np.uint8), (-1, 4, -1, -1))
    found = TensorSpec(np.dtype(np.float32), (-1, len(config.channels), -1, -1))
    options = ParamSchema([ParamSpec("stretch", DataType.string, "")]) if stretched else None
    with warnings.catch_warnings():  # an example would make MLflow load torch and run the model
        warnings.filterwarnings("ignore", ".*An input example was not provided", UserWarning)
        mlflow.pyfunc.save_model(
            path=str(folder / "model"),
            python_model=str(Path(__file__).with_name("serving.py")),
            artifacts={ARTIFACT: str(copied)},
            # The code as it is now. A process that already holds sn7ml runs its own instead, and one that does not gets
            # this one for good: to score an old champion with its own code takes a process of its own.
            code_paths=[str(Path(sn7ml.__file__).parent)],
            signature=ModelSignature(Schema([images]), Schema([found]), options),  # type: ignore[arg-type] # None is none
            pip_requirements=[f"{library}=={installed(library).partition('+')[0]}" for library in REQUIREMENTS],
        )
    return folder / "model"


def versions(client: MlflowClient, name: str) -> list[ModelVersion]:
    """Return all versions of a model, the newest first."""
    found = paged(partial(client.search_model_versions, f"name = '{name}'"))
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
    aliases = registered(store, name).aliases
    known = {str(version.version): version for version in versions(store.client, name)}
    if version := known.get(str(aliases.get(which, which))):
        return version
    raise StoreError(
        "registry.no-such-version",
        f"{name!r} has no version {which!r}; it has the versions {sorted(map(int, known))} "
        f"and the aliases {sorted(aliases)}",
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
    """Copy all files of a version into a folder: package, code, requirements. Raises StoreError if they are gone."""
    with _reading(store, version) as uri:
        return Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(folder), tracking_uri=store.uri))


def fetch_words(store: Store, version: ModelVersion, folder: Path) -> Path:
    """Copy the package of a version into a folder, all but the weights. Raises StoreError if its files are gone."""
    with _reading(store, version) as uri:
        package = f"{uri}/artifacts/{ARTIFACT}"
        files = mlflow.artifacts.list_artifacts(package, tracking_uri=store.uri)
        # CONFIG in any case: of files that are gone the list is merely empty.
        for name in sorted({CONFIG, *(PurePosixPath(file.path).name for file in files)} - {WEIGHTS}):
            mlflow.artifacts.download_artifacts(f"{package}/{name}", dst_path=str(folder), tracking_uri=store.uri)
    return folder


@contextmanager
def _reading(store: Store, version: ModelVersion) -> Iterator[str]:
    """Yield where the files of a version lie; turn what fails in the block into StoreError."""
    uri = store.client.get_model_version_download_uri(version.name, version.version)
    try:
        yield uri
    except (MlflowException, OSError) as error:
        raise StoreError(
            "registry.version-unreadable",
            f"cannot read version {version.version} of {version.name!r} at {uri} ({error}); bring the files back or, "
            f"if it is the champion, take the alias {CHAMPION!r} from it in the MLflow UI",
        ) from None


def model_id_of(version: ModelVersion) -> str:
    """Return the id of the logged model behind a version."""
    return str(version.model_id or str(version.source).removeprefix("models:/"))
