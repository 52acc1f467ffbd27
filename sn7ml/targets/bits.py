"""Targets whose channels are masks of their own: a pixel may belong to several, each with a sigmoid.

A byte holds one pixel: bit n is set where it belongs to channel n, and the bit after those of all channels where
nothing is known of it (clouds, no data, no labels).
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sn7ml.params.recipe import BINARY_LOSSES
from sn7ml.targets.pixels import PixelCounts, count_pixels
from sn7ml.targets.target import Array, Draw, Planes, Target

MOST_CHANNELS = 7


def bit_target(kind: str, channels: tuple[str, ...], draw: Draw) -> Target:
    """Return a target of masks; its scores are those of the first channel, at probability one half."""
    if not 1 <= len(channels) <= MOST_CHANNELS:
        raise ValueError(f"a byte holds 1 to {MOST_CHANNELS} channels and what is unknown, got {channels}")
    return Target(
        kind=kind,
        channels=channels,
        activation="sigmoid",
        losses=BINARY_LOSSES,
        draw=draw,
        truth=partial(bits_set, len(channels)),
        built=first_bit,
        known=partial(known_bits, len(channels)),
        count=partial(count_first_channel, len(channels)),
        unknown=1 << len(channels),
    )


def packed(masks: Sequence[NDArray[np.bool_]], unknown: NDArray[np.bool_]) -> Planes:
    """Return masks of one shape as bits, the unknown last.

    >>> packed([np.array([True, True, False])], unknown=np.array([False, True, False]))
    array([1, 3, 0], dtype=uint8)
    """
    planes = np.zeros(unknown.shape, np.uint8)
    for place, mask in enumerate((*masks, unknown)):
        planes |= mask.astype(np.uint8) * np.uint8(1 << place)
    return planes


def bits_set(channels: int, planes: Array) -> list[Array]:
    """Return the mask of each channel."""
    return [(planes & (1 << place)) > 0 for place in range(channels)]


def first_bit(planes: Array) -> Array:
    """Return the mask of the first channel."""
    return (planes & 1) > 0


def known_bits(channels: int, planes: Array) -> Array:
    """Return where something is known."""
    return (planes & (1 << channels)) == 0


def count_first_channel(channels: int, output: NDArray[np.float32], planes: Planes) -> PixelCounts:
    """Count the known pixels of the first channel: found where its probability is above one half."""
    return count_pixels(output[:, 0] > 0, (planes & 1) > 0, known_bits(channels, planes))
