"""Trials: one after another is taken from a study, trained and scored by a callable, and written into MLflow."""

import math
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import optuna
import pandas as pd
from mlflow.exceptions import MlflowException
from optuna import TrialPruned
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from sn7ml.core.errors import ModelError, ParamsError
from sn7ml.metrics.score import Score, score_named
from sn7ml.params import Recipe, SearchParams, flatten, with_values
from sn7ml.runs.final import RECIPE_DIGEST, digest_of
from sn7ml.runs.runs import STATE, Run, create_run, ending, failure_text
from sn7ml.runs.store import SEARCH, Store
from sn7ml.search import study as studies
from sn7ml.search.space import Values, suggest
from sn7ml.search.storage import GRACE_SECONDS, StudyAddress

FAULTS = (ModelError, ParamsError, RuntimeError)
"""What may go wrong with one recipe: it cannot be built, or torch refuses it (RuntimeError: shapes, memory). Any other
error is about the data, the store or our code, and ends the search."""

WAIT_SECONDS = 1.0
"""How often a worker without a trial checks whether one was cut off elsewhere."""

OnEpoch = Callable[[int, Mapping[str, float]], None]
"""Called by a trial after each epoch (from 1), with at least val_score; raises if the trial should stop there."""


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


Evaluate = Callable[[Recipe, OnEpoch], TrialResult]
"""Train and score one recipe."""


@dataclass(frozen=True)
class Setup:
    """Where and by whom a search is done; none of it changes which search it is."""

    store: Store
    """Takes a run for the search and a child of it per trial."""

    scores: tuple[Score, ...]
    """Of the task. The objective is one of them; finalists are compared by the first."""

    work: Path
    """Folder for the state of an unfinished search; must outlive the process, so not one that DVC clears."""

    workers: int = 1
    """Processes of this machine."""

    url: str | None = None
    """Database for the study, which several machines can share; None keeps it in ``work``."""

    say: Callable[[str], None] = print
    """Prints what each trial tries, why one has no result, and which is the best; picklable for several workers."""


class _SuperfluousError(RuntimeError):
    """Another worker was quicker."""


@dataclass
class Trials:
    """The trials of one search, as one process works on them; picklable before ``study`` is first used."""

    address: StudyAddress
    run: Run
    """Of the whole search."""

    recipe: Recipe
    params: SearchParams
    evaluate: Evaluate
    setup: Setup
    worker: str
    _nameless: dict[int, float] = field(default_factory=dict, init=False)
    """Number of a running trial that names no worker, to when it was first seen."""

    @cached_property
    def study(self) -> Study:
        """Holds the trials; must exist already if several processes open it."""
        return self.address.open()

    @property
    def objective(self) -> Score:
        """What trials are compared by."""
        return score_named(self.setup.scores, self.params.objective)

    def work(self, while_waiting: Callable[[], None] = lambda: None) -> None:
        """Take trials until all are done, by others too: one of theirs may be cut off and need another attempt."""
        while len(studies.results(self.study, self.params.trials)) < self.params.trials:
            if studies.is_open(self.study, self.params.trials):
                self._take_one()
            else:
                while_waiting()
                time.sleep(WAIT_SECONDS)

    def work_as(self, worker: str) -> None:
        """Work in a process of its own, as a worker of this name."""
        replace(self, worker=worker).work()

    def requeue(self, is_lost: Callable[[FrozenTrial], bool], by_death: bool = False) -> int:
        """Close trials that were cut off, here and in MLflow, and queue them again; return how many ``is_lost`` named.

        In a database, so are trials whose workers, on any machine, have been silent for long. ``is_lost`` says of a
        running trial whether its process is gone, ``by_death`` that the process was killed: the trial may be the cause.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            optuna.storages.fail_stale_trials(self.study)
        lost = studies.cut_off(self.study, is_lost)
        killed = frozenset(trial.number for trial in lost if by_death)
        client = self.run.store.client
        for trial in studies.queue_again(self.study, self.params.trials, killed):
            if run_id := trial.user_attrs.get(studies.RUN_ID):
                with suppress(MlflowException):  # the store was deleted meanwhile, and the run with it
                    if client.get_run(run_id).info.status == "RUNNING":
                        Run(self.run.store, run_id).set_tags({STATE: "killed"})
                        client.set_terminated(run_id, "KILLED")
        return len(lost)

    def requeue_of(self, worker: str) -> bool:
        """Queue the trial of a dead worker again; return whether it had one."""
        return self.requeue(lambda trial: trial.user_attrs.get(studies.WORKER) == worker, by_death=True) > 0

    def requeue_silent(self) -> None:
        """Queue what was cut off on other machines, or by a death before the trial bore its worker's name."""
        now = time.monotonic()
        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        nameless = {trial.number for trial in running if studies.WORKER not in trial.user_attrs}
        self._nameless = {number: self._nameless.get(number, now) for number in nameless}
        self.requeue(lambda trial: now - self._nameless.get(trial.number, now) > GRACE_SECONDS)

    def _take_one(self) -> None:
        taken_over = False

        def objective(trial: Trial) -> float:
            nonlocal taken_over
            try:
                return self._attempt(trial)
            except UpdateFinishedTrialError:
                taken_over = True  # this process was silent for so long that others took it for dead
                raise

        try:
            # Not ask and tell: only optimize sends heartbeats to a database meanwhile.
            self.study.optimize(objective, n_trials=1, catch=(*FAULTS, _SuperfluousError))
        except ValueError:
            if not taken_over:  # else Optuna says that the trial has ended already
                raise

    def _attempt(self, trial: Trial) -> float:
        trial.set_user_attr(studies.WORKER, self.worker)
        frozen = next(one for one in self.study.get_trials(deepcopy=False) if one.number == trial.number)
        if studies.is_superfluous(self.study, self.params.trials, frozen):
            raise _SuperfluousError
        values, name = suggest(trial, self.params.space), trial_name(studies.slot_of(self.study, frozen))
        origin = trial.user_attrs.get(studies.ORIGIN)
        tags = {"mlflow.parentRunId": self.run.run_id, "sn7.kind": "trial"} | ({"sn7.origin": origin} if origin else {})
        child = create_run(self.run.store, SEARCH, name, tags, flatten(self.recipe) | values)
        trial.set_user_attr(studies.RUN_ID, child.run_id)
        self.setup.say(f"{name} of {self.params.trials}{f', from {origin}' if origin else ''}: {told(values)}")
        try:
            with ending(child):
                result = self._train_and_score(trial, child, values)
        except UpdateFinishedTrialError:
            raise
        except TrialPruned as error:
            self.setup.say(f"{name} is pruned: {error}")
            raise
        except FAULTS as error:
            state = "failed" if isinstance(error, RuntimeError) else "infeasible"
            self.setup.say(f"{name} is {state}: {error}")
            child.set_tags({STATE: state})
            trial.set_user_attr(studies.STATE, state)
            trial.set_user_attr(studies.FAILURE, failure_text(error))  # last: with it the trial counts
            raise
        trial.set_user_attr(studies.SCORES, dict(result.scores))
        return self.objective.rank(result.scores[self.objective.name])

    def _train_and_score(self, trial: Trial, child: Run, values: Values) -> TrialResult:
        def on_epoch(epoch: int, metrics: Mapping[str, float]) -> None:
            score = metrics["val_score"]
            child.log_epoch(epoch, metrics)
            trial.report(score, epoch)
            if trial.should_prune():
                raise TrialPruned(f"val_score {score:.3f} is below the median of the trials before at epoch {epoch}")

        if trial.user_attrs.get(studies.DEATHS, 0) >= studies.MAX_DEATHS:
            raise RuntimeError(
                f"its process was killed {studies.MAX_DEATHS} times; does it need more memory than there is?"
            )
        recipe = with_values(self.recipe, values, "search.space")
        child.set_tags({RECIPE_DIGEST: digest_of(recipe.model_dump())})
        begin = time.monotonic()
        result = self.evaluate(recipe, on_epoch)
        child.log_scores(self.setup.scores, result.scores, result.per_aoi, "validation", result.epoch)
        child.log_metrics({"seconds": time.monotonic() - begin}, result.epoch)
        result.record(child)
        name = self.objective.name
        if math.isnan(result.scores[name]):
            raise ModelError("search.objective-undefined", f"the objective {name} is undefined on the validation split")
        return result


def trial_name(slot: int) -> str:
    """Return the name in MLflow of the trial of a slot, counted from 0."""
    return f"trial-{slot:03d}"


def told(values: Values) -> str:
    """Return what a trial tries on one line.

    >>> told({"model.architecture": "FPN", "optimiser.learning_rate": 0.0012345})
    'model.architecture FPN, optimiser.learning_rate 0.001234'
    """
    return ", ".join(f"{key} {it:.4g}" if isinstance(it, float) else f"{key} {it}" for key, it in values.items())
