"""Temporal collapse, after the winner of SpaceNet 7: one geometry per building, its birth from its series of means."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sn7ml.core.geo.outlines import outlines
from sn7ml.core.geo.probabilities import Probabilities
from sn7ml.outputs.tracking.evidence import candidate_series, collapse_months
from sn7ml.outputs.tracking.histories import TrackRow, history_table
from sn7ml.outputs.tracking.instances import find_instances
from sn7ml.params import CollapseParams, TrackParams
from sn7ml.targets.rims import BOUNDARY, CONTACT, FOOTPRINT


class CandidateBirths(NamedTuple):
    """When each candidate was born, if it is a building."""

    birth: NDArray[np.int64]
    """(n,): index of the month of birth, 0 if it always stood there, -1 if it is no building."""

    confidence: NDArray[np.float64]
    """(n,): mean footprint probability over its usable months from birth on; 0 if it is no building."""


def track_collapse(cube: Mapping[str, Probabilities], upsampling: int, params: TrackParams) -> pd.DataFrame:
    """Find buildings once for all months and decide when each was born.

    1. One watershed on the collapsed cube (:func:`sn7ml.outputs.tracking.evidence.collapse_months`) gives the
    candidates. 2. Each has a series: its mean footprint probability per month. A month in which it touches a pixel that
    is not
       usable is missing: it counts for nothing, and the building is not emitted in it, as labels are absent there too.
    3. Births as in :func:`decide_births`. A building stays once it is born, even if it is torn down: the challenge does
       not score demolition. (One that stood too briefly to reach ``min_mean`` is no building.)

    Parameters
    ----------
    cube
        Month to probabilities of one AOI; every month is read twice, one at a time.
    upsampling
        Pixels of the probabilities per pixel of the original image, along each axis.
    params
        ``instances`` and ``collapse`` are used.

    Returns
    -------
    DataFrame
        ``TRACKS`` without ``aoi``, by month and id; one geometry and one confidence per id. No rows where nothing
        is found. Confidence is the mean footprint probability over the usable months since birth.

    Raises
    ------
    GridError
        If months differ in shape.
    """
    if not cube:
        return history_table([])
    evidence = collapse_months(cube, params.collapse.mean_floor)
    channels = evidence.channels
    ids = find_instances(
        channels[FOOTPRINT], channels[BOUNDARY], channels[CONTACT], evidence.usable, params.instances, upsampling
    )
    series = candidate_series(cube, ids).probabilities
    births = decide_births(series, params.collapse)
    polygons = outlines(ids, upsampling, params.instances.simplify_px)
    months = sorted(cube)
    return history_table(
        [
            TrackRow(
                months[month],
                str(n + 1),
                months[births.birth[n]],
                math.nan,
                float(births.confidence[n]),
                polygons[int(n) + 1],
            )
            for month, n in np.argwhere(_present(series, births.birth))
        ]
    )


def decide_births(series: NDArray[np.float64], params: CollapseParams) -> CandidateBirths:
    """Decide for each candidate when it was born, if it is a building at all.

    Parameters
    ----------
    series
        (months, n) probabilities; NaN where there is no evidence.
    params
        A candidate whose probability rises by more than ``birth_jump`` (mean from a month on, minus mean before) is
        born in the month of its largest rise, always a usable one. If its mean before was above ``min_mean`` already,
        it stood there and was seen badly, which is common in the first months, where few are averaged. Any other stands
        from the first month if its mean is above ``min_mean``, and is no building otherwise.

    Examples
    --------
    >>> new, old, ground = [0.0, 0.1, 0.9, 0.8], [0.9, 0.9, np.nan, 0.8], [0.1, 0.1, 0.0, 0.2]
    >>> params = CollapseParams(mean_floor=0.1, birth_jump=0.25, min_mean=0.3)
    >>> decide_births(np.array([new, old, ground]).T, params).birth
    array([ 2,  0, -1])
    """
    seen = ~np.isnan(series)  # (months, n); month, rise, mean, before and birth are (n,)
    month, rise = _largest_rise(series)
    mean = _mean_where(series, seen)
    before = _mean_where(series, seen & (np.arange(len(series))[:, np.newaxis] < month))
    born = (rise > params.birth_jump) & (before <= params.min_mean)
    birth = np.where(born, month, np.where(mean > params.min_mean, 0, -1))
    confidence = np.where(birth < 0, 0.0, _mean_where(series, _present(series, birth)))
    return CandidateBirths(birth, confidence)


def _largest_rise(series: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return month and size, (n,) each, of the largest rise, the first of equal ones; -inf if it cannot be known."""
    seen = ~np.isnan(series)
    values = np.where(seen, series, 0.0)
    # (months, n) each: number and sum of the usable months before every month, from running sums less the month itself.
    months_before = seen.cumsum(axis=0) - seen
    sum_before = values.cumsum(axis=0) - values
    mean_before = sum_before / np.maximum(months_before, 1)
    mean_after = (values.sum(axis=0) - sum_before) / np.maximum(seen.sum(axis=0) - months_before, 1)
    rise = np.where(seen & (months_before > 0), mean_after - mean_before, -np.inf)
    return rise.argmax(axis=0), rise.max(axis=0)


def _mean_where(series: NDArray[np.float64], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,): mean over the chosen months; 0 without any."""
    total = np.where(chosen, series, 0.0).sum(axis=0)
    return np.asarray(total / np.maximum(chosen.sum(axis=0), 1), dtype=np.float64)


def _present(series: NDArray[np.float64], birth: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(months, n): whether a building is emitted: it is born, and the month has evidence."""
    months = np.arange(len(series))[:, np.newaxis]
    return ~np.isnan(series) & (birth >= 0) & (months >= birth)
