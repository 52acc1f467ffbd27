"""Pixels found, false and missed: what a network's progress is measured by."""

from dataclasses import astuple, dataclass, field

import numpy as np
from numpy.typing import NDArray

from sn7ml.core.ratios import precision_recall_f1, ratio


@dataclass(frozen=True)
class PixelCounts:
    """Pixels by what they are and what they were taken for.

    Counts of tiles, months, AOIs and processes add up with ``+`` (``sum(counts, PixelCounts())``); ratios are taken of
    the sum. A ratio of nothing is 0.0 and not nan: it can be logged and searched, and an epoch that has found no
    building yet scores 0.

    Examples
    --------
    >>> PixelCounts(tp=1, fn=1) + PixelCounts(tp=2, fp=1)
    PixelCounts(tp=3, fp=1, fn=1, tn=0)
    >>> PixelCounts(tp=3, fp=1, fn=1).iou
    0.6
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    error_m: float = field(default=0.0, repr=False)
    """Sum of the errors of signed distances, metres; 0 where none are learned."""

    all_building_error_m: float = field(default=0.0, repr=False)
    """The same of the answer that every pixel lies deep in a building."""

    nothing_error_m: float = field(default=0.0, repr=False)
    """The same of the answer that no pixel lies near a building."""

    def __add__(self, other: "PixelCounts") -> "PixelCounts":
        mine, others = astuple(self), astuple(other)
        return PixelCounts(*(one + more for one, more in zip(mine, others, strict=True)))

    @property
    def known(self) -> int:
        """Pixels that were counted."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def mae_m(self) -> float:
        """Mean error of the signed distance of a pixel, metres."""
        return ratio(self.error_m, self.known)

    @property
    def iou(self) -> float:
        """Pixels right by pixels that are or were taken for a building."""
        return ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall: the Dice coefficient."""
        return precision_recall_f1(self.tp, self.fp, self.fn)[2]

    @property
    def precision(self) -> float:
        """Share of the pixels taken for a building that are one."""
        return ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Share of the building pixels that were found."""
        return ratio(self.tp, self.tp + self.fn)


def count_pixels(predicted: NDArray[np.bool_], truth: NDArray[np.bool_], valid: NDArray[np.bool_]) -> PixelCounts:
    """Count the valid pixels of masks of one shape, whatever their axes.

    Pixels that are not ``valid`` (under a UDM, padding) count nowhere. Raises ValueError if the shapes differ, or an
    array is not bool: a probability has to be thresholded first.

    >>> yes, no = True, False
    >>> count_pixels(np.array([yes, yes, no, yes]), np.array([yes, no, no, yes]), np.array([yes, yes, yes, no]))
    PixelCounts(tp=1, fp=1, fn=0, tn=1)
    """
    arrays = {"predicted": predicted, "truth": truth, "valid": valid}
    shapes = {name: array.shape for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"masks must have one shape, got {shapes}")
    kinds = {name: str(array.dtype) for name, array in arrays.items() if array.dtype != np.bool_}
    if kinds:
        raise ValueError(f"masks must be bool, got {kinds}")
    tp = int(np.count_nonzero(predicted & truth & valid))
    taken, building = int(np.count_nonzero(predicted & valid)), int(np.count_nonzero(truth & valid))
    everything = int(np.count_nonzero(valid))
    return PixelCounts(tp=tp, fp=taken - tp, fn=building - tp, tn=everything - taken - building + tp)
