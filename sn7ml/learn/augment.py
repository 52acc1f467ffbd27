"""Augmentation: torchvision v2 transforms, so that image and mask move together."""

from collections.abc import Callable
from math import cos, radians, sin
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from sn7ml.params import AugmentationParams
from sn7ml.targets import unchanged

BLUR_KERNEL_PX = 5
SMALLEST_SIGMA_PX = 0.1
ALL_USABLE = 255
EDGE = 1.01
"""By so much a turned part is smaller than it could be, so that nothing from outside is mixed in at its corners."""

Enlarged: TypeAlias = Callable[[NDArray[np.uint8], float], NDArray[np.uint8]]
"""Planes of a target, and a scale, to the planes of what is so many times as large."""

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


class TurnAndZoom(v2.Transform):  # type: ignore[misc]
    """Fill the tile with a square part of it that is turned by an angle, so that nothing from outside is needed.

    ``enlarged`` says what a mask shows at a scale above 1. A pixel of the image is usable if all it is mixed from is.
    """

    def __init__(self, degrees: float, zoom: float, enlarged: Enlarged) -> None:
        super().__init__()
        self.degrees, self.zoom, self.enlarged = degrees, zoom, enlarged

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the angle, the scale, and where the part lies."""
        turn, zoom, x, y = torch.rand(4).tolist()
        degrees = (2 * turn - 1) * self.degrees
        c, s = cos(radians(degrees)), sin(radians(degrees))
        least = (abs(c) + abs(s)) * EDGE  # at this scale the corners of the part touch the edges
        scale = least * (1 + zoom * self.zoom)
        dx, dy = ((1 - least / scale) * (at - 0.5) for at in (x, y))
        return {"degrees": degrees, "scale": scale, "shift": (scale * (c * dx - s * dy), scale * (s * dx + c * dy))}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Turn and enlarge one image or mask."""
        mask, side = isinstance(inpt, tv_tensors.Mask), inpt.shape[-1]
        moved = v2.functional.affine(
            inpt,
            angle=params["degrees"],
            translate=[share * side for share in params["shift"]],
            scale=params["scale"],
            shear=[0.0, 0.0],
            interpolation=v2.InterpolationMode.NEAREST if mask else v2.InterpolationMode.BILINEAR,
        )
        if mask:
            planes = self.enlarged(moved.numpy(), params["scale"])
            return tv_tensors.wrap(torch.from_numpy(planes), like=inpt)
        moved[..., 3, :, :] = torch.where(moved[..., 3, :, :] == ALL_USABLE, ALL_USABLE, 0)
        return moved


def build_geometry(params: AugmentationParams, enlarged: Enlarged = unchanged) -> v2.Transform:
    """Return the transforms that move pixels; for a pair of ``tv_tensors.Image`` and ``Mask``, which may be larger.

    ``enlarged`` says what a mask shows at a scale above 1.
    """
    chosen: list[v2.Transform] = []
    if params.flips:
        chosen += [v2.RandomHorizontalFlip(), v2.RandomVerticalFlip()]
    if params.quarter_turns:
        chosen.append(QuarterTurn())
    if params.turn or params.zoom:
        chosen.append(TurnAndZoom(params.turn, params.zoom, enlarged))
    return v2.Compose(chosen or [v2.Identity()])


def build_colour(params: AugmentationParams) -> v2.Transform:
    """Return the transforms of a uint8 RGB image (3, rows, cols) as the sensor might have seen it."""
    chosen: list[v2.Transform] = []
    if params.brightness or params.contrast or params.saturation or params.hue:
        chosen.append(v2.ColorJitter(params.brightness, params.contrast, params.saturation, params.hue))
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
