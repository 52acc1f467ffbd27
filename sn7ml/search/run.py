"""The search for the best recipe: Optuna proposes, a callable trains and scores, MLflow records.

One process, or several side by side here and, on a database, on other machines: see :mod:`sn7ml.search.study`.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from mlflow.exceptions import MlflowException
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from sn7ml.core.errors import ModelError, StoreError
from sn7ml.metrics.score import Score, score_named
from sn7ml.params import Recipe, SearchParams, flatten, with_values
from sn7ml.runs.final import digest_of
from sn7ml.runs.runs import Run, create_run, ending
from sn7ml.runs.store import SEARCH, Store
from sn7ml.search import study as studies
from sn7ml.search.space import VALUES
from sn7ml.search.storage import GRACE_SECONDS, StudyAddress
from sn7ml.search.trials import Aim, Evaluate, OnEpoch, Say, TrialResult, Trials, silent, told, trial_name
from sn7ml.search.workers import work_together

__all__ = ["Evaluate", "OnEpoch", "SearchResult", "Setup", "TrialResult", "search"]


@dataclass(frozen=True)
class Setup:
    """With what a search is done; it is the same search with another set-up."""

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

    say: Say = silent
    """Told what each trial tries, why one has no result, and which is the best."""


@dataclass(frozen=True)
class SearchResult:
    """The outcome of a search."""

    best: Recipe

    trials: pd.DataFrame
    """A row per trial: number, state (complete, pruned, failed, infeasible), value of the objective (NaN unless complete),
    its scores as ``val_<name>``, and what it tried under dotted keys (missing where a condition left it out)."""

    run: Run | None
    """Of the search; None if nothing was tried."""


def search(
    recipe: Recipe,
    params: SearchParams,
    evaluate: Evaluate,
    setup: Setup,
    inputs: str = "",
    champion: Recipe | None = None,
) -> SearchResult:
    """Find the recipe with the best objective.

    The first trial is ``recipe`` itself, the second what ``champion`` sets of the space. A search that was killed goes on
    where it was, if it is called with the same inputs; one that ended leaves no state in ``setup.work``. With one worker the
    same inputs give the same result, killed or not.

    Parameters
    ----------
    recipe
        Default values; those outside ``params.space`` stay.
    params
        Number of trials (0 returns ``recipe`` untried), objective, space, seed.
    evaluate
        Trains and scores. ModelError, ParamsError and RuntimeError mean that this recipe does not work. Must be picklable
        for several workers.
    inputs
        Digest of what else ``evaluate`` depends on (tiles, tracking params); another one begins another search.

    Raises
    ------
    ModelError
        If no trial completed; tells why for each.
    StoreError
        If another process is at work on the same search, or the database cannot be used.
    """
    if params.trials == 0:
        return SearchResult(recipe, pd.DataFrame(columns=["number", "state", "value"]), None)
    known = [recipe.model_dump(), params.model_dump(), inputs] + ([champion.model_dump()] if champion else [])
    address = StudyAddress(f"search-{digest_of(*known)}", setup.work, setup.url, params.seed)
    with address.alone():
        with address.setting_up():
            study = address.open()
            studies.give(study, params.space, flatten(recipe), "params.yaml")
            if champion is not None:
                studies.give(study, params.space, flatten(champion), "champion")
            run = _search_run(setup.store, study, recipe, params)
        aim = Aim(score_named(setup.scores, params.objective), setup.scores)
        trials = Trials(study, run, recipe, params, evaluate, aim, f"main {os.getpid()}", setup.say)
        with ending(run):
            # Who has a journal alone knows that whatever runs in it is dead; in a database others may be at work.
            trials.mend(lambda _trial: setup.url is None)
            watch = _Watch(trials)
            if setup.workers == 1:
                trials.work(watch.on_tick)
            else:
                task = _WorkerTask(address, run, recipe, params, evaluate, aim, setup.say)
                work_together(task, setup.workers, watch.on_death, watch.on_tick)
            return _result(trials, address)


@dataclass(frozen=True)
class _WorkerTask:
    """What a worker needs to take part; picklable."""

    address: StudyAddress
    run: Run
    recipe: Recipe
    params: SearchParams
    evaluate: Evaluate
    aim: Aim
    say: Say

    def __call__(self, name: str) -> None:
        study = self.address.open()
        Trials(study, self.run, self.recipe, self.params, self.evaluate, self.aim, name, self.say).work()


class _Watch:
    """What is done about trials that were cut off, by the parent of several workers or by one that has nothing else to do."""

    def __init__(self, trials: Trials) -> None:
        self.trials = trials
        self.nameless: dict[int, float] = {}
        """Number of a running trial that names no worker, to when it was first seen."""

    def on_death(self, name: str) -> bool:
        """Queue the trial of a dead worker again; tell whether it had one."""
        return self.trials.mend(lambda trial: trial.user_attrs.get(studies.WORKER) == name, by_death=True) > 0

    def on_tick(self) -> None:
        """Find what was cut off on other machines, and by a death in the moment before a trial bears its worker's name."""
        now = time.monotonic()
        running = self.trials.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        nameless = {trial.number for trial in running if studies.WORKER not in trial.user_attrs}
        self.nameless = {number: self.nameless.get(number, now) for number in nameless}
        self.trials.mend(lambda trial: now - self.nameless.get(trial.number, now) > GRACE_SECONDS)


def _search_run(store: Store, study: Study, recipe: Recipe, params: SearchParams) -> Run:
    """Return the run of the whole search: that of the process before, if this one takes over or joins it."""
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


def _result(trials: Trials, address: StudyAddress) -> SearchResult:
    study, params = trials.study, trials.params
    if (done := len(studies.results(study, params.trials))) < params.trials:
        raise StoreError(
            "search.workers-died",
            f"all workers died after {done} of {params.trials} trials; start again to go on (with fewer workers?)",
        )
    best = studies.best_trial(study, params.trials, params.finalists, trials.aim.last)
    if best is None:
        raise ModelError("search.all-trials-failed", _failures(studies.results(study, params.trials), address))
    slot = studies.slot_of(study, best)
    value = best.user_attrs[studies.SCORES][params.objective]
    trials.say(f"best is {trial_name(slot)}, {params.objective} {value:.4f}: {told(best.user_attrs[VALUES])}")
    table = _table(study, params)
    scores = {f"best_val_{name}": value for name, value in best.user_attrs[studies.SCORES].items()}
    trials.run.log_metrics(scores, step=0)
    trials.run.set_tags({"sn7.best_trial_run_id": best.user_attrs[studies.RUN_ID]})
    trials.run.log_table(table, "trials.json")
    address.forget()
    return SearchResult(with_values(trials.recipe, best.user_attrs[VALUES], "search.space"), table, trials.run)


def _failures(results: list[FrozenTrial], address: StudyAddress) -> str:
    whys = [f"  trial {n}: {trial.user_attrs.get(studies.FAILURE, 'pruned')}" for n, trial in enumerate(results)]
    lines = [f"none of the {len(results)} trial(s) of the search completed:", *whys]
    address.forget()  # the next call tries again: the reason may have been mended
    if address.url is not None:
        lines.append(f"{address} keeps them; delete it there (`optuna delete-study`) to try again")
    return "\n".join(lines)


def _table(study: Study, params: SearchParams) -> pd.DataFrame:
    table = pd.DataFrame(studies.rows(study, params.trials, params.objective))
    first = ["number", "state", "value", *(name for name in table if str(name).startswith("val_"))]
    return table[[*first, *(name for name in table if name not in first)]]  # a first trial that failed has no scores
