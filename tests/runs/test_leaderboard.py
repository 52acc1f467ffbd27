"""Runs as the store has them, their order, and whether they compare."""

import math
from functools import partial

import pytest

from sn7ml.core.errors import ParamsError, StoreError
from sn7ml.runs.leaderboard import differences, ranked, read_run, read_runs
from sn7ml.runs.runs import Run
from sn7ml.runs.store import SEARCH, Store
from tests.raising import raises
from tests.runs.scored import SCORES, scored_run, training_run, trial_run


def register(store: Store, run: Run, *aliases: str) -> None:
    if not store.client.search_registered_models():
        store.client.create_registered_model("sn7-buildings")
    version = store.client.create_model_version("sn7-buildings", "/nowhere", run_id=run.run_id)
    for alias in aliases:
        store.client.set_registered_model_alias("sn7-buildings", alias, version.version)


def test_a_run_is_read_with_its_scores_origin_and_versions(store: Store) -> None:
    run = scored_run(store, 0.3)
    register(store, run, "champion", "challenger")
    (record,) = read_runs(store)
    assert (record.run_id, record.name, record.state) == (run.run_id, "train Unet", "complete")
    assert (record.score("scot"), record.score("f1")) == (0.3, 0.75)
    assert math.isnan(record.score("f1_50"))
    assert record.scores() == {"scot": 0.3, "tracking": 0.5, "change": 0.25, "f1": 0.75, "iou": 0.6}
    assert (record.data, record.commit, record.scored) == ("d1" * 16, "abcdef0*", "s1" * 8)
    assert [str(version) for version in record.versions] == ["v1 challenger champion"]


def test_the_best_comes_first_and_runs_without_the_score_last(store: Store) -> None:
    low, high = scored_run(store, 0.2), scored_run(store, 0.6)
    with training_run(store, name="unscored", tags={}, params={}) as bare:
        bare.log_metrics({"train_seconds": 5.0}, 1)
    assert [record.run_id for record in ranked(read_runs(store), "scot", SCORES)] == [
        high.run_id,
        low.run_id,
        bare.run_id,
    ]


def test_of_losses_and_seconds_the_lowest_is_best(store: Store) -> None:
    slow, quick = scored_run(store, 0.6), scored_run(store, 0.2)
    slow.log_metrics({"train_seconds": 9.0, "val_loss": 0.9}, 3)
    quick.log_metrics({"train_seconds": 5.0, "val_loss": 0.1}, 3)
    for metric in ("train_seconds", "val_loss"):
        assert [record.run_id for record in ranked(read_runs(store), metric)] == [quick.run_id, slow.run_id]


def test_runs_that_nobody_scored_yet_are_ranked_by_their_start(store: Store) -> None:
    with training_run(store, name="first", tags={}, params={}) as first:
        first.log_metrics({"train_loss": 5.0}, 1)
    with training_run(store, name="second", tags={}, params={}):
        pass
    assert [record.name for record in ranked(read_runs(store), "scot", SCORES)] == ["second", "first"]


def test_an_unknown_metric_is_answered_with_those_there_are(store: Store) -> None:
    scored_run(store, 0.2)
    with raises(ParamsError, "runs.unknown-metric", "'scott'", "test_scot"):
        ranked(read_runs(store), "scott", SCORES)


def test_filters_are_those_of_mlflow(store: Store) -> None:
    scored_run(store, 0.2)
    other = scored_run(store, 0.1, params={"model.architecture": "FPN"})
    text = "params.`model.architecture` = 'FPN' and metrics.test_scot < 0.5"
    assert [record.run_id for record in read_runs(store, filter_string=text)] == [other.run_id]
    assert read_runs(store, filter_string="metrics.test_scot > 0.5") == []
    with raises(ParamsError, "runs.filter", "'test_scot >'"):
        read_runs(store, filter_string="test_scot >")


def test_trials_are_read_without_their_searches_and_scored_on_validation(store: Store) -> None:
    scored_run(store, 0.2)
    trial = trial_run(store, 0.4)
    (record,) = read_runs(store, SEARCH)
    assert (record.run_id, record.score("scot"), record.scored) == (trial.run_id, 0.4, "feed")


def test_more_runs_than_a_page_of_mlflow_holds_are_all_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = {scored_run(store, scot).run_id for scot in (0.1, 0.2, 0.3)}
    monkeypatch.setattr(store.client, "search_runs", partial(store.client.search_runs, max_results=1))
    assert {record.run_id for record in read_runs(store)} == ids


def test_scores_of_other_data_or_other_ground_are_objected_to(store: Store) -> None:
    one, other, elsewhere = (
        scored_run(store, 0.2), scored_run(store, 0.3, data="e2" * 16), scored_run(store, 0.4, scored="t2" * 8)
    )  # fmt: skip
    records = {record.run_id: record for record in read_runs(store)}
    assert differences([records[one.run_id]], "scot") == []
    (said,) = differences([records[one.run_id], records[other.run_id]], "scot")
    assert said == f"other data: {one.run_id[:7]} on d1d1d1d; {other.run_id[:7]} on e2e2e2e"
    (said,) = differences([records[one.run_id], records[elsewhere.run_id]], "scot")
    assert said.startswith("scored on other areas, columns or thresholds")


def test_a_run_without_scores_is_no_objection(store: Store) -> None:
    scored_run(store, 0.2)
    with training_run(store, name="unscored", tags={"dvc.data_md5": "other"}, params={}):
        pass
    assert differences(read_runs(store), "scot") == []


def test_a_deleted_run_is_not_read(store: Store) -> None:
    run = scored_run(store, 0.2)
    store.client.delete_run(run.run_id)
    with raises(StoreError, "runs.deleted", f"`mlflow runs restore --run-id {run.run_id}`"):
        read_run(store, run.run_id)
