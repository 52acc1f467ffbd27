"""Random numbers and smooth noise that are the same on every machine.

Only integers and IEEE additions and products are used on images (no BLAS, no vectorised exp or sin), and whatever does
come from libm is rounded at once: the same seed then gives the same bytes whatever the processor.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float32]

Purpose = Literal["place", "districts", "buildings", "lives", "ground", "clutter", "roofs", "sky", "clouds", "sensor"]
"""What a stream of random numbers is for; each has its own, by its place here, so that one can change alone."""


def stream(seed: int, aoi_index: int, purpose: Purpose, month: int = 0) -> np.random.Generator:
    """Return the random numbers of one purpose."""
    key = np.random.SeedSequence(seed, spawn_key=(aoi_index, get_args(Purpose).index(purpose), month))
    return np.random.Generator(np.random.PCG64(key))


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw one number from [low, high)."""
    return low + (high - low) * float(rng.random())


def snap(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round to 1/64, which text and binary both hold exactly."""
    return np.asarray(np.round(values * 64) / 64)


def _corner_weights(length: int, cell: int) -> tuple[NDArray[np.intp], Floats]:
    position = np.arange(length)
    part = ((position % cell) / np.float32(cell)).astype(np.float32)
    return position // cell, part * part * (3 - 2 * part)


def value_noise(rng: np.random.Generator, shape: tuple[int, int], cell: int) -> Floats:
    """Draw smooth noise in [-1, 1]: a random grid of ``cell`` pixels pitch, eased in between."""
    rows, row_weight = _corner_weights(shape[0], cell)
    cols, col_weight = _corner_weights(shape[1], cell)
    steps = rng.integers(-1024, 1025, size=(rows[-1] + 2, cols[-1] + 2))
    grid = (steps / 1024).astype(np.float32)
    strips = grid[:, cols] + (grid[:, cols + 1] - grid[:, cols]) * col_weight
    return np.asarray(strips[rows] + (strips[rows + 1] - strips[rows]) * row_weight[:, np.newaxis], dtype=np.float32)


def fractal_noise(rng: np.random.Generator, shape: tuple[int, int], cell: int, octaves: int) -> Floats:
    """Add ``octaves`` of value noise, each of half the cell and 0.55 of the height of the one before; about [-1, 1]."""
    total = np.zeros(shape, dtype=np.float32)
    height = np.float32(0.55)
    for octave in range(octaves):
        total += height * value_noise(rng, shape, max(1, cell >> octave))
        height *= np.float32(0.55)
    return total


def bell_noise(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Draw independent noise of mean 0 and deviation 1: the sum of four random bytes, nearly normal."""
    total = rng.integers(0, 256, size=(4, *shape), dtype=np.uint8).sum(axis=0, dtype=np.int16)
    return np.asarray((total.astype(np.float32) - np.float32(510)) / np.float32(147.8))


def blurred(image: Floats, sigma: float) -> Floats:
    """Blur the last two axes by a bell of ``sigma`` pixels with weights in 1/4096; edges are mirrored."""
    reach = int(3 * sigma + 1)
    offsets = np.arange(-reach, reach + 1)
    bell = np.exp(-0.5 * (offsets / sigma) ** 2)
    weights = np.round(bell / bell.sum() * 4096) / 4096
    weights[reach] += 1 - weights.sum()
    across = ndimage.correlate1d(image, weights, axis=-1, mode="mirror")
    return np.asarray(ndimage.correlate1d(across, weights, axis=-2, mode="mirror"), dtype=np.float32)
