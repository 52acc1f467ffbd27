"""An Optuna study that many processes share, each of which can be killed at any moment without a trial being lost.

A study has a fixed number of *slots*, one per trial that was asked for. The first attempt at a trial opens its slot; if the
process dies, a further attempt with the same values takes the same slot. A slot is done when an attempt ended by itself, and
the first that did counts. So no trial is lost and none counts twice, whoever queues what again, and however often: slots are
told by the order of their first attempts, which never changes. Attempts beyond the last slot are withdrawn.

What a trial draws depends on the seed, on its slot, and on the trials that ended before; so with one worker a search that was
killed ends as if it had not been.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
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
"""Attributes of a trial: where given values are from; number of the first attempt; how many attempts' processes were killed."""

MAX_DEATHS = 3
"""So often the process of a trial may die; then the trial failed: it likely needs more memory than there is."""


class ReseededSampler(BaseSampler):
    """Optuna's TPE with a fresh generator for each trial, made from a seed and the trial's slot."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._sampler = TPESampler(seed=seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Reseed."""
        sequence = np.random.SeedSequence([self._seed, slot_of(study, trial)])
        self._sampler = TPESampler(seed=int(sequence.generate_state(1)[0]))
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """As TPE."""
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """As TPE."""
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """As TPE."""
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)


@dataclass
class Slot:
    """One of the trials that were asked for: its attempts in order."""

    attempts: list[FrozenTrial] = field(default_factory=list)

    @property
    def result(self) -> FrozenTrial | None:
        """The first attempt that ended by itself; None if none has."""
        return next((attempt for attempt in self.attempts if ended_by_itself(attempt)), None)

    @property
    def is_waited_for(self) -> bool:
        """Whether an attempt is running or queued."""
        return any(attempt.state in (TrialState.RUNNING, TrialState.WAITING) for attempt in self.attempts)


def ended_by_itself(trial: FrozenTrial) -> bool:
    """Tell whether a trial is complete, pruned, or failed for a reason, rather than cut off."""
    return trial.state in (TrialState.COMPLETE, TrialState.PRUNED) or (
        trial.state == TrialState.FAIL and FAILURE in trial.user_attrs
    )


def slots(study: Study) -> list[Slot]:
    """Return all slots in order; those beyond the number of trials that were asked for are nobody's concern."""
    found: dict[int, Slot] = {}
    for trial in study.get_trials(deepcopy=False):
        found.setdefault(_first_attempt(trial), Slot()).attempts.append(trial)
    return list(found.values())


def slot_of(study: Study, trial: FrozenTrial) -> int:
    """Return the number of a trial's slot, from 0; Optuna's own number also counts further attempts."""
    first = _first_attempt(trial)
    return sum(RETRY_OF not in other.user_attrs and other.number < first for other in study.get_trials(deepcopy=False))


def _first_attempt(trial: FrozenTrial) -> int:
    return int(trial.user_attrs.get(RETRY_OF, trial.number))


def results(study: Study, trials: int) -> list[FrozenTrial]:
    """Return what counts of the first ``trials`` slots, in their order."""
    return [slot.result for slot in slots(study)[:trials] if slot.result is not None]


def is_open(study: Study, trials: int) -> bool:
    """Tell whether there is a trial to begin: one queued, or a slot that nobody has taken."""
    found = slots(study)
    queued = (attempt.state == TrialState.WAITING for slot in found[:trials] for attempt in slot.attempts)
    return len(found) < trials or any(queued)


def is_superfluous(study: Study, trials: int, trial: FrozenTrial) -> bool:
    """Tell whether a trial that has begun has no slot, or its slot an earlier attempt that has not been cut off."""
    number = slot_of(study, trial)
    if number >= trials:
        return True
    earlier = Slot([attempt for attempt in slots(study)[number].attempts if attempt.number < trial.number])
    return earlier.is_waited_for or earlier.result is not None


def give(study: Study, space: Sequence[Choice], recipe: Mapping[str, Scalar | None], origin: str) -> None:
    """Queue the values of a recipe, unless a trial of the study has been given the same."""
    given, known = inside(space, recipe)
    if any(trial.user_attrs.get(GIVEN) == given for trial in study.get_trials(deepcopy=False)):
        return
    study.enqueue_trial(known, user_attrs={GIVEN: given, ORIGIN: origin})


def cut_off(study: Study, is_lost: Callable[[FrozenTrial], bool]) -> list[FrozenTrial]:
    """End the running trials that nobody is at work on any more; returns them."""
    lost = [trial for trial in study.get_trials(states=(TrialState.RUNNING,)) if is_lost(trial)]
    for trial in lost:
        study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
    return lost


def queue_again(study: Study, trials: int, killed: frozenset[int] = frozenset()) -> list[FrozenTrial]:
    """Queue every trial that was cut off once more, with the values it had drawn; returns the cut-off attempts.

    Parameters
    ----------
    trials
        Number of trials that were asked for.
    killed
        Numbers of attempts whose process died: what happens too often to one trial is not tried again for ever.
    """
    again = []
    for slot in slots(study)[:trials]:
        if slot.is_waited_for or slot.result is not None:
            continue
        last = slot.attempts[-1]
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


def rows(study: Study, trials: int, objective: str) -> list[dict[str, Any]]:
    """Return a row per trial: number, state, value of the objective, scores, and what was tried."""
    found = []
    for number, trial in enumerate(results(study, trials)):
        scores = {f"val_{name}": value for name, value in trial.user_attrs.get(SCORES, {}).items()}
        state = trial.user_attrs.get(STATE, trial.state.name.lower())
        value = trial.user_attrs[SCORES][objective] if trial.state == TrialState.COMPLETE else math.nan
        found.append({"number": number, "state": state, "value": value} | scores | trial.user_attrs[VALUES])
    return found
