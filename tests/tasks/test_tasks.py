"""Tasks by name, and params that name their scores."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from shapely.geometry import box

from sn7ml.core.errors import ParamsError
from sn7ml.params import Params, load_params
from sn7ml.tasks import notes_on, task_of
from tests.raising import raises

PARAMS = load_params(Path(__file__).resolve().parents[2] / "params.yaml")


def with_section(name: str, **changes: Any) -> Params:
    return PARAMS.model_copy(update={name: getattr(PARAMS, name).model_copy(update=changes)})


def test_the_task_is_what_params_name() -> None:
    assert task_of(PARAMS).name == PARAMS.task == "buildings_through_time"


def test_every_score_of_a_task_has_a_name_of_its_own() -> None:
    names = [score.name for score in task_of(PARAMS).scores]
    assert len(set(names)) == len(names)


def test_any_score_of_the_task_can_be_the_objective_of_search_and_gate() -> None:
    for score in task_of(PARAMS).scores:
        task_of(with_section("search", objective=score.name))
        task_of(with_section("promote", objective=score.name))


@pytest.mark.parametrize(
    ("section", "changes", "key"),
    [
        ("search", {"objective": "auc"}, "search.objective: 'auc'"),
        ("promote", {"objective": "auc"}, "promote.objective: 'auc'"),
        ("promote", {"floors": {"f1": 0.1, "auc": 0.2}}, "promote.floors: 'auc'"),
        ("promote", {"max_loss": {"auc": 0.2}}, "promote.max_loss: 'auc'"),
        ("tune", {"objective": "iou"}, "tune.objective: 'iou'"),
    ],
)
def test_a_score_that_the_task_lacks_is_named_with_those_there_are(
    section: str, changes: dict[str, Any], key: str
) -> None:
    with pytest.raises(ParamsError) as caught:
        task_of(with_section(section, **changes))
    assert caught.value.code == "params.unknown-score"
    assert key in str(caught.value)
    assert "scot, tracking, change, f1, iou" in str(caught.value)


def test_all_keys_with_a_wrong_score_are_named_at_once() -> None:
    search = PARAMS.search.model_copy(update={"objective": "auc"})
    tune = PARAMS.tune.model_copy(update={"objective": "auc"})
    with pytest.raises(ParamsError) as caught:
        task_of(PARAMS.model_copy(update={"search": search, "tune": tune}))
    assert "search.objective: 'auc'" in str(caught.value)
    assert "tune.objective: 'auc'" in str(caught.value)


def of_scenes(task: str, **sections: dict[str, Any]) -> Params:
    """Params of a task of single scenes, whose objectives are those given."""
    chosen: dict[str, dict[str, Any]] = {
        "search": {"objective": "f1"},
        "promote": {"objective": "f1", "floors": {}, "max_loss": {}},
    }
    chosen |= {name: chosen.get(name, {}) | changes for name, changes in sections.items()}
    changed = {name: getattr(PARAMS, name).model_copy(update=changes) for name, changes in chosen.items()}
    return PARAMS.model_copy(update={"task": task, **changed})


@pytest.mark.parametrize("task", ["buildings", "building_distance"])
@pytest.mark.parametrize("objective", ["f1", "outline_error", None])
def test_outputs_of_single_scenes_are_tuned_by_f1_or_by_the_area_of_outlines(task: str, objective: str | None) -> None:
    params = of_scenes(task, tune={"objective": objective})
    score = task_of(params).tuned_by(objective)
    assert (score.name, score.higher_is_better) == (objective or "f1", objective != "outline_error")


def test_tuning_by_hand() -> None:
    truth = pd.DataFrame({"aoi": ["a", "a"], "time": "undated", "geometry": [box(0, 0, 10, 10), box(20, 0, 30, 10)]})
    found = pd.DataFrame({"aoi": ["a"], "time": "undated", "geometry": [box(0, 0, 10, 8)], "confidence": [0.5]})
    scores = task_of(of_scenes("buildings")).tune_score(truth, found, "f1")
    assert scores == pytest.approx({"f1": 2 / 3, "outline_error": (200 - 80) / 200})


def test_a_gate_on_an_error_whose_worst_allowed_value_is_zero_is_noted() -> None:
    params = of_scenes(
        "building_distance", promote={"objective": "mae_m", "floors": {}, "max_loss": {}, "min_score": 0}
    )
    assert any("promote.min_score is 0" in note for note in notes_on(params, task_of(params)))
    params = of_scenes(
        "building_distance", promote={"objective": "mae_m", "floors": {}, "max_loss": {}, "min_score": 4}
    )
    assert not any("promote.min_score" in note for note in notes_on(params, task_of(params)))


def test_land_use_has_nothing_to_tune() -> None:
    params = load_params(Path(__file__).resolve().parents[2] / "configs" / "land-use.yaml")
    assert task_of(params).scores[0].name == "miou"
    tuned = params.model_copy(update={"tune": params.tune.model_copy(update={"trials": 3})})
    with raises(ParamsError, "params.unknown-score", "tune.trials", 3):
        task_of(tuned)
