"""Named ways to damage the labels of a small synthetic set, one at a time."""

import json
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import shapely
from shapely.geometry import mapping, shape

from tests.validation.areas import square, truncate
from tests.validation.damages import (
    MONTHS,
    OTHER,
    SECOND,
    THIRD,
    Damage,
    Feature,
    Rows,
    Town,
    alpha,
    masked_left,
)

BOW_TIE = {"type": "Polygon", "coordinates": [[[40, 40], [44, 44], [44, 40], [40, 44], [40, 40]]]}
SPIKE = {"type": "Polygon", "coordinates": [[[50, 50], [54, 50], [54, 54], [60, 54], [54, 54], [50, 54], [50, 50]]]}
HOLE_OUTSIDE = {
    "type": "Polygon",
    "coordinates": [square(50, 50, 4)["coordinates"][0], square(60, 60, 2)["coordinates"][0]],
}
LINE = {"type": "LineString", "coordinates": [[1, 1], [5, 5]]}
TWO_PARTS = {"type": "MultiPolygon", "coordinates": [square(1, 1, 2)["coordinates"], square(6, 1, 2)["coordinates"]]}
UNREADABLE = "label files can be read"
SCALE = 100_000


def feature(building: Any, geometry: Any) -> Feature:
    return {"type": "Feature", "properties": {"Id": building}, "geometry": geometry}


def edited(change: Callable[[Rows], object], *months: str) -> Callable[[Town], None]:
    """Change the features of a label file in place."""

    def damage(town: Town) -> None:
        for month in months or (SECOND,):
            with town.rows(month) as rows:
                change(rows)

    return damage


def added(building: Any, geometry: Any) -> Callable[[Town], None]:
    return edited(lambda rows: rows.append(feature(building, geometry)))


def first(geometry: Any) -> Callable[[Town], None]:
    """Give the first row another geometry."""

    def change(rows: Rows) -> None:
        rows[0]["geometry"] = geometry

    return edited(change)


def content(text: str) -> Callable[[Town], object]:
    return lambda town: town.labels().write_text(text)


def ids(number: Callable[[int], Any]) -> Callable[[Rows], None]:
    def change(rows: Rows) -> None:
        for row in rows:
            row["properties"]["Id"] = number(row["properties"]["Id"])

    return change


def shapes(change: Callable[[shapely.Geometry], shapely.Geometry]) -> Callable[[Rows], None]:
    def change_all(rows: Rows) -> None:
        for row in rows:
            row["geometry"] = mapping(change(shape(row["geometry"])))

    return change_all


def shifted(x: float, y: float) -> Callable[[Rows], None]:
    return shapes(lambda it: shapely.transform(it, lambda xy: xy + np.array([x, y])))


def scaled(factor: float, centre: bool = False) -> Callable[[Rows], None]:
    def change(it: shapely.Geometry) -> shapely.Geometry:
        origin = shapely.get_coordinates(it.centroid) if centre else 0
        return shapely.transform(it, lambda xy: (xy - origin) * factor + origin)

    return shapes(change)


def twice_each(rows: Rows) -> None:
    rows += [feature(row["properties"]["Id"] + SCALE, row["geometry"]) for row in list(rows)[: len(rows) // 4]]


def halved(rows: Rows) -> None:
    del rows[: len(rows) // 2]


def as_text(rows: Rows) -> None:
    rows[1]["properties"]["Id"] = str(rows[0]["properties"]["Id"])


def half_renumbered(rows: Rows) -> None:
    ids(lambda old: old + SCALE)(rows[: len(rows) // 2])


def exchanged(rows: Rows) -> None:
    """Every building gets the id of the next one."""
    numbers = [row["properties"]["Id"] for row in rows]
    for row, number in zip(rows, [*numbers[1:], numbers[0]], strict=True):
        row["properties"]["Id"] = number


def in_metres(town: Town) -> None:
    shutil.copy(town.labels(folder="labels_match"), town.labels())


def of_another_month(town: Town) -> None:
    shutil.copy(town.labels(THIRD), town.labels(SECOND))


def of_another_area(town: Town) -> None:
    """Its rows do not say whose they are."""
    text = json.loads(town.other(OTHER).labels().read_text())
    for row in text["features"]:
        del row["properties"]["image_fname"]
    town.labels().write_text(json.dumps(text))
    town.other(OTHER).labels().write_text(json.dumps(text))


def declared(crs: str) -> Callable[[Town], None]:
    def damage(town: Town) -> None:
        member = {"type": "name", "properties": {"name": crs}}
        kept = json.loads(town.labels().read_text())
        town.labels().write_text(json.dumps({"type": kept["type"], "crs": member, "features": kept["features"]}))

    return damage


def under_cloud(town: Town) -> None:
    """Ground is blanked and the labels stay."""
    town.paint(alpha(masked_left(40)))


def grown_by(number: int) -> Callable[[Rows], None]:
    """Small houses on a raster, each with a new id."""

    def places() -> Iterator[Any]:
        yield from (square(1.5 + 6 * (n % 15), 1.5 + 6 * (n // 15), 2.2) for n in range(number))

    return lambda rows: rows.extend(feature(SCALE + n, it) for n, it in enumerate(places()))


OUTSIDE = "buildings stick out of the image by at most 16 px"
TWICE = "an id names one building in a frame"
VALID = "outlines are valid"
SHAPE = "buildings have a shape"
DEATHS = "at most 0.1 of the buildings are gone in a month"
BIRTHS = "at most 0.3 of the buildings are new in a month"
CHANGED = "at most 0.05 of the buildings differ from their own first outline"
MOVED = "labels lie within 0.5 px of their own first place"
ON_ANOTHER = "at most 0.02 of the buildings lie on one another"
CRS = "label files declare the CRS they are in"

OF_LABELS = (
    Damage("not JSON", UNREADABLE, content("<gml/>"), stops=True),
    Damage("half a label file", UNREADABLE, lambda town: truncate(town.labels()), stops=True),
    Damage("an empty label file", UNREADABLE, content(""), stops=True),
    Damage("JSON without features", UNREADABLE, content('{"type": "Topology"}'), stops=True),
    Damage("a row without Id", UNREADABLE, edited(lambda rows: rows[0]["properties"].pop("Id")), stops=True),
    Damage("an Id with a fraction", UNREADABLE, added(7.5, square(40, 40)), stops=True),
    Damage("an Id that is a name", UNREADABLE, added("house", square(40, 40)), stops=True),
    Damage("a corner that is no number", UNREADABLE, first(square(1, float("nan"))), stops=True),
    Damage("an infinite corner", UNREADABLE, first(square(1, float("inf"))), stops=True),
    Damage("a geometry of no known kind", UNREADABLE, first({"type": "Blob", "coordinates": []}), stops=True),
    Damage("a polygon of one corner", UNREADABLE, first({"type": "Polygon", "coordinates": [[[1, 1]]]}), stops=True),
    Damage("two buildings with one id", TWICE, edited(lambda rows: ids(lambda _: 3)(rows[:2])), stops=True),
    Damage("one id as number and as text", TWICE, edited(as_text), stops=True),
    Damage("a row that stands twice", TWICE, edited(lambda rows: rows.append(rows[0])), stops=True),
    Damage("labels far to the right", OUTSIDE, edited(shifted(60, 0)), stops=True),
    Damage("labels above the image", OUTSIDE, edited(shifted(0, -60)), stops=True),
    Damage("labels in metres where pixels belong", OUTSIDE, in_metres, stops=True),
    Damage("labels of an image three times as large", OUTSIDE, edited(scaled(3)), stops=True),
    Damage("one corner a million pixels away", OUTSIDE, added(SCALE, square(1, 1, 1e6)), stops=True),
    Damage("a bow-tie", VALID, added(SCALE, BOW_TIE)),
    Damage("a spike", VALID, added(SCALE, SPIKE)),
    Damage("a hole outside its building", VALID, added(SCALE, HOLE_OUTSIDE)),
    Damage("a building that is a line", "buildings are polygons", added(SCALE, LINE)),
    Damage("a building that is a point", "buildings are polygons",
           added(SCALE, {"type": "Point", "coordinates": [1, 2]})),
    Damage("a building of two parts", "a building is one polygon",
           added(SCALE, TWO_PARTS)),
    Damage("a building without geometry", SHAPE, added(SCALE, None)),
    Damage("a building that is EMPTY", SHAPE, added(SCALE, {"type": "Polygon", "coordinates": []})),
    Damage("a building under a negative id", "negative ids have no shape", added(-1, square(40, 40))),
    Damage("a building off the image", "no building lies wholly off the image", added(SCALE, square(-7, 1, 5))),
    Damage("buildings shrunk to dots", "at most 0.2 of the buildings are under 4 px²",
           edited(scaled(0.3, centre=True))),
    Damage("an outline round the whole town", "no building is larger than 200 px²", added(SCALE, square(10, 10, 70))),
    Damage("buildings drawn twice", ON_ANOTHER, edited(twice_each)),
    Damage("clouds over labels", "at most 0.1 of the buildings are on unusable ground", under_cloud),
    Damage("half of the ids renumbered", BIRTHS, edited(half_renumbered)),
    Damage("a town that doubles in a month", BIRTHS, edited(grown_by(60))),
    Damage("pixels that declare degrees", CRS, declared("urn:ogc:def:crs:OGC:1.3:CRS84")),
    Damage("pixels that declare metres", CRS, declared("urn:ogc:def:crs:EPSG::3857")),
    Damage("labels of another month", "label rows name their own image", of_another_month),
    Damage("labels of another area", "no two AOIs have the same labels", of_another_area, beside=(OTHER,)),
    Damage("half of the rows missing", DEATHS, edited(halved)),
    Damage("a frame without its buildings", DEATHS, edited(lambda rows: rows.clear())),
    Damage("half of the rows missing for a month", "at most 0.1 of the buildings come back in a month",
           edited(halved), (THIRD,)),
    Damage("a jump in the count", "the number of buildings changes by at most 0.4 from month to month",
           edited(grown_by(60)), (SECOND, THIRD)),
    Damage("ids exchanged", CHANGED, edited(exchanged, MONTHS[3]), MONTHS[3:]),
    Damage("outlines drawn larger", CHANGED, edited(scaled(1.3, centre=True), MONTHS[3]), MONTHS[3:]),
    Damage("labels a pixel to the right", MOVED, edited(shifted(1, 0))),
    Damage("labels a pixel down from some month on", MOVED, edited(shifted(0, 1), *MONTHS[2:]), MONTHS[2:]),
)  # fmt: skip
