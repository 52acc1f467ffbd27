"""What a network learns, as one value: channels, how labels become planes and are taught, how progress is measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from sn7ml.core.geo.grid import Grid
from sn7ml.params import Activation

Planes = NDArray[np.uint8]
"""What the labels of one frame say, as the tile store keeps it: one byte per up-sampled pixel, (rows, cols)."""

Array = Any
"""A numpy array or a torch tensor: the operators used here do for both, and this room loads no torch."""

Counts: TypeAlias = Any
"""``PixelCounts``, or ``ClassCounts`` of a target of classes; either adds up with ``+``."""


@dataclass(frozen=True)
class FrameLabels:
    """What is known of one frame: outlines of objects, or a map of classes."""

    outlines: Sequence[BaseGeometry] = ()
    """In pixels of the image."""

    class_map: NDArray[np.uint8] | None = None
    """(rows, cols): a place in ``class_names``, or more for what has no class there."""

    class_names: Sequence[str] = ()


Draw = Callable[[FrameLabels, NDArray[np.bool_], int, Grid], Planes]
"""(labels, where nothing is known of the image (rows, cols), up-sampling, its grid) to planes."""


@dataclass(frozen=True)
class Target:
    """What a network learns.

    ``truth`` and ``known`` say what planes mean. They take planes with any leading axes, of numpy or torch.
    """

    kind: str
    """As ``target.kind`` in ``params.yaml``."""

    channels: tuple[str, ...]
    """What the network's output channels are, in order. The first one decides which tiles are drawn more often."""

    activation: Activation
    """What turns the network's output into what is predicted."""

    losses: tuple[str, ...]
    """Terms of section ``loss`` that can teach it."""

    draw: Draw
    """Draws the labels of one frame. Pixels of which nothing is known are marked as such, whatever the labels say."""

    truth: Callable[[Array], Sequence[Array]]
    """Planes to what each channel should say: masks, or for distances numbers from -1 to 1."""

    built: Callable[[Array], Array]
    """Planes to a bool array of their shape: True where the first channel means a building; of classes, where any is
    known. Tiles with more of it are drawn more often."""

    known: Callable[[Array], Array]
    """Planes to a bool array of their shape: False where a loss or a score must not look."""

    count: Callable[[NDArray[np.float32], Planes], Counts]
    """Network output (batch, channel, rows, cols), not activated, and planes (batch, rows, cols) to pixel counts."""

    unknown: int
    """The byte of a plane where nothing is known and nothing is drawn."""

    unit_m: float | None = None
    """Metres of a distance of 1; None where channels are masks."""

    pixel_scores: tuple[str, ...] = ("iou", "f1")
    """Attributes of those counts, higher is better. The first picks the best epoch, and prunes trials."""
