"""Our tracker: candidates from the collapsed cube, one geometry each, and a fitted change point for its birth."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shapely.geometry import Polygon

from sn7ml.core.geo.burn import Ids
from sn7ml.core.geo.outlines import outlines
from sn7ml.core.geo.probabilities import BOUNDARY, CONTACT, FOOTPRINT, Probabilities
from sn7ml.outputs.tracking.births import fit_births, judge_births
from sn7ml.outputs.tracking.evidence import ChangeEvidence, Evidence, Series, candidate_series, collapse_change
from sn7ml.outputs.tracking.histories import Sighting, history_table
from sn7ml.outputs.tracking.instances import weigh
from sn7ml.outputs.tracking.peaks import find_peaks
from sn7ml.params import ChangepointParams, PeakParams

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Candidates:
    """Possible buildings, all from one evidence."""

    ids: Ids
    """(rows, cols): 0 on ground, 1 to n on candidates."""

    through_time: Series

    @property
    def series(self) -> Floats:
        """(months, n) mean footprint probability; NaN where a pixel of the candidate is not usable."""
        return self.through_time.probabilities

    @property
    def count(self) -> int:
        """How many."""
        return int(self.series.shape[1])

    @property
    def areas(self) -> NDArray[np.int64]:
        """(n,) up-sampled pixels."""
        return np.bincount(self.ids.ravel(), minlength=self.count + 1)[1:]

    def places(self, upsampling: int) -> Floats:
        """(n, 2) row and column of each one's centre, pixels of the original image."""
        rows, cols = np.nonzero(self.ids)
        owner = self.ids[rows, cols]
        sums = [np.bincount(owner, axis, minlength=self.count + 1)[1:] for axis in (rows, cols)]
        return np.column_stack(sums) / np.maximum(self.areas, 1)[:, np.newaxis] / upsampling


@dataclass(frozen=True)
class Found:
    """Candidates and what was made of them; arrays of one value each."""

    before: int
    """Candidates that were numbered before: ids count on from there."""

    candidates: Candidates

    chosen: NDArray[np.bool_]
    """Which are buildings."""

    month: NDArray[np.int64]
    """Index of the month from which each stands."""

    probability: Floats
    """Of that very month."""


def track_changepoint(cube: Mapping[str, Probabilities], upsampling: int, params: ChangepointParams) -> pd.DataFrame:
    """Find buildings once for all months and fit the month of birth of each.

    1. The cube is collapsed to each pixel's largest rise and to its mean (``evidence.collapse_change``).
    2. Peaks of the rise are candidates for buildings that were born; each gets a posterior over its month of birth
       (``births.fit_births``), and is declared born, or dropped. What is no longer seen in the last months was none.
    3. Peaks of the mean, where no declared building is in their way, are buildings that always stood there if their mean is
       high enough.

    A building stays for ever once it is there: SCOT does not score demolition. In a month in which it touches a pixel
    that is not usable it is not emitted, as labels are absent there too.

    Parameters
    ----------
    cube
        Month to probabilities of one AOI; every month is read four times, one at a time.
    upsampling
        Pixels of the probabilities per pixel of the original image, along each axis.
    params
        See there.

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
    """Track from evidence that was collapsed before: see ``track_changepoint``. A search keeps the evidence over its trials."""
    changed = _candidates(cube, evidence.change, params.change, upsampling)
    static = _candidates(cube, evidence.static, params.static, upsampling)
    births = fit_births(changed.series, changed.places(upsampling), params.births, changed.through_time.shades)
    declared = births.declared & (_last(changed.series, params.tail_months) >= params.min_tail)
    born = Found(static.count, changed, declared, births.month, births.probability)
    old = judge_births(
        static.series, static.places(upsampling), params.births, births.levels, static.through_time.shades
    )
    stands = _stands(static, np.isin(changed.ids, np.flatnonzero(declared) + 1), params)
    always = Found(0, static, stands, np.zeros_like(old.month), old.posterior[0])
    sightings = [
        *_sightings(born, sorted(cube), outlines(changed.ids, upsampling, params.change.simplify_px)),
        *_sightings(always, sorted(cube), outlines(static.ids, upsampling, params.static.simplify_px)),
    ]
    return history_table(sorted(sightings, key=lambda sighting: sighting.time))


def _candidates(
    cube: Mapping[str, Probabilities], evidence: Evidence, params: PeakParams, upsampling: int
) -> Candidates:
    channels = evidence.channels
    weighed = weigh(channels[FOOTPRINT], channels[BOUNDARY], channels[CONTACT], params)
    ids = find_peaks(weighed, evidence.usable, params, upsampling)
    return Candidates(ids, candidate_series(cube, ids))


def _stands(static: Candidates, taken: NDArray[np.bool_], params: ChangepointParams) -> NDArray[np.bool_]:
    """Tell the static candidates that are buildings: seen well enough, and not in the way of one that was born."""
    covered = np.bincount(static.ids[taken], minlength=static.count + 1)[1:]
    return (_mean(static.series) > params.min_mean) & (covered <= params.max_overlap * static.areas)


def _sightings(found: Found, months: list[str], polygons: Mapping[int, Polygon]) -> list[Sighting]:
    series = found.candidates.series
    later = np.arange(len(months))[:, np.newaxis] >= found.month
    present = found.chosen & later & ~np.isnan(series)
    confidence = _mean(np.where(later, series, np.nan))
    return [
        Sighting(
            months[month],
            str(found.before + int(n) + 1),
            months[found.month[n]],
            float(found.probability[n]),
            float(confidence[n]),
            polygons[int(n) + 1],
        )
        for month, n in np.argwhere(present)
    ]


def _mean(series: Floats) -> Floats:
    """Mean over the months with evidence; 0 without any."""
    seen = ~np.isnan(series)
    return np.asarray(np.where(seen, series, 0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1), dtype=np.float64)


def _last(series: Floats, months: int) -> Floats:
    """Mean over the last so many months with evidence; 0 without any."""
    seen = ~np.isnan(series)
    late = seen[::-1].cumsum(axis=0)[::-1] <= months
    return _mean(np.where(late, series, np.nan))
