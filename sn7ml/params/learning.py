"""Params of training, search and prediction."""

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from sn7ml.params.section import Scalar, Section, Split

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


class TrainParams(Section):
    """How long and on what a network is trained."""

    epochs: int = Field(ge=1)
    """Passes of ``tiles_per_epoch`` tiles."""

    tiles_per_epoch: int = Field(ge=1)
    """Tiles drawn per epoch, those with buildings more often; rounded up to whole batches."""

    validation_tiles: int = Field(ge=1)
    """At most this many validation tiles, evenly spread, are scored after each epoch."""

    batch_size: int = Field(ge=1)
    """Tiles per optimiser step."""

    patience: int = Field(ge=1)
    """Stop after this many epochs without a better pixel score on validation tiles (for ``rims``: footprint IoU)."""

    precision: Precision
    """Fabric's precision: bf16-mixed on a recent GPU or a CPU with avx512_bf16 (docs/performance.md), else 32-true."""

    built_up_power: float = Field(ge=0, le=2)
    """Tiles are drawn with weight 0.1 plus their built-up share to this power; 0 draws all equally often."""

    loader_workers: int = Field(ge=0)
    """Processes that read tiles ahead; 0 reads in the training process, which is enough on a CPU."""

    seed: int = Field(ge=0)
    """Seed of initial weights, order of tiles and augmentation; each further network adds 1."""


class FinalTrainParams(TrainParams):
    """How long and on what the networks of the final model are trained."""

    networks: int = Field(ge=1, le=32)  # all are in memory during prediction
    """Networks per fold, which differ by seed only; prediction averages all that were not trained on the place."""


class Choice(Section):
    """One dimension of a search space: any of ``values``, or a number between ``low`` and ``high``."""

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

    step: float | None = Field(default=None, gt=0)
    """Draw only ``low`` plus multiples of this; must lead to ``high``."""

    integer: bool = False
    """Draw a whole number."""

    when: dict[str, tuple[Scalar | None, ...]] = Field(default_factory=dict)
    """Conditions: earlier dimensions with ``values``, each to those of its values for which this one is drawn. If one
    does not hold, the value in ``params.yaml`` stays."""

    @property
    def ends(self) -> tuple[float, float]:
        """``low`` and ``high``, of a number."""
        assert self.low is not None
        assert self.high is not None
        return self.low, self.high

    @model_validator(mode="after")
    def _values_or_range(self) -> "Choice":
        if bool(self.values) == (self.low is not None) or (self.low is None) != (self.high is None):
            raise ValueError(f"{self.param}: give either values, or low and high")
        if self.values and (self.log or self.integer or self.step is not None):
            raise ValueError(f"{self.param}: log, step and integer go with low and high, not with values")
        return self

    @model_validator(mode="after")
    def _range_can_be_drawn(self) -> "Choice":
        if self.values:
            return self
        low, high = self.ends
        if not low < high:
            raise ValueError(f"{self.param}: low must be below high, got {low} and {high}")
        if self.log and low <= 0:
            raise ValueError(f"{self.param}: log needs a low above 0, got {low}")
        if self.log and self.step is not None:
            raise ValueError(f"{self.param}: give either log or step")
        if self.integer and any(number % 1 for number in (low, high, self.step or 1)):
            raise ValueError(f"{self.param}: integer needs whole numbers, got low {low}, high {high}, step {self.step}")
        if self.step is not None and not math.isclose(steps := (high - low) / self.step, round(steps), abs_tol=1e-9):
            raise ValueError(f"{self.param}: steps of {self.step} from {low} do not lead to {high}")
        return self


def _check_space(space: tuple[Choice, ...]) -> tuple[Choice, ...]:
    """Refuse a dimension that is there twice, and a condition that no earlier dimension can meet."""
    before: dict[str, Choice] = {}
    for choice in space:
        if choice.param in before:
            raise ValueError(f"{choice.param}: is there twice")
        for key, wanted in choice.when.items():
            known = before[key].values if key in before else ()
            if not known:
                raise ValueError(f"{choice.param}: when names {key!r}, which is no earlier dimension with values")
            if not wanted or not set(wanted) <= set(known):
                raise ValueError(f"{choice.param}: when wants {key} in {list(wanted)}, but it has {list(known)}")
        before[choice.param] = choice
    return space


Space = Annotated[tuple[Choice, ...], AfterValidator(_check_space)]
"""Dimensions in the order they are drawn."""


class SearchParams(Section):
    """Optuna's search over architecture, encoder, loss and augmentation."""

    trials: int = Field(ge=0)
    """Number of trials; the first uses the values in ``params.yaml``. 0 takes those without a search."""

    objective: str
    """The score of the task that trials are compared by, on the validation split."""

    finalists: int = Field(ge=1)
    """Among this many complete trials with the best objective, the task's first score decides."""

    start_from: str | None
    """A registered model whose values are tried second, ``models:/sn7-buildings/3``, or null. An alias such as
    ``models:/sn7-buildings@champion`` is not tracked by DVC, so the same commit may then give another search."""

    train: TrainParams
    """How each trial is trained: as ``train``, but shorter. Pruning uses the pixel score on validation tiles."""

    space: Space
    """Dimensions of the search (docs/search.md)."""

    seed: int = Field(ge=0)
    """Seed of the values that are tried."""


class PredictParams(Section):
    """How frames are cut into windows, run through the network and reassembled."""

    splits: tuple[Split, ...] = Field(min_length=1)
    """Only AOIs (or columns) of these splits are predicted."""

    tile_px: int = Field(gt=0, le=2_048, multiple_of=32)
    """Side of a window, pixels of the original image."""

    overlap_px: int = Field(ge=0)
    """Pixels that neighbouring windows share, where they are blended with weights that fall towards the edge."""

    batch_size: int = Field(ge=1, le=1_024)
    """Windows per forward pass."""

    flips: bool
    """Test-time augmentation: average over the four flips, at four times the work."""

    adaptation: float = Field(default=0.0, ge=0, le=1)
    """Test-time adaptation: share of the frame's own statistics in batch normalisation; 0 keeps those of training. 0.25
    raises recall on unseen regions; 0.5 adds false positives on regions like the training data. `sn7ml areas`, whose
    blocks must agree along their borders, does without."""

    precision: Precision
    """As ``train.precision``; it may differ from the precision of training."""

    @model_validator(mode="after")
    def _overlap_leaves_a_step(self) -> "PredictParams":
        if self.overlap_px >= self.tile_px:
            raise ValueError(f"overlap_px must be smaller than tile_px, got {self.overlap_px} and {self.tile_px}")
        return self
