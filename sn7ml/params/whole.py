"""All sections together."""

from typing import Any, Literal

from pydantic import model_validator

from sn7ml.params.data import (
    ClassesParams,
    DataParams,
    RimsParams,
    SplitParams,
    TargetParams,
    TilingParams,
    ValidationParams,
)
from sn7ml.params.learning import Choice, FinalTrainParams, PredictParams, SearchParams
from sn7ml.params.outcome import EvaluateParams, OutputParams, PromoteParams, ReportParams, TuneParams
from sn7ml.params.recipe import AugmentationParams, LossParams, ModelParams, OptimiserParams, Recipe
from sn7ml.params.section import Scalar, Section

TaskName = Literal["buildings_through_time", "buildings", "building_distance", "land_use"]


class Params(Section):
    """The whole of ``params.yaml``."""

    task: TaskName
    """What is predicted from which images; chooses scores, outputs and pages (``sn7ml/tasks``)."""

    data: DataParams
    split: SplitParams
    validation: ValidationParams
    tiling: TilingParams
    target: TargetParams
    model: ModelParams
    loss: LossParams
    augmentation: AugmentationParams
    optimiser: OptimiserParams
    train: FinalTrainParams
    search: SearchParams
    predict: PredictParams
    tune: TuneParams
    output: OutputParams
    evaluate: EvaluateParams
    promote: PromoteParams
    report: ReportParams

    @model_validator(mode="after")
    def _sections_agree(self) -> "Params":
        predicted, scored = self.predict.splits, self.evaluate.splits
        if missing := sorted(set(scored) - set(predicted)):
            raise ValueError(f"evaluate.splits {missing} are not in predict.splits {list(predicted)}")
        target: RimsParams | ClassesParams = getattr(self.target, self.target.kind)
        if fault := self.loss.misfit(target.channels, target.losses):
            raise ValueError(fault)
        for name, space, section in (
            ("search", self.search.space, recipe_of(self)),
            ("tune", self.tune.space, self.output),
        ):
            known = set(flatten(section))
            if unknown := sorted({choice.param for choice in space} - known):
                raise ValueError(f"{name}.space names unknown key(s) {unknown}; known: {sorted(known)}")
        if self.tune.trials and (missing := sorted(set(self.tune.splits) - set(predicted))):
            raise ValueError(f"tune.splits {missing} are not in predict.splits {list(predicted)}")
        if both := sorted(set(self.tune.splits) & set(scored)):
            raise ValueError(f"tune.splits {both} are in evaluate.splits too: scores would be those of the tuning")
        return self


class Usage(Section):
    """How a model is used, as when it was scored: its task, and sections ``predict`` and ``output``, tuned."""

    task: TaskName = "buildings_through_time"
    predict: PredictParams
    output: OutputParams

    @model_validator(mode="before")
    @classmethod
    def _read_older_packages(cls, content: Any) -> Any:
        """Accept packages registered when tracks were the only output and their section was called ``track``."""
        if not isinstance(content, dict) or "track" not in content or "output" in content:
            return content
        others = {name: value for name, value in content.items() if name != "track"}
        return others | {"output": {"tracks": content["track"]}}


def recipe_of(params: Params) -> Recipe:
    """Return the recipe in ``params.yaml``, the default of every search."""
    return Recipe(model=params.model, loss=params.loss, augmentation=params.augmentation, optimiser=params.optimiser)


def resolved(params: Params, recipe: Recipe) -> Params:
    """Return the params with the recipe that was used in place of the default."""
    return params.model_copy(update={name: getattr(recipe, name) for name in Recipe.model_fields})


def flatten(section: Section) -> dict[str, Scalar | None]:
    """Return every value under its dotted key, ``{"loss.dice": 1.0, …}``; sequences become text."""
    flat: dict[str, Scalar | None] = {}

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(f"{prefix}{name}.", inner)
        else:
            flat[prefix.rstrip(".")] = str(value) if isinstance(value, list) else value

    walk("", section.model_dump(mode="json"))
    return flat


def describe(section: Section, prefix: str = "") -> list[tuple[str, str, str]]:
    """Return (dotted key, value, meaning) of every field, in the order of ``params.yaml``."""
    rows = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        meaning = " ".join((field.description or "").split())
        if isinstance(value, Section):
            rows += describe(value, f"{prefix}{name}.")
        elif isinstance(value, dict):
            rows += [(f"{prefix}{name}.{key}", str(inner), meaning) for key, inner in value.items()]
        else:
            named = (
                [item.param if isinstance(item, Choice) else item for item in value] if type(value) is tuple else value
            )
            rows.append((f"{prefix}{name}", str(named), meaning))
    return rows
