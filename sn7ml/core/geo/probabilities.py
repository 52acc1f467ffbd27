"""A network's output for one frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sn7ml.core.geo.grid import nearest_pixels

CERTAIN = 255
"""Probabilities are kept as integers: p = value / CERTAIN."""


@dataclass(frozen=True)
class Probabilities:
    """Probabilities of one frame at the up-sampled scale."""

    channels: NDArray[np.uint8]
    """(channel, rows, cols) of the up-sampled grid, in the order of the target's channels; 255 is certain."""

    usable: NDArray[np.bool_]
    """(rows, cols): False where there is no evidence (cloud, outside the image, not predicted). Not absence."""

    shades: NDArray[np.uint8] | None = None
    """(3, rows, cols) of the original grid: what the network looked at, see ``radiometry.shades``; None if not kept."""

    def __post_init__(self) -> None:
        if self.channels.ndim != 3 or self.channels.shape[1:] != self.usable.shape:
            raise ValueError(f"channels {self.channels.shape} do not lie on the pixels of usable {self.usable.shape}")
        if self.shades is not None:
            factors = {fine / coarse for fine, coarse in zip(self.usable.shape, self.shades.shape[1:], strict=True)}
            if self.shades.shape[0] != 3 or len(factors) != 1 or not factors.pop().is_integer():
                raise ValueError(
                    f"shades {self.shades.shape} are not (3, rows, cols) of which {self.usable.shape} is a multiple"
                )


def rescaled(found: Probabilities, factor: int, wanted: int) -> Probabilities:
    """Resample from ``factor`` to ``wanted`` pixels per image pixel along each axis; each pixel takes the nearest.

    >>> two = np.array([[[10, 20]]] * 3, np.uint8)
    >>> rescaled(Probabilities(two, two[0] > 10), 2, 4).channels[0]
    array([[10, 10, 20, 20],
           [10, 10, 20, 20]], dtype=uint8)
    """
    if factor == wanted:
        return found
    row, col = (nearest_pixels(side * wanted // factor, factor, wanted) for side in found.usable.shape)
    return Probabilities(found.channels[:, row[:, None], col], found.usable[row[:, None], col])
