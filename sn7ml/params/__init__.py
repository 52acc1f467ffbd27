"""``params.yaml`` as frozen, strict models: a section each, every field with its meaning and unit."""

from sn7ml.params.data import (
    Activation,
    DataParams,
    DistanceParams,
    FootprintParams,
    LayoutName,
    RimsParams,
    SplitParams,
    StretchParams,
    TargetParams,
    TilingParams,
    ValidationParams,
)
from sn7ml.params.learning import Choice, FinalTrainParams, PredictParams, SearchParams, TrainParams
from sn7ml.params.model_images import ModelImages, PartStretch, SceneStretch, Span
from sn7ml.params.outcome import (
    BaselineParams,
    BirthParams,
    ChangepointParams,
    CollapseParams,
    EvaluateParams,
    InstanceParams,
    LandUseParams,
    OutputParams,
    PeakParams,
    PromoteParams,
    ReportParams,
    TrackParams,
    TuneParams,
)
from sn7ml.params.reading import load_output, load_params, load_recipe, parse, with_values
from sn7ml.params.recipe import BUNDLED, AugmentationParams, LossParams, ModelParams, OptimiserParams, Recipe
from sn7ml.params.section import Scalar, Section, Split
from sn7ml.params.whole import Params, TaskName, Usage, describe, flatten, recipe_of, resolved

__all__ = [
    "BUNDLED", "Activation", "AugmentationParams", "BaselineParams", "BirthParams", "ChangepointParams", "Choice",
    "CollapseParams", "DataParams", "DistanceParams", "EvaluateParams", "FinalTrainParams", "FootprintParams",
    "InstanceParams", "LandUseParams", "LayoutName", "LossParams", "ModelImages", "ModelParams", "OptimiserParams",
    "OutputParams", "Params", "PartStretch", "PeakParams", "PredictParams", "PromoteParams", "Recipe", "ReportParams",
    "RimsParams", "Scalar", "SceneStretch", "SearchParams", "Section", "Span", "Split", "SplitParams", "StretchParams",
    "TargetParams", "TaskName", "TilingParams", "TrackParams", "TrainParams", "TuneParams", "Usage",
    "ValidationParams", "describe", "flatten", "load_output", "load_params", "load_recipe", "parse", "recipe_of",
    "resolved", "with_values",
]  # fmt: skip
