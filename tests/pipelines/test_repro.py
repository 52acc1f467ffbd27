"""The whole pipeline as a user runs it: `dvc repro` in a repository of its own, tracking and registry on."""

import json
import re
from typing import Any

import pytest
from mlflow import MlflowClient

from sn7ml.runs.store import open_store
from tests.pipelines.project import Project, make_project


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


def test_every_stage_leaves_its_outputs(project: Project) -> None:
    build = project.root / "build"
    for name in (
        "validation/validation.json", "validation/validation.md", "validation/validation.html",
        "validation_tiles/validation.html",
        "validation_outputs/validation.html", "tiles/tiles.parquet", "search/best.yaml", "search/trials.csv",
        "model/weights.safetensors", "model/history.csv", "outputs/submission.csv",
        "evaluation/metrics.json", "evaluation/per_aoi.csv",
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
    (params,) = found.list_artifacts(final.info.run_id, "output")
    assert params.path == "output/best.yaml"


def test_the_model_is_registered_and_champion(project: Project) -> None:
    version = client(project).get_model_version_by_alias("sn7-buildings", "champion")
    assert str(version.version) == "1"
    assert json.loads((project.root / "build/promotion.json").read_text())["promoted"] is True


def test_the_submission_is_in_the_challenges_form(project: Project) -> None:
    header, *rows = (project.root / "build/outputs/submission.csv").read_text().splitlines()
    assert header == "filename,id,geometry"
    form = re.compile(r'global_monthly_\d{4}_\d{2}_mosaic_L15-\d{4}E-\d{4}N_\d{4}_\d{4}_13,\d+,"POLYGON \(\(.+\)\)"')
    assert all(form.fullmatch(row) for row in rows)


def test_an_unknown_key_is_named_and_nothing_runs(project: Project) -> None:
    before = (project.root / "params.yaml").read_text()
    project.set_param("promote.min_gian", 0.1)
    try:
        done = project.dvc("repro", check=False)
    finally:
        (project.root / "params.yaml").write_text(before)
        project.dvc("checkout", "build/promotion.json", check=False)
    assert done.returncode == 255
    assert (
        "promote.min_gian: unknown key; known here: ['confidence', 'floors', 'max_aoi_loss', 'max_loss'," in done.stderr
    )
