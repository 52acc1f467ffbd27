"""The table that every tracker writes: one row per building and month."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shapely.geometry import Polygon

from sn7ml.core.schemas import TRACKS

Floats = NDArray[np.float64]


class TrackRow(NamedTuple):
    """A building in a month: a row of ``TRACKS`` without its AOI."""

    time: str
    id: str
    birth_month: str
    birth_probability: float
    confidence: float
    geometry: Polygon


class Decided(NamedTuple):
    """Candidates and the decision on each; n counts them."""

    series: Floats
    """(months, n) mean footprint probability; NaN where there is no evidence."""

    birth: NDArray[np.int64]
    """(n,): index of the month from which each stands; -1 if it is no building."""

    probability: Floats
    """(n,): probability of that month; NaN if it is unknown."""

    polygons: Mapping[int, Polygon]
    """Outline of each candidate, by its number from 1."""


def building_rows(decided: Decided, months: list[str], first_id: int = 1) -> list[TrackRow]:
    """Return a row per building and month in which it is seen, by month; ids count on from ``first_id``.

    Confidence is the mean over the months with evidence from the birth on.
    """
    series, birth, probability, polygons = decided
    stands = (birth >= 0) & (np.arange(len(series))[:, np.newaxis] >= birth)  # (months, n), as is present
    present = stands & ~np.isnan(series)
    confidence = mean_over(series, present)
    return [
        TrackRow(
            months[month],
            str(first_id + int(n)),
            months[birth[n]],
            float(probability[n]),
            float(confidence[n]),
            polygons[int(n) + 1],
        )
        for month, n in np.argwhere(present)
    ]


def mean_over(series: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """(n,): mean over the chosen months, which must have evidence; 0 without any."""
    total = np.where(chosen, series, 0).sum(axis=0)
    return np.asarray(total / np.maximum(chosen.sum(axis=0), 1), dtype=np.float64)


def history_table(rows: list[TrackRow]) -> pd.DataFrame:
    """Return the columns of ``TRACKS`` but ``aoi``, rows in the order given; typed also when there are none."""
    empty = TRACKS.empty()[list(TrackRow._fields)]
    return pd.DataFrame(rows, columns=empty.columns).astype(empty.dtypes.to_dict()) if rows else empty
