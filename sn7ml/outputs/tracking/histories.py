"""The table that every tracker writes: one row per building and month."""

from typing import NamedTuple

import pandas as pd
from shapely.geometry import Polygon

from sn7ml.core.schemas import TRACKS


class TrackRow(NamedTuple):
    """A building in a month: a row of ``TRACKS`` without its AOI."""

    time: str
    id: str
    birth_month: str
    birth_probability: float
    confidence: float
    geometry: Polygon


def history_table(rows: list[TrackRow]) -> pd.DataFrame:
    """Return the columns of ``TRACKS`` but ``aoi``, rows in the order given; typed also when there are none."""
    empty = TRACKS.empty()[list(TrackRow._fields)]
    if not rows:
        return empty
    return pd.DataFrame(rows, columns=list(TrackRow._fields)).astype(empty.dtypes.to_dict())
