"""Places of a study: whoever dies, and whatever is queued twice, each trial counts once."""

from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from sn7ml.core.errors import StoreError
from sn7ml.metrics.score import Score
from sn7ml.search import study as studies
from sn7ml.search.space import GIVEN, VALUES
from sn7ml.search.storage import StudyAddress
from tests.raising import raises

SCOT = Score("scot", "SCOT", "what decides among the finalists")

Kind = Callable[[Path], StudyAddress]


@pytest.fixture(params=["journal", "database"])
def study(request: pytest.FixtureRequest, tmp_path: Path) -> Study:
    url = f"sqlite:///{tmp_path}/study.db" if request.param == "database" else None
    opened = StudyAddress("toy", tmp_path / "work", url, seed=7).open()
    opened.sampler = optuna.samplers.RandomSampler(seed=7)
    return opened


@pytest.fixture(autouse=True)
def _ask_without_optimize(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests ask and tell by hand; of a database, Optuna warns that no heartbeat is sent then."""
    monkeypatch.setattr("optuna.study.study.is_heartbeat_enabled", lambda _storage: False)


def begin(study: Study) -> Trial:
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    trial.set_user_attr(VALUES, trial.params)
    return trial


def end(study: Study, trial: Trial, value: float = 1.0, scot: float = 0.5) -> None:
    trial.set_user_attr(studies.SCORES, {"scot": scot})
    study.tell(trial, value)


def everyone(_trial: FrozenTrial) -> bool:
    return True


def frozen(study: Study, trial: Trial) -> FrozenTrial:
    return study.get_trials()[trial.number]


def test_a_trial_that_was_cut_off_is_queued_with_its_values_and_keeps_its_place(study: Study) -> None:
    first, second = begin(study), begin(study)
    end(study, second)
    assert [one.number for one in studies.cut_off(study, lambda trial: trial.number == first.number)] == [0]
    assert [one.number for one in studies.queue_again(study, trials=2)] == [0]
    assert studies.is_open(study, trials=2)
    again = begin(study)
    assert again.params == first.params
    assert studies.slot_of(study, frozen(study, again)) == 0
    assert not studies.is_superfluous(study, 2, frozen(study, again))
    end(study, again)
    assert [one.number for one in studies.results(study, 2)] == [again.number, second.number]
    assert not studies.is_open(study, trials=2)


def test_a_trial_that_two_queued_again_runs_once(study: Study) -> None:
    first = begin(study)
    studies.cut_off(study, everyone)
    attributes = {studies.RETRY_OF: first.number}
    for _ in range(2):  # as two machines might at the same moment
        study.enqueue_trial(first.params, user_attrs=attributes)
    again, once_more = begin(study), begin(study)
    assert not studies.is_superfluous(study, 1, frozen(study, again))
    assert studies.is_superfluous(study, 1, frozen(study, once_more))
    end(study, again)
    end(study, once_more)
    assert [one.number for one in studies.results(study, 1)] == [again.number]


def test_of_three_that_begin_two_trials_the_last_is_superfluous_and_never_queued_again(study: Study) -> None:
    trials = [begin(study) for _ in range(3)]
    assert [studies.is_superfluous(study, 2, frozen(study, trial)) for trial in trials] == [False, False, True]
    studies.cut_off(study, everyone)
    assert [one.number for one in studies.queue_again(study, trials=2)] == [0, 1]
    assert len(study.get_trials(states=(TrialState.WAITING,))) == 2
    assert studies.queue_again(study, trials=2) == []


def test_trials_that_failed_for_a_reason_count_and_are_not_queued_again(study: Study) -> None:
    trial = begin(study)
    trial.set_user_attr(studies.FAILURE, "no such encoder")
    study.tell(trial, state=TrialState.FAIL)
    assert len(studies.results(study, 1)) == 1
    assert studies.queue_again(study, 1) == []


def test_deaths_are_counted_and_interruptions_are_not(study: Study) -> None:
    for killed, deaths in ((True, 1), (False, 1), (True, 2)):
        trial = begin(study)
        studies.cut_off(study, everyone)
        studies.queue_again(study, 1, frozenset([trial.number] if killed else []))
        [waiting] = study.get_trials(states=(TrialState.WAITING,))
        assert waiting.user_attrs[studies.DEATHS] == deaths


def test_given_values_are_queued_once_and_stay_with_a_trial_that_is_tried_again(study: Study) -> None:
    for _ in range(2):  # the second time by a process that goes on
        studies.give(study, (), {}, "params.yaml")
    trial = begin(study)
    assert study.get_trials(states=(TrialState.WAITING,)) == []
    studies.cut_off(study, everyone)
    studies.queue_again(study, 1)
    again = begin(study)
    assert again.user_attrs[GIVEN] == trial.user_attrs[GIVEN] == {}
    assert again.user_attrs[studies.ORIGIN] == "params.yaml"


def test_the_best_of_the_finalists_has_the_highest_scot(study: Study) -> None:
    for value, scot in ((0.9, 0.3), (0.8, 0.6), (0.7, 0.9), (0.8, 0.6), (0.1, float("nan"))):
        end(study, begin(study), value, scot)
    best = {number: studies.best_trial(study, 5, number, SCOT) for number in (1, 2, 3, 4, 5)}
    assert {number: trial.number if trial else None for number, trial in best.items()} == {1: 0, 2: 1, 3: 1, 4: 2, 5: 2}


def test_a_study_without_a_complete_trial_has_no_best(study: Study) -> None:
    begin(study)
    assert studies.best_trial(study, 1, 3, SCOT) is None


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg2://me:secret@127.0.0.1:1/none", "postgresql+nonsense://me:secret@x/y"]
)
def test_a_database_that_cannot_be_had_is_named_without_its_password(tmp_path: Path, url: str) -> None:
    address = StudyAddress("toy", tmp_path, url)
    named = ("'toy'", "postgresql", "***", "SN7ML_STUDY_URL")
    with raises(StoreError, "search.cannot-open-study", *named) as caught, address.setting_up():
        pass
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)  # a sentence, with a driver that answers in several lines too
    with raises(StoreError, "search.cannot-open-study", "'toy'"):
        address.open()
