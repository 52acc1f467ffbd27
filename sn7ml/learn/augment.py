"""Augmentation: torchvision v2 transforms, so that image and mask move together."""

from typing import Any

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from sn7ml.params import AugmentationParams

ALPHA, OPAQUE = 3, 255
"""Band of an image, and its value where the pixel is usable."""

BLUR_KERNEL_PX = 5
SMALLEST_SIGMA_PX = 0.1
SMALLEST_GAIN = 0.5
"""Gains are drawn from a normal distribution: this keeps an image from being wiped out, or turned into its negative."""


class QuarterTurn(v2.Transform):  # type: ignore[misc]
    """Turn by 0, 90, 180 or 270 degrees, each as likely. Exact, unlike a rotation by an angle."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the number of quarter turns."""
        return {"turns": int(torch.randint(4, ()))}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Turn one image or mask."""
        return tv_tensors.wrap(torch.rot90(inpt, params["turns"], dims=(-2, -1)), like=inpt)


class Zoom(v2.RandomAffine):  # type: ignore[misc]
    """Turn by any angle and change the size about the middle; a pixel is usable if all that it is made of was."""

    def __init__(self, rotation: float, zoom: float, unknown: int) -> None:
        fill = {tv_tensors.Image: 0, tv_tensors.Mask: unknown}
        sizes = (1 / (1 + zoom), 1 + zoom)
        super().__init__(rotation, scale=sizes, interpolation=v2.InterpolationMode.BILINEAR, fill=fill)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw angle and size; unlike torchvision's own, without asking whether image and mask have one size."""
        angle, scale = (float(torch.empty(()).uniform_(*ends)) for ends in (self.degrees, self.scale))
        return {"angle": angle, "translate": (0, 0), "scale": scale, "shear": (0.0, 0.0)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Move one image (…, RGBA, rows, cols), or one mask."""
        moved = super().transform(inpt, params)
        if isinstance(inpt, tv_tensors.Image):
            moved[..., ALPHA, :, :] *= moved[..., ALPHA, :, :] == OPAQUE
        return moved


def build_geometry(params: AugmentationParams, unknown: int) -> v2.Transform:
    """Return the transforms that move pixels; for a pair of ``tv_tensors.Image`` and ``Mask``, which may be larger.

    ``unknown`` is the byte of a mask where nothing is known.
    """
    chosen: list[v2.Transform] = []
    if params.rotation or params.zoom:
        chosen.append(Zoom(params.rotation, params.zoom, unknown))
    if params.flips:
        chosen += [v2.RandomHorizontalFlip(), v2.RandomVerticalFlip()]
    if params.quarter_turns:
        chosen.append(QuarterTurn())
    return v2.Compose(chosen or [v2.Identity()])


def build_colour(params: AugmentationParams) -> v2.Transform:
    """Return the transforms of a uint8 RGB image (3, rows, cols) as the sensor might have seen it."""
    chosen: list[v2.Transform] = []
    if params.brightness or params.contrast or params.saturation or params.hue:
        chosen.append(v2.ColorJitter(params.brightness, params.contrast, params.saturation, params.hue))
    if params.grey:
        chosen.append(v2.RandomGrayscale(params.grey))
    if params.blur:
        sigmas = (SMALLEST_SIGMA_PX, SMALLEST_SIGMA_PX + params.blur)
        chosen.append(v2.RandomApply([v2.GaussianBlur(BLUR_KERNEL_PX, sigmas)], p=0.5))
    return v2.Compose(chosen or [v2.Identity()])


def disturb(image: Tensor, params: AugmentationParams) -> Tensor:
    """Change a standardised image (3, rows, cols) as if it came from another frame: its gain, its offset, its noise."""
    if params.gain:
        image = image * (1 + params.gain * _together_and_apart()).clamp(min=SMALLEST_GAIN)
    if params.offset:
        image = image + params.offset * _together_and_apart()
    return image + params.noise * torch.randn_like(image) if params.noise else image


def _together_and_apart() -> Tensor:
    """(3, 1, 1): one standard normal number for all colours, and one of half its deviation for each."""
    return torch.randn(()) + torch.randn(3, 1, 1) / 2
