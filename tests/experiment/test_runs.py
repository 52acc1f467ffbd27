"""What a run records and how it ends."""

import json

import mlflow.artifacts
import numpy as np
import optuna
import pandas as pd
import pytest

from sn7ml.experiment.runs import MODEL_DIGEST, RESTORED, Run, find_run, restore_run, training_run
from sn7ml.experiment.store import FINAL, Store


@pytest.fixture
def run(store: Store) -> Run:
    with training_run(store, name="train-Unet", tags={MODEL_DIGEST: "d1"}, params={"loss.dice": 1.0}) as run:
        pass
    return run


def test_a_run_lies_in_its_experiment_with_params_tags_and_provenance(store: Store, run: Run) -> None:
    record = store.client.get_run(run.run_id)
    assert record.info.experiment_id == store.experiments[FINAL]
    assert (record.info.run_name, record.info.status) == ("train-Unet", "FINISHED")
    assert record.data.params == {"loss.dice": "1.0"}
    assert record.data.tags["sn7.state"] == "complete"
    assert record.data.tags["git.commit"] == "unknown"


def test_more_params_than_one_request_takes_are_all_kept(store: Store) -> None:
    with training_run(store, name="many", tags={}, params={f"p{n:03d}": n for n in range(230)}) as run:
        pass
    assert len(store.client.get_run(run.run_id).data.params) == 230


def test_steps_are_epochs(store: Store, run: Run) -> None:
    for epoch in (1, 2, 3):
        run.log_epoch(epoch, {"val_iou": epoch / 10, "lr": 0.001})
    points = store.client.get_metric_history(run.run_id, "val_iou")
    assert [(point.step, point.value) for point in points] == [(1, 0.1), (2, 0.2), (3, 0.3)]


def test_scores_are_named_after_their_split_and_stand_at_the_best_epoch(store: Store, run: Run) -> None:
    table = pd.DataFrame({"aoi": ["A", "B"], "scot": [0.2, 0.4]})
    run.log_scores({"scot": 0.3, "change": float("nan")}, table, "test", step=7)
    run.log_scores({"scot": 0.4}, table, "validation", step=7)
    [point] = store.client.get_metric_history(run.run_id, "test_scot")
    assert (point.value, point.step) == (0.3, 7)
    assert store.client.get_run(run.run_id).data.metrics["val_scot"] == 0.4


def test_scoring_twice_leaves_one_table(store: Store, run: Run) -> None:
    for scot in (0.2, 0.5):
        run.log_scores({"scot": scot}, pd.DataFrame({"aoi": ["A"], "scot": [scot]}), "test", step=1)
    uri = store.client.get_run(run.run_id).info.artifact_uri
    content = json.loads(mlflow.artifacts.load_text(f"{uri}/per_aoi_test.json"))
    assert content == {"columns": ["aoi", "scot"], "data": [["A", 0.5]]}
    shown = json.loads(store.client.get_run(run.run_id).data.tags["mlflow.loggedArtifacts"])
    assert shown == [{"path": "per_aoi_test.json", "type": "table"}]


def test_a_picture_replaces_the_one_of_the_same_key_and_step(store: Store, run: Run) -> None:
    for brightness, step in ((0, 1), (255, 1), (9, 2)):
        run.log_image("overlay_L15/A", step, np.full((8, 8, 3), brightness, np.uint8))
    files = [file.path for file in store.client.list_artifacts(run.run_id, "images") if file.path.endswith(".png")]
    assert sorted(path.split("+timestamp")[0] for path in files) == [
        "images/overlay_L15~A+step+1",
        "images/overlay_L15~A+step+2",
    ]


def test_a_dataset_shows_with_its_digest_and_context(store: Store, run: Run) -> None:
    run.log_dataset("sn7-tiles", "build/tiles", "0123abcd", "train")
    inputs = store.client.get_run(run.run_id).inputs
    assert inputs is not None
    [given] = inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest, given.tags[0].value) == ("sn7-tiles", "0123abcd", "train")


@pytest.mark.parametrize(
    ("error", "status", "state"),
    [
        (ValueError("too bad"), "FAILED", "failed"),
        (optuna.TrialPruned(), "FINISHED", "pruned"),
        (KeyboardInterrupt(), "KILLED", "killed"),
    ],
)
def test_a_run_ends_as_its_block_ends(store: Store, error: BaseException, status: str, state: str) -> None:
    with pytest.raises(type(error)), training_run(store, name="doomed", tags={}, params={}):
        raise error
    [record] = store.client.search_runs([store.experiments[FINAL]])
    assert (record.info.status, record.data.tags["sn7.state"]) == (status, state)
    assert record.data.tags.get("sn7.failure") == ("ValueError: too bad" if state == "failed" else None)


def test_a_run_is_found_by_its_model_and_takes_scores_after_its_end(store: Store, run: Run) -> None:
    found = find_run(store, "d1")
    assert found == run
    found.log_scores({"scot": 0.3}, pd.DataFrame({"aoi": ["A"]}), "test", step=2)
    record = store.client.get_run(run.run_id)
    assert (record.info.status, record.data.metrics["test_scot"]) == ("FINISHED", 0.3)


def test_an_unknown_model_is_restored_with_its_curves(store: Store) -> None:
    assert find_run(store, "d2") is None
    history = pd.DataFrame({"epoch": [1, 2, 1], "fold": [1, 1, 2], "val_iou": [0.1, 0.2, 0.3]})
    restored = restore_run(store, "d2", "train-Unet", {"loss.dice": 1.0}, history)
    assert find_run(store, "d2") == restored
    assert store.client.get_run(restored.run_id).data.tags[RESTORED] == "true"
    curves = {
        name: [(point.step, point.value) for point in store.client.get_metric_history(restored.run_id, name)]
        for name in ("val_iou", "fold2_val_iou")
    }
    assert curves == {"val_iou": [(1, 0.1), (2, 0.2)], "fold2_val_iou": [(1, 0.3)]}
