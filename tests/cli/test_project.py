"""The command line, as a person types it: the project, its params and its store."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from sn7ml import cli
from sn7ml.cli.project import refuse_uncommitted
from sn7ml.core.errors import CatalogError, ModelError, ParamsError
from sn7ml.registry.versions import package_folder
from tests.raising import raises

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> str:
    done = CliRunner().invoke(cli.app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_asking_for_help_loads_nothing_heavy() -> None:
    heavy = {"torch", "mlflow", "optuna", "rasterio", "geopandas", "great_expectations", "plotly"}
    code = f"import sys, sn7ml.cli; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_params_page_is_what_the_code_says() -> None:
    assert (
        run("params", str(ROOT / "params.yaml"), "--markdown").strip() == (ROOT / "docs/params.md").read_text().strip()
    )


@pytest.mark.parametrize("path", sorted(ROOT.glob("configs/*.yaml")), ids=lambda path: path.stem)
def test_every_config_is_whole(path: Path) -> None:
    assert "is fine" in run("check", str(path))


def test_an_input_error_is_one_sentence_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.argv", ["sn7ml", "check", str(tmp_path / "none.yaml")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "no file" in capsys.readouterr().err


def test_use_refuses_a_folder_without_areas(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    with raises(CatalogError, "data.no-aoi", "empty"):
        CliRunner().invoke(cli.app, ["use", "empty"], catch_exceptions=False)


def test_data_that_data_dvc_cannot_draw_is_not_invented(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "data.dvc").write_text("outs:\n- md5: 0123.dir\n  path: data\n")
    monkeypatch.chdir(tmp_path)
    with raises(CatalogError, "project.no-data", "`dvc pull`", "`sn7ml use DATA`"):
        CliRunner().invoke(cli.app, ["data"], catch_exceptions=False)
    assert not (tmp_path / "data").exists()


def test_use_refuses_to_replace_what_git_could_not_bring_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]
    (tmp_path / "data.dvc").write_text("outs: []\n")
    for arguments in (["init", "--quiet"], ["add", "data.dvc"], ["commit", "--quiet", "--message", "start"]):
        subprocess.run([*git, *arguments], check=True)
    refuse_uncommitted("data.dvc", "dvc.lock")
    (tmp_path / "data.dvc").write_text("outs: [changed]\n")
    with raises(ParamsError, "project.uncommitted-params", "`git commit -m 'before' data.dvc`", "--force"):
        refuse_uncommitted("data.dvc", "dvc.lock")


def test_a_model_that_is_neither_folder_nor_registered_is_named(tmp_path: Path) -> None:
    with raises(ModelError, "registry.model-name", "'Unet'"):
        package_folder("Unet")


def checked(tmp_path: Path, **changes: Mapping[str, object]) -> list[str]:
    """What ``sn7ml check`` notes of params.yaml with some keys changed."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    for section, values in changes.items():
        content[section] |= values
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    return [line for line in run("check", str(tmp_path / "params.yaml")).splitlines() if line.startswith("note:")]


def test_objectives_that_do_not_go_together_are_noted(tmp_path: Path) -> None:
    assert checked(tmp_path) == []
    (search,) = checked(tmp_path, search={"objective": "f1"})
    assert "search.finalists" in search
    tune, floors, loss = checked(tmp_path, promote={"objective": "f1"})
    assert ("tune.objective" in tune, "promote.floors" in floors, "promote.max_loss" in loss) == (True, True, True)
    whole = {"objective": "f1", "floors": {}, "max_loss": {"scot": 0.02}}
    assert checked(tmp_path, search={"objective": "f1", "finalists": 1}, tune={"objective": "f1"}, promote=whole) == []


def test_a_score_that_needs_pixels_cannot_be_tuned_for(tmp_path: Path) -> None:
    with raises(ParamsError, "params.unknown-score", "tune.objective", "'iou'", "f1"):
        checked(tmp_path, tune={"objective": "iou"})
