"""The demos of single scenes, of map tiles and of land use, from an empty project to the report, with less training."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipelines.project import ROOT, Project, environment, make_project

pytestmark = pytest.mark.slow

SMALL = {
    "search.trials": 1,
    "search.train.epochs": 1,
    "search.train.tiles_per_epoch": 8,
    "search.train.validation_tiles": 4,
    "train.epochs": 2,
    "train.tiles_per_epoch": 16,
    "train.validation_tiles": 8,
    "promote.min_score": 0.0,
}


def demo_of(name: str, folder: Path) -> Project:
    project = make_project(folder / "project")
    shutil.copytree(ROOT / "configs", project.root / "configs")
    command = [sys.executable, "-m", "sn7ml.cli", "use", "--demo", name, "--force"]
    done = subprocess.run(command, cwd=project.root, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for key, value in (SMALL | ({} if name == "land_use" else {"tune.trials": 2})).items():
        project.set_param(key, value)
    return project


@pytest.mark.parametrize(
    ("name", "score", "scored"),
    [
        ("buildings", "f1", {"AOI_8_Sand_img3", "AOI_8_Sand_img7"}),
        ("building_distance", "mae_m", {"small1-z19"}),
        ("land_use", "miou", {"Town_4-part_1", "Town_4-part_2"}),
    ],
)
def test_a_demo_runs_from_its_data_to_the_report(name: str, score: str, scored: set[str], tmp_path: Path) -> None:
    project = demo_of(name, tmp_path)
    project.dvc("repro")
    build = project.root / "build"
    for stage in ("validation", "validation_tiles", "validation_outputs"):
        assert json.loads((build / stage / "verdict.json").read_text()) == {"ok": True}
        assert json.loads((build / stage / "validation.json").read_text())["results"]
    assert score in json.loads((build / "evaluation" / "metrics.json").read_text())
    rows = (build / "evaluation" / "per_aoi.csv").read_text().splitlines()[1:]
    assert len(rows) == len(scored)
    assert all(any(row.startswith(aoi) for aoi in scored) for row in rows)
    assert (build / "report.html").stat().st_size > 10_000
    assert project.dvc("status").stdout.strip() == "Data and pipelines are up to date."
