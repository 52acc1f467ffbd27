"""What `dvc repro` does in a project that it has run before: changed params, kills, and the cache."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
from geopandas.testing import assert_geodataframe_equal

from tests.pipelines.project import Project, environment, make_project
from tests.pipelines.test_repro import metrics, run_stages

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = make_project(tmp_path_factory.mktemp("repro") / "project")
    made.dvc("repro")
    return made


def leaderboard(project: Project) -> list[dict[str, Any]]:
    """Ask in a process of its own: in this one MLflow keeps connections to a store that was deleted."""
    command = [str(Path(sys.executable).with_name("sn7ml")), "runs", "--json"]
    environ = environment() | {"PYTHONPATH": str(project.root)}
    done = subprocess.run(command, cwd=project.root, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["runs"]
    return found


def test_the_champion_finds_what_the_pipeline_found_wherever_it_is_asked(project: Project, tmp_path: Path) -> None:
    """It carries its tracker and how it was predicted with: no params.yaml is near."""
    build = project.root / "build"
    (aoi,) = sorted(path.stem for path in (build / "outputs").glob("*.parquet"))[:1]
    (area,) = project.root.glob(f"data/*/{aoi}")
    shutil.copytree(area, tmp_path / "areas" / aoi)
    command = [str(Path(sys.executable).with_name("sn7ml")), "predict", "areas", "out"]
    environ = environment() | {"PYTHONPATH": str(project.root), "DVC_ROOT": str(project.root)}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found, known = (
        gpd.read_parquet(folder / f"{aoi}.parquet") for folder in (tmp_path / "out/footprints", build / "outputs")
    )
    assert len(known) > 0
    assert_geodataframe_equal(found, known)


@pytest.mark.parametrize(
    ("key", "value", "readers"),
    [
        ("validation.max_small_fraction", 0.21, ["validate", "validate_tiles", "validate_outputs"]),
        ("split.gap_px", 17, ["ingest", "tile", "validate_tiles"]),
        ("target.rims.contact_px", 5, ["tile", "validate_tiles", "search", "train", "evaluate", "promote", "report"]),
        ("loss.dice", 0.9, ["search"]),
        ("train.patience", 4, ["train"]),
        ("predict.overlap_px", 24, ["search", "predict", "validate_outputs", "promote"]),
        ("output.tracks.changepoint.min_mean", 0.31, ["search", "tune"]),
        ("tune.trials", 4, ["tune"]),
        ("evaluate.pixel_threshold", 0.4, ["search", "evaluate", "promote", "report"]),
        ("promote.min_gain", 0.1, ["promote"]),
        ("report.months", 1, ["evaluate", "report"]),
    ],
)
def test_a_changed_param_concerns_exactly_the_stages_that_read_it(
    project: Project, key: str, value: object, readers: list[str]
) -> None:
    before = (project.root / "params.yaml").read_text()
    project.set_param(key, value)
    try:
        assert run_stages(project.dvc("repro", "--dry").stdout) == readers
    finally:
        (project.root / "params.yaml").write_text(before)


def test_killed_three_times_it_ends_as_if_it_never_was(project: Project, tmp_path: Path) -> None:
    """Runs last: it starts from nothing, in the same repository, without DVC's memory of earlier runs."""
    expected, lock = metrics(project), (project.root / "dvc.lock").read_text()
    build = project.root / "build"
    for forgotten in (build, project.root / ".dvc" / "cache", project.root / "mlruns"):
        shutil.rmtree(forgotten)
    (project.root / "dvc.lock").unlink()
    project.die_before("*/tiles/tiles.parquet")
    assert any(build.glob("tiles/L15*"))
    project.die_before("*/.checkpoints/train-1.pt", time=2)  # in the second epoch of three
    assert (build / ".checkpoints" / "train-1.pt").exists()
    project.die_before("*/probabilities/*.tif", time=3)  # each frame has two: this is in the second
    assert any(build.glob("probabilities/*/*.tif"))
    project.dvc("repro")
    assert metrics(project) == expected
    assert (project.root / "dvc.lock").read_text() == lock
    runs = {entry["state"]: entry for entry in leaderboard(project)}
    assert sorted(runs) == ["complete", "killed"]  # none is left running
    assert runs["complete"]["tags"]["sn7.resumes"] == runs["killed"]["run_id"]
    assert runs["complete"]["versions"] == [
        {"name": "sn7-buildings", "version": "1", "aliases": ["challenger", "champion"]}
    ]


def test_a_folder_without_build_comes_back_from_the_cache(project: Project) -> None:
    expected = metrics(project)
    shutil.rmtree(project.root / "build")
    done = project.dvc("repro")
    assert metrics(project) == expected
    assert run_stages(done.stdout) == ["evaluate", "promote"]  # the two that write to MLflow; the rest is checked out
