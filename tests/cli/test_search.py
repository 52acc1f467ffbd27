"""`sn7ml search` hands the machine's part to the stage, and DVC does the rest."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sn7ml import cli
from sn7ml.cli import project
from sn7ml.core.errors import ParamsError
from tests.raising import raises


def test_workers_and_database_reach_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def dvc(*arguments: str) -> None:
        seen.append((arguments, os.environ["SN7ML_SEARCH_WORKERS"], os.environ.get("SN7ML_STUDY_URL")))

    monkeypatch.setattr(project, "dvc", dvc)
    for variable in ("SN7ML_SEARCH_WORKERS", "SN7ML_STUDY_URL"):
        monkeypatch.setenv(variable, "")
    for arguments in (["--workers", "3"], ["--storage", "postgresql://x/y"]):
        assert CliRunner().invoke(cli.app, ["search", *arguments], catch_exceptions=False).exit_code == 0
    assert seen == [(("repro", "search"), "3", ""), (("repro", "search"), "1", "postgresql://x/y")]


def test_no_worker_is_refused() -> None:
    done = CliRunner().invoke(cli.app, ["search", "--workers", "0"])
    assert done.exit_code == 2
    assert "--workers" in done.output


def test_outside_of_a_project_it_says_where_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with raises(ParamsError, "project.not-here", "dvc.yaml"):
        CliRunner().invoke(cli.app, ["search"], catch_exceptions=False)
