"""Our tracker: candidates from the collapsed cube, one geometry each, and a fitted change point for its birth."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sn7ml.core.geo.burn import Ids, outlines
from sn7ml.core.geo.probabilities import Probabilities
from sn7ml.outputs.tracking.births import fit_births, judge_births
from sn7ml.outputs.tracking.evidence import ChangeEvidence, Evidence, candidate_series, collapse_change
from sn7ml.outputs.tracking.histories import Decided, Floats, building_rows, history_table, mean_over
from sn7ml.outputs.tracking.instances import weigh
from sn7ml.outputs.tracking.peaks import find_peaks
from sn7ml.params import ChangepointParams, PeakParams


@dataclass(frozen=True)
class Candidates:
    """Possible buildings, all from one image of evidence; n counts them."""

    ids: Ids
    """(rows, cols): 0 on ground, 1 to n on candidates."""

    series: Floats
    """(months, n) mean footprint probability; NaN where a pixel of the candidate is not usable."""

    shades: Floats | None
    """(months, bands, n) brightness, see ``evidence.Series``."""

    areas: NDArray[np.int64]
    """(n,) number of up-sampled pixels."""

    places: Floats
    """(n, 2) row and column of each centre, pixels of the original image."""


def track_changepoint(
    cube: Mapping[str, Probabilities],
    upsampling: int,
    params: ChangepointParams,
    collapse: Callable[[int], ChangeEvidence] | None = None,
) -> pd.DataFrame:
    """Find buildings once for all months and fit the month of birth of each.

    1. The cube is collapsed to each pixel's largest rise and to its mean (``evidence.collapse_change``).
    2. Peaks of the rise are candidates for buildings that were born. Each gets a posterior over its month of birth
       (``births.fit_births``) and is declared born, or dropped; one that is no longer seen in the last months is
       dropped.
    3. Peaks of the mean are buildings that always stood there, if their mean is high enough and no declared building
       covers them.

    A building stays once it is there: the challenge does not score demolition. In a month in which it touches a pixel
    that is not usable it is not emitted, as labels are absent there too.

    Reads every month of the cube four times, one at a time. ``upsampling`` is the number of pixels of the probabilities
    per pixel of the original image, along each axis. ``collapse`` gives the evidence for a ``tail_months``: a search
    keeps it for all its trials; None collapses anew.

    Gives ``TRACKS`` without ``aoi``, by month and id; one geometry, birth and confidence per id. No rows where nothing
    is found. Raises GridError if months differ in shape.
    """
    if not cube:
        return history_table([])
    evidence = (collapse or partial(collapse_change, cube))(params.tail_months)
    changed = find_candidates(cube, evidence.change, params.change, upsampling)
    static = find_candidates(cube, evidence.static, params.static, upsampling)
    births = fit_births(changed.series, changed.places, params.births, changed.shades)
    seen = ~np.isnan(changed.series)
    # Counted from the end, a month's own evidence included.
    tail = seen & (seen[::-1].cumsum(axis=0)[::-1] <= params.tail_months)
    declared = births.declared & (mean_over(changed.series, tail) >= params.min_tail)
    old = judge_births(static.series, static.places, params.births, births.levels, static.shades)
    # A static candidate stands if it is seen well enough and not covered by a building that was born.
    taken = np.isin(changed.ids, np.flatnonzero(declared) + 1)
    covered = np.bincount(static.ids[taken], minlength=len(static.areas) + 1)[1:]
    stands = mean_over(static.series, ~np.isnan(static.series)) > params.min_mean
    stands &= covered <= params.max_overlap * static.areas
    born = Decided(
        changed.series,
        np.where(declared, births.month, -1),
        births.probability,
        outlines(changed.ids, upsampling, params.change.simplify_px),
    )
    always = Decided(
        static.series,
        np.where(stands, 0, -1),
        old.posterior[0],
        outlines(static.ids, upsampling, params.static.simplify_px),
    )
    months = sorted(cube)
    rows = [*building_rows(born, months, len(static.areas) + 1), *building_rows(always, months)]
    return history_table(sorted(rows, key=lambda row: row.time))


def find_candidates(
    cube: Mapping[str, Probabilities], evidence: Evidence, params: PeakParams, upsampling: int
) -> Candidates:
    """Return the peaks of an image of evidence, with what the months of the cube show of each."""
    ids = find_peaks(weigh(evidence.channels, params), evidence.usable, params, upsampling)
    series = candidate_series(cube, ids)
    rows, cols = np.nonzero(ids)
    owner, count = ids[rows, cols] - 1, series.probabilities.shape[1]
    areas = np.bincount(owner, minlength=count)
    sums = np.column_stack([np.bincount(owner, axis, minlength=count) for axis in (rows, cols)])
    places = sums / areas[:, np.newaxis] / upsampling
    return Candidates(ids, series.probabilities, series.shades, areas, places)
