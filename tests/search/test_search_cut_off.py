"""A search that is cut off, killed, or done by several processes: no trial is lost, and none counts twice."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from sn7ml.core.errors import StoreError
from sn7ml.params import Choice, Recipe, flatten
from sn7ml.runs.runs import create_run
from sn7ml.runs.store import SEARCH, Store, open_store
from sn7ml.search import study as studies
from sn7ml.search.run import Evaluate, OnEpoch, Setup, TrialResult, search
from sn7ml.search.storage import StudyAddress
from sn7ml.search.trials import Trials
from tests.raising import raises
from tests.search.searched import RECIPE, SCORES, SPACE, cheap, children, find, plan, steady, the_search


def killed_at(trial: int, kill: Callable[[], None]) -> Evaluate:
    """Die in the second epoch of a trial."""
    seen = []

    def evaluate(recipe: Recipe, on_epoch: OnEpoch) -> TrialResult:
        seen.append(recipe)
        on_epoch(1, {"val_score": 0.1})
        if len(seen) == trial + 1:
            kill()
        return steady(recipe, on_epoch)

    return evaluate


def search_and_be_killed(trial: int, work: Path) -> None:
    """Run by a process of its own."""
    find(plan(14), killed_at(trial, lambda: os.kill(os.getpid(), signal.SIGKILL)), open_store(), work)


def test_a_killed_search_goes_on_and_ends_as_if_it_had_not_been_killed(store: Store, project: Path) -> None:
    whole = find(plan(14), steady, store, project / "whole")
    code = f"from tests.search.test_search_cut_off import *; search_and_be_killed(12, Path({str(project / 'work')!r}))"
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
            if epoch == 2 and recipe.model.architecture == "PAN":
                with suppress(FileExistsError):  # both workers may be here at the same moment
                    (self.folder / "dead").touch(exist_ok=False)
                    os.kill(os.getpid(), signal.SIGKILL)

        return cheap(recipe, die_once)


@pytest.mark.slow
@pytest.mark.parametrize("kept_in", ["a journal", "a database"])
def test_two_workers_do_the_trials_that_were_asked_for_though_one_is_killed(
    store: Store, tmp_path: Path, kept_in: str
) -> None:
    url = f"sqlite:///{tmp_path}/study.db" if kept_in == "a database" else None
    space = (Choice(param="model.architecture", values=("PAN",)), SPACE[1])
    setup = Setup(store, SCORES, tmp_path / "work", workers=2, url=url)
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
    run, setup = create_run(store, SEARCH, "toy", {}, {}), Setup(store, SCORES, tmp_path)
    for _ in range(studies.MAX_DEATHS):
        trials = Trials(address, run, RECIPE, plan(2), dying, setup, "me")
        with pytest.raises(Killed):
            trials.work()
        # What Optuna noted as an interrupt, as the parent would have seen it.
        dead = frozenset(trial.number for trial in study.trials)
        studies.queue_again(study, 2, dead)
    Trials(address, run, RECIPE, plan(2), dying, setup, "me").work()
    assert list(studies.table(study, 2, "scot")["state"]) == ["failed", "complete"]
    assert "was killed 3 times" in studies.results(study, 2)[0].user_attrs[studies.FAILURE]


@pytest.mark.slow
def test_two_searches_on_one_database_share_the_trials(store: Store, tmp_path: Path) -> None:
    """As two machines do: each asks for the same six."""
    code = "from tests.search.test_search_cut_off import *; join(Path(sys.argv[1]))"
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
    url, quiet = f"sqlite:///{folder}/study.db", list[str]().append  # each says what it tries itself
    setup = Setup(open_store(), SCORES, folder / "work", url=url, say=quiet)
    print(search(RECIPE, plan(6), steady, setup).trials.to_csv())


def test_other_inputs_begin_another_search(store: Store, tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find(plan(3), killed_at(1, interrupt), store, tmp_path, inputs="tiles of yesterday")
    counter = killed_at(9, interrupt)
    assert len(find(plan(3), counter, store, tmp_path, inputs="tiles of today").trials) == 3
    assert len([record for record in children(store) if record.info.status == "FINISHED"]) == 1 + 3


def test_a_second_process_at_the_same_search_is_refused(store: Store, tmp_path: Path) -> None:
    def nosy(recipe: Recipe, on_epoch: OnEpoch) -> TrialResult:
        find(plan(1), steady, store, tmp_path)
        raise AssertionError

    with raises(StoreError, "search.in-use", tmp_path):
        find(plan(1), nosy, store, tmp_path)
