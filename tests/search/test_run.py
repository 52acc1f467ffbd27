"""What a search finds, and what it writes into MLflow."""

import math
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from sn7ml.core.errors import CatalogError, ModelError
from sn7ml.params import Choice, Recipe, with_values
from sn7ml.runs.final import trial_tags
from sn7ml.runs.store import SEARCH, Store
from sn7ml.search.run import OnEpoch, Setup, TrialResult, search
from tests.raising import raises
from tests.search.searched import RECIPE, SCORES, SPACE, cheap, children, find, plan, steady, the_search, worth


def test_the_first_trial_is_the_recipe_itself_and_the_best_is_near_the_optimum(store: Store, tmp_path: Path) -> None:
    result = find(plan(12), steady, store, tmp_path / "work")
    first = result.trials.iloc[0]
    assert (first["model.architecture"], first["optimiser.learning_rate"]) == ("Unet", 0.001)
    assert len(result.trials) == 12
    assert result.best.model.architecture == "FPN"
    assert 0.001 < result.best.optimiser.learning_rate < 0.1
    assert worth(result.best) == result.trials["value"].max() == pytest.approx(1, abs=0.3)
    assert result.best.loss == RECIPE.loss
    assert not list((tmp_path / "work").glob("*.log"))


def test_the_same_seed_gives_the_same_trials_and_another_seed_others(store: Store, tmp_path: Path) -> None:
    one, two, other = (find(plan(4, seed), steady, store, tmp_path / "work") for seed in (7, 7, 8))
    pd.testing.assert_frame_equal(one.trials, two.trials)
    assert one.best == two.best
    assert not one.trials.equals(other.trials)


def test_columns_are_number_state_value_scores_and_what_was_tried(store: Store, tmp_path: Path) -> None:
    table = find(plan(1), steady, store, tmp_path).trials
    tried = ["model.architecture", "optimiser.learning_rate"]
    assert list(table.columns) == ["number", "state", "value", "val_scot", "val_f1", "val_iou", *tried]


def test_no_trials_gives_the_recipe_and_starts_nothing(store: Store, tmp_path: Path) -> None:
    result = find(plan(0), steady, store, tmp_path / "work")
    assert result.best == RECIPE
    assert result.trials.empty
    assert not (tmp_path / "work").exists()
    assert store.client.search_runs([store.experiments[SEARCH]]) == []


def test_trials_are_children_with_params_curves_scores_and_state(store: Store, tmp_path: Path) -> None:
    result = find(plan(2), cheap, store, tmp_path)
    parent = the_search(store)
    records = children(store)
    assert [record.info.run_name for record in records] == ["trial-000", "trial-001"]
    assert {record.data.tags["mlflow.parentRunId"] for record in records} == {parent.info.run_id}
    assert {(record.info.status, record.data.tags["sn7.state"]) for record in records} == {("FINISHED", "complete")}
    first = records[0]
    assert first.data.params["optimiser.learning_rate"] == "0.001"
    assert first.data.params["loss.dice"] == "1.0"
    assert first.data.metrics["val_scot"] == pytest.approx(worth(RECIPE))
    points = store.client.get_metric_history(first.info.run_id, "train_loss")
    assert [point.step for point in points] == [1, 2, 3]
    best = records[int(result.trials["value"].argmax())]
    assert parent.data.tags["sn7.best_trial_run_id"] == best.info.run_id
    assert parent.data.metrics["best_val_scot"] == result.trials["value"].max()
    assert parent.info.status == "FINISHED"
    tags = {"sn7.trial_run_id": best.info.run_id, "sn7.search_run_id": parent.info.run_id}
    assert trial_tags(store, result.best) == tags
    assert trial_tags(store, with_values(RECIPE, {"loss.dice": 9.0}, "here")) == {}


def test_a_hopeless_trial_is_pruned_and_not_failed(store: Store, tmp_path: Path) -> None:
    def worse_each_time(recipe: Recipe, on_epoch: OnEpoch) -> TrialResult:
        seen = len(children(store))
        for epoch in (1, 2, 3):
            on_epoch(epoch, {"val_score": epoch / 10 / seen})
        return steady(recipe, on_epoch)

    result = find(plan(3), worse_each_time, store, tmp_path)
    assert list(result.trials["state"]) == ["complete", "complete", "pruned"]
    record = children(store)[2]
    assert (record.info.status, record.data.tags["sn7.state"]) == ("FINISHED", "pruned")
    assert [point.step for point in store.client.get_metric_history(record.info.run_id, "val_score")] == [1, 2]


@pytest.mark.parametrize(
    ("error", "state"),
    [(ModelError("model.encoder-misfit", "PAN does not fit"), "infeasible"), (RuntimeError("out of memory"), "failed")],
)
def test_a_recipe_that_does_not_work_is_a_failed_trial_with_its_reason(
    store: Store, tmp_path: Path, error: Exception, state: str
) -> None:
    def picky(recipe: Recipe, on_epoch: OnEpoch) -> TrialResult:
        if recipe.optimiser.learning_rate != 0.001:
            raise error
        return steady(recipe, on_epoch)

    said: list[str] = []
    result = search(RECIPE, plan(3), picky, Setup(store, SCORES, tmp_path, say=said.append))
    assert said[0] == "trial-000 of 3, from params.yaml: model.architecture Unet, optimiser.learning_rate 0.001"
    assert said[2] == f"trial-001 is {state}: {error}"
    assert said[-1].startswith(f"best is trial-000, scot {worth(RECIPE):.4f}: model.architecture Unet")
    assert list(result.trials["state"]) == ["complete", state, state]
    assert result.best == RECIPE
    record = children(store)[1]
    assert (record.info.status, record.data.tags["sn7.state"]) == ("FAILED", state)
    assert record.data.tags["sn7.failure"] == f"{type(error).__name__}: {error}"


def test_values_that_make_no_valid_recipe_are_an_infeasible_trial(store: Store, tmp_path: Path) -> None:
    space = (Choice(param="optimiser.weight_decay", low=-2.0, high=-1.0),)
    result = find(plan(2, space=space), steady, store, tmp_path)
    assert list(result.trials["state"]) == ["complete", "infeasible"]
    assert "optimiser.weight_decay" in children(store)[1].data.tags["sn7.failure"]


def test_a_default_outside_the_space_is_tried_once(store: Store, tmp_path: Path) -> None:
    space = (
        Choice(param="model.architecture", values=("FPN", "PAN")),
        Choice(param="optimiser.learning_rate", low=0.01, high=0.1),
    )
    trials = find(plan(3, space=space), steady, store, tmp_path).trials
    assert (trials["model.architecture"][0], trials["optimiser.learning_rate"][0]) == ("Unet", 0.001)
    assert set(trials["model.architecture"][1:]) <= {"FPN", "PAN"}
    assert (trials["optimiser.learning_rate"][1:] >= 0.01).all()


def test_an_undefined_objective_is_an_infeasible_trial(store: Store, tmp_path: Path) -> None:
    def undefined(recipe: Recipe, on_epoch: OnEpoch) -> TrialResult:
        return TrialResult({"scot": math.nan}, pd.DataFrame(), epoch=1)

    with raises(ModelError, "search.all-trials-failed", 1, "scot"):
        find(plan(1), undefined, store, tmp_path)


def test_when_all_trials_fail_the_error_tells_why_and_the_next_search_starts_afresh(
    store: Store, tmp_path: Path
) -> None:
    def broken(recipe: Recipe, on_epoch: OnEpoch) -> TrialResult:
        raise ModelError("model.no-weights", "no weights")

    with raises(ModelError, "search.all-trials-failed", 2, "trial 0: ModelError: no weights", "trial 1: "):
        find(plan(2), broken, store, tmp_path)
    assert the_search(store).info.status == "FAILED"
    assert len(find(plan(2), steady, store, tmp_path).trials) == 2


def test_an_error_that_is_not_about_the_recipe_ends_the_search(store: Store, tmp_path: Path) -> None:
    def broken(recipe: Recipe, on_epoch: OnEpoch) -> TrialResult:
        raise CatalogError("data.no-folder", "no data")

    with raises(CatalogError, "data.no-folder"):
        find(plan(2), broken, store, tmp_path)
    assert [record.info.status for record in children(store)] == ["FAILED"]


def test_the_champion_is_tried_second_unless_it_is_the_recipe(store: Store, tmp_path: Path) -> None:
    champion = with_values(RECIPE, {"model.architecture": "FPN", "loss.dice": 9.0}, "here")
    trials = search(RECIPE, plan(2), steady, Setup(store, SCORES, tmp_path), champion=champion).trials
    assert list(trials["model.architecture"]) == ["Unet", "FPN"]
    assert list(trials["optimiser.learning_rate"]) == [0.001, 0.001]
    assert [record.data.tags.get("sn7.origin") for record in children(store)] == ["params.yaml", "champion"]
    again = search(RECIPE, plan(2), steady, Setup(store, SCORES, tmp_path), champion=RECIPE).trials
    assert again["optimiser.learning_rate"][1] != 0.001


def test_a_dimension_whose_condition_does_not_hold_stays_as_it_is(store: Store, tmp_path: Path) -> None:
    dice = Choice(param="loss.dice", low=2.0, high=3.0, when={"model.architecture": ("FPN",)})
    result = find(plan(8, space=(*SPACE, dice)), steady, store, tmp_path)
    drawn = result.trials["loss.dice"].notna()
    assert (drawn == (result.trials["model.architecture"] == "FPN")).all()
    assert 0 < drawn.sum() < 8
    others = [one for one in children(store) if one.data.params["model.architecture"] != "FPN"]
    assert {one.data.params["loss.dice"] for one in others} == {"1.0"}


def test_of_the_finalists_by_the_objective_the_one_with_the_best_scot_is_taken(store: Store, tmp_path: Path) -> None:
    def opposed(recipe: Recipe, on_epoch: OnEpoch) -> TrialResult:
        scores = {"scot": 1 - worth(recipe), "f1": worth(recipe), "iou": 0.5}
        return TrialResult(scores, pd.DataFrame([{"aoi": "A", **scores}]), epoch=1)

    for finalists, place in ((1, 0), (3, 2)):
        params = plan(5).model_copy(update={"objective": "f1", "finalists": finalists})
        result = find(params, opposed, store, tmp_path)
        ranked = result.trials.sort_values("value", ascending=False)
        assert result.best.optimiser.learning_rate == ranked["optimiser.learning_rate"].iloc[place]


def test_the_search_does_not_load_torch() -> None:
    code = "import sys, sn7ml.search.run; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
