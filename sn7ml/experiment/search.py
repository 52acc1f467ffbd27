"""The search for the best recipe: Optuna proposes, a callable trains and scores, MLflow records."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout
from mlflow.exceptions import MlflowException
from optuna import TrialPruned
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from sn7ml.errors import ModelError, ParamsError, StoreError
from sn7ml.experiment import study as studies
from sn7ml.experiment.final import RECIPE_DIGEST, digest_of
from sn7ml.experiment.runs import STATE, Run, create_run, ending, failure_text
from sn7ml.experiment.store import SEARCH, Store
from sn7ml.params import Recipe, SearchParams, flatten, with_values

FAULTS = (ModelError, ParamsError, RuntimeError)
"""What may go wrong with one recipe: it cannot be built, or torch refuses it (RuntimeError: shapes, memory). Any other
error is about the data, the store or our code, and ends the search."""

OnEpoch = Callable[[int, Mapping[str, float]], None]
"""Called by a trial after each epoch (from 1), with at least val_iou; raises when the trial is not worth going on."""


@dataclass(frozen=True)
class TrialResult:
    """What training with a recipe gave."""

    scores: Mapping[str, float]
    """scot, tracking, change, f1, iou, … on the validation split."""

    per_aoi: pd.DataFrame
    """The same, a row per AOI."""

    epoch: int
    """The epoch whose weights were scored."""

    record: Callable[[Run], None] = lambda _run: None
    """Writes what else belongs to the trial's run: data sets, pictures."""


Evaluate = Callable[[Recipe, OnEpoch], TrialResult]
"""Train and score one recipe."""


@dataclass(frozen=True)
class SearchResult:
    """The outcome of a search."""

    best: Recipe

    trials: pd.DataFrame
    """A row per trial: number, state (complete, pruned, failed, infeasible), value of the objective (NaN unless complete),
    its scores as ``val_scot`` and so on, and what it tried under dotted keys. The same for the same inputs."""


def search(
    recipe: Recipe, params: SearchParams, evaluate: Evaluate, store: Store, work: Path, inputs: str = ""
) -> SearchResult:
    """Find the recipe with the best objective.

    The first trial is ``recipe`` itself. A search that was killed goes on where it was, if it is called with the same
    inputs; one that ended leaves no state in ``work``.

    Parameters
    ----------
    recipe
        Default values; those outside ``params.space`` stay.
    params
        Number of trials (0 returns ``recipe`` untried), objective, space, seed.
    evaluate
        Trains and scores. ModelError, ParamsError and RuntimeError mean that this recipe does not work.
    store
        Takes a run for the search and a child of it per trial.
    work
        Folder for the state of an unfinished search; must outlive the process, so not one that DVC clears.
    inputs
        Digest of what else ``evaluate`` depends on (tiles, tracking params); another one begins another search.

    Raises
    ------
    ModelError
        If no trial completed; tells why for each.
    StoreError
        If another process is at work on the same search.
    """
    if params.trials == 0:
        return SearchResult(recipe, pd.DataFrame(columns=["number", "state", "value"]))
    journal = work / f"search-{digest_of(recipe.model_dump(), params.model_dump(), inputs)}.log"
    with _alone(journal):
        study = studies.open_study(journal, params.seed, params.space, flatten(recipe))
        task = _Task(recipe, params, evaluate, store, study, _search_run(store, study, recipe, params))
        task.close_leftovers()
        with ending(task.run):
            while len(studies.counted(study)) < params.trials:
                task.try_one()
            best = studies.best_trial(study)
            if best is None:
                why = _failures(study)
                journal.unlink()  # the next call tries again: the reason may have been mended
                raise ModelError(why)
            result = task.result(best)
            journal.unlink()
            return result


@dataclass(frozen=True)
class _Task:
    """A search at work."""

    recipe: Recipe
    params: SearchParams
    evaluate: Evaluate
    store: Store
    study: Study
    run: Run

    def close_leftovers(self) -> None:
        """Tidy up after a process that was killed, here and in MLflow."""
        for trial in studies.requeue_leftovers(self.study):
            if run_id := trial.user_attrs.get(studies.RUN_ID):
                try:
                    Run(self.store, run_id).set_tags({STATE: "killed"})
                    self.store.client.set_terminated(run_id, "KILLED")
                except MlflowException:
                    continue  # the store was deleted meanwhile, and the run with it

    def try_one(self) -> None:
        trial = self.study.ask()
        values = studies.suggest(trial, self.params.space, flatten(self.recipe))
        child = self._child(trial, values)
        try:
            with ending(child):
                result = self._evaluate(trial, child, values)
        except TrialPruned:
            self.study.tell(trial, state=TrialState.PRUNED)
        except FAULTS as error:
            state = "failed" if isinstance(error, RuntimeError) else "infeasible"
            trial.set_user_attr(studies.STATE, state)
            trial.set_user_attr(studies.FAILURE, failure_text(error))  # last: with it the trial counts
            child.set_tags({STATE: state})
            self.study.tell(trial, state=TrialState.FAIL)
        else:
            trial.set_user_attr(studies.SCORES, dict(result.scores))
            self.study.tell(trial, result.scores[self.params.objective])

    def _child(self, trial: Trial, values: studies.Values) -> Run:
        number = studies.ordinal(self.study, trial.number)
        tags = {"mlflow.parentRunId": self.run.run_id, "sn7.kind": "trial"}
        child = create_run(self.store, SEARCH, f"trial-{number:03d}", tags, flatten(self.recipe) | values)
        trial.set_user_attr(studies.RUN_ID, child.run_id)
        return child

    def _evaluate(self, trial: Trial, child: Run, values: studies.Values) -> TrialResult:
        recipe = with_values(self.recipe, values, "search.space")
        child.set_tags({RECIPE_DIGEST: digest_of(recipe.model_dump())})
        result = self.evaluate(recipe, partial(_on_epoch, trial, child))
        child.log_scores(result.scores, result.per_aoi, "validation", result.epoch)
        result.record(child)
        if math.isnan(result.scores[self.params.objective]):
            raise ModelError(f"the objective {self.params.objective} is undefined on the validation split")
        return result

    def result(self, best: FrozenTrial) -> SearchResult:
        table = _table(self.study)
        scores = {f"best_val_{name}": value for name, value in best.user_attrs[studies.SCORES].items()}
        self.run.log_metrics(scores, step=0)
        self.run.set_tags({"sn7.best_trial_run_id": best.user_attrs[studies.RUN_ID]})
        self.run.log_table(table, "trials.json")
        return SearchResult(with_values(self.recipe, best.user_attrs[studies.VALUES], "search.space"), table)


def _on_epoch(trial: Trial, child: Run, epoch: int, metrics: Mapping[str, float]) -> None:
    child.log_epoch(epoch, metrics)
    trial.report(metrics["val_iou"], epoch)
    if trial.should_prune():
        raise TrialPruned(f"val_iou {metrics['val_iou']:.3f} is below the median of the trials before at epoch {epoch}")


def _search_run(store: Store, study: Study, recipe: Recipe, params: SearchParams) -> Run:
    """Return the run of the whole search: that of the process before, if this one takes over."""
    if run_id := study.user_attrs.get(studies.RUN_ID):
        try:
            store.client.update_run(run_id, status="RUNNING")
            return Run(store, run_id)
        except MlflowException:
            pass  # the store was deleted meanwhile
    values = {f"search.{name}": value for name, value in flatten(params).items()}
    name = f"search-{params.objective}-{params.trials}-trials"
    run = create_run(store, SEARCH, name, {"sn7.kind": "search"}, flatten(recipe) | values)
    study.set_user_attr(studies.RUN_ID, run.run_id)
    return run


@contextmanager
def _alone(journal: Path) -> Iterator[None]:
    journal.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(journal.with_suffix(".lock"), timeout=0):
            yield
    except Timeout:
        raise StoreError(f"another process is at work on this search ({journal}); wait for it, or stop it") from None


def _failures(study: Study) -> str:
    trials = studies.counted(study)
    whys = [f"  trial {n}: {trial.user_attrs.get(studies.FAILURE, 'pruned')}" for n, trial in enumerate(trials)]
    return "\n".join([f"none of the {len(trials)} trial(s) of the search completed:", *whys])


def _table(study: Study) -> pd.DataFrame:
    rows = []
    for number, trial in enumerate(studies.counted(study)):
        scores = {f"val_{name}": value for name, value in trial.user_attrs.get(studies.SCORES, {}).items()}
        state = trial.user_attrs.get(studies.STATE, trial.state.name.lower())
        value = trial.value if trial.state == TrialState.COMPLETE else math.nan
        rows.append({"number": number, "state": state, "value": value} | scores | trial.user_attrs[studies.VALUES])
    table = pd.DataFrame(rows)
    first = ["number", "state", "value", *(name for name in table if str(name).startswith("val_"))]
    return table[[*first, *(name for name in table if name not in first)]]  # a first trial that failed has no scores
