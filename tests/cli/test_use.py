"""`sn7ml synth` and `sn7ml use` for every layout, as a person types them."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from sn7ml import cli
from sn7ml.core.errors import ParamsError
from sn7ml.params import load_params
from sn7ml.scenes.layouts import layout_of
from sn7ml.synthetic import make_scenes
from tests.raising import raises

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> str:
    done = CliRunner().invoke(cli.app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like a project; what DVC is asked to do is noted in ``asked``."""
    root = tmp_path / "project"
    root.mkdir()
    for name in ("dvc.yaml", "params.yaml"):
        (root / name).write_bytes((ROOT / name).read_bytes())
    (root / "configs").mkdir()
    for path in (ROOT / "configs").glob("*.yaml"):
        (root / "configs" / path.name).write_bytes(path.read_bytes())
    monkeypatch.chdir(root)

    def note(*arguments: str) -> None:
        with (root / "asked").open("a") as file:
            file.write(" ".join(arguments) + "\n")

    monkeypatch.setattr("sn7ml.cli.project.dvc", note)
    return root


@pytest.mark.parametrize(("layout", "zoom"), [("spacenet2", None), ("xyz", 18)])
def test_synth_draws_what_the_layout_reads(layout: str, zoom: int | None, tmp_path: Path) -> None:
    run("synth", str(tmp_path / "out"), "--layout", layout, "--aois", "2", *(["--size", "512"] if not zoom else []))
    params = load_params(ROOT / "configs/buildings.yaml").data.model_copy(update={"layout": layout, "zoom": zoom})
    assert (layout_of(params).sources(tmp_path / "out")["labels"] != "").sum() == 2


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--layout", "spacenet2", "--months", "3"], ("--months", "spacenet2")),
        (["--layout", "xyz", "--size", "512"], ("--size", "xyz")),
    ],
)
def test_an_option_that_a_layout_has_no_use_for_is_refused(
    options: list[str], named: tuple[str, ...], tmp_path: Path
) -> None:
    with raises(ParamsError, "options.synth-layout", *named):
        CliRunner().invoke(cli.app, ["synth", str(tmp_path / "out"), *options], catch_exceptions=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("layout", ["spacenet7", "spacenet2", "xyz"])
def test_none_is_not_taken_for_the_usual_number(layout: str, tmp_path: Path) -> None:
    with raises(ParamsError, "synthetic.range", 0):
        CliRunner().invoke(
            cli.app, ["synth", str(tmp_path / "out"), "--layout", layout, "--aois", "0"], catch_exceptions=False
        )


@pytest.mark.parametrize(
    ("demo", "layout"), [("buildings", "spacenet2"), ("building_distance", "xyz"), ("land_use", "colour")]
)
def test_a_demo_brings_data_and_params_that_go_together(project: Path, demo: str, layout: str) -> None:
    (project / "data").mkdir()
    (project / "data" / "former").touch()
    said = run("use", "--demo", demo, "--force")
    params = load_params(project / "params.yaml")
    assert (params.task, params.data.layout) == (demo, layout)
    sources = layout_of(params.data).sources(project / "data")
    assert f"{len(sources)} frames" in said
    assert not (project / "data" / "former").exists()
    assert (project / "asked").read_text() == "add --quiet data\n"


def test_a_folder_of_another_layout_becomes_the_projects_data(project: Path, tmp_path: Path) -> None:
    make_scenes(tmp_path / "city", scenes=2, size_px=512, seed=1)
    assert "3 frames" in run("use", str(tmp_path / "city"), "--params", "configs/buildings.yaml", "--force")
    taken = {path.suffix for path in (project / "data").rglob("*") if path.is_file()}
    assert taken == {".tif", ".geojson", ".csv"}
    assert yaml.safe_load((project / "params.yaml").read_text())["task"] == "buildings"


@pytest.mark.parametrize("given", [[], ["data", "--demo", "buildings"], ["--params", "params.yaml"]])
def test_use_needs_data_or_a_demo_and_not_both(project: Path, given: list[str]) -> None:
    with raises(ParamsError, "options.use-what", "--demo"):
        CliRunner().invoke(cli.app, ["use", *given, "--force"], catch_exceptions=False)
    assert not (project / "asked").exists()
