"""Image quality of a frame: sharp or blurred, in place or shifted, of this ground or of another."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.registration import phase_cross_correlation

from sn7ml.core.geo.radiometry import COLOURS

STEPS_PER_PX = 10
"""Shifts are found to a tenth of a pixel."""

LEAST_PIXELS = 64
"""Least number of usable pixels for a statement."""

Grey = NDArray[np.float32]
Mask = NDArray[np.bool_]


def grey_of(pixels: NDArray[np.uint8]) -> Grey:
    """Return the mean of red, green and blue, (rows, cols), of a frame (4, rows, cols)."""
    return np.asarray(pixels[:COLOURS].mean(axis=0, dtype=np.float32))


def sharpness(grey: Grey, usable: Mask) -> float:
    """Return the variance of the Laplacian over the variance of the grey levels.

    Blur takes the fine structure away and leaves the coarse one, so the ratio falls; haze and season change both alike.
    Only pixels whose eight neighbours are usable count. NaN for a uniform image, or if next to nothing is usable.

    >>> checks = (np.indices((16, 16)).sum(axis=0) % 2).astype(np.float32)
    >>> round(sharpness(checks, np.ones((16, 16), bool)), 1)
    64.0
    """
    inner = ndimage.binary_erosion(usable, np.ones((3, 3), bool))
    if np.count_nonzero(inner) < LEAST_PIXELS:
        return float("nan")
    spread = float(grey[inner].var(dtype=np.float64))
    if spread == 0:
        return float("nan")
    return float(ndimage.laplace(grey)[inner].var(dtype=np.float64)) / spread


def shift_px(grey: Grey, reference: Grey) -> float:
    """Return the shift between two images, by phase correlation of their edges; NaN if either is uniform.

    Edges, since fields change their brightness with the season and keep their borders.
    """
    # The correlation takes images to be periodic, so edges fade towards the border.
    fade = np.outer(*(np.hanning(count) for count in grey.shape))
    edges = [
        np.asarray(ndimage.gaussian_gradient_magnitude(image, 1.0) * fade, dtype=np.float32)
        for image in (reference, grey)
    ]
    if not all(image.any() for image in edges):
        return float("nan")
    shift, _, _ = phase_cross_correlation(*edges, upsample_factor=STEPS_PER_PX, normalization=None)
    return float(np.hypot(*shift))


def similarity(grey: Grey, reference: Grey, usable: Mask) -> float:
    """Return the correlation over usable pixels, -1 to 1: near 0 for two places; NaN if either image is uniform."""
    if np.count_nonzero(usable) < LEAST_PIXELS:
        return float("nan")
    one, other = grey[usable].astype(np.float64), reference[usable].astype(np.float64)
    if one.std() == 0 or other.std() == 0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])
