"""What a registered model is worth on the held-out data of today: its own code predicts and tracks, today's scores."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import shapely

import sn7ml
from sn7ml.core.errors import StoreError
from sn7ml.core.runtime.files import read_output
from sn7ml.core.runtime.parallel import VARIABLE as EXECUTOR
from sn7ml.flow.evaluate import Ground, evaluate, read_split_truth
from sn7ml.metrics.score import Score
from sn7ml.params import EvaluateParams, Split, Usage
from sn7ml.registry import isolated
from sn7ml.registry.model_card import DataFacts
from sn7ml.registry.policy import ModelScores, numbers
from sn7ml.registry.pyfunc import ARTIFACT
from sn7ml.runs.final import digest_of
from sn7ml.runs.provenance import data_md5, provenance
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.scored_columns import Columns
from sn7ml.scenes.store import TileStore
from sn7ml.targets import Target
from sn7ml.tasks import Task

SNAPSHOT = "code"
"""Folder of a registered model that holds the code it came with, as MLflow names it."""

CONTRACTS = (isolated.__name__, "sn7ml.experiment.replay")
"""Modules that answer a request of ``isolated.SCHEMA``: today's name, and the one that models registered earlier came with."""


@dataclass(frozen=True)
class Evaluator:
    """The held-out data, and how models are scored on it. All are asked for the same columns of the same frames."""

    data: Path

    scenes: Scenes

    tiles: TileStore

    task: Task

    target: Target
    """What the planes of ``tiles`` show."""

    predicted: Sequence[Split]
    """``predict.splits``: a tracker learns from all of an AOI, though only a part is scored."""

    scoring: EvaluateParams

    usage: Usage
    """For models that do not say how they are used."""

    @cached_property
    def columns(self) -> Columns:
        """What is scored."""
        return self.tiles.columns(self.scoring.splits)

    @cached_property
    def key(self) -> dict[str, str]:
        """Digests of all that a score depends on beside the model: scores are the same while these are."""
        return {
            "data": data_md5(),
            "tiles": self.tiles.digest(),
            "labels": _digest_of_polygons(self._ground.truth.polygons),
            "scoring": digest_of(self.scoring.model_dump(mode="json"), self._stretches),
            "code": _digest_of_code(),
            "libraries": digest_of({name: v for name, v in provenance().items() if name.startswith("version.")}),
        }

    def evaluate(self, model: Path, digest: str, name: str) -> tuple[ModelScores, str]:
        """Score a registered model in a process of its own.

        Parameters
        ----------
        model
            Its folder, as MLflow keeps it: the package in ``artifacts``, its code in ``code``.
        digest
            Of its package.
        name
            What it is called in messages.

        Returns
        -------
        ModelScores
        str
            By whose code it predicted, as a note.

        Raises
        ------
        StoreError
            If it cannot be run, with the cure.
        """
        snapshot = model / SNAPSHOT
        module = next((name for name in CONTRACTS if (snapshot / f"{name.replace('.', '/')}.py").is_file()), None)
        own = module is not None
        code = snapshot if own else Path(sn7ml.__file__).parent.parent
        with tempfile.TemporaryDirectory(prefix="sn7ml-evaluator-") as folder:
            out = Path(folder) / "out"
            if failure := self._ask(module or CONTRACTS[0], code, model / "artifacts" / ARTIFACT, out):
                raise StoreError("registry.cannot-predict", _cannot(name, own, failure))
            found = self.task.output.read_outlines(out / "footprints", self._ground.grids)
            evaluation = evaluate(self.task, found, out / "probabilities", self._ground, self.scoring)
        whose = (
            "its own code" if own else "today's code, since it was registered before a model could be run by its own"
        )
        scores = model_scores(digest, self.task.scores, evaluation.overall, evaluation.per_aoi, evaluation.scored)
        return scores, f"{name} predicted by {whose}"

    @cached_property
    def facts(self) -> DataFacts:
        """What a model card says of the data."""
        months = sorted(self.tiles.frames["time"])
        rows = list(self.tiles.extent().itertuples(index=False, name=None))
        return DataFacts(self.key, rows, (months[0], months[-1]), self.scoring.splits)

    @cached_property
    def _ground(self) -> Ground:
        truth = read_split_truth(self.scenes, self.columns)
        return Ground(truth, self.tiles, self.target, self.scenes.grids_of(self.columns))

    @cached_property
    def _stretches(self) -> dict[str, list[list[int]]]:
        plans = self.tiles.stretches(self.predicted)
        return {aoi: [[int(number) for number in stretch] for stretch in plans[aoi]] for aoi in self.columns}

    def _ask(self, module: str, code: Path, package: Path, out: Path) -> str:
        """Have the sn7ml in ``code`` answer; return what went wrong, nothing if all went well."""
        out.mkdir()
        request = {
            "schema": isolated.SCHEMA, "package": str(package), "data": str(self.data.resolve()), "stretches": self._stretches,
            "usage": _usage_for(module, self.usage), "out": str(out),
        }  # fmt: skip
        asked = out / "request.json"
        asked.write_text(json.dumps(request), encoding="utf-8")
        # The variable reaches the workers of that process too. Byte code is not written: the code may be ours.
        environ = os.environ | {"PYTHONPATH": str(code), "PYTHONDONTWRITEBYTECODE": "1"}
        # The workers of a cluster run our code: theirs must stay here.
        if os.environ.get(EXECUTOR, "").startswith("dask"):
            environ[EXECUTOR] = "processes"
        command = [sys.executable, "-m", module, str(asked)]
        done = subprocess.run(command, cwd=out, env=environ, check=False, capture_output=True, text=True)
        if done.returncode:
            return done.stderr.strip()[-2000:] or f"it ended with exit code {done.returncode}"
        ran = Path(json.loads((out / "answer.json").read_text(encoding="utf-8"))["code"])
        return "" if ran == code / "sn7ml" else f"{ran} ran in place of {code / 'sn7ml'}"


def _usage_for(module: str, usage: Usage) -> dict[str, Any]:
    """Return the usage in the words of the version that is asked: before there were tasks, tracks were section ``track``."""
    if module == isolated.__name__:
        return usage.model_dump(mode="json")
    return {"predict": usage.predict.model_dump(mode="json"), "track": usage.output.tracks.model_dump(mode="json")}


def model_scores(
    digest: str,
    scores: Sequence[Score],
    overall: Mapping[str, float],
    per_aoi: pd.DataFrame,
    scored: Collection[str],
) -> ModelScores:
    """Return what the gate compares, from an ``Evaluation``."""
    rows = {str(row["aoi"]): row for row in per_aoi.to_dict("records")}
    aois = {aoi: {score.name: float(rows[aoi][score.name]) for score in scores} for aoi in scored}
    return ModelScores(digest, dict(overall), aois)


def read_scores(evaluation: Path, digest: str, scores: Sequence[Score]) -> ModelScores:
    """Read what the evaluate stage found of the model of today."""
    overall = read_output(evaluation / "metrics.json")
    per_aoi = pd.read_csv(evaluation / "per_aoi.csv", dtype={"aoi": "str"})
    scored: list[str] = read_output(evaluation / "evaluation.json")["scored"]
    return model_scores(digest, scores, numbers(overall), per_aoi, scored)


def _cannot(name: str, own: bool, failure: str) -> str:
    if own:
        return (
            f"{name} cannot be run by its own code: {failure}\nIf a library has moved on, install the one that its "
            f"requirements.txt names; or train it again with today's code. {FREE}"
        )
    return (
        f"{name} was registered before a model could be run by its own code, and today's cannot run it: {failure}\n"
        f"Train it again with today's code. {FREE}"
    )


FREE = (
    "If it is the champion and stands in the way of a better one, take the alias 'champion' from it in the MLflow UI: the next "
    "model is then compared with none."
)


def _digest_of_polygons(polygons: pd.DataFrame) -> str:
    content = hashlib.sha256()
    for aoi, month, name in zip(polygons["aoi"], polygons["time"], polygons["id"], strict=True):
        content.update(f"{aoi} {month} {name}\n".encode())
    for outline in shapely.to_wkb(polygons["geometry"].to_numpy(dtype=object)):
        content.update(outline)
    return content.hexdigest()[:16]


def _digest_of_code() -> str:
    root, content = Path(sn7ml.__file__).parent, hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        content.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return content.hexdigest()[:16]
