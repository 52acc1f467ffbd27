"""A store per test, copied from one that is made once."""

import shutil
from pathlib import Path

import pytest

from sn7ml.runs.store import Store, open_store, relocate


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("migrated")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        open_store()
    return folder


@pytest.fixture
def project(migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with a store, and the current folder."""
    folder = tmp_path / "a project"
    shutil.copytree(migrated / "mlruns", folder / "mlruns")
    (folder / "dvc.yaml").touch()
    relocate(folder)
    for variable in ("DVC_ROOT", "DVC_EXP_NAME", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def store(project: Path) -> Store:
    return open_store()
