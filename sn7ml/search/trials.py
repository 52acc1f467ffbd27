"""Trials: one after another is taken from a study, trained and scored by a callable, and written into MLflow."""

import math
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import optuna
import pandas as pd
from mlflow.exceptions import MlflowException
from optuna import TrialPruned
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial

from sn7ml.core.errors import ModelError, ParamsError
from sn7ml.metrics.score import Score
from sn7ml.params import Recipe, SearchParams, flatten, with_values
from sn7ml.runs.final import RECIPE_DIGEST, digest_of
from sn7ml.runs.runs import STATE, Run, create_run, ending, failure_text
from sn7ml.runs.store import SEARCH, Store
from sn7ml.search import study as studies
from sn7ml.search.space import Values, suggest

FAULTS = (ModelError, ParamsError, RuntimeError)
"""What may go wrong with one recipe: it cannot be built, or torch refuses it (RuntimeError: shapes, memory). Any other
error is about the data, the store or our code, and ends the search."""

WAIT_SECONDS = 1.0
"""How often a worker without a trial looks whether one was cut off elsewhere."""

OnEpoch = Callable[[int, Mapping[str, float]], None]
"""Called by a trial after each epoch (from 1), with at least val_score; raises when the trial is not worth going on."""


@dataclass(frozen=True)
class TrialResult:
    """What training with a recipe gave."""

    scores: Mapping[str, float]
    """Name to value on the validation split."""

    per_aoi: pd.DataFrame
    """The same, a row per AOI."""

    epoch: int
    """The epoch whose weights were scored."""

    record: Callable[[Run], None] = lambda _run: None
    """Writes what else belongs to the trial's run: data sets, pictures."""


@dataclass(frozen=True)
class Aim:
    """What a search is after."""

    objective: Score
    """What trials are compared by."""

    shown: tuple[Score, ...]
    """All scores of the task."""

    @property
    def last(self) -> Score:
        """What decides among the finalists."""
        return self.shown[0]


Evaluate = Callable[[Recipe, OnEpoch], TrialResult]
"""Train and score one recipe."""


Say = Callable[[str], None]
"""Tells a person a line. Must be picklable for several workers."""


def silent(_line: str) -> None:
    """Tell nobody."""


class _SuperfluousError(RuntimeError):
    """Another worker was quicker."""


@dataclass
class Trials:
    """The trials of one study, as one process works on them."""

    study: Study
    run: Run
    """Of the whole search."""

    recipe: Recipe
    params: SearchParams
    evaluate: Evaluate
    aim: Aim
    worker: str
    say: Say = silent
    _taken_over: bool = field(default=False, init=False)

    @property
    def store(self) -> Store:
        """Where runs are written."""
        return self.run.store

    def work(self, while_waiting: Callable[[], None] = lambda: None) -> None:
        """Take trials until all are done, those of other workers too: one of them may be cut off, and is then to be had."""
        while len(studies.results(self.study, self.params.trials)) < self.params.trials:
            if studies.is_open(self.study, self.params.trials):
                self._take_one()
            else:
                while_waiting()
                time.sleep(WAIT_SECONDS)

    def mend(self, is_lost: Callable[[FrozenTrial], bool], by_death: bool = False) -> int:
        """Close what nobody is at work on any more, here and in MLflow, and queue it again.

        In a database also trials of another machine that has been silent for long.

        Parameters
        ----------
        is_lost
            Tells of a running trial whether its process is gone.
        by_death
            Whether that process was killed in mid-trial, for which the trial may be to blame.

        Returns
        -------
        int
            How many trials ``is_lost`` told of.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            optuna.storages.fail_stale_trials(self.study)
        lost = studies.cut_off(self.study, is_lost)
        killed = frozenset(trial.number for trial in lost if by_death)
        for trial in studies.queue_again(self.study, self.params.trials, killed):
            self._close_run(trial)
        return len(lost)

    def _close_run(self, trial: FrozenTrial) -> None:
        if run_id := trial.user_attrs.get(studies.RUN_ID):
            try:
                if self.store.client.get_run(run_id).info.status == "RUNNING":
                    Run(self.store, run_id).set_tags({STATE: "killed"})
                    self.store.client.set_terminated(run_id, "KILLED")
            except MlflowException:
                return  # the store was deleted meanwhile, and the run with it

    def _take_one(self) -> None:
        self._taken_over = False
        try:
            # Not ask and tell: only so is a heartbeat sent to a database meanwhile.
            self.study.optimize(self._objective, n_trials=1, catch=(*FAULTS, _SuperfluousError))
        except ValueError:
            if not self._taken_over:  # else Optuna says that the trial has ended already
                raise

    def _objective(self, trial: Trial) -> float:
        try:
            return self._one(trial)
        except UpdateFinishedTrialError:
            self._taken_over = True  # this process was silent for so long that others took it for dead
            raise

    def _one(self, trial: Trial) -> float:
        trial.set_user_attr(studies.WORKER, self.worker)
        frozen = next(one for one in self.study.get_trials(deepcopy=False) if one.number == trial.number)
        if studies.is_superfluous(self.study, self.params.trials, frozen):
            raise _SuperfluousError
        values, slot = suggest(trial, self.params.space), studies.slot_of(self.study, frozen)
        child, name = self._child(trial, slot, values), trial_name(slot)
        origin = trial.user_attrs.get(studies.ORIGIN)
        self.say(f"{name} of {self.params.trials}{f', from {origin}' if origin else ''}: {told(values)}")
        try:
            with ending(child):
                result = self._evaluate(trial, child, values)
        except UpdateFinishedTrialError:
            raise
        except TrialPruned as error:
            self.say(f"{name} is pruned: {error}")
            raise
        except FAULTS as error:
            state = "failed" if isinstance(error, RuntimeError) else "infeasible"
            self.say(f"{name} is {state}: {error}")
            child.set_tags({STATE: state})
            trial.set_user_attr(studies.STATE, state)
            trial.set_user_attr(studies.FAILURE, failure_text(error))  # last: with it the trial counts
            raise
        trial.set_user_attr(studies.SCORES, dict(result.scores))
        return self.aim.objective.rank(result.scores[self.aim.objective.name])

    def _child(self, trial: Trial, slot: int, values: Values) -> Run:
        tags = {"mlflow.parentRunId": self.run.run_id, "sn7.kind": "trial"}
        if origin := trial.user_attrs.get(studies.ORIGIN):
            tags["sn7.origin"] = origin
        child = create_run(self.store, SEARCH, trial_name(slot), tags, flatten(self.recipe) | values)
        trial.set_user_attr(studies.RUN_ID, child.run_id)
        return child

    def _evaluate(self, trial: Trial, child: Run, values: Values) -> TrialResult:
        if trial.user_attrs.get(studies.DEATHS, 0) >= studies.MAX_DEATHS:
            raise RuntimeError(
                f"its process was killed {studies.MAX_DEATHS} times; does it need more memory than there is?"
            )
        recipe = with_values(self.recipe, values, "search.space")
        child.set_tags({RECIPE_DIGEST: digest_of(recipe.model_dump())})
        begin = time.monotonic()
        result = self.evaluate(recipe, partial(_on_epoch, trial, child))
        child.log_scores(self.aim.shown, result.scores, result.per_aoi, "validation", result.epoch)
        child.log_metrics({"seconds": time.monotonic() - begin}, result.epoch)
        result.record(child)
        if math.isnan(result.scores[self.aim.objective.name]):
            raise ModelError(
                "search.objective-undefined",
                f"the objective {self.aim.objective.name} is undefined on the validation split",
            )
        return result


def trial_name(slot: int) -> str:
    """Return what MLflow calls the trial of a slot, counted from 0."""
    return f"trial-{slot:03d}"


def told(values: Values) -> str:
    """Return what a trial tries on one line.

    >>> told({"model.architecture": "FPN", "optimiser.learning_rate": 0.0012345})
    'model.architecture FPN, optimiser.learning_rate 0.001234'
    """
    shown = {name: f"{value:.4g}" if isinstance(value, float) else str(value) for name, value in values.items()}
    return ", ".join(f"{name} {value}" for name, value in shown.items())


def _on_epoch(trial: Trial, child: Run, epoch: int, metrics: Mapping[str, float]) -> None:
    child.log_epoch(epoch, metrics)
    trial.report(metrics["val_score"], epoch)
    if trial.should_prune():
        raise TrialPruned(
            f"val_score {metrics['val_score']:.3f} is below the median of the trials before at epoch {epoch}"
        )
