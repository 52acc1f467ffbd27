"""Which model an address means today."""

from pathlib import Path

import pytest

from sn7ml.core.errors import ModelError, StoreError
from sn7ml.learn.trained_model import TrainedModel
from sn7ml.package_files import CONFIG, WEIGHTS, package_digest
from sn7ml.registry.requested import load_model
from sn7ml.registry.versions import ARTIFACT
from sn7ml.runs.store import Store
from tests.raising import raises

NAME = "sn7-test"
PARAMS = Path(__file__).resolve().parents[2] / "params.yaml"


def load(model: str) -> TrainedModel:
    return load_model(model, PARAMS)


def package(folder: Path, words: str) -> Path:
    folder.mkdir(parents=True)
    (folder / CONFIG).write_text(words)
    (folder / WEIGHTS).write_bytes(b"weights")
    return folder


@pytest.fixture
def registry(store: Store, tmp_path: Path) -> Store:
    """Two versions, the second of which is champion."""
    store.client.create_registered_model(NAME)
    for words in ("one", "two"):
        package(tmp_path / words / "artifacts" / ARTIFACT, words)
        store.client.create_model_version(NAME, str(tmp_path / words))
    store.client.set_registered_model_alias(NAME, "champion", "2")
    return store


@pytest.mark.parametrize(
    ("asked", "resolved", "words"),
    [
        (f"models:/{NAME}@champion", f"models:/{NAME}/2", "two"),
        (f"models:/{NAME}/1", f"models:/{NAME}/1", "one"),
    ],
)
def test_an_alias_is_the_version_it_stands_for_today(
    registry: Store, tmp_path: Path, asked: str, resolved: str, words: str
) -> None:
    model = load(asked)
    assert (model.folder / CONFIG).read_text() == words
    digest = package_digest(tmp_path / words / "artifacts" / ARTIFACT)
    assert model.names == {"asked": asked, "resolved": resolved, "digest": digest}


def test_a_folder_is_known_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = package(tmp_path / "model", "bare")
    monkeypatch.chdir(tmp_path)
    assert load("model").names == {
        "asked": "model",
        "resolved": str(folder),
        "digest": package_digest(folder),
    }


@pytest.mark.parametrize("asked", [f"models:/{NAME}@nobody", "models:/nobody@champion"])
def test_an_alias_that_nobody_bears_says_how_to_list_models(registry: Store, asked: str) -> None:
    with raises(StoreError, "registry.no-such-model", asked, "`sn7ml models`"):
        load(asked)


def test_a_version_that_is_not_there_is_named(registry: Store) -> None:
    with raises(StoreError, "registry.cannot-fetch", f"models:/{NAME}/7"):
        load(f"models:/{NAME}/7")


def test_outside_a_project_the_way_to_a_registry_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DVC_ROOT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    with raises(StoreError, "project.not-here", "DVC_ROOT", "MLFLOW_TRACKING_URI"):
        load(f"models:/{NAME}@champion")


def test_what_is_neither_address_nor_folder_is_refused(tmp_path: Path) -> None:
    with raises(ModelError, "registry.model-name", tmp_path / "Unet", "models:/"):
        load(str(tmp_path / "Unet"))
