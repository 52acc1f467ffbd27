"""All sections together, and what can be said of them."""

from typing import Any, Literal

from pydantic import model_validator

from sn7ml.params.data import DataParams, SplitParams, TilingParams, ValidationParams
from sn7ml.params.learning import Choice, FinalTrainParams, PredictParams, SearchParams
from sn7ml.params.outcome import EvaluateParams, PromoteParams, ReportParams
from sn7ml.params.recipe import AugmentationParams, LossParams, ModelParams, OptimiserParams, Recipe
from sn7ml.params.section import Scalar, Section
from sn7ml.params.target import RimsParams, TargetParams
from sn7ml.params.tracking import OutputParams, TuneParams

TaskName = Literal["buildings_through_time"]


class Params(Section):
    """The whole of ``params.yaml``."""

    task: TaskName
    """What is predicted from which images: chooses scores, outputs and pages (``sn7ml/tasks``)."""

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
    def _scored_splits_are_predicted(self) -> "Params":
        missing = sorted(set(self.evaluate.splits) - set(self.predict.splits))
        if missing:
            raise ValueError(f"evaluate.splits {missing} are not in predict.splits {list(self.predict.splits)}")
        return self

    @model_validator(mode="after")
    def _loss_suits_the_target(self) -> "Params":
        chosen: RimsParams = getattr(self.target, self.target.kind)
        if fault := self.loss.misfit(chosen.channels, chosen.losses):
            raise ValueError(fault)
        return self

    @model_validator(mode="after")
    def _search_space_names_real_keys(self) -> "Params":
        known = set(flatten(recipe_of(self)))
        unknown = sorted({choice.param for choice in self.search.space} - known)
        if unknown:
            raise ValueError(f"search.space names unknown key(s) {unknown}; known: {sorted(known)}")
        return self

    @model_validator(mode="after")
    def _outputs_are_tuned_where_they_are_not_scored(self) -> "Params":
        known = set(flatten(self.output))
        unknown = sorted({choice.param for choice in self.tune.space} - known)
        if unknown:
            raise ValueError(f"tune.space names unknown key(s) {unknown}; known: {sorted(known)}")
        missing = sorted(set(self.tune.splits) - set(self.predict.splits))
        if missing and self.tune.trials:
            raise ValueError(f"tune.splits {missing} are not in predict.splits {list(self.predict.splits)}")
        both = sorted(set(self.tune.splits) & set(self.evaluate.splits))
        if both:
            raise ValueError(
                f"tune.splits {both} are scored by evaluate.splits too: scores would be those of the tuning"
            )
        return self


class Usage(Section):
    """How a model was used when it was scored, and is to be used: its task, and sections ``predict`` and ``output``, tuned."""

    task: TaskName = "buildings_through_time"
    predict: PredictParams
    output: OutputParams

    @model_validator(mode="before")
    @classmethod
    def _read_older_packages(cls, content: Any) -> Any:
        """Accept packages registered when tracks were the only output and their section was called ``track``."""
        if isinstance(content, dict) and "track" in content and "output" not in content:
            return {name: value for name, value in content.items() if name != "track"} | {
                "output": {"tracks": content["track"]}
            }
        return content


def recipe_of(params: Params) -> Recipe:
    """Return the recipe that ``params.yaml`` itself holds, the default of every search."""
    return Recipe(model=params.model, loss=params.loss, augmentation=params.augmentation, optimiser=params.optimiser)


def resolved(params: Params, recipe: Recipe) -> Params:
    """Return the params with the recipe that was really used in place of the defaults."""
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
        elif isinstance(value, tuple):
            shown = [item.param if isinstance(item, Choice) else item for item in value]
            rows.append((f"{prefix}{name}", str(shown), meaning))
        else:
            rows.append((f"{prefix}{name}", str(value), meaning))
    return rows
