"""Params of how a network is built and taught; what a search chooses."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sn7ml.params.section import Section

# Fields with a default came later than the first registered models, whose packages do not hold them (here, and in learning.py and
# tracking.py): tests/data/packages_of_the_past.


class ModelParams(Section):
    """The network."""

    architecture: str
    """A class of segmentation_models_pytorch: Unet, UnetPlusPlus, FPN, DeepLabV3Plus, MAnet, PAN, Linknet, Segformer, …"""

    encoder: str
    """An encoder of segmentation_models_pytorch. The ImageNet weights of ``tu-tf_efficientnet_lite0`` are installed; any other
    encoder (``resnet34``, ``tu-hrnet_w18``, …) downloads its own."""

    weights: str | None
    """``imagenet``, another set that smp knows for the encoder, or null for random ones."""

    upsampling: int | None = Field(default=None, ge=1, le=8)
    """How many times enlarged the network sees images, and so how fine its probabilities are; null is ``tiling.upsampling``, at
    which masks are drawn. Another factor takes of these masks each pixel's nearest: a search can try it on the tiles at hand."""


BINARY_LOSSES = ("bce", "dice", "focal", "jaccard", "lovasz", "tversky")
"""Terms of the loss for channels that are masks of their own, each with a sigmoid."""


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

    lovasz: float = Field(default=0.0, ge=0)
    """Weight of the Lovász hinge, which follows the Jaccard index more closely; better beside another term than alone."""

    tversky: float = Field(default=0.0, ge=0)
    """Weight of the Tversky loss, a Dice loss for which a missed pixel weighs more (0.7) than one too many (0.3)."""

    channels: dict[str, Annotated[float, Field(ge=0)]]
    """Weight of a channel of the target; every one is named, and that of the first must be above 0."""

    @model_validator(mode="after")
    def _at_least_one_term(self) -> "LossParams":
        if not self.terms:
            *names, last = (name for name in type(self).model_fields if name != "channels")
            raise ValueError(f"at least one of {', '.join(names)} and {last} must be above 0")
        return self

    @property
    def terms(self) -> dict[str, float]:
        """Term to its weight, of those that are on."""
        return {name: weight for name, weight in self if name != "channels" and weight > 0}

    def misfit(self, channels: tuple[str, ...], losses: tuple[str, ...]) -> str:
        """Say why this loss cannot teach a target of these channels, for which these terms are meant; "" if it can."""
        if set(self.channels) != set(channels):
            return f"loss.channels must hold a weight for each of {list(channels)}, got {list(self.channels)}"
        if not self.channels[channels[0]] > 0:
            return f"loss.channels.{channels[0]} must be above 0: by this channel epochs are compared"
        if wrong := sorted(set(self.terms) - set(losses)):
            return f"loss terms {wrong} do not suit this target; these do: {list(losses)}"
        return ""


class AugmentationParams(Section):
    """What is done to training tiles; 0 or false turns a choice off."""

    enabled: bool = True
    """False turns every choice off, whatever it says: so a search can try none at all."""

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

    gain: float = Field(default=0.0, ge=0, le=0.5)
    """Standard deviation of a random factor on the standardised image, as if its frame were duller or more vivid; half as much
    again on each colour by itself."""

    offset: float = Field(default=0.0, ge=0, le=1)
    """Standard deviation of a random amount added to it, in standard deviations of the frame, as if its frame showed other land;
    half as much again on each colour by itself."""

    months_around: int = Field(default=0, ge=0, le=12)
    """A tile is the mean of its own month and of up to so many before and after it, how many being drawn anew each time. A mean
    shows the same houses with less noise; the mask is that of its own month."""

    noise: float = Field(ge=0, le=1)
    """Standard deviation of added Gaussian noise, in standard deviations of the frame."""

    blur: float = Field(ge=0, le=3)
    """Largest sigma of a random Gaussian blur, pixels of the original image."""

    def applied(self) -> "AugmentationParams":
        """Return what is really done: with ``enabled`` off, everything is off."""
        return self if self.enabled else self.model_copy(update={name: type(value)(0) for name, value in self})


class OptimiserParams(Section):
    """An optimiser with a one-cycle learning rate."""

    method: Literal["adamw", "nadam", "sgd"] = "adamw"
    """AdamW, NAdam, or stochastic gradient descent with Nesterov's momentum, which needs some ten times the learning rate."""

    learning_rate: float = Field(gt=0, le=1)
    """The highest learning rate of the cycle."""

    weight_decay: float = Field(ge=0)
    """Weight decay; decoupled, but for ``sgd``."""


class Recipe(Section):
    """What a search chooses and a training follows: sections ``model`` to ``optimiser``, as in ``params.yaml``."""

    model: ModelParams
    loss: LossParams
    augmentation: AugmentationParams
    optimiser: OptimiserParams
