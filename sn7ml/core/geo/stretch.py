"""Brightness of any scale to bytes: one stretch for all images of a sensor, so that a dark scene stays a dark scene."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sn7ml.core.geo.radiometry import COLOURS

MOST_SAMPLES = 2**24
"""Pixels of a band from which percentiles are taken, over all images."""

DARKEST, BRIGHTEST = 1, 255
"""Of usable pixels. 0 is left for what is no image, as in all tools that know no alpha."""


@dataclass(frozen=True)
class Stretch:
    """Which brightness becomes black and which white, for red, green and blue."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]

    def __post_init__(self) -> None:
        if not all(low < high for low, high in zip(self.low, self.high, strict=True)):
            raise ValueError(f"white must be brighter than black in each band, got {self.low} and {self.high}")

    def to_bytes(self, colours: NDArray[np.generic], usable: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Return red, green, blue and alpha, (4, rows, cols), of colours of any type, (3, rows, cols).

        Beyond black and white values are cut, and never wrap. Pixels that are not usable are 0 in all bands.

        Examples
        --------
        >>> image = np.array([[[0, 100, 300, 65535, 7]]] * 3, np.uint16)
        >>> Stretch((100.0,) * 3, (300.0,) * 3).to_bytes(image, image[0] != 7)[[0, 3]].tolist()
        [[[1, 1, 255, 255, 0]], [[255, 255, 255, 255, 0]]]
        """
        low, high = (np.array(ends, np.float64)[:, None, None] for ends in (self.low, self.high))
        share = (np.nan_to_num(colours.astype(np.float64)) - low) / (high - low)
        scaled = np.rint(DARKEST + share.clip(0, 1) * (BRIGHTEST - DARKEST)).astype(np.uint8)
        return np.concatenate([scaled * usable, usable[None] * np.uint8(255)])


def sample(colours: NDArray[np.generic], usable: NDArray[np.bool_], images: int) -> NDArray[np.float32]:
    """Return evenly spaced usable pixels of one of ``images`` images, (3, pixels); together they stay in memory."""
    pixels = colours[:, usable]
    step = max(1, -(-pixels.shape[1] * images // MOST_SAMPLES))
    return pixels[:, ::step].astype(np.float32)


def measure(samples: Sequence[NDArray[np.float32]], low_percent: float, high_percent: float) -> Stretch:
    """Return the stretch between two percentiles of all samples, band by band.

    A band that is the same all over gets a white one above its black. No pixel at all gives 0 to 1.
    """
    pixels = np.concatenate([np.zeros((COLOURS, 0), np.float32), *samples], axis=1)
    if not pixels.size:
        return Stretch((0.0,) * 3, (1.0,) * 3)
    low, high = np.percentile(pixels, [low_percent, high_percent], axis=1)
    high = np.where(high > low, high, low + 1)
    red, green, blue = (tuple(round(float(value), 4) for value in pair) for pair in zip(low, high, strict=True))
    return Stretch((red[0], green[0], blue[0]), (red[1], green[1], blue[1]))
