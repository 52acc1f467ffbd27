"""Params of training, search and prediction."""

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from sn7ml.params.section import Scalar, Section, Split

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]

MOST_NETWORKS = 32
"""Every one of them is in memory during prediction."""


class TrainParams(Section):
    """How long and on what a network is trained."""

    epochs: int = Field(ge=1)
    """Passes of ``tiles_per_epoch`` tiles."""

    tiles_per_epoch: int = Field(ge=1)
    """Tiles drawn per epoch, those with buildings more often; rounded up to whole batches."""

    validation_tiles: int = Field(ge=1)
    """At most this many validation tiles, evenly spread, are looked at after each epoch."""

    batch_size: int = Field(ge=1)
    """Tiles per optimiser step."""

    patience: int = Field(ge=1)
    """Stop after this many epochs without a better pixel score on the validation tiles (IoU of the footprint, for ``rims``)."""

    precision: Precision
    """Fabric's precision: bf16-mixed on a recent GPU, and on a CPU that knows avx512_bf16 (docs/performance.md); else 32-true."""

    built_up_power: float = Field(ge=0, le=2)
    """How much more often built-up tiles are drawn: a chance of 0.1 plus this power of the built-up share. 0 draws evenly."""

    loader_workers: int = Field(ge=0)
    """Processes that read tiles ahead; 0 reads in the training process, which suffices on a CPU."""

    seed: int = Field(ge=0)
    """Decides first weights, the order of tiles, and augmentation; the next network takes the next number."""


class FinalTrainParams(TrainParams):
    """How long and on what the networks of the final model are trained."""

    networks: int = Field(ge=1, le=MOST_NETWORKS)
    """Networks per fold, alike but for their seeds: prediction takes the mean of all that have not seen a place."""


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
    """Another dimension, that stands before this one and is given by ``values``, to those of its values for which this one is
    drawn; otherwise the value in ``params.yaml`` stays. All that are named must hold."""

    @model_validator(mode="after")
    def _values_or_range(self) -> "Choice":
        if bool(self.values) == (self.low is not None) or (self.low is None) != (self.high is None):
            raise ValueError(f"{self.param}: give either values, or low and high")
        if self.values and (self.log or self.integer or self.step is not None):
            raise ValueError(f"{self.param}: log, step and integer go with low and high, not with values")
        if self.low is not None and self.high is not None:
            self._check_range(self.low, self.high)
        return self

    def _check_range(self, low: float, high: float) -> None:
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
                raise ValueError(
                    f"{choice.param}: when wants {key} to be one of {list(wanted)}, but it has {list(known)}"
                )
        before[choice.param] = choice
    return space


Space = Annotated[tuple[Choice, ...], AfterValidator(_check_space)]
"""Dimensions in the order they are drawn."""


class SearchParams(Section):
    """Optuna's search over architecture, encoder, loss and augmentation."""

    trials: int = Field(ge=0)
    """Number of trials; the first is the values in ``params.yaml``. 0 takes those unsearched."""

    objective: str
    """The score of the task that trials are compared by, on the validation split, after prediction and extraction."""

    finalists: int = Field(ge=1)
    """Of this many complete trials with the best objective, the one with the best first score of the task is taken."""

    start_from: str | None
    """A registered model, ``models:/sn7-buildings@champion``, whose values are tried second; null: none. DVC does not know what
    an alias names, so with one the same commit can give another search; ``models:/sn7-buildings/3`` always gives the same."""

    train: TrainParams
    """How each trial is trained: as ``train``, but shorter. Trials are pruned by their pixel score on validation tiles."""

    space: Space
    """Dimensions of the search (docs/search.md)."""

    seed: int = Field(ge=0)
    """Decides which values are tried."""


class PredictParams(Section):
    """How frames are cut, run through the network and put together again."""

    splits: tuple[Split, ...] = Field(min_length=1)
    """Only AOIs (or columns) of these splits are predicted."""

    tile_px: int = Field(gt=0, le=2_048, multiple_of=32)
    """Side of a window, pixels of the original image."""

    overlap_px: int = Field(ge=0)
    """Pixels that neighbouring windows share; blended there with weights that fall off to the window's edge."""

    batch_size: int = Field(ge=1, le=1_024)
    """Windows per forward pass."""

    flips: bool
    """Average over the four flips; four times the work."""

    adaptation: float = Field(default=0.0, ge=0, le=1)
    """How far batch normalisation follows the frame: 0 keeps what training saw, 1 forgets it for the frame's own statistics. On
    land that training never saw, a quarter finds more; half, on land like that of training, finds more that is not there."""

    precision: Precision
    """As ``train.precision``; a network need not be used in the precision it was trained in."""

    @model_validator(mode="after")
    def _overlap_leaves_a_step(self) -> "PredictParams":
        if self.overlap_px >= self.tile_px:
            raise ValueError(f"overlap_px must be smaller than tile_px, got {self.overlap_px} and {self.tile_px}")
        return self
