"""What the network says about one frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FOOTPRINT, BOUNDARY, CONTACT = 0, 1, 2
"""Channels: inside a building; on a building's rim; between two buildings that touch or nearly so."""

CERTAIN = 255
"""Probabilities are kept as integers: p = value / CERTAIN."""


@dataclass(frozen=True)
class Probabilities:
    """Probabilities of one frame at the up-sampled scale."""

    channels: NDArray[np.uint8]
    """(3, rows, cols) of the up-sampled grid: FOOTPRINT, BOUNDARY, CONTACT; 255 is certain."""

    usable: NDArray[np.bool_]
    """(rows, cols): False where there is no evidence (cloud, outside the image, not predicted). Not absence."""

    def __post_init__(self) -> None:
        if self.channels.ndim != 3 or self.channels.shape[0] != 3 or self.channels.shape[1:] != self.usable.shape:
            raise ValueError(
                f"need (3, rows, cols) and (rows, cols), got {self.channels.shape} and {self.usable.shape}"
            )
