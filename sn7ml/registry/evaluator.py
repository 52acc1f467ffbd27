"""Score a registered model on today's held-out data: its own code predicts and tracks, today's code scores."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

import pandas as pd
import shapely

import sn7ml
from sn7ml.core.errors import StoreError
from sn7ml.core.runtime.files import read_output
from sn7ml.core.runtime.parallel import VARIABLE as EXECUTOR
from sn7ml.core.schemas import SOURCES
from sn7ml.flow.evaluate import Ground, evaluate
from sn7ml.metrics.score import Score
from sn7ml.params import EvaluateParams, OutputParams, Params, Usage
from sn7ml.registry import isolated
from sn7ml.registry.model_card import DataFacts
from sn7ml.registry.policy import ModelScores, numbers
from sn7ml.registry.versions import ARTIFACT
from sn7ml.runs.final import digest_of
from sn7ml.runs.provenance import data_md5, provenance
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.scored_columns import Columns
from sn7ml.scenes.store import TileStore
from sn7ml.targets import Target, target_of
from sn7ml.tasks import Task, task_named

CONTRACTS = (isolated.__name__, "sn7ml.experiment.replay")
"""Modules that answer a request of ``isolated.SCHEMA``: by today's name, and by that of models registered earlier."""

OWN_CODE = (
    "its own code",
    "cannot be run by its own code",
    "If a library has moved on, install the one that its requirements.txt names; or train it again with today's code.",
)
TODAYS_CODE = (
    "today's code, since it was registered before a model could be run by its own",
    "was registered before a model could be run by its own code, and today's cannot run it",
    "Train it again with today's code.",
)
"""By whose code a model predicts; what an error says where that fails; and the cure."""

FREE = (
    "If it is the champion and stands in the way of a better one, take the alias 'champion' from it in the MLflow UI: "
    "the next model is then compared with none."
)


@dataclass(frozen=True)
class Evaluator:
    """The held-out data, and how models are scored on it. All are asked for the same columns of the same frames."""

    data: Path
    scenes: Scenes
    tiles: TileStore

    target: Target
    """What the planes of ``tiles`` show."""

    scoring: EvaluateParams

    usage: Usage
    """For models that do not say how they are used; all predict its ``predict.splits``, since a tracker learns from all
    of an AOI, though only a part is scored."""

    @property
    def task(self) -> Task:
        """Whose scores are computed."""
        return task_named(self.usage.task)

    @cached_property
    def columns(self) -> Columns:
        """What is scored."""
        return self.tiles.columns(self.scoring.splits)

    @cached_property
    def key(self) -> dict[str, str]:
        """Digests of all that a score depends on beside the model: scores are the same while these are."""
        polygons = self._ground.truth.polygons
        rows = zip(polygons["aoi"], polygons["time"], polygons["id"], strict=True)
        names = (f"{aoi} {time} {name}\n".encode() for aoi, time, name in rows)
        root = Path(sn7ml.__file__).parent
        code = sorted(root.rglob("*.py"))
        return {
            "data": data_md5(),
            "tiles": self.tiles.digest(),
            "labels": _digest(chain(names, shapely.to_wkb(polygons["geometry"].to_numpy(dtype=object)))),
            "scoring": digest_of(self.scoring.model_dump(mode="json"), self._stretches),
            "code": _digest(f"{path.relative_to(root)}\n".encode() + path.read_bytes() for path in code),
            "libraries": digest_of({name: v for name, v in provenance().items() if name.startswith("version.")}),
        }

    def evaluate(self, model: Path, digest: str, name: str) -> tuple[ModelScores, str]:
        """Score a registered model in a process of its own; a note says by whose code it predicted.

        ``model`` is its folder as MLflow keeps it, with the package in ``artifacts`` and its code in ``code``;
        ``digest`` names the package, ``name`` the model in messages. Raises StoreError if it cannot run, with the cure.
        """
        snapshot = model / "code"
        module = next((it for it in CONTRACTS if (snapshot / f"{it.replace('.', '/')}.py").is_file()), None)
        code = Path(sn7ml.__file__).parent.parent if module is None else snapshot
        whose, failed, cure = TODAYS_CODE if module is None else OWN_CODE
        with tempfile.TemporaryDirectory(prefix="sn7ml-evaluator-") as folder:
            out = Path(folder) / "out"
            if failure := self._ask(module or CONTRACTS[0], code, model / "artifacts" / ARTIFACT, out):
                raise StoreError("registry.cannot-predict", f"{name} {failed}: {failure}\n{cure} {FREE}")
            found = self.task.output.read_outlines(out / "footprints", self._ground.grids)
            evaluation = evaluate(
                self.task, found, out / "probabilities", self._ground, self.scoring, self.usage.output
            )
        scores = model_scores(digest, self.task.scores, evaluation.overall, evaluation.per_aoi, evaluation.scored)
        return scores, f"{name} predicted by {whose}"

    @cached_property
    def facts(self) -> DataFacts:
        """What a model card says of the data."""
        months = sorted(self.tiles.frames["time"])
        rows = list(self.tiles.extent().itertuples(index=False, name=None))
        frames = self.scenes.frames
        groups = dict(zip(frames["aoi"], frames["group"], strict=True)) if self.task.gate_by == "group" else {}
        return DataFacts(self.key, rows, (months[0], months[-1]), self.scoring.splits, groups)

    @cached_property
    def _ground(self) -> Ground:
        return Ground.read(self.scenes, self.tiles, self.columns, self.target)

    @cached_property
    def _stretches(self) -> dict[str, list[list[int]]]:
        plans = self.tiles.stretches(self.usage.predict.splits)
        return {aoi: [[int(number) for number in stretch] for stretch in plans[aoi]] for aoi in self.columns}

    def _ask(self, module: str, code: Path, package: Path, out: Path) -> str:
        """Have the sn7ml in ``code`` answer; return what went wrong, nothing if all went well."""
        out.mkdir()
        usage = self.usage.model_dump(mode="json")
        if module != CONTRACTS[0]:  # the older one knows tracks as the only output, in section ``track``
            usage = {"predict": usage["predict"], "track": usage["output"]["tracks"]}
        wanted = self.scenes.frames_of(self._stretches)
        frames = wanted.assign(labels="", labels_kind="")[list(SOURCES.columns)].to_dict("records")
        request = {
            "schema": isolated.SCHEMA, "package": str(package), "data": str(self.scenes.images_in(self.data).resolve()),
            "frames": frames, "stretches": self._stretches, "usage": usage, "out": str(out),
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


def evaluator_of(data: Path, scenes: Path, tiles: Path, params: Params, output: OutputParams) -> Evaluator:
    """Return the evaluator of a project's folders and params; ``output`` is its section of that name, tuned or not."""
    usage = Usage(task=params.task, predict=params.predict, output=output)
    return Evaluator(data, Scenes(scenes), TileStore(tiles), target_of(params.target), params.evaluate, usage)


def model_scores(
    digest: str, scores: Sequence[Score], overall: Mapping[str, float], per_aoi: pd.DataFrame, scored: Collection[str]
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


def _digest(parts: Iterable[bytes]) -> str:
    content = hashlib.sha256()
    for part in parts:
        content.update(part)
    return content.hexdigest()[:16]
