"""Which run a person means: an id or its beginning, an alias or a version of the registry, or the best."""

import math
import re
from functools import partial

from mlflow.exceptions import MlflowException

from sn7ml.core.errors import StoreError
from sn7ml.metrics.score import Score
from sn7ml.registry.versions import CHALLENGER, CHAMPION, MODEL_URI, PREVIOUS
from sn7ml.runs.leaderboard import RunRecord, ranked, read_run, read_runs
from sn7ml.runs.store import Store, paged

HOW_TO_NAME = (
    "name a run by its id or the beginning of it (`sn7ml runs` lists them), by an alias of the registry (champion), "
    "as models:/NAME/VERSION or models:/NAME@ALIAS, or say best"
)


def find_run_meant(store: Store, text: str, objective: Score) -> RunRecord:
    """Find the one run that a person means.

    ``text`` is a run id or its beginning; ``champion``, ``challenger``, ``previous``; ``models:/NAME/3``,
    ``models:/NAME@champion``; or ``best``, the final run with the best objective on the test split. Raises StoreError
    if it means no run, or more than one, or the run was deleted.
    """
    if text == "best":
        runs = [record for record in read_runs(store) if not math.isnan(record.score(objective.name))]
        if not runs:
            raise StoreError(
                "runs.none-scored", f"no run has a test_{objective.name} yet, so none is best; `make repro` makes one"
            )
        return ranked(runs, objective.name, [objective])[0]
    if text in (CHAMPION, CHALLENGER, PREVIOUS):
        return read_run(store, _run_of(store, _only_model_with(store, text), text))
    if uri := MODEL_URI.fullmatch(text):
        return read_run(store, _run_of(store, uri["name"], uri["alias"] or uri["number"]))
    return read_run(store, _by_prefix(store, text))


def _by_prefix(store: Store, text: str) -> str:
    found = []
    if re.fullmatch("[0-9a-f]{1,32}", text.lower()):
        experiments, alike = list(store.experiments.values()), f"attributes.run_id LIKE '{text.lower()}%'"
        found = [run.info for run in paged(partial(store.client.search_runs, experiments, alike))]
    if not found:
        raise StoreError("runs.no-such-run", f"no run {text!r} in {store.uri}; {HOW_TO_NAME}")
    if len(found) > 1:
        several = ", ".join(f"{info.run_id[: len(text) + 6]} ({info.run_name})" for info in found[:5])
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise StoreError(
            "runs.ambiguous-id", f"{text!r} begins the id of {len(found)} runs: {several}{more}; give more of it"
        )
    return str(found[0].run_id)


def _only_model_with(store: Store, alias: str) -> str:
    """Return the name of the registered model that has an alias; nearly always there is one model."""
    models = paged(store.client.search_registered_models)
    names = sorted(str(model.name) for model in models if alias in model.aliases)
    if not names:
        raise StoreError("registry.no-such-alias", f"no registered model has the alias {alias!r} yet; {HOW_TO_NAME}")
    if len(names) > 1:
        choices = " or ".join(f"models:/{name}@{alias}" for name in names)
        raise StoreError(
            "registry.ambiguous-alias", f"{len(names)} registered models have the alias {alias!r}; say {choices}"
        )
    return names[0]


def _run_of(store: Store, name: str, version: str) -> str:
    """Return the run that trained a version, given by number or alias."""
    find = store.client.get_model_version if version.isdigit() else store.client.get_model_version_by_alias
    try:
        run_id = find(name, version).run_id
    except MlflowException as error:
        raise StoreError(
            "registry.no-such-version", f"the registry has no {version!r} of {name!r} ({error.message}); {HOW_TO_NAME}"
        ) from None
    if not run_id:
        raise StoreError(
            "registry.no-training-run", f"version {version!r} of {name!r} names no run that trained it; {HOW_TO_NAME}"
        )
    return str(run_id)
