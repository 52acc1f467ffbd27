"""What a run records and how it ends."""

import json
from pathlib import Path

import mlflow.artifacts
import numpy as np
import optuna
import pandas as pd
import pytest
from mlflow.store.tracking.dbmodels.models import SqlDataset
from sqlalchemy import event

from sn7ml.core.errors import StoreError
from sn7ml.runs.runs import (
    MODEL_DIGEST,
    RESTORED,
    Run,
    create_run,
    find_run,
    restore_run,
    resumable_run,
)
from sn7ml.runs.store import FINAL, Store
from tests.raising import raises
from tests.runs.scored import SCORES, training_run


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
    run.log_scores(SCORES, {"scot": 0.3, "change": float("nan")}, table, "test", step=7)
    run.log_scores(SCORES, {"scot": 0.4}, table, "validation", step=7)
    [point] = store.client.get_metric_history(run.run_id, "test_scot")
    assert (point.value, point.step) == (0.3, 7)
    assert store.client.get_run(run.run_id).data.metrics["val_scot"] == 0.4


def test_scoring_twice_leaves_one_table(store: Store, run: Run) -> None:
    for scot in (0.2, 0.5):
        run.log_scores(SCORES, {"scot": scot}, pd.DataFrame({"aoi": ["A"], "scot": [scot]}), "test", step=1)
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


def test_a_dataset_that_another_run_adds_at_the_same_moment_is_logged_all_the_same(store: Store, run: Run) -> None:
    other = create_run(store, FINAL, "other", {}, {})

    def meanwhile(*_: object) -> None:
        other.log_dataset("sn7-tiles", "build/tiles", "0123abcd", "train")

    event.listen(SqlDataset, "before_insert", meanwhile, once=True)
    run.log_dataset("sn7-tiles", "build/tiles", "0123abcd", "train")
    for one in (run, other):
        inputs = store.client.get_run(one.run_id).inputs
        assert inputs is not None
        assert [given.dataset.digest for given in inputs.dataset_inputs] == ["0123abcd"]


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
    found.log_scores(SCORES, {"scot": 0.3}, pd.DataFrame({"aoi": ["A"]}), "test", step=2)
    record = store.client.get_run(run.run_id)
    assert (record.info.status, record.data.metrics["test_scot"]) == ("FINISHED", 0.3)


def test_an_unknown_model_is_restored_with_its_curves(store: Store) -> None:
    assert find_run(store, "d2") is None
    history = pd.DataFrame({"epoch": [1, 2, 1], "network": [1, 1, 2], "val_iou": [0.1, 0.2, 0.3]})
    restored = restore_run(store, "d2", "train-Unet", {"loss.dice": 1.0}, history)
    assert find_run(store, "d2") == restored
    assert store.client.get_run(restored.run_id).data.tags[RESTORED] == "true"
    curves = {
        name: [(point.step, point.value) for point in store.client.get_metric_history(restored.run_id, name)]
        for name in ("val_iou", "network2_val_iou")
    }
    assert curves == {"val_iou": [(1, 0.1), (2, 0.2)], "network2_val_iou": [(1, 0.3)]}


def test_a_score_named_like_a_curve_is_what_mlflow_shows_and_the_curve_stays(store: Store, run: Run) -> None:
    for epoch in (1, 2, 3):
        run.log_epoch(epoch, {"val_iou": epoch / 10})
    run.log_scores(SCORES, {"scot": 0.4, "iou": 0.9}, pd.DataFrame({"aoi": ["A"]}), "validation", step=2)
    assert store.client.get_run(run.run_id).data.metrics["val_iou"] == 0.9
    assert [point.step for point in store.client.get_metric_history(run.run_id, "val_scot")] == [2]
    points = [(point.step, point.value) for point in store.client.get_metric_history(run.run_id, "val_iou")]
    assert points == [(1, 0.1), (2, 0.2), (3, 0.3), (3, 0.9)]


def test_scores_describe_the_run_unless_a_person_has(store: Store, run: Run) -> None:
    def described() -> str:
        return store.client.get_run(run.run_id).data.tags["mlflow.note.content"]

    for scot in (0.2, 0.5):
        run.log_scores(SCORES, {"scot": scot, "f1": 0.75}, pd.DataFrame({"aoi": ["A"], "scot": [scot]}), "test", step=1)
    assert described().startswith("**Scores on split test**\n\n| AOI | SCOT | F1 |\n| --- | ---: | ---: |\n")
    assert "\n| all | 0.5000 | 0.7500 |\n| A | 0.5000 | – |\n" in described()
    store.client.set_tag(run.run_id, "mlflow.note.content", "the one for the paper")
    run.log_scores(SCORES, {"scot": 0.6}, pd.DataFrame({"aoi": ["A"]}), "test", step=1)
    assert described() == "the one for the paper"


def left_by_a_kill(store: Store, note: Path) -> Run:
    """A kill leaves the run and the note as they were while it was under way."""
    killed = create_run(store, FINAL, "killed", {}, {})
    note.parent.mkdir()
    note.write_text(killed.run_id)
    return killed


def test_a_killed_training_ends_at_the_next_start_in_the_same_place(store: Store, tmp_path: Path) -> None:
    note = tmp_path / "work" / "run"
    killed = left_by_a_kill(store, note)
    with resumable_run(store, note, name="again", tags={}, params={}) as run:
        record = store.client.get_run(killed.run_id)
        assert (record.info.status, record.data.tags["sn7.state"]) == ("KILLED", "killed")
        assert note.read_text() == run.run_id
    record = store.client.get_run(run.run_id)
    assert (record.info.status, record.data.tags["sn7.resumes"]) == ("FINISHED", killed.run_id)
    assert not note.exists()


def test_a_training_that_failed_leaves_nothing_to_end(store: Store, tmp_path: Path) -> None:
    note = tmp_path / "work" / "run"
    with pytest.raises(KeyError), resumable_run(store, note, name="bad", tags={}, params={}) as failed:
        raise KeyError("bad")
    with resumable_run(store, note, name="good", tags={}, params={}) as run:
        pass
    assert store.client.get_run(failed.run_id).info.status == "FAILED"
    assert "sn7.resumes" not in store.client.get_run(run.run_id).data.tags


def test_a_run_that_had_ended_before_the_kill_stays_as_it_ended(store: Store, tmp_path: Path) -> None:
    note = tmp_path / "work" / "run"
    store.client.set_terminated(left_by_a_kill(store, note).run_id, "FINISHED")
    with resumable_run(store, note, name="again", tags={}, params={}) as run:
        pass
    assert "sn7.resumes" not in store.client.get_run(run.run_id).data.tags


@pytest.mark.parametrize("left", ["0" * 32, "no id at all"])
def test_a_note_of_a_store_that_is_gone_is_no_matter(store: Store, tmp_path: Path, left: str) -> None:
    (tmp_path / "run").write_text(left)
    with resumable_run(store, tmp_path / "run", name="again", tags={}, params={}) as run:
        pass
    assert store.client.get_run(run.run_id).info.status == "FINISHED"


def test_two_trainings_in_one_place_are_refused_and_the_first_goes_on(store: Store, tmp_path: Path) -> None:
    note = tmp_path / "work" / "run"
    with resumable_run(store, note, name="first", tags={}, params={}) as first:
        with (
            raises(StoreError, "training.in-use", note.parent),
            resumable_run(store, note, name="second", tags={}, params={}),
        ):
            pass
        assert store.client.get_run(first.run_id).info.status == "RUNNING"
