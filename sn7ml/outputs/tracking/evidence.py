"""Evidence of a cube about each pixel and each candidate, read month by month: at most two are in memory at once."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sn7ml.core.errors import GridError
from sn7ml.core.geo.burn import Ids
from sn7ml.core.geo.probabilities import CERTAIN, Probabilities
from sn7ml.core.geo.radiometry import MIDDLE, SHADES_PER_DEVIATION
from sn7ml.targets.rims import FOOTPRINT

SHORTEST_TAIL = 3
"""Least number of usable months in a trailing mean: a single bright month at the end is no building."""

BLOCK_ROWS = 64
"""Rows worked on at a time."""


@dataclass(frozen=True)
class Evidence:
    """A cube collapsed to one image."""

    channels: NDArray[np.float32]
    """(3, rows, cols): FOOTPRINT, BOUNDARY, CONTACT in [0, 1]; 0 where no month is usable."""

    usable: NDArray[np.bool_]
    """(rows, cols): whether at least one month is usable."""


def collapse_months(cube: Mapping[str, Probabilities], mean_floor: float) -> Evidence:
    """Collapse a cube to evidence of the buildings at its end.

    A pixel's footprint is the largest of its trailing means: over its last 3 usable months, its last 4, and so on to
    all of them (over all, if fewer than 3 are usable). So a building born late is as clear as one that always stood
    there: a mean over all months would dilute it. A single bright month is averaged out, and so is a building that
    was torn down. Boundary and contact are the means over the same months as the footprint.

    ``cube`` holds at least one month; each is read once, the last month first. Footprint probabilities up to
    ``mean_floor`` count as 0 in the means. Raises GridError if a month has another shape than the last one.
    """
    floor = int(mean_floor * CERTAIN)
    sums: _Sums | None = None
    for month in _frames(cube, sorted(cube, reverse=True)):
        if sums is None:
            sums, best = _Sums(month.channels.shape), np.zeros(month.channels.shape, np.float32)
        for rows in sums.blocks():
            values = month.channels[:, rows] * month.usable[rows]
            values[FOOTPRINT] *= values[FOOTPRINT] > floor
            sums.add(rows, values, month.usable[rows])
            mean = sums.mean(rows)
            better = (mean[FOOTPRINT] > best[FOOTPRINT, rows]) & (sums.months[rows] >= SHORTEST_TAIL)
            np.copyto(best[:, rows], mean, where=better)
    if sums is None:
        raise ValueError("need a cube of at least one month")
    for rows in sums.blocks():
        np.copyto(best[:, rows], sums.mean(rows), where=sums.months[rows] < SHORTEST_TAIL)
    return Evidence(best, sums.months > 0)


@dataclass(frozen=True)
class ChangeEvidence:
    """A cube collapsed twice: to buildings that always stood there, and to those that appeared."""

    static: Evidence
    """Means over the usable months."""

    change: Evidence
    """FOOTPRINT: the largest rise of the pixel's mean, over all months: mean from that month on less mean before.
    BOUNDARY and CONTACT: means over the last months."""


def collapse_change(cube: Mapping[str, Probabilities], tail_months: int) -> ChangeEvidence:
    """Collapse a cube to evidence of the buildings that always stood there, and of those that appeared.

    ``cube`` holds at least one month; each is read twice, one at a time. A rise with n usable months after it is
    multiplied by ``n / tail_months``, at most 1: a single bright month at the end is weak evidence of a building.
    Boundary and contact of ``change`` are means over the last ``tail_months`` usable months. Raises GridError if a
    month has another shape than the last one.
    """
    # First pass, from the end: sums over all usable months and over the last ones, (3, rows, cols).
    whole: _Sums | None = None
    for month in _frames(cube, sorted(cube, reverse=True)):
        if whole is None:
            whole, last = _Sums(month.channels.shape), _Sums(month.channels.shape)
        for rows in whole.blocks():
            usable = month.usable[rows]
            late = usable & (last.months[rows] < tail_months)
            whole.add(rows, month.channels[:, rows] * usable, usable)
            last.add(rows, month.channels[:, rows] * late, late)
    if whole is None:
        raise ValueError("need a cube of at least one month")
    # Second pass, from the start: sums of the footprint so far, (rows, cols), beside those of the whole.
    rise, before = np.zeros(whole.months.shape, np.float32), _Sums(whole.months.shape)
    for month in _frames(cube, sorted(cube), rise.shape):
        for rows in whole.blocks():
            usable, earlier = month.usable[rows], before.months[rows]
            later = whole.months[rows] - earlier
            sum_after = whole.sums[FOOTPRINT, rows] - before.sums[rows]
            mean_after = sum_after / (np.maximum(later, 1) * np.float32(CERTAIN))
            # Few months after the step: weak evidence. No month before it: nothing to rise from.
            step = (mean_after - before.mean(rows)) * np.minimum(later / np.float32(tail_months), 1)
            np.maximum(rise[rows], np.where(earlier > 0, step, 0), out=rise[rows])
            before.add(rows, month.channels[FOOTPRINT, rows] * usable, usable)
    change = Evidence(last.mean(), last.months > 0)
    change.channels[FOOTPRINT] = rise
    return ChangeEvidence(Evidence(whole.mean(), whole.months > 0), change)


class _Sums:
    """Sums of probabilities over usable months: of one channel, (rows, cols), or of several, (channels, rows, cols)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.sums = np.zeros(shape, np.uint16)  # room for 257 months of 255
        self.months = np.zeros(shape[-2:], np.uint16)

    def blocks(self) -> Iterator[slice]:
        """Go through the rows, so many at a time that they stay in the processor's cache."""
        return (slice(row, row + BLOCK_ROWS) for row in range(0, len(self.months), BLOCK_ROWS))

    def add(self, rows: slice, values: NDArray[np.uint8], counted: NDArray[np.bool_]) -> None:
        """Add a month's values, 0 where they are not counted."""
        self.sums[..., rows, :] += values
        self.months[rows] += counted

    def mean(self, rows: slice = slice(None)) -> NDArray[np.float32]:
        """Return means in [0, 1]; 0 without any month."""
        whole = np.maximum(self.months[rows], 1) * np.float32(CERTAIN)
        return np.asarray(self.sums[..., rows, :] / whole, dtype=np.float32)


@dataclass(frozen=True)
class Series:
    """Time series of the candidates."""

    probabilities: NDArray[np.float64]
    """(months, n): mean footprint probability; NaN where the candidate touches a pixel that is not usable."""

    shades: NDArray[np.float64] | None
    """(months, 3, n): mean brightness in standard deviations of the frame; NaN likewise; None if a month has none."""


def candidate_series(cube: Mapping[str, Probabilities], ids: Ids) -> Series:
    """Return the series of every candidate.

    Each month of the cube is read once, in order of date. ``ids`` are (rows, cols) of the up-sampled grid: 0 on ground,
    1 to n on candidates. Raises GridError if a month has another shape.
    """
    rows, cols = np.nonzero(ids)  # (pixels on candidates,), as is owner: the candidate of each, from 0
    owner, number = ids[rows, cols] - 1, int(ids.max(initial=0))
    areas = np.bincount(owner, minlength=number)
    probabilities = np.full((len(cube), number), np.nan)
    shades: NDArray[np.float64] | None = np.full((len(cube), 3, number), np.nan)

    def mean(values: NDArray[np.uint8], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
        total = np.bincount(owner, values, minlength=number)
        return np.asarray(total[seen] / areas[seen], dtype=np.float64)

    for index, month in enumerate(_frames(cube, sorted(cube), ids.shape)):
        # A candidate is seen if none of its pixels is unusable.
        seen = np.bincount(owner, ~month.usable[rows, cols], minlength=number) == 0
        probabilities[index, seen] = mean(month.channels[FOOTPRINT][rows, cols], seen) / CERTAIN
        if month.shades is None or shades is None:
            shades = None
            continue
        # Shades are kept at the original resolution.
        factor = ids.shape[0] // month.shades.shape[1]
        for band, shade in enumerate(month.shades):
            values = mean(shade[rows // factor, cols // factor], seen)
            shades[index, band, seen] = (values - MIDDLE) / SHADES_PER_DEVIATION
    return Series(probabilities, shades)


def _frames(
    cube: Mapping[str, Probabilities], months: Iterable[str], shape: tuple[int, ...] | None = None
) -> Iterator[Probabilities]:
    """Go through the months; refuses one of another shape than the first or ``shape``."""
    for month in months:
        frame = cube[month]
        shape = frame.usable.shape if shape is None else shape
        if frame.usable.shape != shape:
            raise GridError(
                "probabilities.shape",
                f"month {month}: probabilities have shape {frame.usable.shape}, the others {shape}; predict anew",
            )
        yield frame
