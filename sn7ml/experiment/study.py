"""An Optuna study that can be killed at any moment and goes on as if nothing had happened.

The study lives in a journal file. What a trial draws depends on the seed, on its ordinal and on the trials that ended
before it, not on how often the process was started: a trial that was cut off is not counted, and its ordinal, with the
values it had drawn, goes to the next one.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import MedianPruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from sn7ml.params import Choice, Scalar

RUN_ID, VALUES, SCORES, DEFAULTS = "run_id", "values", "scores", "defaults"
"""Attributes of a trial: its MLflow run, what it tried, its scores, whether it is the recipe itself."""

STATE, FAILURE = "state", "failure"
"""Attributes of a trial that failed for a reason: "failed" or "infeasible", and the reason."""

Values = dict[str, Scalar | None]
"""Dotted key of the recipe to what a trial sets there."""


class ReseededSampler(BaseSampler):
    """Optuna's TPE with a fresh generator for each trial, made from a seed and the trial's ordinal."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._sampler = TPESampler(seed=seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Reseed."""
        sequence = np.random.SeedSequence([self._seed, ordinal(study, trial.number)])
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


def open_study(journal: Path, seed: int, space: Sequence[Choice], defaults: Mapping[str, Scalar | None]) -> Study:
    """Open the study of a journal file; a new one begins with the defaults.

    Parameters
    ----------
    journal
        File to keep it in; made if it is not there.
    defaults
        Dotted key to value of the recipe. Those that lie outside the space are tried nevertheless, that once.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name=journal.stem,
        storage=JournalStorage(JournalFileBackend(str(journal))),
        sampler=ReseededSampler(seed),
        pruner=MedianPruner(n_startup_trials=2, n_warmup_steps=2),  # from the second epoch on
        direction="maximize",
        load_if_exists=True,
    )
    if not study.trials:
        inside = {c.param: defaults[c.param] for c in space if contains(c, defaults[c.param])}
        study.enqueue_trial(inside, user_attrs={DEFAULTS: True})
    return study


def contains(choice: Choice, value: Scalar | None) -> bool:
    """Tell whether a value lies in a dimension of the space."""
    if choice.values:
        return value in choice.values
    assert choice.low is not None
    assert choice.high is not None
    return isinstance(value, int | float) and choice.low <= value <= choice.high


def suggest(trial: Trial, space: Sequence[Choice], defaults: Mapping[str, Scalar | None]) -> Values:
    """Draw a value for each dimension and note them with the trial."""
    values: Values = {}
    for choice in space:
        if trial.user_attrs.get(DEFAULTS) and not contains(choice, defaults[choice.param]):
            values[choice.param] = defaults[choice.param]
        elif choice.values:
            values[choice.param] = trial.suggest_categorical(choice.param, choice.values)
        else:
            assert choice.low is not None
            assert choice.high is not None
            values[choice.param] = trial.suggest_float(choice.param, choice.low, choice.high, log=choice.log)
    trial.set_user_attr(VALUES, values)
    return values


def requeue_leftovers(study: Study) -> list[FrozenTrial]:
    """Close trials that a killed process left running and queue what they tried once more; returns the closed ones.

    Only for a process that has the study to itself.
    """
    leftovers = study.get_trials(states=(TrialState.RUNNING,))
    for trial in leftovers:
        study.tell(trial.number, state=TrialState.FAIL)
        if not is_counted(study.trials[trial.number]):
            kept = {name: trial.user_attrs[name] for name in (DEFAULTS,) if name in trial.user_attrs}
            study.enqueue_trial(trial.params, user_attrs=kept)
    return leftovers


def is_counted(trial: FrozenTrial) -> bool:
    """Tell whether a trial ended by itself: complete, pruned, or failed for a reason."""
    return trial.state in (TrialState.COMPLETE, TrialState.PRUNED) or (
        trial.state == TrialState.FAIL and FAILURE in trial.user_attrs
    )


def counted(study: Study) -> list[FrozenTrial]:
    """Return the trials that ended by themselves, in order."""
    return [trial for trial in study.trials if is_counted(trial)]


def ordinal(study: Study, number: int) -> int:
    """Return a trial's place in the order of those that count; Optuna's own number also counts those cut off."""
    trials = study.get_trials(deepcopy=False)[:number]
    return sum(trial.state != TrialState.FAIL or is_counted(trial) for trial in trials)


def best_trial(study: Study) -> FrozenTrial | None:
    """Return the complete trial with the highest value, the earlier of equals; None if no trial completed."""
    complete = study.get_trials(states=(TrialState.COMPLETE,))
    return max(
        complete, key=lambda trial: (-math.inf if trial.value is None else trial.value, -trial.number), default=None
    )
