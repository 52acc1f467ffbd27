"""Where a run comes from."""

import subprocess
from pathlib import Path

import pytest

from sn7ml.runs.provenance import provenance


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    (tmp_path / "params.yaml").write_text("a: 1\n")
    (tmp_path / "dvc.lock").write_text("x\n")
    (tmp_path / "data.dvc").write_text("outs:\n- md5: 0123abcd.dir\n  path: data\n")
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True)
    return tmp_path


def test_commit_data_and_versions_are_known(checkout: Path) -> None:
    tags = provenance(checkout)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout, capture_output=True, text=True, check=True).stdout
    assert tags["git.commit"] == tags["mlflow.source.git.commit"] == head.strip()
    assert tags["git.dirty"] == "false"
    assert tags["dvc.data_md5"] == "0123abcd.dir"
    assert tags["version.mlflow"][0].isdigit()
    assert "dvc.exp_name" not in tags


@pytest.mark.parametrize(("name", "dirty"), [("params.yaml", "true"), ("dvc.lock", "false"), ("new_file", "false")])
def test_dirty_means_a_tracked_file_other_than_the_lock_has_changed(checkout: Path, name: str, dirty: str) -> None:
    (checkout / name).write_text("changed\n")
    assert provenance(checkout)["git.dirty"] == dirty


def test_outside_git_it_says_unknown(tmp_path: Path) -> None:
    tags = provenance(tmp_path)
    assert {tags[name] for name in ("git.commit", "git.dirty", "dvc.data_md5")} == {"unknown"}


def test_a_dvc_experiment_is_named(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "tidy-owl")
    assert provenance(checkout)["dvc.exp_name"] == "tidy-owl"
