"""Named ways to damage what the pipeline found, one at a time."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import pandas as pd
from shapely.affinity import translate
from shapely.geometry import LineString, Polygon

from tests.validation.areas import truncate
from tests.validation.damages import SECOND, Damage

Rows = Any
"""A GeoDataFrame as the track stage writes it; its library has no types."""


@dataclass(frozen=True)
class Found:
    """A folder of footprints."""

    folder: Path
    aoi: str

    @property
    def path(self) -> Path:
        return self.folder / f"{self.aoi}.parquet"

    def edit(self, change: Callable[[Rows], Rows | None]) -> None:
        """Write the file again, after a change in place or to another one."""
        rows = geopandas.read_parquet(self.path)
        changed = change(rows)
        (rows if changed is None else changed).to_parquet(self.path, index=False)


def edited(change: Callable[[Rows], Rows | None]) -> Callable[[Found], None]:
    return lambda found: found.edit(change)


def of_second(rows: Rows) -> Any:
    return rows.index[rows["time"] == SECOND]


def one(column: str, value: Any) -> Callable[[Found], None]:
    """Set a value in the first row of the second month."""

    def change(rows: Rows) -> None:
        rows.loc[of_second(rows)[0], column] = value

    return edited(change)


def reshaped(change: Callable[[Polygon], Any]) -> Callable[[Found], None]:
    """Change the outline of one building in all months, so that it keeps it."""

    def of_building(rows: Rows) -> Rows:
        building = rows.loc[of_second(rows)[0], "id"]
        shapes = [change(it) if name == building else it for it, name in zip(rows.geometry, rows["id"], strict=True)]
        return geopandas.GeoDataFrame(pd.DataFrame(rows.drop(columns="geometry")), geometry=shapes, crs=rows.crs)

    return edited(of_building)


def in_second(change: Callable[[Any], Any]) -> Callable[[Found], None]:
    """Change the outline of one building in the second month only."""

    def of_month(rows: Rows) -> Rows:
        first = of_second(rows)[0]
        shapes = [change(it) if row == first else it for row, it in zip(rows.index, rows.geometry, strict=True)]
        return geopandas.GeoDataFrame(pd.DataFrame(rows.drop(columns="geometry")), geometry=shapes, crs=rows.crs)

    return edited(of_month)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def bow_tie(it: Polygon) -> Polygon:
    left, top, right, bottom = it.bounds
    return Polygon([(left, top), (right, bottom), (right, top), (left, bottom)])


def repeated(times: int) -> Callable[[Rows], Rows]:
    """Every footprint stands many times, each under an id of its own."""

    def change(rows: Rows) -> Rows:
        copies = [rows.assign(id=[f"{number}{name}" for name in rows["id"]]) for number in range(1, times + 1)]
        return pd.concat(copies, ignore_index=True)

    return change


def enlarged(rows: Rows) -> Rows:
    return rows.set_geometry(rows.geometry.scale(3, 3))


def renamed(rows: Rows) -> None:
    """Two buildings of the second month get one id; their birth months are the same."""
    first = of_second(rows)[0]
    twin = next(row for row in of_second(rows)[1:] if rows.loc[row, "birth_month"] == rows.loc[first, "birth_month"])
    rows.loc[twin, ["id"]] = rows.loc[first, "id"]
    rows.loc[twin, "geometry"] = rows.loc[first, "geometry"]


def born_later(rows: Rows) -> None:
    """A building is seen from its first month, and said to be born in the last."""
    rows.loc[rows["id"] == rows["id"].iloc[0], "birth_month"] = "2018-04"


READ = "footprints can be read"
VALID = "footprints are valid polygons"
BIRTH = "a building has one birth month, and is not seen before it"
DENSITY = "buildings are found at most 3 times as densely, or thinly, as where it was learned"
SIZE = "their median size is within a factor of 3 of what was learned"
OUTSIDE = "footprints stick out of what was predicted by at most 16 px"
OUTLINE = "a building keeps its outline"
TWICE = "an id names one footprint in a frame"
SHAPE = "footprints have a shape"
WHOLE = ("",)
EVERY = ("2018-01", "2018-02", "2018-04")
"""The months of the area that is damaged; it lacks March."""

OF_FOUND = (
    Damage("no file", READ, lambda found: found.path.unlink(), WHOLE, stops=True),
    Damage("half of a file", READ, lambda found: truncate(found.path), WHOLE, stops=True),
    Damage("text in place of a file", READ, lambda found: found.path.write_text("id,geometry\n"), WHOLE, stops=True),
    Damage("a column less", READ, edited(lambda rows: rows.drop(columns="confidence")), WHOLE, stops=True),
    Damage("degrees declared", "footprints are in the CRS of their images",
           edited(lambda rows: rows.set_crs(4326, allow_override=True)), WHOLE, stops=True),
    Damage("one id for two buildings", TWICE, edited(renamed), WHOLE, stops=True),
    Damage("two birth months of a building", BIRTH, one("birth_month", "2018-02"), WHOLE, stops=True),
    Damage("a building seen before its birth", BIRTH,
           edited(born_later), WHOLE, stops=True),
    Damage("an outline that changes", OUTLINE, in_second(lambda it: it.buffer(3)), WHOLE, stops=True),
    # A building without a shape for a month is one that does not keep it.
    Damage("no geometry", SHAPE, in_second(lambda _: None), stops=True),
    Damage("a footprint at infinity", SHAPE, in_second(lambda it: translate(it, float("inf"))), stops=True),
    Damage("text for a probability", READ, edited(lambda rows: rows.assign(confidence="high")), WHOLE, stops=True),
    Damage("a pipe in place of a file", READ, lambda found: pipe(found.path), WHOLE, stops=True),
    Damage("a bow-tie", VALID, reshaped(bow_tie), EVERY, stops=True),
    Damage("an EMPTY polygon", VALID, reshaped(lambda _: Polygon()), EVERY, stops=True),
    Damage("a line", VALID, reshaped(lambda it: LineString(it.exterior.coords)), EVERY, stops=True),
    Damage("a month that was never imaged", "footprints belong to a month with an image",
           one("time", "2030-01"), ("2030-01",), stops=True),
    Damage("a footprint far outside", OUTSIDE, reshaped(lambda it: translate(it, 5e3)), EVERY, stops=True),
    Damage("too sure of itself", "confidence lies between 0 and 1", one("confidence", 1.5), stops=True),
    Damage("negative confidence", "confidence lies between 0 and 1", one("confidence", -0.1), stops=True),
    Damage("a birth more than certain", "the probability of a birth lies between 0 and 1",
           one("birth_probability", 2.0), stops=True),
    Damage("ten times as many", DENSITY, edited(repeated(10)), EVERY),
    Damage("next to none", DENSITY, edited(lambda rows: rows[rows["id"] == rows["id"].iloc[0]]), EVERY),
    Damage("nothing at all", DENSITY, edited(lambda rows: rows.iloc[:0]), EVERY),
    Damage("footprints three times as wide", SIZE, edited(enlarged), EVERY),
)  # fmt: skip
