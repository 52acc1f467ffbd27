"""Pixels by class, true and found: what a classification is measured by."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sn7ml.core.ratios import ratio


@dataclass(frozen=True, eq=False)
class ClassCounts:
    """A confusion matrix over known pixels.

    Counts of tiles, AOIs and processes add up with ``+``; ratios are taken of the sum. A class that is neither true nor
    found anywhere has no IoU and is left out of means; one that is found and not true has an IoU of 0.

    Examples
    --------
    >>> counts = ClassCounts(np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]]))
    >>> counts.iou.tolist(), counts.miou, counts.accuracy
    ([0.75, 0.8, nan], 0.775, 0.875)
    """

    pixels: NDArray[np.int64]
    """(class, class): what they are by row, what they were taken for by column."""

    names: Sequence[str] = ()
    """Of the classes, in their order; none where nobody asks."""

    def __add__(self, other: "ClassCounts") -> "ClassCounts":
        return ClassCounts(self.pixels + other.pixels, self.names)

    @property
    def known(self) -> int:
        """Pixels that were counted."""
        return int(self.pixels.sum())

    @property
    def right(self) -> NDArray[np.int64]:
        """Pixels of each class that were found as it: (class,)."""
        return np.diagonal(self.pixels)

    @property
    def true(self) -> NDArray[np.int64]:
        """Pixels of each class: (class,)."""
        return np.asarray(self.pixels.sum(axis=1))

    @property
    def found(self) -> NDArray[np.int64]:
        """Pixels that were taken for each class: (class,)."""
        return np.asarray(self.pixels.sum(axis=0))

    @cached_property
    def iou(self) -> NDArray[np.float64]:
        """IoU of each class: (class,); NaN of one that is neither true nor found."""
        return _ratios(self.right, self.true + self.found - self.right)

    @property
    def precision(self) -> NDArray[np.float64]:
        """Share of what was taken for each class that is of it: (class,); NaN where nothing was."""
        return _ratios(self.right, self.found)

    @property
    def recall(self) -> NDArray[np.float64]:
        """Share of each class that was found as it: (class,); NaN where there is none."""
        return _ratios(self.right, self.true)

    @property
    def miou(self) -> float:
        """Mean IoU of the classes that are true or found somewhere; 0 where nothing is known."""
        defined = self.iou[~np.isnan(self.iou)]
        return float(defined.mean()) if len(defined) else 0.0

    @property
    def worst_iou(self) -> float:
        """Least IoU of the classes that are true somewhere; 0 where nothing is known."""
        there = self.iou[self.true > 0]
        return float(there.min()) if len(there) else 0.0

    @property
    def accuracy(self) -> float:
        """Share of the pixels that were taken for what they are."""
        return ratio(int(self.right.sum()), self.known)

    def constant(self, number: int) -> "ClassCounts":
        """Return the counts of the answer that every pixel is of this class."""
        pixels = np.zeros_like(self.pixels)
        pixels[:, number] = self.true
        return ClassCounts(pixels, self.names)


def count_classes(
    found: NDArray[np.integer], truth: NDArray[np.integer], valid: NDArray[np.bool_], classes: int
) -> ClassCounts:
    """Count the valid pixels of class maps of one shape, whatever their axes; values are 0 to ``classes`` - 1 there.

    Raises ValueError if the shapes differ, or a valid pixel has another value.

    >>> zero, one = np.array([0, 0, 1, 255]), np.array([0, 1, 1, 0])
    >>> count_classes(one, zero, zero < 255, classes=2).pixels.tolist()
    [[1, 1], [0, 1]]
    """
    shapes = [found.shape, truth.shape, valid.shape]
    if len({*shapes}) > 1:
        raise ValueError(f"class maps must have one shape, got {shapes}")
    true, taken = truth[valid].astype(np.int64), found[valid].astype(np.int64)
    for name, values in {"found": taken, "truth": true}.items():
        if values.size and not 0 <= values.min() <= values.max() < classes:
            raise ValueError(f"{name} must be 0 to {classes - 1}, got {values.min()} to {values.max()}")
    pixels = np.bincount(true * classes + taken, minlength=classes * classes)
    return ClassCounts(pixels.reshape(classes, classes))


def _ratios(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
