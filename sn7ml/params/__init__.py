"""``params.yaml`` as frozen, strict models: a section each, every field with its meaning and unit."""

from sn7ml.params.data import SplitParams, TilingParams, ValidationParams
from sn7ml.params.learning import Choice, PredictParams, SearchParams, TrainParams
from sn7ml.params.outcome import (
    BaselineParams,
    CollapseParams,
    EvaluateParams,
    InstanceParams,
    PromoteParams,
    ReportParams,
    TrackParams,
)
from sn7ml.params.reading import load_params, load_recipe, parse
from sn7ml.params.recipe import AugmentationParams, LossParams, ModelParams, OptimiserParams, Recipe
from sn7ml.params.section import Scalar, Section, Split
from sn7ml.params.whole import Params, describe, flatten, recipe_of, resolved

__all__ = [
    "AugmentationParams",
    "BaselineParams",
    "Choice",
    "CollapseParams",
    "EvaluateParams",
    "InstanceParams",
    "LossParams",
    "ModelParams",
    "OptimiserParams",
    "Params",
    "PredictParams",
    "PromoteParams",
    "Recipe",
    "ReportParams",
    "Scalar",
    "SearchParams",
    "Section",
    "Split",
    "SplitParams",
    "TilingParams",
    "TrackParams",
    "TrainParams",
    "ValidationParams",
    "describe",
    "flatten",
    "load_params",
    "load_recipe",
    "parse",
    "recipe_of",
    "resolved",
]
