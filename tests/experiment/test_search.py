"""The search, with a cheap objective whose optimum is known."""

import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from mlflow.entities import Run as Record

from sn7ml.errors import CatalogError, ModelError, StoreError
from sn7ml.experiment import study as studies
from sn7ml.experiment.final import trial_tags
from sn7ml.experiment.runs import create_run
from sn7ml.experiment.search import Evaluate, OnEpoch, SearchResult, Setup, TrialResult, search
from sn7ml.experiment.store import SEARCH, Store, open_store
from sn7ml.experiment.study_store import StudyAddress
from sn7ml.experiment.trials import Trials
from sn7ml.params import Choice, Recipe, SearchParams, TrainParams, flatten, parse, with_values

RECIPE = parse(
    Recipe,
    {
        "model": {"architecture": "Unet", "encoder": "resnet18", "weights": None},
        "loss": {"bce": 1.0, "dice": 1.0, "focal": 0.0, "jaccard": 0.0, "footprint": 1.0, "boundary": 0.3, "contact": 0.3},
        "augmentation": {
            "flips": True, "quarter_turns": True, "brightness": 0.2, "contrast": 0.2, "saturation": 0.0,
            "gain": 0.0, "offset": 0.0, "months_around": 0, "noise": 0.0, "blur": 0.0,
        },
        "optimiser": {"learning_rate": 0.001, "weight_decay": 0.01},
    },
    "test",
)  # fmt: skip

TRAIN = TrainParams(
    epochs=3,
    tiles_per_epoch=8,
    validation_tiles=8,
    batch_size=4,
    patience=3,
    precision="32-true",
    built_up_power=0.5,
    loader_workers=0,
    seed=7,
)

SPACE = (
    Choice(param="model.architecture", values=("Unet", "FPN", "PAN")),
    Choice(param="optimiser.learning_rate", low=1e-4, high=1e-1, log=True),
)


def plan(trials: int, seed: int = 7, space: tuple[Choice, ...] = SPACE) -> SearchParams:
    return SearchParams(
        trials=trials, objective="scot", finalists=3, start_from=None, train=TRAIN, space=space, seed=seed
    )


def find(params: SearchParams, evaluate: Evaluate, store: Store, work: Path, inputs: str = "") -> SearchResult:
    """Search in this process."""
    return search(RECIPE, params, evaluate, Setup(store, work), inputs)


def worth(recipe: Recipe) -> float:
    """Best, and 1, for an FPN with a learning rate of 0.01."""
    distance = abs(math.log10(recipe.optimiser.learning_rate) + 2) / 3
    return 1 - distance - (0 if recipe.model.architecture == "FPN" else 0.2)


def cheap(recipe: Recipe, on_epoch: OnEpoch) -> TrialResult:
    for epoch in (1, 2, 3):
        on_epoch(epoch, {"train_loss": 1 / epoch, "val_iou": worth(recipe) * epoch / 3})
    scores = {"scot": worth(recipe), "f1": worth(recipe) / 2, "iou": 0.5}
    return TrialResult(scores, pd.DataFrame([{"aoi": "A", **scores}]), epoch=3)


def steady(recipe: Recipe, on_epoch: OnEpoch) -> TrialResult:
    """As ``cheap``, but never pruned."""
    return cheap(recipe, lambda _epoch, _metrics: None)


def children(store: Store) -> list[Record]:
    runs = store.client.search_runs(
        [store.experiments[SEARCH]], "tags.`sn7.kind` = 'trial'", order_by=["attributes.start_time"]
    )
    return list(runs)


def the_search(store: Store) -> Record:
    [run] = store.client.search_runs([store.experiments[SEARCH]], "tags.`sn7.kind` = 'search'")
    return run


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
            on_epoch(epoch, {"val_iou": epoch / 10 / seen})
        return steady(recipe, on_epoch)

    result = find(plan(3), worse_each_time, store, tmp_path)
    assert list(result.trials["state"]) == ["complete", "complete", "pruned"]
    record = children(store)[2]
    assert (record.info.status, record.data.tags["sn7.state"]) == ("FINISHED", "pruned")
    assert [point.step for point in store.client.get_metric_history(record.info.run_id, "val_iou")] == [1, 2]


@pytest.mark.parametrize(
    ("error", "state"), [(ModelError("PAN does not fit"), "infeasible"), (RuntimeError("out of memory"), "failed")]
)
def test_a_recipe_that_does_not_work_is_a_failed_trial_with_its_reason(
    store: Store, tmp_path: Path, error: Exception, state: str
) -> None:
    def picky(recipe: Recipe, on_epoch: OnEpoch) -> TrialResult:
        if recipe.optimiser.learning_rate != 0.001:
            raise error
        return steady(recipe, on_epoch)

    result = find(plan(3), picky, store, tmp_path)
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

    with pytest.raises(ModelError, match="objective scot is undefined"):
        find(plan(1), undefined, store, tmp_path)


def test_when_all_trials_fail_the_error_tells_why_and_the_next_search_starts_afresh(
    store: Store, tmp_path: Path
) -> None:
    def broken(recipe: Recipe, on_epoch: OnEpoch) -> TrialResult:
        raise ModelError("no weights")

    with pytest.raises(
        ModelError, match=r"none of the 2 trial\(s\)(.|\n)*trial 0: ModelError: no weights(.|\n)*trial 1"
    ):
        find(plan(2), broken, store, tmp_path)
    assert the_search(store).info.status == "FAILED"
    assert len(find(plan(2), steady, store, tmp_path).trials) == 2


def test_an_error_that_is_not_about_the_recipe_ends_the_search(store: Store, tmp_path: Path) -> None:
    def broken(recipe: Recipe, on_epoch: OnEpoch) -> TrialResult:
        raise CatalogError("no data")

    with pytest.raises(CatalogError):
        find(plan(2), broken, store, tmp_path)
    assert [record.info.status for record in children(store)] == ["FAILED"]


def test_a_second_process_at_the_same_search_is_refused(store: Store, tmp_path: Path) -> None:
    def nosy(recipe: Recipe, on_epoch: OnEpoch) -> TrialResult:
        find(plan(1), steady, store, tmp_path)
        raise AssertionError

    with pytest.raises(StoreError, match="another process is at work on this search"):
        find(plan(1), nosy, store, tmp_path)


def killed_at(trial: int, kill: Callable[[], None]) -> Evaluate:
    """Die in the second epoch of a trial."""
    seen = []

    def evaluate(recipe: Recipe, on_epoch: OnEpoch) -> TrialResult:
        seen.append(recipe)
        on_epoch(1, {"val_iou": 0.1})
        if len(seen) == trial + 1:
            kill()
        return steady(recipe, on_epoch)

    return evaluate


def search_and_be_killed(trial: int, work: Path) -> None:
    """Run by a process of its own."""
    find(plan(14), killed_at(trial, lambda: os.kill(os.getpid(), signal.SIGKILL)), open_store(), work)


def test_a_killed_search_goes_on_and_ends_as_if_it_had_not_been_killed(store: Store, project: Path) -> None:
    whole = find(plan(14), steady, store, project / "whole")
    code = f"from tests.experiment.test_search import *; search_and_be_killed(12, Path({str(project / 'work')!r}))"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=project, env=environment, check=False).returncode
        == -signal.SIGKILL
    )
    before = len(children(store))
    resumed = find(plan(14), steady, store, project / "work")
    pd.testing.assert_frame_equal(resumed.trials, whole.trials)
    assert resumed.best == whole.best
    assert len(children(store)) == before + 2
    killed = [record for record in children(store) if record.info.status == "KILLED"]
    assert [record.info.run_name for record in killed] == ["trial-012"]
    assert all(record.info.status != "RUNNING" for record in store.client.search_runs([store.experiments[SEARCH]]))
    parents = store.client.search_runs([store.experiments[SEARCH]], "tags.`sn7.kind` = 'search'")
    assert len(parents) == 2


@pytest.mark.parametrize("trial", [0, 2])
def test_an_interrupted_trial_is_done_again_with_the_same_values(store: Store, tmp_path: Path, trial: int) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    whole = find(plan(4), steady, store, tmp_path / "whole")
    for _ in range(2):  # the second time in the first trial that is left
        with pytest.raises(KeyboardInterrupt):
            find(plan(4), killed_at(trial, interrupt), store, tmp_path / "work")
        trial = 0
    resumed = find(plan(4), steady, store, tmp_path / "work")
    pd.testing.assert_frame_equal(resumed.trials, whole.trials)


@dataclass(frozen=True)
class Deadly:
    """As ``cheap``, but the process of the first that tries PAN dies in its second epoch."""

    folder: Path

    def __call__(self, recipe: Recipe, on_epoch: OnEpoch) -> TrialResult:
        def die_once(epoch: int, metrics: Mapping[str, float]) -> None:
            on_epoch(epoch, metrics)
            if epoch == 2 and recipe.model.architecture == "PAN" and not (self.folder / "dead").exists():
                (self.folder / "dead").touch()
                os.kill(os.getpid(), signal.SIGKILL)

        return cheap(recipe, die_once)


@pytest.mark.parametrize("kept_in", ["a journal", "a database"])
def test_two_workers_do_the_trials_that_were_asked_for_though_one_is_killed(
    store: Store, tmp_path: Path, kept_in: str
) -> None:
    url = f"sqlite:///{tmp_path}/study.db" if kept_in == "a database" else None
    space = (Choice(param="model.architecture", values=("PAN",)), SPACE[1])
    setup = Setup(store, tmp_path / "work", workers=2, url=url)
    result = search(RECIPE, plan(5, space=space), Deadly(tmp_path), setup)
    assert list(result.trials["number"]) == [0, 1, 2, 3, 4]
    assert set(result.trials["state"]) <= {"complete", "pruned"}
    records = children(store)
    assert len(records) == 5 + 1
    assert {record.data.tags["mlflow.parentRunId"] for record in records} == {the_search(store).info.run_id}
    [killed] = [record for record in records if record.info.status == "KILLED"]
    [again] = [one for one in records if one.info.run_name == killed.info.run_name and one is not killed]
    assert (killed.data.params, killed.data.tags["sn7.state"]) == (again.data.params, "killed")
    assert {one.info.status for one in records if one is not killed} == {"FINISHED"}
    assert the_search(store).info.status == "FINISHED"
    assert store.client.search_runs(["0"]) == []


def test_a_trial_whose_process_dies_each_time_is_given_up(store: Store, tmp_path: Path) -> None:
    class Killed(KeyboardInterrupt): ...

    def dying(recipe: Recipe, on_epoch: OnEpoch) -> TrialResult:
        if recipe.optimiser.learning_rate == 0.001:
            raise Killed
        return steady(recipe, on_epoch)

    address = StudyAddress("toy", tmp_path, seed=7)
    study = address.open()
    studies.give(study, SPACE, flatten(RECIPE), "params.yaml")
    run = create_run(store, SEARCH, "toy", {}, {})
    for _ in range(studies.MAX_DEATHS):
        trials = Trials(study, run, RECIPE, plan(2), dying, "me")
        with pytest.raises(Killed):
            trials.work()
        # What Optuna noted as an interrupt, as the parent would have seen it.
        dead = frozenset(trial.number for trial in study.trials)
        studies.queue_again(study, 2, dead)
    Trials(study, run, RECIPE, plan(2), dying, "me").work()
    first, second = studies.rows(study, 2)
    assert (first["state"], second["state"]) == ("failed", "complete")
    assert "was killed 3 times" in studies.results(study, 2)[0].user_attrs[studies.FAILURE]


def test_two_searches_on_one_database_share_the_trials(store: Store, tmp_path: Path) -> None:
    """As two machines do: each asks for the same six."""
    code = "from tests.experiment.test_search import *; join(Path(sys.argv[1]))"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", code, str(tmp_path)]
    searches = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(2)]
    said = [one.communicate(timeout=120)[0].decode() for one in searches]
    assert [one.returncode for one in searches] == [0, 0]
    assert said[0] == said[1]
    assert len(children(store)) == 6
    assert {record.data.tags["mlflow.parentRunId"] for record in children(store)} == {the_search(store).info.run_id}


def join(folder: Path) -> None:
    """Search in a process of its own and print what came out."""
    setup = Setup(open_store(), folder / "work", url=f"sqlite:///{folder}/study.db")
    print(search(RECIPE, plan(6), steady, setup).trials.to_csv())


def test_the_champion_is_tried_second_unless_it_is_the_recipe(store: Store, tmp_path: Path) -> None:
    champion = with_values(RECIPE, {"model.architecture": "FPN", "loss.dice": 9.0}, "here")
    trials = search(RECIPE, plan(2), steady, Setup(store, tmp_path), champion=champion).trials
    assert list(trials["model.architecture"]) == ["Unet", "FPN"]
    assert list(trials["optimiser.learning_rate"]) == [0.001, 0.001]
    assert [record.data.tags.get("sn7.origin") for record in children(store)] == ["params.yaml", "champion"]
    again = search(RECIPE, plan(2), steady, Setup(store, tmp_path), champion=RECIPE).trials
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


def test_other_inputs_begin_another_search(store: Store, tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find(plan(3), killed_at(1, interrupt), store, tmp_path, inputs="tiles of yesterday")
    counter = killed_at(9, interrupt)
    assert len(find(plan(3), counter, store, tmp_path, inputs="tiles of today").trials) == 3
    assert len([record for record in children(store) if record.info.status == "FINISHED"]) == 1 + 3


def test_the_search_does_not_load_torch() -> None:
    code = "import sys, sn7ml.experiment.search; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
