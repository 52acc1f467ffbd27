"""The door to MLflow."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

import sn7ml
from sn7ml.core.errors import StoreError
from sn7ml.runs.store import FINAL, SEARCH, Store, open_store, relocate
from tests.raising import raises
from tests.runs.scored import training_run


def test_both_experiments_exist_with_a_description_and_their_own_artifact_folder(store: Store, project: Path) -> None:
    for name in (FINAL, SEARCH):
        experiment = store.client.get_experiment_by_name(name)
        assert experiment is not None
        assert experiment.experiment_id == store.experiments[name]
        assert experiment.artifact_location == str(project / "mlruns" / "artifacts" / name)
        assert "one run per" in experiment.tags["mlflow.note.content"]


def test_the_database_has_a_write_ahead_log(store: Store, project: Path) -> None:
    connection = sqlite3.connect(project / "mlruns" / "mlflow.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_telemetry_is_off() -> None:
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_opening_from_a_folder_below_finds_the_same_store(
    store: Store, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(project / "deep" / "er")
    assert open_store().uri == store.uri


def test_dvc_root_wins_over_the_current_folder(
    store: Store, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout" / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path / "checkout")
    monkeypatch.setenv("DVC_ROOT", str(project))
    assert open_store().uri == store.uri
    assert sorted(path.name for path in Path().iterdir()) == ["dvc.yaml"]


def test_outside_a_project_the_error_says_where_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    with raises(StoreError, "project.not-here", "dvc.yaml", tmp_path, "DVC_ROOT", "MLFLOW_TRACKING_URI"):
        open_store()


def test_the_environment_variable_names_another_store(
    migrated: Path, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.db"
    shutil.copy(migrated / "mlruns" / "mlflow.db", other)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{other}")
    assert open_store().uri == f"sqlite:///{other}"


def test_each_server_has_a_lock_of_its_own_and_each_user_too(
    migrated: Path, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    places = set()
    for name, user in (("one", 1), ("other", 1), ("other", 2)):
        server = tmp_path / f"{name}.db"
        shutil.copy(migrated / "mlruns" / "mlflow.db", server)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{server}")
        monkeypatch.setattr("os.getuid", lambda user=user: user)
        with open_store().promoting():
            places |= set(tmp_path.rglob("promotion.lock"))
    assert len(places) == 3


def test_a_store_that_mlflow_refuses_is_a_clear_error(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://here")
    with raises(StoreError, "store.cannot-open", "nonsense://here"):
        open_store()


LOG_ONE_RUN_EACH = """
from sn7ml.runs.store import FINAL, SEARCH, open_store
from sn7ml.runs.runs import create_run, ending
store = open_store()
with ending(create_run(store, FINAL, "one", {}, {})) as run:
    run.log_epoch(1, {"val_iou": 0.5})
with ending(create_run(store, SEARCH, "search", {}, {})) as search:
    with ending(create_run(store, SEARCH, "trial-000", {"mlflow.parentRunId": search.run_id}, {})) as trial:
        trial.log_epoch(1, {"val_iou": 0.5})
"""


@pytest.mark.slow
def test_four_processes_on_a_machine_without_a_store_all_land_in_the_right_experiments(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").touch()
    environment = {name: value for name, value in os.environ.items() if name not in ("DVC_ROOT", "MLFLOW_TRACKING_URI")}
    environment |= {"PYTHONPATH": str(Path(sn7ml.__file__).parents[1])}
    command = [sys.executable, "-c", LOG_ONE_RUN_EACH]
    processes = [subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE) for _ in range(4)]
    outcomes = [(process.communicate()[1], process.returncode) for process in processes]
    assert outcomes == [(b"", 0)] * 4
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlruns/mlflow.db")
    experiments = {one.name: one.experiment_id for one in client.search_experiments()}
    assert set(experiments) == {"Default", FINAL, SEARCH}
    runs = {name: len(client.search_runs([number])) for name, number in experiments.items()}
    assert runs == {"Default": 0, FINAL: 4, SEARCH: 8}


def test_a_moved_store_is_refused_and_relocating_mends_it(
    store: Store, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with training_run(store, name="before", tags={}, params={}) as run:
        store.client.log_text(run.run_id, "hello", "note.txt")
    moved = project.with_name("100% moved_")
    project.rename(moved)
    monkeypatch.chdir(moved)
    with raises(StoreError, "store.moved", project, moved, "`sn7ml relocate`"):
        open_store()
    assert relocate(moved) >= 3
    assert relocate(moved) == 0
    again = open_store()
    assert [file.path for file in again.client.list_artifacts(run.run_id)] == ["note.txt"]
    with training_run(again, name="after", tags={}, params={}) as later:
        again.client.log_text(later.run_id, "hello", "note.txt")
    assert not project.exists()


def test_relocating_nothing_is_an_error(tmp_path: Path) -> None:
    with raises(StoreError, "store.missing", tmp_path):
        relocate(tmp_path)


def test_a_deleted_experiment_is_named_with_the_cure(store: Store) -> None:
    store.client.delete_experiment(store.experiments[FINAL])
    with raises(StoreError, "store.experiment-deleted", "'sn7'", "mlflow experiments restore --experiment-id"):
        open_store()


def test_the_global_uri_is_borrowed_and_given_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.as_global():
        assert os.environ["MLFLOW_TRACKING_URI"] == store.uri
    assert "MLFLOW_TRACKING_URI" not in os.environ
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")
    with store.as_global():
        pass
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://elsewhere"
