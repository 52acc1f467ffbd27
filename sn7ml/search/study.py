"""An Optuna study that many processes share, each of which can be killed at any moment without a trial being lost.

A study has a fixed number of *slots*, one per trial that was asked for. The first attempt at a trial opens its slot; if
the process dies, a further attempt with the same values takes the same slot. A slot is done when an attempt ends by
itself, and the first that does counts. So no trial is lost and none counts twice, however often an attempt is queued:
slots are numbered by their first attempts, whose order never changes. Attempts beyond the last slot are withdrawn.

What a trial draws depends on the seed, its slot, and the trials that ended before. With one worker, a search that was
killed therefore ends as if it had not been.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from optuna.samplers import TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from sn7ml.metrics.score import Score
from sn7ml.params import Choice, Scalar
from sn7ml.search.space import GIVEN, VALUES, inside

RUN_ID, SCORES, WORKER = "run_id", "scores", "worker"
"""Attributes of a trial: its MLflow run, its scores, the process at work on it."""

STATE, FAILURE = "state", "failure"
"""Attributes of a trial that failed for a reason: "failed" or "infeasible", and the reason."""

ORIGIN, RETRY_OF, DEATHS = "origin", "retry_of", "deaths"
"""Attributes of a trial: origin of given values; number of the first attempt; attempts whose process was killed."""

MAX_DEATHS = 3
"""Deaths of a trial's process after which the trial has failed: it likely needs more memory than there is."""


class ReseededSampler(TPESampler):
    """Optuna's TPE with a fresh generator for each trial, made from a seed and the trial's slot."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed)
        self._study_seed = seed

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Begin anew, as a sampler that has drawn nothing."""
        sequence = np.random.SeedSequence([self._study_seed, slot_of(study, trial)])
        super().__init__(seed=int(sequence.generate_state(1)[0]))
        super().before_trial(study, trial)


def slots(study: Study) -> list[list[FrozenTrial]]:
    """Return the attempts of all slots in order, including slots beyond the number of trials that were asked for."""
    found: dict[int, list[FrozenTrial]] = {}
    for trial in study.get_trials(deepcopy=False):
        found.setdefault(_first_attempt(trial), []).append(trial)
    return list(found.values())


def _result(attempts: list[FrozenTrial]) -> FrozenTrial | None:
    """Return the first attempt that is complete, pruned, or failed for a reason (not cut off); None if none is."""
    ended = (it for it in attempts if it.state.is_finished())
    return next((it for it in ended if it.state != TrialState.FAIL or FAILURE in it.user_attrs), None)


def _is_free(attempts: list[FrozenTrial]) -> bool:
    """Return whether a slot needs an attempt: it has no result, and no attempt is running or queued."""
    return _result(attempts) is None and all(it.state.is_finished() for it in attempts)


def slot_of(study: Study, trial: FrozenTrial) -> int:
    """Return the number of a trial's slot, from 0; Optuna's own number also counts further attempts."""
    first = _first_attempt(trial)
    return sum(RETRY_OF not in other.user_attrs and other.number < first for other in study.get_trials(deepcopy=False))


def _first_attempt(trial: FrozenTrial) -> int:
    return int(trial.user_attrs.get(RETRY_OF, trial.number))


def results(study: Study, trials: int) -> list[FrozenTrial]:
    """Return what counts of the first ``trials`` slots, in their order."""
    return [result for attempts in slots(study)[:trials] if (result := _result(attempts)) is not None]


def is_open(study: Study, trials: int) -> bool:
    """Return whether a trial is queued or a slot is free."""
    found = slots(study)
    queued = (attempt.state == TrialState.WAITING for attempts in found[:trials] for attempt in attempts)
    return len(found) < trials or any(queued)


def is_superfluous(study: Study, trials: int, trial: FrozenTrial) -> bool:
    """Return whether a trial that has begun has no slot, or one with an earlier attempt that was not cut off."""
    number = slot_of(study, trial)
    return number >= trials or not _is_free([it for it in slots(study)[number] if it.number < trial.number])


def give(study: Study, space: Sequence[Choice], recipe: Mapping[str, Scalar | None], origin: str) -> None:
    """Queue the values of a recipe, unless a trial of the study has been given the same."""
    given, known = inside(space, recipe)
    if any(trial.user_attrs.get(GIVEN) == given for trial in study.get_trials(deepcopy=False)):
        return
    study.enqueue_trial(known, user_attrs={GIVEN: given, ORIGIN: origin})


def cut_off(study: Study, is_lost: Callable[[FrozenTrial], bool]) -> list[FrozenTrial]:
    """End the running trials that nobody works on any more, and return them."""
    lost = [trial for trial in study.get_trials(states=(TrialState.RUNNING,)) if is_lost(trial)]
    for trial in lost:
        study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
    return lost


def queue_again(study: Study, trials: int, killed: frozenset[int] = frozenset()) -> list[FrozenTrial]:
    """Queue every trial that was cut off again, with the values it had drawn; return the attempts that were cut off.

    ``killed`` holds the numbers of attempts whose process died: a trial may cause ``MAX_DEATHS`` of these.
    """
    again = []
    for attempts in filter(_is_free, slots(study)[:trials]):
        last = attempts[-1]
        attributes = {name: last.user_attrs[name] for name in (GIVEN, ORIGIN) if name in last.user_attrs}
        attributes |= {RETRY_OF: _first_attempt(last), DEATHS: last.user_attrs.get(DEATHS, 0) + (last.number in killed)}
        study.enqueue_trial(last.params, user_attrs=attributes)
        again.append(last)
    return again


def best_trial(study: Study, trials: int, finalists: int, last: Score) -> FrozenTrial | None:
    """Return the trial to take; None if none is complete.

    Of the ``finalists`` with the highest value, the one that is best by the score ``last``; the earlier of equals.
    """
    complete = [trial for trial in results(study, trials) if trial.state == TrialState.COMPLETE]
    complete.sort(key=lambda trial: -math.inf if trial.value is None else trial.value, reverse=True)  # stable
    return max(complete[:finalists], key=lambda trial: last.rank(trial.user_attrs[SCORES][last.name]), default=None)


def table(study: Study, trials: int, objective: str) -> pd.DataFrame:
    """Return a row per trial: number, state, value of the objective, scores, and what was tried."""
    rows = []
    for number, trial in enumerate(results(study, trials)):
        scores = {f"val_{name}": value for name, value in trial.user_attrs.get(SCORES, {}).items()}
        state = trial.user_attrs.get(STATE, trial.state.name.lower())
        value = trial.user_attrs[SCORES][objective] if trial.state == TrialState.COMPLETE else math.nan
        rows.append({"number": number, "state": state, "value": value} | scores | trial.user_attrs[VALUES])
    found = pd.DataFrame(rows)
    first = ["number", "state", "value", *(name for name in found if str(name).startswith("val_"))]
    return found[[*first, *(name for name in found if name not in first)]]  # a first trial that failed has no scores
