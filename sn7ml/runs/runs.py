"""Runs: one MLflow record per training or trial, with the same names for the same things everywhere."""

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunStatus, RunTag
from mlflow.entities import Run as MlflowRun
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from numpy.typing import NDArray
from optuna import TrialPruned

from sn7ml.core.errors import StoreError
from sn7ml.core.runtime.files import write_text
from sn7ml.metrics.score import Score
from sn7ml.metrics.score_text import OWN_NOTE, PREFIXES, scores_note
from sn7ml.params import Split
from sn7ml.runs.provenance import provenance
from sn7ml.runs.store import FINAL, Store

MODEL_DIGEST = "sn7.model_digest"
"""Tag by which the run of a model package is found again: no run id ever enters a DVC output.

On a run it names the package as training left it. On a version of the registry and its logged model, the package as it
was registered, which says how it is used too: for one model the two differ. Stores hold both under this name already.
"""

RESTORED = "sn7.restored"
"""Tag of a run that was restored from the files of a training, since this store did not know it."""

STATE, FAILURE = "sn7.state", "sn7.failure"
"""Tags: how a run ended, in a word (complete, pruned, failed, infeasible, killed), and why it failed."""

RESUMES = "sn7.resumes"
"""Tag of a training's run: the run of the same training that was killed before. The newer one holds all epochs."""

SCORED = "sn7.scored"
"""Tag: what the scores are of, as 16 hexadecimal digits. Only scores of the same data and the same digits compare."""

NOTE = "mlflow.note.content"
"""MLflow's tag for the Markdown that its UI shows as the description of a run."""

AT_ONCE = 100
"""Params that MLflow's REST interface takes in one request (1000 metrics)."""

TABLES = "mlflow.loggedArtifacts"
"""MLflow's tag that lists the artifacts its UI shows as tables."""


@dataclass(frozen=True)
class Run:
    """A run to which one can add at any time, also after it has ended or from another process."""

    store: Store
    run_id: str

    def log_epoch(self, epoch: int, metrics: Mapping[str, float], network: int = 1) -> None:
        """Add a point to each curve; ``epoch`` counts from 1. A second network's begin with ``network2_``."""
        prefix = f"network{network}_" if network > 1 else ""
        self.log_metrics({f"{prefix}{name}": value for name, value in metrics.items()}, epoch)

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Add numbers at a step, all in one write: each costs the store as much as a hundred."""
        now = int(time.time() * 1000)
        points = [Metric(name, float(value), now, step) for name, value in metrics.items()]
        self.store.client.log_batch(self.run_id, metrics=points)

    def log_scores(
        self, scores: Sequence[Score], overall: Mapping[str, float], per_aoi: pd.DataFrame, split: Split, step: int
    ) -> None:
        """Record the scores of a split: ``test_<name>`` each, a table ``per_aoi_test.json``, and a description.

        The description shows ``scores``, those of the task. ``overall`` is name to value without the split's prefix;
        ``per_aoi`` has a row per AOI and replaces an earlier table. ``step`` is the epoch whose weights were scored. A
        score whose name is also a curve's (val_iou) stands at the curve's end: MLflow shows the value of the last step.
        """
        prefix = PREFIXES[split]
        named = {f"{prefix}_{name}": value for name, value in overall.items()}
        client, now = self.store.client, int(time.time() * 1000)
        before = client.get_run(self.run_id).data
        curves = before.metrics.keys() & named
        ends = {name: max(point.step for point in client.get_metric_history(self.run_id, name)) for name in curves}
        points = [Metric(name, float(value), now, max(step, ends.get(name, 0))) for name, value in named.items()]
        client.log_batch(self.run_id, metrics=points)
        self.log_table(per_aoi, f"per_aoi_{prefix}.json")
        if before.tags.get(NOTE, OWN_NOTE).startswith(OWN_NOTE):  # a person may have written another
            self.set_tags({NOTE: scores_note(self.run_id, scores, overall, per_aoi, split)})

    def log_table(self, table: pd.DataFrame, name: str) -> None:
        """Write a table that MLflow's UI shows and compares; ``name`` ends in ``.json``. Replaces an older one.

        MLflow's own ``log_table`` appends instead, so that scoring twice would show every AOI twice.
        """
        client = self.store.client
        client.log_text(self.run_id, table.to_json(orient="split", index=False), name)
        shown = json.loads(client.get_run(self.run_id).data.tags.get(TABLES, "[]"))
        entry = {"path": name, "type": "table"}
        if entry not in shown:
            client.set_tag(self.run_id, TABLES, json.dumps([*shown, entry]))

    def log_image(self, key: str, step: int, image: NDArray[np.uint8]) -> None:
        """Show a picture, (rows, cols, 3), in MLflow's image grid of this key and step. Replaces an older one."""
        client = self.store.client
        start = f"images/{key.replace('/', '~')}+step+{step}+"  # as MLflow names the files
        older = [file.path for file in client.list_artifacts(self.run_id, "images") if file.path.startswith(start)]
        if older:
            uri = client.get_run(self.run_id).info.artifact_uri
            repository = get_artifact_repository(uri, tracking_uri=self.store.uri)
            for path in older:
                repository.delete_artifacts(path)  # type: ignore[no-untyped-call]
        client.log_image(self.run_id, image, key=key, step=step, synchronous=True)

    def log_dataset(self, name: str, source: str, digest: str, context: str) -> None:
        """Record which data went in: ``digest`` is any text (DVC's hash), ``context`` such as "train" or "test"."""
        dataset = Dataset(name=name, digest=digest[:36], source_type="local", source=json.dumps({"uri": source}))
        inputs = [DatasetInput(dataset, [InputTag("mlflow.data.context", context)])]
        try:
            self.store.client.log_inputs(self.run_id, inputs)
        except MlflowException as error:
            # MLflow looks the dataset up and then adds it: of two runs that do so at once, the database refuses one.
            # Asked again, MLflow knows it.
            if error.error_code != "BAD_REQUEST":
                raise
            self.store.client.log_inputs(self.run_id, inputs)

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Copy a file into the run's artifacts, into ``folder`` there."""
        self.store.client.log_artifact(self.run_id, str(path), folder)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags; those that exist take the new value."""
        self.store.client.log_batch(self.run_id, tags=[RunTag(name, value) for name, value in tags.items()])


def create_run(store: Store, experiment: str, name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> Run:
    """Start a run with its provenance, in ``FINAL`` or ``SEARCH``; ``params`` is dotted key to resolved value."""
    given = {"mlflow.source.name": Path(sys.argv[0]).name, "mlflow.source.type": "LOCAL", **provenance(), **tags}
    info = store.client.create_run(store.experiments[experiment], tags=given, run_name=name).info
    entries = [Param(key, str(value)) for key, value in params.items()]
    for first in range(0, len(entries), AT_ONCE):
        store.client.log_batch(info.run_id, params=entries[first : first + AT_ONCE])
    return Run(store, str(info.run_id))


@contextmanager
def resumable_run(
    store: Store, note: Path, *, name: str, tags: Mapping[str, str], params: Mapping[str, Any]
) -> Iterator[Run]:
    """Record a training that may be killed, and started again in the same place; ends as :func:`ending` says.

    A killed process leaves its run RUNNING. The next one here ends it (KILLED) and begins a run of its own, whose tag
    ``RESUMES`` names it: code or params may have changed meanwhile. The file ``note`` names the run while it is under
    way; there is one per place of training, beside its checkpoints. Raises StoreError if another process trains there.
    """
    note.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(note.with_suffix(".lock"))  # let go by the system when a process is killed
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise StoreError("training.in-use", f"another process trains in {note.parent}; wait or stop it") from None
    try:
        resumed = _end_killed(store, note)
        run = create_run(store, FINAL, name, {**tags, **resumed}, params)
        write_text(note, run.run_id)
        with ending(run):
            yield run
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def _end_killed(store: Store, note: Path) -> dict[str, str]:
    """End the run that a killed process left behind; return the tag that names it, empty where there is none."""
    if not note.exists():
        return {}
    run = Run(store, note.read_text(encoding="utf-8").strip())
    try:
        status = store.client.get_run(run.run_id).info.status
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        return {}  # the store was deleted meanwhile, and the run with it
    if status != RunStatus.to_string(RunStatus.RUNNING):
        return {}  # killed after its end
    _end(run, "KILLED", {STATE: "killed"})
    return {RESUMES: run.run_id}


@contextmanager
def ending(run: Run) -> Iterator[Run]:
    """End the run as the block ends; every exception goes on.

    FINISHED when it completes or is pruned (MLflow itself calls a pruned run FAILED), FAILED on an error, KILLED on an
    interrupt.
    """
    try:
        yield run
    except TrialPruned:
        _end(run, "FINISHED", {STATE: "pruned"})
        raise
    except Exception as error:
        _end(run, "FAILED", {STATE: "failed", FAILURE: failure_text(error)})
        raise
    except BaseException:
        _end(run, "KILLED", {STATE: "killed"})
        raise
    _end(run, "FINISHED", {STATE: "complete"})


def _end(run: Run, status: str, tags: Mapping[str, str]) -> None:
    run.set_tags(tags)
    run.store.client.set_terminated(run.run_id, status)


def failure_text(error: Exception) -> str:
    """Return an error as one text that fits into a tag."""
    return f"{type(error).__name__}: {error}"[:4000]


def find_run(store: Store, model_digest: str) -> Run | None:
    """Return the newest final run that made a model package; None if this store knows none."""
    found = newest_with(store, FINAL, {MODEL_DIGEST: model_digest})
    return Run(store, str(found.info.run_id)) if found else None


def newest_with(store: Store, experiment: str, tags: Mapping[str, str]) -> MlflowRun | None:
    """Return the newest run that has all these tags; None if there is none."""
    wanted = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
    newest_first = ["attributes.start_time DESC"]
    found = store.client.search_runs([store.experiments[experiment]], wanted, max_results=1, order_by=newest_first)
    return found[0] if found else None


def restore_run(store: Store, model_digest: str, name: str, params: Mapping[str, Any], history: pd.DataFrame) -> Run:
    """Record a finished training that this store does not know, as in a fresh clone that pulled the trained model.

    ``history`` is a row per epoch and network with columns ``epoch`` and ``network``; the others become the curves.
    """
    tags = {MODEL_DIGEST: model_digest, RESTORED: "true"}
    with ending(create_run(store, FINAL, name, tags, params)) as run:
        for row in history.to_dict("records"):
            epoch, network = int(row.pop("epoch")), int(row.pop("network"))
            run.log_epoch(epoch, {str(column): value for column, value in row.items()}, network)
    return run
