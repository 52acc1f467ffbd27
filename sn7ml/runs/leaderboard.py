"""Runs as the store has them: which there are, what they are worth, where they come from, and whether they compare."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from mlflow.entities import LifecycleStage
from mlflow.entities import Run as MlflowRun
from mlflow.exceptions import MlflowException

from sn7ml.core.errors import ParamsError, StoreError
from sn7ml.metrics.score import Score
from sn7ml.metrics.score_text import PREFIXES
from sn7ml.runs.provenance import UNKNOWN
from sn7ml.runs.runs import AT_ONCE, SCORED, STATE
from sn7ml.runs.store import FINAL, SEARCH, Store, paged

SPLITS: Mapping[str, str] = {FINAL: PREFIXES["test"], SEARCH: PREFIXES["validation"]}
"""Experiment to how the names of its scores begin."""

SHORT = 7
"""Characters of a run id, commit or hash that are shown: enough to tell them apart, and to name them by."""


@dataclass(frozen=True)
class Version:
    """A version of a registered model."""

    name: str
    number: str
    aliases: tuple[str, ...]

    def __str__(self) -> str:
        """Return as it is shown: ``v3 champion``."""
        return " ".join([f"v{self.number}", *self.aliases])


@dataclass(frozen=True)
class RunRecord:
    """A run as it stood when it was read."""

    run_id: str
    name: str

    experiment: str
    """``FINAL`` or ``SEARCH``."""

    started: datetime
    """UTC."""

    state: str
    """complete, pruned, failed, infeasible, killed; or MLflow's own word, such as running."""

    metrics: Mapping[str, float]
    """Last value of each."""

    params: Mapping[str, str]
    tags: Mapping[str, str]

    scored: str
    """What its scores are of (see ``SCORED``; of a trial, the digest of its tiles); "" where that is not known."""

    versions: tuple[Version, ...] = ()
    """What the registry made of it."""

    @property
    def short_id(self) -> str:
        """As people see it."""
        return self.run_id[:SHORT]

    @property
    def data(self) -> str:
        """The hash of the data, "unknown" where there was none."""
        return self.tags.get("dvc.data_md5", UNKNOWN)

    @property
    def commit(self) -> str:
        """The commit, short, with a star if files had been changed since."""
        star = "*" if self.tags.get("git.dirty") == "true" else ""
        return self.tags.get("git.commit", UNKNOWN)[:SHORT] + star

    @property
    def split(self) -> str:
        """How the names of its scores begin: "test" or "val"."""
        return SPLITS[self.experiment]

    def score(self, name: str) -> float:
        """Return a score of the split that this kind of run is scored on; NaN if it has none."""
        return self.metrics.get(f"{self.split}_{name}", math.nan)

    def scores(self) -> dict[str, float]:
        """Return every score of that split, without its prefix; of a trial, curves that begin so are among them."""
        start = f"{self.split}_"
        return {name.removeprefix(start): value for name, value in self.metrics.items() if name.startswith(start)}


def read_runs(store: Store, experiment: str = FINAL, filter_string: str = "") -> list[RunRecord]:
    """Read the runs of an experiment, the newest first; of ``SEARCH`` only the trials, not the searches above them.

    The filter is in MLflow's syntax: ``metrics.test_f1 > 0.5 and params.`model.architecture` = 'FPN'``. Raises
    ParamsError if MLflow does not understand it.
    """
    trials = "tags.`sn7.kind` = 'trial'" if experiment == SEARCH else ""
    text = " and ".join(part for part in (trials, filter_string.strip()) if part)
    try:
        found = list(paged(partial(store.client.search_runs, [store.experiments[experiment]], text)))
    except MlflowException as error:
        if error.error_code != "INVALID_PARAMETER_VALUE":
            raise
        raise ParamsError(
            "runs.filter",
            f"MLflow does not understand the filter {filter_string!r} ({error.message}); expected tests joined by "
            "`and`, dotted names in backticks: \"metrics.test_f1 > 0.5 and params.`model.architecture` = 'FPN'\"",
        ) from None
    versions = _versions(store, [run.info.run_id for run in found])
    return [_record(store, run, versions) for run in found]


def ranked(records: Sequence[RunRecord], metric: str, scores: Sequence[Score] = ()) -> list[RunRecord]:
    """Return runs by a metric, the best first, the newer of equals first; those without it come last, the newest first.

    ``metric`` is a whole name (``test_f1``, ``train_seconds``) or that of a score (``f1``), of ``scores`` or the runs.
    Of losses and seconds the lowest is best; of ``scores``, what they say. Raises ParamsError if no run has the metric,
    naming those that there are.
    """
    names = {name for record in records for name in record.metrics}
    names |= {name for record in records for name in record.scores()} | {score.name for score in scores}
    if records and metric not in names:
        raise ParamsError(
            "runs.unknown-metric", f"no run has a metric {metric!r}; there are: {', '.join(sorted(names))}"
        )
    known = {score.name: score.higher_is_better for score in scores}
    sign = -1 if known.get(metric, not metric.endswith(("loss", "seconds"))) else 1

    def place(record: RunRecord) -> tuple[bool, float, float]:
        value = record.metrics.get(metric, record.score(metric))
        missing = math.isnan(value)
        return missing, 0.0 if missing else sign * value, -record.started.timestamp()

    return sorted(records, key=place)


def differences(records: Sequence[RunRecord], objective: str) -> list[str]:
    """Say why the scores of runs cannot be compared, a sentence each; runs without the objective are left out."""
    scored = [record for record in records if not math.isnan(record.score(objective))]
    said = []
    for field, what in {"data": "other data", "scored": "scored on other areas, columns or thresholds"}.items():
        runs = defaultdict[str, list[str]](list)
        for record in scored:
            runs[getattr(record, field)[:SHORT] or UNKNOWN].append(record.short_id)
        if len(runs) > 1:
            said.append(f"{what}: " + "; ".join(f"{', '.join(ids)} on {value}" for value, ids in runs.items()))
    return said


def read_run(store: Store, run_id: str) -> RunRecord:
    """Read one run. Raises StoreError if it is absent, was deleted, or belongs to none of our experiments."""
    try:
        run = store.client.get_run(run_id)
    except MlflowException as error:
        raise StoreError("runs.no-such-run", f"the run {run_id} is not in {store.uri} ({error.message})") from None
    if run.info.lifecycle_stage == LifecycleStage.DELETED:
        raise StoreError(
            "runs.deleted", f"the run {run_id} was deleted; bring it back with `mlflow runs restore --run-id {run_id}`"
        )
    if run.info.experiment_id not in store.experiments.values():
        raise StoreError(
            "runs.other-experiment",
            f"the run {run_id} belongs to another experiment of this store, not to {FINAL} or {SEARCH}",
        )
    return _record(store, run, _versions(store, [run_id]))


def _versions(store: Store, run_ids: Sequence[str]) -> dict[str, tuple[Version, ...]]:
    """Return run to its versions in the registry, the newest first."""
    client, by_run = store.client, dict[str, tuple[Version, ...]]()
    aliases = {model.name: model.aliases for model in paged(client.search_registered_models)}
    for first in range(0, len(run_ids), AT_ONCE):
        wanted = ", ".join(f"'{run_id}'" for run_id in run_ids[first : first + AT_ONCE])
        for found in paged(partial(client.search_model_versions, f"run_id IN ({wanted})")):
            own = [alias for alias, number in aliases[found.name].items() if str(number) == str(found.version)]
            version = Version(found.name, str(found.version), tuple(sorted(own)))
            run_id = str(found.run_id)
            by_run[run_id] = (*by_run.get(run_id, ()), version)
    return by_run


def _record(store: Store, run: MlflowRun, versions: Mapping[str, tuple[Version, ...]]) -> RunRecord:
    experiment = next(name for name, number in store.experiments.items() if number == run.info.experiment_id)
    # A final run says itself what it was scored on; a trial was scored on its tiles.
    inputs = run.inputs.dataset_inputs if experiment == SEARCH and run.inputs is not None else []
    tiles = {it.dataset.digest for it in inputs if any(tag.value == "validation" for tag in it.tags)}
    return RunRecord(
        run_id=str(run.info.run_id),
        name=run.info.run_name or "",
        experiment=experiment,
        started=datetime.fromtimestamp(run.info.start_time / 1000, UTC),
        state=run.data.tags.get(STATE, run.info.status.lower()),
        metrics=dict(run.data.metrics),
        params=dict(run.data.params),
        tags=dict(run.data.tags),
        scored=run.data.tags.get(SCORED) or (tiles.pop() if len(tiles) == 1 else ""),
        versions=versions.get(str(run.info.run_id), ()),
    )
