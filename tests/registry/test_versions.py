"""Versions of the registered model and their files."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.entities.model_registry import ModelVersion

from sn7ml.core.errors import ModelError, StoreError
from sn7ml.package_files import CONFIG, package_digest
from sn7ml.registry.versions import fetch, fetch_words, find_version, package_folder, versions
from sn7ml.runs.runs import MODEL_DIGEST
from sn7ml.runs.store import Store
from tests.raising import raises
from tests.registry.toy_registry import NAME, ToyRegistry, package, scores


def test_the_same_package_is_one_version_another_one_another(toy_registry: ToyRegistry) -> None:
    assert [str(toy_registry.version(name).version) for name in ("a", "b", "a")] == ["1", "2", "1"]
    assert [str(version.version) for version in versions(toy_registry.store.client, NAME)] == ["2", "1"]
    assert toy_registry.version("b").tags[MODEL_DIGEST] == package_digest(package(toy_registry.folder, "b"))


def test_the_logged_model_is_linked_to_its_run_and_carries_the_scores_of_the_best_epoch(
    toy_registry: ToyRegistry,
) -> None:
    version, client = toy_registry.version("a"), toy_registry.store.client
    model = client.get_logged_model(str(version.source).removeprefix("models:/"))
    assert (model.source_run_id, str(model.status)) == (version.run_id, "READY")
    assert [(metric.key, metric.value, metric.step) for metric in model.metrics or []] == [("test_scot", 0.5, 3)]
    outputs = client.get_run(str(version.run_id)).outputs
    assert outputs is not None
    assert [output.model_id for output in outputs.model_outputs] == [model.model_id]
    assert not list(Path(model.artifact_location).rglob("*.pkl"))


def test_a_version_is_fetched_with_its_package_and_its_code(toy_registry: ToyRegistry, tmp_path: Path) -> None:
    found = fetch(toy_registry.store, toy_registry.version("a"), tmp_path / "fetched")
    assert (found / "artifacts" / "package" / CONFIG).read_text().startswith("# a\n")
    assert (found / "code" / "sn7ml" / "registry" / "isolated.py").is_file()
    (found / "artifacts" / "package" / CONFIG).write_text("mine")  # a copy: the registry keeps its own
    assert (
        (fetch(toy_registry.store, toy_registry.version("a"), tmp_path / "again") / "artifacts/package" / CONFIG)
        .read_text()
        .startswith("# a\n")
    )


def test_what_a_package_says_of_itself_is_had_without_its_weights(toy_registry: ToyRegistry, tmp_path: Path) -> None:
    found = fetch_words(toy_registry.store, toy_registry.version("a"), tmp_path / "fetched")
    assert [(path.name, path.read_text().splitlines()[0]) for path in found.iterdir()] == [(CONFIG, "# a")]


@pytest.mark.parametrize("get", [fetch, fetch_words])
def test_files_that_are_gone_are_told_with_what_can_be_done(
    toy_registry: ToyRegistry, tmp_path: Path, get: Callable[[Store, ModelVersion, Path], Path]
) -> None:
    version = toy_registry.version("a")
    shutil.rmtree(toy_registry.store.client.get_model_version_download_uri(NAME, str(version.version)))
    with raises(StoreError, "registry.version-unreadable", "version 1", NAME, "'champion'"):
        get(toy_registry.store, version, tmp_path / "fetched")


@pytest.mark.parametrize("which", ["1", "challenger"])
def test_a_version_is_found_by_number_or_alias(toy_registry: ToyRegistry, which: str) -> None:
    toy_registry.submit("a", scores(0.2))
    assert str(find_version(toy_registry.store, NAME, which).version) == "1"


@pytest.mark.parametrize("which", ["7", "previous", "²"])
def test_a_version_that_is_not_there_is_an_error_that_names_those_that_are(
    toy_registry: ToyRegistry, which: str
) -> None:
    toy_registry.submit("a", scores(0.2))
    with raises(StoreError, "registry.no-such-version", repr(which), [1], ["challenger", "champion"]):
        find_version(toy_registry.store, NAME, which)


def test_a_registry_without_models_says_how_to_get_one(store: Store) -> None:
    with raises(StoreError, "registry.no-such-model", "'nobody'", "`dvc repro`"):
        find_version(store, "nobody", "1")


@pytest.mark.parametrize("address", [f"models:/{NAME}@champion", f"models:/{NAME}/1"])
def test_the_package_of_a_registered_model_is_fetched_by_its_address(toy_registry: ToyRegistry, address: str) -> None:
    toy_registry.submit("a", scores(0.2))
    assert (package_folder(address) / CONFIG).read_text().startswith("# a\n")


def test_a_folder_is_its_own_package(tmp_path: Path) -> None:
    assert package_folder(str(tmp_path)) == tmp_path
    with raises(ModelError, "registry.model-name", tmp_path / "none"):
        package_folder(str(tmp_path / "none"))


def test_a_model_that_is_not_registered_is_named(store: Store) -> None:
    with raises(StoreError, "registry.cannot-fetch", "models:/nobody@champion", store.uri):
        package_folder("models:/nobody@champion")
