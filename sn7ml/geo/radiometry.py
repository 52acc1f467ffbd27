"""Brightness of a frame, in numbers that survive seasons and haze."""

import numpy as np
from numpy.typing import NDArray

COLOURS = 3


def band_statistics(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation of red, green and blue over the usable pixels of one frame.

    Parameters
    ----------
    pixels
        (4, rows, cols) uint8: red, green, blue, alpha; alpha 0 is unusable.

    Returns
    -------
    mean, std : float32 arrays (3,)
        The deviation is at least 1, so that an even frame does not explode. A frame without a usable pixel gives
        mean 0 and deviation 1.

    Examples
    --------
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
