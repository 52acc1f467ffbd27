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
        shapeless: NDArray[np.bool_] = shapely.is_missing(self.geometry) | shapely.is_empty(self.geometry)
        return shapeless

    @cached_property
    def repeated(self) -> NDArray[np.bool_]:
        """Whether each row's id occurs more than once in its month."""
        member = number_ids(self.id, self.polygons(self.months()).frame).member
        repeated: NDArray[np.bool_] = np.bincount(member)[member] > 1
        return repeated

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

    def new(self) -> NDArray[np.bool_]:
        """(members,) whether the member's id is in no earlier frame."""
        _, first = np.unique(self.id, return_index=True)  # members are sorted by frame
        new = np.zeros(len(self.id), dtype=bool)
        new[first] = True
        return new


def number_ids(ids: pd.Series, frame: Indices) -> FrameIds:
    """Give every id of every frame a number of its own."""
    code, names = pd.factorize(ids, sort=True)
    # One integer per (frame, id) pair: sorting these keys sorts by frame, then by id.
    count = np.intp(max(len(names), 1))
    key, member = np.unique(frame * count + code, return_inverse=True)
    return FrameIds(pd.Index(names), member.astype(np.intp), key // count, key % count)


def split_by_aoi(table: pd.DataFrame, name: str) -> dict[str, IdentifiedFootprints]:
    """Return the rows of every AOI, AOIs in order of name.

    Parameters
    ----------
    table
        Columns ``aoi``, ``time``, ``id`` (text) and ``geometry`` (shapely, pixel coordinates; None, NaN and EMPTY are
        allowed). Further columns are ignored.
    name
        What the table is called in errors.

    Raises
    ------
    TableError
        If a column is missing, an AOI, time or id is missing, or a geometry is something else.
    """
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise TableError(
            "table.missing-column", f"the {name} table lacks column(s) {missing}; it has {list(table.columns)}"
        )
    for column in TEXT:
        if bool(table[column].isna().any()):
            row = int(table[column].isna().to_numpy().argmax())
            raise TableError(
                "table.missing-value",
                f"the {name} table has no {column} in row {row} (counted from 0); every row needs one",
            )
    text = {column: table[column].astype("str").reset_index(drop=True) for column in TEXT}
    geometry = np.array(table["geometry"], dtype=object)
    geometry[pd.isna(geometry)] = None
    strange = ~(shapely.is_geometry(geometry) | shapely.is_missing(geometry))
    if strange.any():
        row = int(strange.argmax())
        kind = type(geometry[row]).__name__
        raise TableError(
            "table.geometry-type",
            f"the {name} table's geometry in row {row} is a {kind}; expected a shapely geometry or None",
        )
    rows = text["aoi"].groupby(text["aoi"], sort=True).indices
    return {
        str(aoi): IdentifiedFootprints(text["time"].iloc[which], text["id"].iloc[which], geometry[which])
        for aoi, which in rows.items()
    }
