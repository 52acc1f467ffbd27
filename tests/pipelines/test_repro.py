"""The whole pipeline as a user runs it: `dvc repro` in a repository of its own, tracking and registry on."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
from geopandas.testing import assert_geodataframe_equal
from mlflow import MlflowClient

from sn7ml.runs.store import open_store
from tests.pipelines.project import Project, environment, make_project

STAGES = [
    "validate", "tile", "validate_tiles", "search", "train", "predict", "tune", "track", "validate_footprints", "evaluate",
    "promote", "report",
]  # fmt: skip

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = make_project(tmp_path_factory.mktemp("repro") / "project")
    made.dvc("repro")
    return made


def client(project: Project) -> MlflowClient:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(project.root))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return open_store().client


def run_stages(output: str) -> list[str]:
    return re.findall(r"Running stage '(\w+)'", output)


def metrics(project: Project) -> dict[str, float]:
    content: dict[str, float] = json.loads((project.root / "build/evaluation/metrics.json").read_text())
    return content


def final_runs(project: Project) -> list[Any]:
    found = client(project)
    experiment = found.get_experiment_by_name("sn7")
    assert experiment is not None
    return list(found.search_runs([experiment.experiment_id]))


def leaderboard(project: Project) -> list[dict[str, Any]]:
    """Ask in a process of its own: in this one MLflow keeps connections to a store that was deleted."""
    command = [str(Path(sys.executable).with_name("sn7ml")), "runs", "--json"]
    environ = environment() | {"PYTHONPATH": str(project.root)}
    done = subprocess.run(command, cwd=project.root, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["runs"]
    return found


def test_every_stage_leaves_its_outputs(project: Project) -> None:
    build = project.root / "build"
    for name in (
        "validation/validation.json", "validation/validation.md", "validation/validation.html",
        "validation_tiles/validation.html",
        "validation_footprints/validation.html", "tiles/tiles.parquet", "search/best.yaml", "search/trials.csv",
        "model/weights.safetensors", "model/history.csv", "submission.csv", "evaluation/metrics.json", "evaluation/per_aoi.csv",
        "promotion.json", "report.html", "tuning/best.yaml", "tuning/trials.csv", "evaluation/losses.csv",
        "evaluation/births.csv", "evaluation/sizes.csv", "evaluation/diagnosis.png",
    ):  # fmt: skip
        assert (build / name).stat().st_size > 0, name
    assert not [path for path in build.rglob(".*.tmp*")]


def test_a_second_repro_runs_no_stage(project: Project) -> None:
    assert run_stages(project.dvc("repro").stdout) == []


def test_the_final_run_carries_scores_params_provenance_tables_and_pictures(project: Project) -> None:
    (run,) = final_runs(project)
    for name, value in metrics(project).items():
        assert run.data.metrics[f"test_{name}"] == pytest.approx(value)
    assert {"train_loss", "val_loss", "val_score", "val_iou", "val_f1", "lr", "train_seconds"} <= set(run.data.metrics)
    assert run.data.params["model.architecture"]
    assert run.data.params["tiling.upsampling"] == "3"
    assert {"git.commit", "git.dirty", "dvc.data_md5", "sn7.model_digest", "sn7.scored"} <= set(run.data.tags)
    assert run.data.tags["mlflow.note.content"].startswith("**Scores on split test**")
    assert len(run.inputs.dataset_inputs) == 3
    names = [file.path for file in client(project).list_artifacts(run.info.run_id)]
    assert {f"{table}_test.json" for table in ("per_aoi", "losses", "births", "sizes", "overlays")} <= set(names)
    assert any("overlay" in file.path for file in client(project).list_artifacts(run.info.run_id, "images"))


def test_trials_are_children_of_their_search_and_carry_scores(project: Project) -> None:
    found = client(project)
    experiment = found.get_experiment_by_name("sn7-search")
    assert experiment is not None
    runs = found.search_runs([experiment.experiment_id])
    parents = [run for run in runs if run.data.tags.get("sn7.kind") == "search"]
    trials = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert len(parents) == 1
    assert len(trials) == 2
    assert {run.data.tags["mlflow.parentRunId"] for run in trials} == {parents[0].info.run_id}
    for run in trials:
        assert {"val_scot", "val_tracking", "val_change", "val_f1", "val_iou"} <= set(run.data.metrics)
        assert {"git.commit", "git.dirty", "dvc.data_md5"} <= set(run.data.tags)
        assert run.inputs is not None
        assert len(run.inputs.dataset_inputs) == 2
        assert any("overlay" in file.path for file in found.list_artifacts(run.info.run_id, "images"))


def test_the_tuning_is_a_run_of_its_own_and_its_tracker_lies_beside_the_scores(project: Project) -> None:
    found = client(project)
    experiment = found.get_experiment_by_name("sn7-search")
    assert experiment is not None
    (run,) = [r for r in found.search_runs([experiment.experiment_id]) if r.data.tags.get("sn7.kind") == "tune"]
    trials = found.get_metric_history(run.info.run_id, "tune_scot")
    assert [trial.step for trial in trials] == [0, 1, 2]
    (final,) = final_runs(project)
    (tracker,) = found.list_artifacts(final.info.run_id, "tracker")
    assert tracker.path == "tracker/best.yaml"


def test_the_model_is_registered_and_champion(project: Project) -> None:
    version = client(project).get_model_version_by_alias("sn7-buildings", "champion")
    assert str(version.version) == "1"
    assert json.loads((project.root / "build/promotion.json").read_text())["promoted"] is True


def test_the_champion_finds_what_the_pipeline_found_wherever_it_is_asked(project: Project, tmp_path: Path) -> None:
    """It carries its tracker and how it was predicted with: no params.yaml is near."""
    build = project.root / "build"
    (aoi,) = sorted(path.stem for path in (build / "footprints").glob("*.parquet"))[:1]
    (area,) = project.root.glob(f"data/*/{aoi}")
    shutil.copytree(area, tmp_path / "areas" / aoi)
    command = [str(Path(sys.executable).with_name("sn7ml")), "predict", "areas", "out"]
    environ = environment() | {"PYTHONPATH": str(project.root), "DVC_ROOT": str(project.root)}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found, known = (gpd.read_parquet(folder / "footprints" / f"{aoi}.parquet") for folder in (tmp_path / "out", build))
    assert len(known) > 0
    assert_geodataframe_equal(found, known)


def test_the_submission_is_in_the_challenges_form(project: Project) -> None:
    header, *rows = (project.root / "build/submission.csv").read_text().splitlines()
    assert header == "filename,id,geometry"
    form = re.compile(r'global_monthly_\d{4}_\d{2}_mosaic_L15-\d{4}E-\d{4}N_\d{4}_\d{4}_13,\d+,"POLYGON \(\(.+\)\)"')
    assert all(form.fullmatch(row) for row in rows)


@pytest.mark.parametrize(
    ("key", "value", "readers"),
    [
        ("validation.max_small_fraction", 0.21, ["validate", "validate_tiles", "validate_footprints"]),
        ("split.gap_px", 17, ["tile", "validate_tiles"]),
        ("target.rims.contact_px", 5, ["tile", "validate_tiles"]),
        ("loss.dice", 0.9, ["search"]),
        ("train.patience", 4, ["train"]),
        ("predict.overlap_px", 24, ["search", "predict", "validate_footprints", "promote"]),
        ("track.changepoint.min_mean", 0.31, ["search", "tune"]),
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


def test_an_unknown_key_is_named_and_nothing_runs(project: Project) -> None:
    before = (project.root / "params.yaml").read_text()
    project.set_param("promote.min_gian", 0.1)
    try:
        done = project.dvc("repro", check=False)
    finally:
        (project.root / "params.yaml").write_text(before)
        project.dvc("checkout", "build/promotion.json", check=False)
    assert done.returncode == 255
    assert "promote.min_gian: unknown key; known here: ['confidence', 'max_aoi_loss', 'max_f1_loss'," in done.stderr


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
