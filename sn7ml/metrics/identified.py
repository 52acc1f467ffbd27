"""Tables of identified footprints as the arrays that the metrics compute on.

One row is one polygon of one building in one month of one AOI; the building is known by its id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sn7ml.core.errors import TableError
from sn7ml.metrics.overlaps import Geometries, Indices, Polygons

COLUMNS = ("aoi", "time", "id", "geometry")
TEXT = COLUMNS[:3]


@dataclass(frozen=True)
class IdentifiedFootprints:
    """The rows of one AOI."""

    time: pd.Series
    id: pd.Series
    """Text: "7" and "7.0" are two buildings."""

    geometry: Geometries
    """(rows,) shapely geometries or None."""

    def __len__(self) -> int:
        return len(self.geometry)

    # One array of WKB travels to another process several times faster than geometries pickled one by one.
    def __getstate__(self) -> dict[str, object]:
        return {"time": self.time, "id": self.id, "geometry": shapely.to_wkb(self.geometry)}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state, geometry=shapely.from_wkb(state["geometry"]))

    def take(self, which: NDArray[np.bool_]) -> "IdentifiedFootprints":
        """Return some of the rows."""
        return IdentifiedFootprints(self.time[which], self.id[which], self.geometry[which])

    def months(self) -> tuple[str, ...]:
        """Return the different times, in order."""
        return tuple(sorted(self.time.unique()))

    @cached_property
    def shapeless(self) -> NDArray[np.bool_]:
        """Whether each row's geometry is missing or EMPTY."""
        return np.asarray(shapely.is_missing(self.geometry) | shapely.is_empty(self.geometry))

    @cached_property
    def repeated(self) -> NDArray[np.bool_]:
        """Whether each row's id occurs more than once in its month."""
        member = number_ids(self.id, self.polygons(self.months()).frame).member
        return np.asarray(np.bincount(member)[member] > 1)

    def polygons(self, months: Sequence[str]) -> Polygons:
        """Return the polygons; the frame of each is the place of its month in ``months``, or -1."""
        place = {month: frame for frame, month in enumerate(months)}
        return Polygons(self.geometry, self.time.map(place).fillna(-1).to_numpy().astype(np.intp))


NONE = IdentifiedFootprints(pd.Series(dtype="str"), pd.Series(dtype="str"), np.empty(0, dtype=object))


@dataclass(frozen=True)
class FrameIds:
    """The ids of each frame: one member for each id of each frame, sorted by frame, then by id as text."""

    ids: pd.Index
    """Every id once, sorted as text."""

    member: Indices
    """(rows,) member of each row; rows of one id and frame share it."""

    frame: Indices
    """(members,) frame of each member."""

    id: Indices
    """(members,) position in ``ids``."""

    new: NDArray[np.bool_]
    """(members,) whether the member's id is in no earlier frame."""


def number_ids(ids: pd.Series, frame: Indices) -> FrameIds:
    """Give every id of every frame a number of its own."""
    code, names = pd.factorize(ids, sort=True)
    # One integer per (frame, id) pair: sorting these keys sorts by frame, then by id.
    count = np.intp(max(len(names), 1))
    key, member = np.unique(frame * count + code, return_inverse=True)
    new = np.zeros(len(key), dtype=bool)
    new[np.unique(key % count, return_index=True)[1]] = True  # where each id comes first
    return FrameIds(pd.Index(names), member.astype(np.intp), key // count, key % count, new)


def split_by_aoi(table: pd.DataFrame, name: str) -> dict[str, IdentifiedFootprints]:
    """Return the rows of every AOI, AOIs in order of name.

    ``table`` has the columns ``aoi``, ``time``, ``id`` (text) and ``geometry`` (shapely, pixel coordinates; None, NaN
    and EMPTY are allowed); others are ignored. Raises TableError, which calls the table by ``name``, if a column, an
    AOI, a time or an id is missing, or a geometry is something else.
    """
    if missing := [column for column in COLUMNS if column not in table.columns]:
        fault = f"the {name} table lacks column(s) {missing}; it has {list(table.columns)}"
        raise TableError("table.missing-column", fault)
    for column in TEXT:
        if table[column].isna().any():
            row = int(table[column].isna().to_numpy().argmax())
            fault = f"the {name} table has no {column} in row {row} (counted from 0); every row needs one"
            raise TableError("table.missing-value", fault)
    text = table[list(TEXT)].astype("str").reset_index(drop=True)
    geometry = np.array(table["geometry"], dtype=object)
    geometry[pd.isna(geometry)] = None
    strange = ~(shapely.is_geometry(geometry) | shapely.is_missing(geometry))
    if strange.any():
        row = int(strange.argmax())
        kind = type(geometry[row]).__name__
        fault = f"the {name} table's geometry in row {row} is a {kind}; expected a shapely geometry or None"
        raise TableError("table.geometry-type", fault)
    rows = text["aoi"].groupby(text["aoi"], sort=True).indices
    return {
        str(aoi): IdentifiedFootprints(text["time"].iloc[which], text["id"].iloc[which], geometry[which])
        for aoi, which in rows.items()
    }
