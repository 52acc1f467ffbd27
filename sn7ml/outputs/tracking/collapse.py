"""Temporal collapse, after the winner of SpaceNet 7: one geometry per building, its birth from its series of means."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sn7ml.core.geo.burn import outlines
from sn7ml.core.geo.probabilities import Probabilities
from sn7ml.outputs.tracking.evidence import candidate_series, collapse_months
from sn7ml.outputs.tracking.histories import Decided, Floats, building_rows, history_table, mean_over
from sn7ml.outputs.tracking.instances import find_instances
from sn7ml.params import CollapseParams, TrackParams


def track_collapse(cube: Mapping[str, Probabilities], upsampling: int, params: TrackParams) -> pd.DataFrame:
    """Find buildings once for all months and decide when each was born.

    1. One watershed on the collapsed cube (``evidence.collapse_months``) gives the candidates.
    2. Each has a series: its mean footprint probability per month. A month in which it touches a pixel that is not
       usable is missing: it counts for nothing, and the building is not emitted in it, as labels are absent there too.
    3. Births as in :func:`decide_births`. A building stays once it is born, even if it is torn down: the challenge does
       not score demolition. (One that stood too briefly to reach ``min_mean`` is no building.)

    Reads every month of the cube twice, one at a time. ``upsampling`` is the number of pixels of the probabilities per
    pixel of the original image, along each axis; of ``params``, ``instances`` and ``collapse`` are used.

    Gives ``TRACKS`` without ``aoi``, by month and id; one geometry and one confidence per id. No rows where nothing is
    found. Raises GridError if months differ in shape.
    """
    if not cube:
        return history_table([])
    evidence = collapse_months(cube, params.collapse.mean_floor)
    ids = find_instances(evidence.channels, evidence.usable, params.instances, upsampling)
    series = candidate_series(cube, ids).probabilities
    birth = decide_births(series, params.collapse)
    decided = Decided(
        series, birth, np.full(len(birth), np.nan), outlines(ids, upsampling, params.instances.simplify_px)
    )
    return history_table(building_rows(decided, sorted(cube)))


def decide_births(series: Floats, params: CollapseParams) -> NDArray[np.int64]:
    """Return the month of birth of each candidate, (n,): 0 if it always stood there, -1 if it is no building.

    ``series`` are (months, n) probabilities; NaN where there is no evidence. A candidate whose probability rises by
    more than ``birth_jump`` (mean from a month on, minus mean before) is born in the month of its largest rise, always
    a usable one. If its mean before was above ``min_mean`` already, it stood there and was seen badly, which is common
    in the first months, where few are averaged. Any other stands from the first month if its mean is above
    ``min_mean``, and is no building otherwise.

    >>> new, old, ground = [0.0, 0.1, 0.9, 0.8], [0.9, 0.9, np.nan, 0.8], [0.1, 0.1, 0.0, 0.2]
    >>> params = CollapseParams(mean_floor=0.1, birth_jump=0.25, min_mean=0.3)
    >>> decide_births(np.array([new, old, ground]).T, params)
    array([ 2,  0, -1])
    """
    seen = ~np.isnan(series)
    values = np.where(seen, series, 0.0)
    # (months, n) each: number and sum of the usable months before every month, from running sums less the month itself.
    months_before = seen.cumsum(axis=0) - seen
    sum_before = values.cumsum(axis=0) - values
    mean_before = sum_before / np.maximum(months_before, 1)
    mean_after = (values.sum(axis=0) - sum_before) / np.maximum(seen.sum(axis=0) - months_before, 1)
    rises = np.where(seen & (months_before > 0), mean_after - mean_before, -np.inf)
    month = rises.argmax(axis=0)  # (n,), the first of equal rises
    before = mean_over(series, seen & (np.arange(len(series))[:, np.newaxis] < month))
    born = (rises.max(axis=0) > params.birth_jump) & (before <= params.min_mean)
    return np.where(born, month, np.where(mean_over(series, seen) > params.min_mean, 0, -1))
