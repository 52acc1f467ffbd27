"""Toy models, and an evaluator that gives them the numbers a test wants: files are registered, networks are not run."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from sn7ml.package_files import CONFIG, WEIGHTS, package_digest
from sn7ml.params import PromoteParams, load_params, recipe_of
from sn7ml.registry.model_card import DataFacts
from sn7ml.registry.policy import Decision, ModelScores, Rules
from sn7ml.registry.promotion import Promoter
from sn7ml.registry.versions import register
from sn7ml.runs.store import Store
from sn7ml.tasks import task_named
from tests.runs.scored import training_run

ROOT = Path(__file__).resolve().parents[2]
NAME = "sn7-test"
PARAMS = PromoteParams(
    model_name=NAME, objective="scot", min_score=0.1, floors={"f1": 0.0}, min_gain=0.0,
    max_loss={"f1": 0.02, "iou": 0.02}, max_aoi_loss=0.1, min_aois=5, confidence=0.9, seed=7,
)  # fmt: skip
TASK = task_named("buildings_through_time")
RULES = Rules(PARAMS, TASK.scores)
AOIS = ("north", "south")
TODAY = {"data": "d1", "tiles": "t1", "labels": "l1"}


def scores(
    scot: float, f1: float = 0.5, iou: float = 0.4, aois: Mapping[str, float] | None = None, digest: str = ""
) -> ModelScores:
    """The same SCOT in two AOIs, unless ``aois`` say otherwise."""
    scots = aois if aois is not None else dict.fromkeys(AOIS, scot)
    rest = {"tracking": 0.6, "change": 0.2, "f1": 0.5, "iou": 0.4}
    return ModelScores(
        digest, {"scot": scot, "f1": f1, "iou": iou}, {aoi: {"scot": s} | rest for aoi, s in scots.items()}
    )


def package(folder: Path, name: str) -> Path:
    """A folder with the names of a model's files, but no weights; the package's name stands in a comment."""
    made = folder / f"model-{name}"
    made.mkdir(exist_ok=True)
    recipe = recipe_of(load_params(ROOT / "params.yaml")).model_dump(mode="json")
    (made / CONFIG).write_text(f"# {name}\n{yaml.safe_dump({'recipe': recipe, 'upsampling': 1})}")
    (made / WEIGHTS).write_bytes(b"weights")
    return made


@dataclass
class ToyEvaluator:
    """Gives every model the scores that ``worth`` holds for it, and remembers who was scored."""

    worth: dict[str, ModelScores] = field(default_factory=dict)
    key: Mapping[str, str] = field(default_factory=lambda: TODAY)
    scored: list[str] = field(default_factory=list)

    @property
    def facts(self) -> DataFacts:
        return DataFacts(self.key, [("test", "north", "0 to 99", 3)], ("2018-01", "2018-03"), ("test",))

    def evaluate(self, model: Path, digest: str, name: str) -> tuple[ModelScores, str]:
        said = (model / "artifacts" / "package" / CONFIG).read_text().splitlines()[0].removeprefix("# ")
        self.scored.append(said)
        return replace(self.worth[said], digest=digest), f"{name} predicted by a toy"


@dataclass
class ToyRegistry:
    """A store, toy models and an evaluator."""

    store: Store
    folder: Path
    evaluator: ToyEvaluator = field(default_factory=ToyEvaluator)

    @cached_property
    def run_id(self) -> str:
        with training_run(self.store, name="train", tags={}, params={"train.epochs": 3}) as run:
            run.log_metrics({"test_scot": 0.5}, step=3)
        return run.run_id

    def version(self, name: str) -> ModelVersion:
        return register(self.store, package(self.folder, name), NAME, self.run_id)

    def submit(
        self, name: str, worth: ModelScores | None = None, params: PromoteParams = PARAMS, *, by_hand: bool = False
    ) -> Decision:
        """Promote a model as the stage does or, ``by_hand``, as the command line does."""
        if worth is not None:
            self.evaluator.worth[name] = worth
        own = (
            None if by_hand else replace(self.evaluator.worth[name], digest=package_digest(package(self.folder, name)))
        )
        return Promoter(self.store, self.evaluator, TASK, params).decide(self.version(name), own, reinstate=by_hand)

    @property
    def aliases(self) -> dict[str, str]:
        found = self.store.client.get_registered_model(NAME).aliases
        return {alias: str(version) for alias, version in found.items()}


class Killed(BaseException):
    """No handler catches it, as none catches a kill."""


class Mortal:
    """A client that dies just before write number ``at`` to the registry, from 0."""

    def __init__(self, client: MlflowClient, at: int) -> None:
        self.client, self.left = client, at

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)
        if not name.startswith(("set_", "delete_", "update_", "log_")):
            return method

        def call(*arguments: Any, **keywords: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise Killed
            return method(*arguments, **keywords)

        return call


def mortal(store: Store, at: int) -> Store:
    """The same store, of which a process that uses it dies at a write."""
    return replace(store, client=Mortal(store.client, at))  # type: ignore[arg-type]
