"""The fine raster that a scene is painted on before the sensor blurs it."""

from collections.abc import Sequence

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio import features
from shapely.geometry.base import BaseGeometry

from sn7ml.synthetic.chance import Floats

FINE = 3
"""Canvas pixels per image pixel, along each axis, unless a place says otherwise."""

PAD_PX = 2
"""The canvas goes on this far beyond the image, so that it can be shifted."""


def canvas_shape(shape: tuple[int, int], fine: int = FINE) -> tuple[int, int]:
    """Return rows and columns of the canvas of an image."""
    return (shape[0] + 2 * PAD_PX) * fine, (shape[1] + 2 * PAD_PX) * fine


def drawn(
    shapes: Sequence[BaseGeometry], shape: tuple[int, int], fine: int = FINE, numbers: Sequence[int] | None = None
) -> NDArray[np.int32]:
    """Draw shapes in image pixels on the canvas, each as its number (1, 2, … if none are given).

    Ground is 0; later shapes hide earlier ones.
    """
    numbers = range(1, len(shapes) + 1) if numbers is None else numbers
    pairs = [(each, number) for each, number in zip(shapes, numbers, strict=True) if not each.is_empty]
    if not pairs:
        return np.zeros(canvas_shape(shape, fine), dtype=np.int32)
    transform = Affine(1 / fine, 0, -PAD_PX, 0, 1 / fine, -PAD_PX)
    return np.asarray(features.rasterize(pairs, canvas_shape(shape, fine), transform=transform, dtype="int32"))


def shifted(image: Floats, shift_px: tuple[float, float]) -> Floats:
    """Move an image (..., rows, cols) by a fraction of an image pixel down and right; the pad is what moves in."""
    for axis, amount in zip((-2, -1), shift_px, strict=True):
        whole = int(np.floor(amount * FINE))
        part = np.float32(round((amount * FINE - whole) * 64) / 64)
        image = np.roll(image, whole, axis) * (1 - part) + np.roll(image, whole + 1, axis) * part
    return image


def sensed(image: Floats, shape: tuple[int, int]) -> Floats:
    """Average canvas pixels (bands, rows, cols) to image pixels, without the pad."""
    edge = PAD_PX * FINE
    inner = image[:, edge : edge + shape[0] * FINE, edge : edge + shape[1] * FINE]
    total = sum(inner[:, row::FINE, col::FINE] for row in range(FINE) for col in range(FINE))
    return np.asarray(total, dtype=np.float32) / np.float32(FINE * FINE)
