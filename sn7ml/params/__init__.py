"""``params.yaml`` as frozen, strict models: a section each, every field with its meaning and unit."""

from sn7ml.params.data import SplitParams, TilingParams, ValidationParams
from sn7ml.params.learning import Choice, FinalTrainParams, PredictParams, SearchParams, TrainParams
from sn7ml.params.outcome import EvaluateParams, PromoteParams, ReportParams
from sn7ml.params.reading import load_params, load_recipe, load_track, parse, with_values
from sn7ml.params.recipe import AugmentationParams, LossParams, ModelParams, OptimiserParams, Recipe
from sn7ml.params.section import Scalar, Section, Split
from sn7ml.params.target import RimsParams, TargetParams
from sn7ml.params.tracking import (
    BaselineParams,
    BirthParams,
    ChangepointParams,
    CollapseParams,
    InstanceParams,
    PeakParams,
    TrackParams,
    TuneParams,
)
from sn7ml.params.whole import Params, Usage, describe, flatten, recipe_of, resolved

__all__ = [
    "AugmentationParams",
    "BaselineParams",
    "BirthParams",
    "ChangepointParams",
    "Choice",
    "CollapseParams",
    "EvaluateParams",
    "FinalTrainParams",
    "InstanceParams",
    "LossParams",
    "ModelParams",
    "OptimiserParams",
    "Params",
    "PeakParams",
    "PredictParams",
    "PromoteParams",
    "Recipe",
    "ReportParams",
    "RimsParams",
    "Scalar",
    "SearchParams",
    "Section",
    "Split",
    "SplitParams",
    "TargetParams",
    "TilingParams",
    "TrackParams",
    "TrainParams",
    "TuneParams",
    "Usage",
    "ValidationParams",
    "describe",
    "flatten",
    "load_params",
    "load_recipe",
    "load_track",
    "parse",
    "recipe_of",
    "resolved",
    "with_values",
]
