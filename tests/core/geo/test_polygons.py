"""Every kind of geometry that SpaceNet 7 labels hold."""

import pytest
import shapely

from sn7ml.core.geo.polygons import clean_polygon


@pytest.mark.parametrize(
    "text",
    [
        "POLYGON EMPTY",
        "LINESTRING EMPTY",
        "POLYGON Z EMPTY",
        "GEOMETRYCOLLECTION EMPTY",
        "LINESTRING (0 0, 1 1)",
        "POINT (1 1)",
        "POLYGON ((0 0, 1 1, 0 0, 0 0))",  # a line
        "POLYGON ((2 2, 2 2, 2 2, 2 2))",  # a point
        "GEOMETRYCOLLECTION (POINT (1 1), LINESTRING (0 0, 1 1))",
    ],
)
def test_what_has_no_area_is_no_building(text: str) -> None:
    assert clean_polygon(shapely.from_wkt(text)) is None


def test_a_missing_geometry_is_no_building() -> None:
    assert clean_polygon(None) is None


def test_a_plain_polygon_stays_as_it_is() -> None:
    house = shapely.from_wkt("POLYGON ((0 0, 2 0, 2 1, 0 1, 0 0))")
    assert clean_polygon(house) == house


def test_height_is_dropped() -> None:
    cleaned = clean_polygon(shapely.from_wkt("POLYGON Z ((0 0 5, 2 0 5, 2 1 5, 0 1 5, 0 0 5))"))
    assert cleaned == shapely.from_wkt("POLYGON ((0 0, 2 0, 2 1, 0 1, 0 0))")
    assert not shapely.has_z(cleaned)


def test_holes_stay() -> None:
    yard = shapely.from_wkt("POLYGON ((0 0, 3 0, 3 3, 0 3, 0 0), (1 1, 2 1, 2 2, 1 2, 1 1))")
    cleaned = clean_polygon(yard)
    assert cleaned is not None
    assert cleaned.area == 8


def test_a_bow_tie_becomes_its_two_halves() -> None:
    cleaned = clean_polygon(shapely.from_wkt("POLYGON ((0 0, 2 2, 2 0, 0 2, 0 0))"))
    assert cleaned is not None
    assert cleaned.is_valid
    assert cleaned.geom_type == "MultiPolygon"
    assert cleaned.area == 2


def test_of_a_repaired_outline_only_the_area_stays() -> None:
    with_a_spike = shapely.from_wkt("POLYGON ((0 0, 2 0, 2 2, 2 5, 2 2, 0 2, 0 0))")
    cleaned = clean_polygon(with_a_spike)
    assert cleaned is not None
    assert cleaned.geom_type == "Polygon"
    assert cleaned.area == 4


def test_of_a_collection_only_the_area_stays() -> None:
    cleaned = clean_polygon(shapely.from_wkt("GEOMETRYCOLLECTION (POINT (9 9), POLYGON ((0 0, 1 0, 1 1, 0 0)))"))
    assert cleaned is not None
    assert cleaned.area == 0.5
