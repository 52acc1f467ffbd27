"""The pipeline with several networks: each is validated, predicted and tuned on what it alone has not learned."""

from pathlib import Path

import pandas as pd
import pytest
from safetensors import safe_open

from sn7ml.scenes.store import TileStore
from tests.pipelines.project import Project, make_project
from tests.pipelines.test_repro import final_runs, metrics

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = make_project(tmp_path_factory.mktemp("folds") / "project")
    made.set_param("split.folds", 2)
    made.set_param("search.trials", 0)
    made.dvc("repro")
    return made


def test_two_networks_are_one_model_with_two_histories(project: Project) -> None:
    build = project.root / "build"
    with safe_open(build / "model" / "weights.safetensors", "pt") as tensors:
        names = set(tensors.keys())
    assert {name.partition(".")[0] for name in names} == {"0", "1"}
    assert {"1" + name[1:] for name in names if name[0] == "0"} == {name for name in names if name[0] == "1"}
    history = pd.read_csv(build / "model" / "history.csv")
    assert history.groupby("network")["epoch"].apply(list).to_dict() == {1: [1, 2, 3], 2: [1, 2, 3]}
    (run,) = final_runs(project)
    by_fold = history.groupby("network")["val_iou"].last()
    assert run.data.metrics["val_iou"] == pytest.approx(by_fold[1])
    assert run.data.metrics["network2_val_iou"] == pytest.approx(by_fold[2])
    assert run.data.metrics["test_scot"] == pytest.approx(metrics(project)["scot"])


def test_all_that_is_not_tested_is_predicted_and_tuned_on(project: Project) -> None:
    regions = TileStore(project.root / "build" / "tiles").regions
    assert sorted(regions["fold"]) == [0, 1, 1, 2]
    predicted = {path.name for path in Path(project.root, "build", "probabilities").iterdir()}
    assert predicted == set(regions["aoi"])
    assert len(pd.read_csv(project.root / "build" / "tuning" / "trials.csv")) == 3
