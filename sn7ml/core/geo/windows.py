"""Windows over an image: where they lie, and how overlapping ones are blended."""

import numpy as np
from numpy.typing import NDArray

Corner = tuple[int, int]
"""(row, col) of a window's north-west pixel."""


def plan_windows(shape: tuple[int, int], size: int, overlap: int) -> list[Corner]:
    """Place square windows in reading order, so that every pixel is covered and no window leaves the image.

    Neighbours share at least ``overlap`` pixels; the last window of a row or column is moved back to end at the image's
    edge and so may share more. Where the image, of ``shape`` (rows, cols), is smaller than a window of side ``size``
    along an axis, that axis starts at 0 and the caller pads.

    >>> plan_windows((4, 10), size=4, overlap=1)
    [(0, 0), (0, 3), (0, 6)]
    """
    if not 0 <= overlap < size:
        raise ValueError(f"overlap must be at least 0 and below size {size}, got {overlap}")
    rows, cols = shape
    return [(row, col) for row in _starts(rows, size, overlap) for col in _starts(cols, size, overlap)]


def _starts(length: int, size: int, overlap: int) -> list[int]:
    last = max(length - size, 0)
    return [*range(0, last, size - overlap), last]


def blend_weights(size: int, overlap: int) -> NDArray[np.float32]:
    """Return weights (size, size): 1 inside, falling off linearly over ``overlap`` pixels to each edge, never 0.

    Where windows overlap by exactly ``overlap`` (at most half of ``size``) the ramps add up to 1, so no seam is seen;
    elsewhere the sum of weights must be divided out.

    >>> blend_weights(4, 2)[1]
    array([0.1875, 0.5625, 0.5625, 0.1875], dtype=float32)
    """
    edge = np.minimum(np.arange(size) + 0.5, size - np.arange(size) - 0.5)
    ramp = np.minimum(1.0, edge / max(overlap, 0.5)).astype(np.float32)
    return np.asarray(ramp[:, None] * ramp[None, :], dtype=np.float32)
