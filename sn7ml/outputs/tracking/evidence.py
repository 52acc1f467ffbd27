"""What a cube says about each pixel and each candidate, read month by month: at most two are held at once."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sn7ml.core.errors import GridError
from sn7ml.core.geo.burn import Ids
from sn7ml.core.geo.probabilities import CERTAIN, FOOTPRINT, Probabilities
from sn7ml.core.geo.radiometry import MIDDLE, SHADES_PER_DEVIATION

SHORTEST_TAIL = 3
"""Usable months that a trailing mean spans at least: a single bright month at the end is no building."""

BLOCK_ROWS = 64
"""Rows worked on at a time, so that what they need stays in the processor's cache."""


@dataclass(frozen=True)
class Evidence:
    """A cube collapsed to one image."""

    channels: NDArray[np.float32]
    """(3, rows, cols): FOOTPRINT, BOUNDARY, CONTACT in [0, 1]; 0 where no month is usable."""

    usable: NDArray[np.bool_]
    """(rows, cols): True where at least one month is."""


def collapse_months(cube: Mapping[str, Probabilities], mean_floor: float) -> Evidence:
    """Collapse a cube to the evidence of what stands there at its end.

    A pixel's footprint is the largest of its trailing means: over its last 3 usable months, its last 4, and so on to
    all of them (over all, where fewer than 3 are usable). So a building born late is as clear as one that always stood
    there: a mean over all months would dilute it. A single bright month is thinned out, and so is a building that
    was torn down. Boundary and contact are the means over the months that the footprint took.

    Parameters
    ----------
    cube
        Month to probabilities, at least one month; each is read once, the last month first.
    mean_floor
        Footprint probabilities up to this count as 0 in the means.

    Raises
    ------
    GridError
        If a month has another shape than the last one.
    """
    months = sorted(cube, reverse=True)
    tail: _Tail | None = None
    for _, month in _frames(cube, months):
        tail = _Tail(month.usable.shape) if tail is None else tail
        tail.add(month, int(mean_floor * CERTAIN))
    if tail is None:
        raise ValueError("need a cube of at least one month")
    return tail.evidence()


class _Tail:
    """Sums over the months from the end, and the best mean so far."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.sums = np.zeros((3, *shape), np.uint16)  # room for 257 months of 255
        self.months = np.zeros(shape, np.uint16)
        self.best = np.zeros((3, *shape), np.float32)

    def add(self, month: Probabilities, floor: int) -> None:
        for rows in _blocks(self.months.shape[0]):
            usable = month.usable[rows]
            values = month.channels[:, rows] * usable
            values[FOOTPRINT] *= values[FOOTPRINT] > floor
            self.sums[:, rows] += values
            self.months[rows] += usable
            mean = self._mean(rows)
            better = (mean[FOOTPRINT] > self.best[FOOTPRINT, rows]) & (self.months[rows] >= SHORTEST_TAIL)
            np.copyto(self.best[:, rows], mean, where=better)

    def evidence(self) -> Evidence:
        for rows in _blocks(self.months.shape[0]):
            np.copyto(self.best[:, rows], self._mean(rows), where=self.months[rows] < SHORTEST_TAIL)
        return Evidence(self.best, self.months > 0)

    def _mean(self, rows: slice) -> NDArray[np.float32]:
        whole = np.maximum(self.months[rows], 1) * np.float32(CERTAIN)
        return np.asarray(self.sums[:, rows] / whole, dtype=np.float32)


@dataclass(frozen=True)
class ChangeEvidence:
    """A cube collapsed twice: to what always stood there, and to what appeared."""

    static: Evidence
    """Means over the usable months."""

    change: Evidence
    """FOOTPRINT: the largest rise of the pixel's mean, from the months before to those from then on; BOUNDARY and CONTACT:
    means over the last months."""


def collapse_change(cube: Mapping[str, Probabilities], tail_months: int) -> ChangeEvidence:
    """Collapse a cube to the evidence of what always stood there and of what appeared.

    Parameters
    ----------
    cube
        Month to probabilities, at least one month; each is read twice, one at a time.
    tail_months
        A rise with n usable months after it counts by ``n / tail_months``, up to 1: a single bright month at the end is
        weak evidence of a building. Boundary and contact of ``change`` are means over as many usable months as come last.

    Raises
    ------
    GridError
        If a month has another shape than the last one.
    """
    whole, last = _totals(cube, tail_months)
    rise, before = np.zeros(whole.months.shape, np.float32), _Sums(whole.months.shape)
    for _, month in _frames(cube, sorted(cube), rise.shape):
        _raise_to(rise, before, whole, tail_months)
        before.add(month.channels[FOOTPRINT], month.usable)
    tail = last.evidence()
    tail.channels[FOOTPRINT] = rise
    return ChangeEvidence(whole.evidence(), tail)


class _Sums:
    """Sums of probabilities over usable months: of one channel, (rows, cols), or of several, (channels, rows, cols)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.sums = np.zeros(shape, np.uint16)  # room for 257 months of 255
        self.months = np.zeros(shape[-2:], np.uint16)

    def add(self, values: NDArray[np.uint8], usable: NDArray[np.bool_], up_to: int | None = None) -> None:
        for rows in _blocks(self.months.shape[0]):
            counted = usable[rows]
            if up_to is not None:
                counted = counted & (self.months[rows] < up_to)
            self.sums[..., rows, :] += values[..., rows, :] * counted
            self.months[rows] += counted

    def evidence(self) -> Evidence:
        whole = np.maximum(self.months, 1) * np.float32(CERTAIN)
        return Evidence(np.asarray(self.sums / whole, dtype=np.float32), self.months > 0)


def _totals(cube: Mapping[str, Probabilities], tail_months: int) -> tuple[_Sums, _Sums]:
    """Add up all channels over all usable months, and over the last ones."""
    sums: tuple[_Sums, _Sums] | None = None
    for _, month in _frames(cube, sorted(cube, reverse=True)):
        sums = (_Sums(month.channels.shape), _Sums(month.channels.shape)) if sums is None else sums
        sums[0].add(month.channels, month.usable)
        sums[1].add(month.channels, month.usable, up_to=tail_months)
    if sums is None:
        raise ValueError("need a cube of at least one month")
    return sums


def _raise_to(rise: NDArray[np.float32], before: _Sums, whole: _Sums, tail_months: int) -> None:
    """Note where the mean from now on exceeds the mean before by more than at any earlier month."""
    for rows in _blocks(rise.shape[0]):
        earlier, total = before.months[rows], whole.months[rows]
        later = total - earlier
        mean_before = before.sums[rows] / (np.maximum(earlier, 1) * np.float32(CERTAIN))
        mean_after = (whole.sums[FOOTPRINT, rows] - before.sums[rows]) / (np.maximum(later, 1) * np.float32(CERTAIN))
        step = (mean_after - mean_before) * np.minimum(later / np.float32(tail_months), 1)
        np.maximum(rise[rows], np.where(earlier > 0, step, 0), out=rise[rows])


def _blocks(rows: int) -> Iterator[slice]:
    return (slice(row, row + BLOCK_ROWS) for row in range(0, rows, BLOCK_ROWS))


@dataclass(frozen=True)
class Series:
    """Candidates through the months."""

    probabilities: NDArray[np.float64]
    """(months, n): mean footprint probability; NaN where the candidate touches a pixel that is not usable: no evidence."""

    shades: NDArray[np.float64] | None
    """(months, 3, n): mean brightness in standard deviations of the frame, NaN likewise; None where a month has no shades."""


def candidate_series(cube: Mapping[str, Probabilities], ids: Ids) -> Series:
    """Follow every candidate through the months.

    Parameters
    ----------
    cube
        Month to probabilities; each is read once, in order of date.
    ids
        0 on ground, 1 to n on candidates; of the up-sampled grid.

    Raises
    ------
    GridError
        If a month has another shape than ``ids``.
    """
    rows, cols = np.nonzero(ids)
    owner, number = ids[rows, cols] - 1, int(ids.max(initial=0))
    areas = np.bincount(owner, minlength=number)
    probabilities = np.full((len(cube), number), np.nan)
    shades: NDArray[np.float64] | None = np.full((len(cube), 3, number), np.nan)

    def mean(values: NDArray[np.uint8], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
        total = np.bincount(owner, values, minlength=number)
        return np.asarray(total[seen] / areas[seen], dtype=np.float64)

    for index, month in _frames(cube, sorted(cube), ids.shape):
        seen = np.bincount(owner, ~month.usable[rows, cols], minlength=number) == 0
        probabilities[index, seen] = mean(month.channels[FOOTPRINT][rows, cols], seen) / CERTAIN
        if month.shades is None or shades is None:
            shades = None
            continue
        factor = ids.shape[0] // month.shades.shape[1]
        for band, shade in enumerate(month.shades):
            values = mean(shade[rows // factor, cols // factor], seen)
            shades[index, band, seen] = (values - MIDDLE) / SHADES_PER_DEVIATION
    return Series(probabilities, shades)


def _frames(
    cube: Mapping[str, Probabilities], months: Iterable[str], shape: tuple[int, ...] | None = None
) -> Iterator[tuple[int, Probabilities]]:
    for index, month in enumerate(months):
        frame = cube[month]
        shape = frame.usable.shape if shape is None else shape
        if frame.usable.shape != shape:
            raise GridError(
                "probabilities.shape",
                f"month {month}: probabilities have shape {frame.usable.shape}, the others {shape}; predict anew",
            )
        yield index, frame
