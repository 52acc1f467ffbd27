"""Our tracker: candidates from the collapsed cube, one geometry each, and a fitted change point for its birth."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shapely.geometry import Polygon

from sn7ml.core.geo.burn import Ids
from sn7ml.core.geo.outlines import outlines
from sn7ml.core.geo.probabilities import Probabilities
from sn7ml.outputs.tracking.births import fit_births, judge_births
from sn7ml.outputs.tracking.evidence import ChangeEvidence, Evidence, Series, candidate_series, collapse_change
from sn7ml.outputs.tracking.histories import TrackRow, history_table
from sn7ml.outputs.tracking.instances import weigh
from sn7ml.outputs.tracking.peaks import find_peaks
from sn7ml.params import ChangepointParams, PeakParams
from sn7ml.targets.rims import BOUNDARY, CONTACT, FOOTPRINT

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Candidates:
    """Possible buildings, all from one image of evidence."""

    ids: Ids
    """(rows, cols): 0 on ground, 1 to n on candidates."""

    through_time: Series

    @property
    def series(self) -> Floats:
        """(months, n) mean footprint probability; NaN where a pixel of the candidate is not usable."""
        return self.through_time.probabilities

    @property
    def count(self) -> int:
        """Number of candidates."""
        return int(self.series.shape[1])

    @property
    def areas(self) -> NDArray[np.int64]:
        """(n,) number of up-sampled pixels."""
        return np.bincount(self.ids.ravel(), minlength=self.count + 1)[1:]

    def places(self, upsampling: int) -> Floats:
        """(n, 2) row and column of each centre, pixels of the original image."""
        rows, cols = np.nonzero(self.ids)
        owner = self.ids[rows, cols]
        sums = [np.bincount(owner, axis, minlength=self.count + 1)[1:] for axis in (rows, cols)]
        return np.column_stack(sums) / np.maximum(self.areas, 1)[:, np.newaxis] / upsampling


@dataclass(frozen=True)
class Judged:
    """Candidates and the decision on each; arrays are (n,)."""

    first_id: int
    """Id of the first candidate; the others count on from it."""

    candidates: Candidates

    chosen: NDArray[np.bool_]
    """Whether each is a building."""

    month: NDArray[np.int64]
    """Index of the month from which each stands."""

    probability: Floats
    """Probability of that month."""


def track_changepoint(cube: Mapping[str, Probabilities], upsampling: int, params: ChangepointParams) -> pd.DataFrame:
    """Find buildings once for all months and fit the month of birth of each.

    1. The cube is collapsed to each pixel's largest rise and to its mean (``evidence.collapse_change``).
    2. Peaks of the rise are candidates for buildings that were born. Each gets a posterior over its month of birth
       (``births.fit_births``) and is declared born, or dropped; one that is no longer seen in the last months is
       dropped.
    3. Peaks of the mean are buildings that always stood there, if their mean is high enough and no declared building
       covers them.

    A building stays once it is there: the challenge does not score demolition. In a month in which it touches a pixel
    that is not usable it is not emitted, as labels are absent there too.

    Parameters
    ----------
    cube
        Month to probabilities of one AOI; every month is read four times, one at a time.
    upsampling
        Pixels of the probabilities per pixel of the original image, along each axis.
    params
        Section ``changepoint``.

    Returns
    -------
    DataFrame
        ``TRACKS`` without ``aoi``, by month and id; one geometry, birth and confidence per id. No rows where nothing is
        found.

    Raises
    ------
    GridError
        If months differ in shape.
    """
    if not cube:
        return history_table([])
    return decide(cube, collapse_change(cube, params.tail_months), upsampling, params)


def decide(
    cube: Mapping[str, Probabilities], evidence: ChangeEvidence, upsampling: int, params: ChangepointParams
) -> pd.DataFrame:
    """Track from collapsed evidence: see ``track_changepoint``. A search collapses once for all its trials."""
    changed = _candidates(cube, evidence.change, params.change, upsampling)
    static = _candidates(cube, evidence.static, params.static, upsampling)
    births = fit_births(changed.series, changed.places(upsampling), params.births, changed.through_time.shades)
    declared = births.declared & (_tail_mean(changed.series, params.tail_months) >= params.min_tail)
    born = Judged(static.count + 1, changed, declared, births.month, births.probability)
    old = judge_births(
        static.series, static.places(upsampling), params.births, births.levels, static.through_time.shades
    )
    # A static candidate stands if it is seen well enough and not covered by a building that was born.
    taken = np.isin(changed.ids, np.flatnonzero(declared) + 1)
    covered = np.bincount(static.ids[taken], minlength=static.count + 1)[1:]
    stands = (_mean(static.series) > params.min_mean) & (covered <= params.max_overlap * static.areas)
    always = Judged(1, static, stands, np.zeros_like(old.month), old.posterior[0])
    rows = [
        *_rows(born, sorted(cube), outlines(changed.ids, upsampling, params.change.simplify_px)),
        *_rows(always, sorted(cube), outlines(static.ids, upsampling, params.static.simplify_px)),
    ]
    return history_table(sorted(rows, key=lambda row: row.time))


def _candidates(
    cube: Mapping[str, Probabilities], evidence: Evidence, params: PeakParams, upsampling: int
) -> Candidates:
    channels = evidence.channels
    weighed = weigh(channels[FOOTPRINT], channels[BOUNDARY], channels[CONTACT], params)
    ids = find_peaks(weighed, evidence.usable, params, upsampling)
    return Candidates(ids, candidate_series(cube, ids))


def _rows(judged: Judged, months: list[str], polygons: Mapping[int, Polygon]) -> list[TrackRow]:
    """Return a row per building and month in which it is seen; ``polygons`` has each candidate's number from 1."""
    series = judged.candidates.series
    later = np.arange(len(months))[:, np.newaxis] >= judged.month  # (months, n), as are present and series
    present = judged.chosen & later & ~np.isnan(series)
    confidence = _mean(np.where(later, series, np.nan))
    return [
        TrackRow(
            months[month],
            str(judged.first_id + int(n)),
            months[judged.month[n]],
            float(judged.probability[n]),
            float(confidence[n]),
            polygons[int(n) + 1],
        )
        for month, n in np.argwhere(present)
    ]


def _mean(series: Floats) -> Floats:
    """(n,): mean over the months with evidence; 0 without any."""
    seen = ~np.isnan(series)
    return np.asarray(np.where(seen, series, 0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1), dtype=np.float64)


def _tail_mean(series: Floats, months: int) -> Floats:
    """(n,): mean over the last ``months`` months with evidence; 0 without any."""
    seen = ~np.isnan(series)
    # Counted from the end, a month's own evidence included; months without evidence are NaN anyway.
    late = seen[::-1].cumsum(axis=0)[::-1] <= months
    return _mean(np.where(late, series, np.nan))
