"""What a team shares: an MLflow server, its records and the study in PostgreSQL, its files in S3.

Two workers search, the pipeline trains and promotes, and someone elsewhere predicts.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import optuna
import pandas as pd
import pytest
import rasterio
from geopandas.testing import assert_geodataframe_equal
from mlflow import MlflowClient
from mlflow.entities import Run as Record

from sn7ml.registry.versions import model_id_of
from sn7ml.search.study import RUN_ID, WORKER
from tests.cluster.services import BUCKET, Services, missing, running
from tests.pipelines.project import ROOT, Project, environment, make_project

TRIALS = 6

LACKS = missing()

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(LACKS), reason=f"this machine has not {LACKS}")]


@dataclass(frozen=True)
class Team:
    """A project whose pipeline has run, and what it shares with others."""

    project: Project
    services: Services

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(tracking_uri=self.services.tracking, registry_uri=self.services.tracking)

    def runs(self, experiment: str) -> list[Record]:
        found = self.client.get_experiment_by_name(experiment)
        assert found is not None
        return list(self.client.search_runs([found.experiment_id]))


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with running(tmp_path_factory.mktemp("logs")) as started:
        yield started


@pytest.fixture(scope="module")
def team(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Team:
    project = make_project(tmp_path_factory.mktemp("cluster") / "project")
    project.set_param("search.trials", TRIALS)
    sn7ml(services, project.root, "search", "--workers", "2", "--storage", services.study)
    run(services, project.root, sys.executable, "-m", "dvc", "repro")
    return Team(project, services)


def sn7ml(services: Services, folder: Path, *arguments: str) -> str:
    return run(services, folder, str(Path(sys.executable).with_name("sn7ml")), *arguments)


def run(services: Services, folder: Path, *command: str) -> str:
    """Run a command of someone who knows the server's address, and no key of the bucket."""
    ours = {"MLFLOW_TRACKING_URI": services.tracking, "PYTHONPATH": str(ROOT)}
    environ = {name: value for name, value in environment().items() if not name.startswith("AWS_")} | ours
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def keys(services: Services) -> set[str]:
    pages = services.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return {entry["Key"] for page in pages for entry in page.get("Contents", [])}


def test_all_trials_of_both_workers_are_under_one_search_and_none_is_elsewhere(team: Team) -> None:
    runs = team.runs("sn7-search")
    (search,) = [one for one in runs if one.data.tags.get("sn7.kind") == "search"]
    trials = [one for one in runs if one.data.tags.get("sn7.kind") == "trial"]
    assert sorted(one.info.run_name for one in trials) == [f"trial-{number:03d}" for number in range(TRIALS)]
    assert {one.data.tags["mlflow.parentRunId"] for one in trials} == {search.info.run_id}
    assert {one.info.status for one in [search, *trials]} == {"FINISHED"}
    assert {one.data.tags["sn7.state"] for one in trials} <= {"complete", "pruned"}
    assert team.client.search_runs(["0"]) == []
    assert len(pd.read_csv(team.project.root / "build/search/trials.csv")) == TRIALS


def test_the_study_is_in_postgresql_with_every_trial_and_its_run(team: Team) -> None:
    (name,) = optuna.get_all_study_names(team.services.study)
    attempts = optuna.load_study(study_name=name, storage=team.services.study).trials
    # One who asks for a trial just after the last was given away takes none, and begins no run.
    trials = [one for one in attempts if RUN_ID in one.user_attrs]
    assert len(trials) == TRIALS
    assert all(trial.state.is_finished() for trial in trials)
    recorded = {one.info.run_id for one in team.runs("sn7-search") if one.data.tags.get("sn7.kind") == "trial"}
    assert {trial.user_attrs[RUN_ID] for trial in trials} == recorded
    assert len({trial.user_attrs[WORKER] for trial in trials}) == 2
    assert not list((team.project.root / "build/.search").glob("*.log"))


def test_artifacts_are_in_the_bucket_and_nothing_is_beside_the_project(team: Team) -> None:
    found = keys(team.services)
    (final,) = team.runs("sn7")
    (search,) = [one for one in team.runs("sn7-search") if one.data.tags.get("sn7.kind") == "search"]
    assert final.info.artifact_uri.startswith("mlflow-artifacts:/")
    for one, name in ((final, "per_aoi_test.json"), (final, "output/best.yaml"), (search, "study.html")):
        assert f"{one.info.experiment_id}/{one.info.run_id}/artifacts/{name}" in found
    assert not (team.project.root / "mlruns").exists()


def test_the_model_is_champion_and_its_weights_in_the_bucket_are_those_of_the_project(team: Team) -> None:
    version = team.client.get_model_version_by_alias("sn7-buildings", "champion")
    assert str(version.version) == "1"
    assert json.loads((team.project.root / "build/promotion.json").read_text())["promoted"] is True
    (weights,) = [
        key for key in keys(team.services) if f"/{model_id_of(version)}/" in key and key.endswith("weights.safetensors")
    ]
    stored = team.services.s3.get_object(Bucket=BUCKET, Key=weights)["Body"].read()
    assert stored == (team.project.root / "build/model/weights.safetensors").read_bytes()


def test_the_champion_predicts_elsewhere_what_the_pipeline_found(team: Team, tmp_path: Path) -> None:
    """All comes from the server: the model, its tracker, how it is used. No params.yaml is near."""
    build = team.project.root / "build"
    aoi = min(path.stem for path in (build / "outputs").glob("*.parquet"))
    (area,) = team.project.root.glob(f"data/*/{aoi}")
    shutil.copytree(area, tmp_path / "areas" / aoi)
    sn7ml(team.services, tmp_path, "predict", "areas", "out", "--model", "models:/sn7-buildings@champion")
    found, known = (
        gpd.read_parquet(folder / f"{aoi}.parquet") for folder in (tmp_path / "out/footprints", build / "outputs")
    )
    assert len(known) > 0
    assert_geodataframe_equal(found, known)
    for month, rows in found.groupby("time"):
        assert len(gpd.read_file(tmp_path / f"out/geojson/{aoi}/{month}.geojson")) == len(rows)
        with rasterio.open(tmp_path / f"out/probabilities/{aoi}/{month}.tif") as raster:
            assert raster.read(1).any()
