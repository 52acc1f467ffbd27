"""Tables of polygons as the arrays that the metrics compute on.

A sighting is one row: one polygon of one building in one month of one AOI.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sn7ml.core.errors import TableError
from sn7ml.metrics.overlaps import Geometries, Polygons, Rows

COLUMNS = ("aoi", "time", "id", "geometry")
TEXT = COLUMNS[:3]


@dataclass(frozen=True)
class Sightings:
    """The rows of one AOI."""

    month: pd.Series
    id: pd.Series
    """Text: "7" and "7.0" are two buildings."""

    geometry: Geometries
    """(rows,) shapely geometries or None."""

    def __len__(self) -> int:
        return len(self.geometry)

    def __reduce__(self) -> tuple[object, ...]:
        # Geometries as one array of WKB travel to another process several times faster than one by one.
        return _from_wkb, (self.month, self.id, shapely.to_wkb(self.geometry))

    def take(self, which: NDArray[np.bool_]) -> "Sightings":
        """Return some of the rows."""
        return Sightings(self.month[which], self.id[which], self.geometry[which])

    def months(self) -> tuple[str, ...]:
        """Return the months, in order of time."""
        return tuple(sorted(self.month.unique()))

    @cached_property
    def shapeless(self) -> NDArray[np.bool_]:
        """Tell the rows whose geometry is missing or EMPTY."""
        shapeless: NDArray[np.bool_] = shapely.is_missing(self.geometry) | shapely.is_empty(self.geometry)
        return shapeless

    @cached_property
    def repeated(self) -> NDArray[np.bool_]:
        """Tell the rows whose id occurs more than once in their month."""
        member = name_buildings(self.id, self.polygons(self.months()).frame).member
        repeated: NDArray[np.bool_] = np.bincount(member)[member] > 1
        return repeated

    def polygons(self, months: Sequence[str]) -> Polygons:
        """Return the polygons with their place in ``months`` as the frame (-1 for a month that is not among them)."""
        place = {month: frame for frame, month in enumerate(months)}
        return Polygons(self.geometry, self.month.map(place).fillna(-1).to_numpy().astype(np.intp))


def _from_wkb(month: pd.Series, ids: pd.Series, wkb: NDArray[np.object_]) -> Sightings:
    return Sightings(month, ids, shapely.from_wkb(wkb))


NONE = Sightings(pd.Series(dtype="str"), pd.Series(dtype="str"), np.empty(0, dtype=object))


@dataclass(frozen=True)
class Buildings:
    """Who is seen when: one member for each id of each frame, sorted by frame, then by id as text."""

    ids: pd.Index
    """Every id once, sorted as text."""

    member: Rows
    """(rows,) member of each sighting."""

    frame: Rows
    """(members,)"""

    id: Rows
    """(members,) position in ``ids``."""

    def new(self) -> NDArray[np.bool_]:
        """Tell the members whose id is in no earlier frame."""
        _, first = np.unique(self.id, return_index=True)  # members are sorted by frame
        new = np.zeros(len(self.id), dtype=bool)
        new[first] = True
        return new


def name_buildings(ids: pd.Series, frame: Rows) -> Buildings:
    """Give every building of every frame a number of its own."""
    code, names = pd.factorize(ids, sort=True)
    count = np.intp(max(len(names), 1))
    key, member = np.unique(frame * count + code, return_inverse=True)
    return Buildings(pd.Index(names), member.astype(np.intp), key // count, key % count)


def split_by_aoi(table: pd.DataFrame, name: str) -> dict[str, Sightings]:
    """Return the sightings of every AOI, AOIs in order of name.

    Parameters
    ----------
    table
        Columns ``aoi``, ``month``, ``id`` (text) and ``geometry`` (shapely, pixel coordinates; None, NaN and EMPTY are
        allowed). More columns do no harm.
    name
        What the table is called in errors.

    Raises
    ------
    TableError
        If a column is missing, an AOI, month or id is missing, or a geometry is something else.
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
    geometry = _geometries(table["geometry"], name)
    rows = text["aoi"].groupby(text["aoi"], sort=True).indices
    return {
        str(aoi): Sightings(text["time"].iloc[which], text["id"].iloc[which], geometry[which])
        for aoi, which in rows.items()
    }


def _geometries(column: pd.Series, name: str) -> Geometries:
    geometry = np.array(column, dtype=object)
    geometry[pd.isna(geometry)] = None
    strange = ~(shapely.is_geometry(geometry) | shapely.is_missing(geometry))
    if strange.any():
        row = int(strange.argmax())
        kind = type(geometry[row]).__name__
        raise TableError(
            "table.geometry-type",
            f"the {name} table's geometry in row {row} is a {kind}; expected a shapely geometry or None",
        )
    return geometry
