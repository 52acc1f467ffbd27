"""The search for the best recipe: Optuna proposes, a callable trains and scores, MLflow records.

One process, or several on this machine and, with a database, on others: see :mod:`sn7ml.search.study`.
"""

import os
from contextlib import suppress
from dataclasses import dataclass, replace

import pandas as pd
from mlflow.exceptions import MlflowException
from optuna.study import Study

from sn7ml.core.errors import ModelError, StoreError
from sn7ml.metrics.score import score_named
from sn7ml.params import Recipe, SearchParams, flatten, with_values
from sn7ml.runs.final import digest_of
from sn7ml.runs.runs import Run, create_run, ending
from sn7ml.runs.store import SEARCH, Store
from sn7ml.search import study as studies
from sn7ml.search.space import VALUES
from sn7ml.search.storage import StudyAddress
from sn7ml.search.trials import Evaluate, OnEpoch, Setup, TrialResult, Trials, told, trial_name
from sn7ml.search.workers import work_together

__all__ = ["Evaluate", "OnEpoch", "SearchResult", "Setup", "TrialResult", "search"]


@dataclass(frozen=True)
class SearchResult:
    """The outcome of a search."""

    best: Recipe

    trials: pd.DataFrame
    """A row per trial: number, state (complete, pruned, failed, infeasible), value of the objective (NaN unless
    complete), scores as ``val_<name>``, and values tried under dotted keys (missing where a condition left one out)."""

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

    A search that was killed continues if it is called with the same inputs; one that ended leaves no state in
    ``setup.work``. With one worker, the same inputs give the same result, killed or not.

    The first trial has the values of ``recipe``, and those outside ``params.space`` stay in all; with 0 trials it is
    returned untried. The second has the values of ``champion`` in the space.

    ``evaluate`` trains and scores; its ModelError, ParamsError and RuntimeError mean that this recipe does not work. It
    must be picklable for several workers. ``inputs`` is a digest of what else it depends on (tiles, tracking params);
    another one begins another search.

    Raises ModelError if no trial completed, with the reason for each, and StoreError if another process is at work on
    the same search, all workers died, or the database cannot be used.
    """
    if params.trials == 0:
        return SearchResult(recipe, pd.DataFrame(columns=["number", "state", "value"]), None)
    score_named(setup.scores, params.objective)  # an unknown one is refused before any work
    known = [recipe.model_dump(), params.model_dump(), inputs] + ([champion.model_dump()] if champion else [])
    address = StudyAddress(f"search-{digest_of(*known)}", setup.work, setup.url, params.seed)
    with address.alone():
        with address.setting_up():
            study = address.open()
            studies.give(study, params.space, flatten(recipe), "params.yaml")
            if champion is not None:
                studies.give(study, params.space, flatten(champion), "champion")
            run = _search_run(setup.store, study, recipe, params)
        trials = Trials(address, run, recipe, params, evaluate, setup, worker=f"main {os.getpid()}")
        with ending(run):
            # Whatever runs in a journal that is ours alone is dead; in a database others may be at work.
            trials.requeue(lambda _trial: setup.url is None)
            if setup.workers == 1:
                trials.work(trials.requeue_silent)
            else:
                work = replace(trials).work_as  # of a copy that has not opened the study, which can be pickled
                work_together(work, setup.workers, trials.requeue_of, trials.requeue_silent)
            return _result(trials)


def _search_run(store: Store, study: Study, recipe: Recipe, params: SearchParams) -> Run:
    """Return the run of the whole search: that of the process before, if this one takes over or joins it."""
    if run_id := study.user_attrs.get(studies.RUN_ID):
        with suppress(MlflowException):  # the store was deleted meanwhile
            store.client.update_run(run_id, status="RUNNING")
            return Run(store, run_id)
    values = {f"search.{name}": value for name, value in flatten(params).items()}
    name = f"search-{params.objective}-{params.trials}-trials"
    run = create_run(store, SEARCH, name, {"sn7.kind": "search"}, flatten(recipe) | values)
    study.set_user_attr(studies.RUN_ID, run.run_id)
    return run


def _result(trials: Trials) -> SearchResult:
    study, params, address = trials.study, trials.params, trials.address
    ended = studies.results(study, params.trials)
    if len(ended) < params.trials:
        raise StoreError(
            "search.workers-died",
            f"all workers died after {len(ended)} of {params.trials} trials; start again to go on, with fewer workers?",
        )
    best = studies.best_trial(study, params.trials, params.finalists, trials.setup.scores[0])
    if best is None:
        lines = [f"none of the {len(ended)} trial(s) of the search completed:"]
        lines += [f"  trial {n}: {trial.user_attrs.get(studies.FAILURE, 'pruned')}" for n, trial in enumerate(ended)]
        address.forget()  # the next call tries again: the reason may have been mended
        if address.url is not None:
            lines.append(f"{address} keeps them; delete it there (`optuna delete-study`) to try again")
        raise ModelError("search.all-trials-failed", "\n".join(lines))
    scores, values = best.user_attrs[studies.SCORES], best.user_attrs[VALUES]
    name = trial_name(studies.slot_of(study, best))
    trials.setup.say(f"best is {name}, {params.objective} {scores[params.objective]:.4f}: {told(values)}")
    table = studies.table(study, params.trials, params.objective)
    trials.run.log_metrics({f"best_val_{score}": value for score, value in scores.items()}, step=0)
    trials.run.set_tags({"sn7.best_trial_run_id": best.user_attrs[studies.RUN_ID]})
    trials.run.log_table(table, "trials.json")
    address.forget()
    return SearchResult(with_values(trials.recipe, values, "search.space"), table, trials.run)
