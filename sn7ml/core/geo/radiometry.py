"""Brightness of a frame, in numbers that survive seasons and haze."""

import numpy as np
from numpy.typing import NDArray

COLOURS = 3

MIDDLE, SHADES_PER_DEVIATION = 128, 32
"""How standardised brightness is kept in 8 bits: the frame's mean is 128, and four deviations reach either end."""

Brightness = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Mean and standard deviation, (3,) each, of red, green and blue."""


IMAGENET: Brightness = (
    np.array([123.675, 116.28, 103.53], np.float32),
    np.array([58.395, 57.12, 57.375], np.float32),
)
"""Of the photographs that encoders were trained on before."""


def band_statistics(pixels: NDArray[np.uint8]) -> Brightness:
    """Return mean and standard deviation, (3,) each, of red, green and blue over the usable pixels of one frame.

    ``pixels`` are (4, rows, cols): red, green, blue, alpha; alpha 0 is unusable. The deviation is at least 1, so that
    an even frame does not explode. A frame without a usable pixel gives mean 0 and deviation 1.

    >>> band_statistics(np.array([[[10, 20]], [[0, 0]], [[5, 5]], [[255, 255]]], np.uint8))
    (array([15.,  0.,  5.], dtype=float32), array([5., 1., 1.], dtype=float32))
    """
    usable = pixels[COLOURS] > 0
    if not usable.any():
        return np.zeros(COLOURS, np.float32), np.ones(COLOURS, np.float32)
    values = pixels[:COLOURS, usable].astype(np.float64)
    # Rounded, so that the order of summation on another processor cannot show.
    mean, std = values.mean(axis=1).round(4), values.std(axis=1).round(4)
    return mean.astype(np.float32), np.maximum(std, 1.0).astype(np.float32)


def shades(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return red, green and blue, (3, rows, cols), of a frame in numbers that compare between months.

    ``pixels`` are those of :func:`band_statistics`. ``MIDDLE`` is the mean of a band's usable pixels, a deviation is
    ``SHADES_PER_DEVIATION``; values beyond four deviations are cut. Unusable pixels get a value without a meaning.

    >>> shades(np.array([[[10, 20]], [[0, 0]], [[5, 5]], [[255, 255]]], np.uint8)).tolist()
    [[[96, 160]], [[128, 128]], [[128, 128]]]
    """
    mean, std = (values[:, None, None] for values in band_statistics(pixels))
    scaled = (pixels[:COLOURS] - mean) / std * SHADES_PER_DEVIATION + MIDDLE
    return np.asarray(np.clip(scaled.round(), 0, 255), dtype=np.uint8)
