"""The command line, as a person types it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from sn7ml import cli
from sn7ml.errors import CatalogError

ROOT = Path(__file__).resolve().parents[1]


def run(*arguments: str) -> str:
    done = CliRunner().invoke(cli.app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_help_lists_every_command() -> None:
    text = run("--help")
    for name in ("synth", "data", "check", "params", "use", "predict", "ui", "relocate"):
        assert name in text


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
    with pytest.raises(CatalogError, match="no AOI folder"):
        CliRunner().invoke(cli.app, ["use", "empty"], catch_exceptions=False)


def test_data_that_data_dvc_cannot_draw_is_not_invented(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "data.dvc").write_text("outs:\n- md5: 0123.dir\n  path: data\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CatalogError, match="dvc pull"):
        CliRunner().invoke(cli.app, ["data"], catch_exceptions=False)
    assert not (tmp_path / "data").exists()
