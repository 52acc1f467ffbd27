"""``params.yaml`` as frozen, strict models: a section each, every field with its meaning and unit."""

from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sn7ml.errors import ParamsError

Split = Literal["train", "validation", "test"]
Scalar = bool | int | float | str


class Section(BaseModel):
    """A part of the params: cannot be changed, refuses unknown keys, converts no types, takes finite numbers only."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )


class SplitParams(Section):
    """Which AOIs, or which columns of a single AOI, train, validate and test."""

    validation_fraction: float = Field(gt=0, lt=0.5)
    """Share of the AOIs (or of the columns of a single AOI) that choose epochs, trials and thresholds."""

    test_fraction: float = Field(gt=0, lt=0.6)
    """Share of the AOIs (or of the columns, the rightmost ones) that is scored and reported, never trained on."""

    gap_px: int = Field(ge=0)
    """Columns between two splits of a single AOI that belong to neither, pixels of the original image."""

    neighbour_tiles: int = Field(ge=0)
    """AOIs whose zoom-13 tiles lie at most this many tiles apart stay in one split."""

    seed: int = Field(ge=0)
    """Decides which groups of AOIs go where."""


class ValidationParams(Section):
    """Thresholds of the data checks. A ``critical`` expectation that fails stops the pipeline, a ``warning`` is reported."""

    sides_px: tuple[int, int]
    """Smallest and largest allowed number of rows or columns of a frame; SpaceNet 7 has 1023 or 1024."""

    min_usable_fraction: float = Field(ge=0, le=1)
    """A frame with a smaller share of usable pixels gets a warning."""

    max_small_fraction: float = Field(ge=0, le=1)
    """A frame with a larger share of footprints under 4 px² gets a warning."""

    max_birth_fraction: float = Field(ge=0, le=1)
    """A month in which more than this share of the buildings is new gets a warning: labels or registration may have broken."""

    max_outside_px: float = Field(ge=0)
    """How far a footprint may stick out of its image before it is a critical fault, pixels."""


class TilingParams(Section):
    """How frames are cut into tiles and what the masks show."""

    size_px: int = Field(gt=0, multiple_of=32)
    """Side of a tile, pixels of the original image; a multiple of the encoder's stride (32)."""

    overlap_px: int = Field(ge=0)
    """Pixels that neighbouring tiles share along each axis; smaller than ``size_px``."""

    upsampling: int = Field(ge=1, le=8)
    """Mask pixels per image pixel along each axis. SpaceNet 7 needs 3: buildings are 3 px wide."""

    boundary_px: int = Field(ge=1)
    """Thickness of the rim of a building, on its inside, pixels of the up-sampled mask."""

    contact_px: int = Field(ge=1)
    """Two buildings this close or closer get a contact mark between them, pixels of the up-sampled mask; an even number
    counts as the next odd one."""

    min_usable_fraction: float = Field(ge=0, le=1)
    """Tiles with a smaller share of usable pixels are left out: black pixels teach nothing."""

    @model_validator(mode="after")
    def _overlap_leaves_a_step(self) -> "TilingParams":
        if self.overlap_px >= self.size_px:
            raise ValueError(f"overlap_px must be smaller than size_px, got {self.overlap_px} and {self.size_px}")
        return self


class ModelParams(Section):
    """The network."""

    architecture: str
    """A class of segmentation_models_pytorch: Unet, UnetPlusPlus, FPN, DeepLabV3Plus, MAnet, PAN, Linknet, Segformer, …"""

    encoder: str
    """An encoder of segmentation_models_pytorch, for instance ``timm-tf_efficientnet_lite0`` or ``resnet18``."""

    weights: str | None
    """``imagenet``, another set that smp knows for the encoder, or null for random ones."""


class LossParams(Section):
    """A weighted sum of losses; each is computed per channel over usable pixels only."""

    bce: float = Field(ge=0)
    """Weight of binary cross-entropy."""

    dice: float = Field(ge=0)
    """Weight of the soft Dice loss."""

    focal: float = Field(ge=0)
    """Weight of the focal loss (gamma 2)."""

    jaccard: float = Field(ge=0)
    """Weight of the soft Jaccard loss."""

    footprint: float = Field(gt=0)
    """Weight of the footprint channel."""

    boundary: float = Field(ge=0)
    """Weight of the boundary channel."""

    contact: float = Field(ge=0)
    """Weight of the contact channel."""

    @model_validator(mode="after")
    def _at_least_one_term(self) -> "LossParams":
        if self.bce + self.dice + self.focal + self.jaccard <= 0:
            raise ValueError("at least one of bce, dice, focal and jaccard must be above 0")
        return self


class AugmentationParams(Section):
    """What is done to training tiles; 0 or false turns a choice off."""

    flips: bool
    """Left-right and up-down, each with probability one half."""

    quarter_turns: bool
    """Turn by 0, 90, 180 or 270 degrees."""

    brightness: float = Field(ge=0, le=1)
    """Strength of a random change of brightness (torchvision's ColorJitter)."""

    contrast: float = Field(ge=0, le=1)
    """Strength of a random change of contrast."""

    saturation: float = Field(ge=0, le=1)
    """Strength of a random change of saturation."""

    noise: float = Field(ge=0, le=1)
    """Standard deviation of added Gaussian noise, in standard deviations of the frame."""

    blur: float = Field(ge=0, le=3)
    """Largest sigma of a random Gaussian blur, pixels of the original image."""


class OptimiserParams(Section):
    """AdamW with a one-cycle learning rate."""

    learning_rate: float = Field(gt=0, le=1)
    """The highest learning rate of the cycle."""

    weight_decay: float = Field(ge=0)
    """Decoupled weight decay."""


class TrainParams(Section):
    """How long and on what the final model is trained."""

    epochs: int = Field(ge=1)
    """Passes of ``tiles_per_epoch`` tiles."""

    tiles_per_epoch: int = Field(ge=1)
    """Tiles drawn per epoch, those with buildings more often."""

    validation_tiles: int = Field(ge=1)
    """At most this many validation tiles, evenly spread, are looked at after each epoch."""

    batch_size: int = Field(ge=1)
    """Tiles per optimiser step."""

    patience: int = Field(ge=1)
    """Stop after this many epochs without a better validation IoU."""

    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    """Fabric's precision; bf16-mixed on a recent GPU, 32-true on a CPU."""

    loader_workers: int = Field(ge=0)
    """Processes that read tiles ahead; 0 reads in the training process, which suffices on a CPU."""

    seed: int = Field(ge=0)
    """Decides first weights, the order of tiles, and augmentation."""


class Choice(Section):
    """One dimension of the search space: any of ``values``, or a number between ``low`` and ``high``."""

    param: str
    """The key it sets, section and field: ``loss.dice``."""

    values: tuple[Scalar | None, ...] = ()
    """Allowed values, for a categorical choice."""

    low: float | None = None
    """Smallest value, for a number."""

    high: float | None = None
    """Largest value, for a number."""

    log: bool = False
    """Draw the number on a logarithmic scale."""

    @model_validator(mode="after")
    def _values_or_range(self) -> "Choice":
        if bool(self.values) == (self.low is not None) or (self.low is None) != (self.high is None):
            raise ValueError(f"{self.param}: give either values, or low and high")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"{self.param}: low must be below high, got {self.low} and {self.high}")
        if self.log and (self.low is None or self.low <= 0):
            raise ValueError(f"{self.param}: log needs a low above 0, got {self.low}")
        return self


class SearchParams(Section):
    """Optuna's search over architecture, encoder, loss and augmentation."""

    trials: int = Field(ge=0)
    """Number of trials; the first is the values in ``params.yaml``. 0 takes those unsearched."""

    objective: Literal["scot", "f1", "iou"]
    """What is maximised on the validation split, after predicting, tracking and scoring it."""

    train: TrainParams
    """How each trial is trained: as ``train``, but shorter. Trials are pruned by their validation IoU."""

    space: tuple[Choice, ...]
    """Dimensions of the search."""

    seed: int = Field(ge=0)
    """Decides which values are tried."""


class PredictParams(Section):
    """How frames are cut, run through the network and put together again."""

    splits: tuple[Split, ...] = Field(min_length=1)
    """Only AOIs (or columns) of these splits are predicted."""

    tile_px: int = Field(gt=0, multiple_of=32)
    """Side of a window, pixels of the original image."""

    overlap_px: int = Field(ge=0)
    """Pixels that neighbouring windows share; blended there with weights that fall off to the window's edge."""

    batch_size: int = Field(ge=1)
    """Windows per forward pass."""

    flips: bool
    """Average over the four flips; four times the work."""

    @model_validator(mode="after")
    def _overlap_leaves_a_step(self) -> "PredictParams":
        if self.overlap_px >= self.tile_px:
            raise ValueError(f"overlap_px must be smaller than tile_px, got {self.overlap_px} and {self.tile_px}")
        return self


class InstanceParams(Section):
    """From probabilities to single buildings: a watershed."""

    seed_threshold: float = Field(ge=0, le=1)
    """A building grows from pixels whose evidence (see ``sn7ml.buildings.instances``) is above this."""

    flood_threshold: float = Field(ge=0, le=1)
    """It grows over pixels whose footprint probability is above this."""

    boundary_weight: float = Field(ge=0, le=1)
    """How much the boundary channel lowers the evidence for a seed."""

    contact_weight: float = Field(ge=0, le=1)
    """How much the contact channel lowers the evidence for a seed."""

    min_area_px2: float = Field(ge=0)
    """Smaller buildings are dropped, px² of the original image."""

    simplify_px: float = Field(ge=0)
    """Tolerance of outline simplification, pixels of the original image."""


class CollapseParams(Section):
    """Temporal collapse: one geometry per building, its birth from the jump of its mean probability."""

    mean_floor: float = Field(ge=0, le=1)
    """Probabilities up to this count as 0 in a pixel's mean over months."""

    birth_jump: float = Field(ge=0, le=1)
    """A building is born at the largest rise of its mean probability (after minus before) if that is above this and the mean
    before is at most ``min_mean``."""

    min_mean: float = Field(ge=0, le=1)
    """A building without a birth is kept, for all months, if its mean probability is above this; one that was above it before its
    largest rise has no birth."""


class BaselineParams(Section):
    """The tracker of the CosmiQ baseline."""

    min_iou: float = Field(ge=0, le=1)
    """A footprint takes the id of the master footprint with the best IoU if that is at least this."""


class TrackParams(Section):
    """Footprints and ids through time."""

    method: Literal["collapse", "baseline"]
    """Which tracker writes the footprints."""

    instances: InstanceParams
    """Shared by both trackers; ``baseline`` applies them month by month, ``collapse`` to each pixel's largest trailing mean over
    months (so that a building born late is not diluted)."""

    collapse: CollapseParams
    """Only for ``method: collapse``."""

    baseline: BaselineParams
    """Only for ``method: baseline``."""


class EvaluateParams(Section):
    """What is scored."""

    splits: tuple[Split, ...] = Field(min_length=1)
    """Only AOIs (or columns) of these splits are scored; must be among ``predict.splits``."""

    iou_thresholds: tuple[float, ...] = Field(min_length=1)
    """IoU above which a footprint counts as found, for the footprint F1; SCOT has its own fixed 0.25."""

    pixel_threshold: float = Field(ge=0, le=1)
    """Footprint probability from which a pixel counts as building, for pixel IoU and F1."""


class PromoteParams(Section):
    """When the registry's champion changes."""

    model_name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    """Name in the MLflow registry."""

    min_scot: float = Field(ge=0, le=1)
    """A model below this SCOT never becomes champion, not even the first."""

    min_gain: float = Field(ge=0, le=1)
    """SCOT by which a challenger must beat the champion on the same data."""

    max_f1_loss: float = Field(ge=0, le=1)
    """Footprint F1 (IoU 0.25) and pixel IoU may be lower than the champion's by at most this."""


class ReportParams(Section):
    """What the HTML page shows."""

    aois: int = Field(ge=1)
    """At most this many AOIs with pictures."""

    months: int = Field(ge=1)
    """At most this many months per AOI, evenly spread."""


class Params(Section):
    """The whole of ``params.yaml``."""

    split: SplitParams
    validation: ValidationParams
    tiling: TilingParams
    model: ModelParams
    loss: LossParams
    augmentation: AugmentationParams
    optimiser: OptimiserParams
    train: TrainParams
    search: SearchParams
    predict: PredictParams
    track: TrackParams
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
    def _search_space_names_real_keys(self) -> "Params":
        known = set(flatten(recipe_of(self)))
        unknown = sorted({choice.param for choice in self.search.space} - known)
        if unknown:
            raise ValueError(f"search.space names unknown key(s) {unknown}; known: {sorted(known)}")
        return self


class Recipe(Section):
    """What a search chooses and a training follows: sections ``model`` to ``optimiser``, as in ``params.yaml``."""

    model: ModelParams
    loss: LossParams
    augmentation: AugmentationParams
    optimiser: OptimiserParams


Model = TypeVar("Model", bound=Section)


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check all params.

    Raises
    ------
    ParamsError
        Naming every unknown key, missing key and bad value, with what is allowed.
    """
    return parse(Params, _read_yaml(path), str(path))


def load_recipe(path: Path) -> Recipe:
    """Read ``best.yaml``, the recipe that the search stage chose. Raises ParamsError as :func:`load_params` does."""
    return parse(Recipe, _read_yaml(path), str(path))


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


def parse(model: type[Model], content: Any, source: str) -> Model:
    """Build ``model`` from what a YAML file held; ``source`` names the file in errors."""
    if not isinstance(content, dict):
        raise ParamsError(f"{source}: expected a mapping with the keys {list(model.model_fields)}, got {content!r:.80}")
    try:
        return model.model_validate(_tuples(content))
    except ValidationError as error:
        lines = [f"  {_explain(model, fault)}" for fault in error.errors()]
        raise ParamsError("\n".join([f"{source}: {len(lines)} fault(s)", *lines])) from None


def _tuples(value: Any) -> Any:
    """YAML knows lists only; the models are frozen and hold tuples."""
    if isinstance(value, dict):
        return {name: _tuples(inner) for name, inner in value.items()}
    return tuple(_tuples(inner) for inner in value) if isinstance(value, list) else value


def _explain(model: type[Section], fault: Any) -> str:
    """One fault in our words: the dotted key, the value, what is allowed."""
    where = ".".join(str(part) for part in fault["loc"]) or "(whole file)"
    match fault["type"]:
        case "extra_forbidden":
            return f"{where}: unknown key; known here: {_known(model, fault['loc'][:-1])}"
        case "missing":
            return f"{where}: missing; add it (see docs/params.md)"
        case "value_error":
            return f"{where}: {fault['ctx']['error']}"
        case "float_type" if isinstance(fault["input"], str):
            return f"{where}: expected a number, got text {fault['input']!r:.80}; YAML needs a point in 1.0e-3"
        case _:
            return f"{where}: {fault['msg'].lower().replace('tuple', 'list')}, got {fault['input']!r:.80}"


def _known(model: type[Section], path: tuple[int | str, ...]) -> list[str]:
    for part in path:
        field = model.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, Section):
            return sorted(Choice.model_fields)
        model = field.annotation
    return sorted(model.model_fields)


def _read_yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"no file {path}; run this in the project's root folder") from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ParamsError(f"{path}: cannot be read as YAML: {error}") from None


def describe(section: Section, prefix: str = "") -> list[tuple[str, str, str]]:
    """Return (dotted key, value, meaning) of every field, in the order of ``params.yaml``."""
    rows = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            rows += describe(value, f"{prefix}{name}.")
        else:
            shown = (
                [item.param if isinstance(item, Choice) else item for item in value]
                if isinstance(value, tuple)
                else value
            )
            rows.append((f"{prefix}{name}", str(shown), " ".join((field.description or "").split())))
    return rows
