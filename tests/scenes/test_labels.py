"""Labels as they really come."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import Polygon, box

from sn7ml.core.errors import LabelError
from sn7ml.scenes.images import read_grid
from sn7ml.scenes.labels import buildings_of, read_collection, read_geojson
from sn7ml.scenes.layouts.spacenet7 import scan
from tests.raising import raises
from tests.sn7_folder import AOI, HOUSES, feature, grid_of, stem, write_features, write_labels

GRID = grid_of(AOI)
HOUSE = box(1, 2, 4, 6)


def read(path: Path, features: list[dict[str, Any]]) -> pd.DataFrame:
    write_features(path, features)
    return buildings_of(read_geojson(path, in_pixels=True), GRID)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / f"{stem(AOI, '2018-01')}_Buildings.geojson"


def test_pixel_labels_are_taken_as_they_are(path: Path) -> None:
    write_labels(path, HOUSES)
    table = buildings_of(read_geojson(path, in_pixels=True), GRID)
    assert table["id"].tolist() == ["0", "7", "12"]
    assert all(shapely.equals(found, true) for found, true in zip(table["geometry"], HOUSES.values(), strict=True))


def test_both_kinds_of_labels_give_equal_polygons(path: Path) -> None:
    write_labels(path, HOUSES, GRID)
    table = buildings_of(read_geojson(path, in_pixels=False), GRID)
    for found, true in zip(table["geometry"], HOUSES.values(), strict=True):
        assert shapely.equals_exact(found, true, tolerance=1e-6)


def test_pixel_labels_that_claim_degrees_stay_pixels(path: Path) -> None:
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": [feature(1, HOUSE)]}))
    assert buildings_of(read_geojson(path, in_pixels=True), GRID)["geometry"][0].bounds == (1, 2, 4, 6)


NOTHING: dict[str, dict[str, Any]] = {
    "null": feature(3, None),
    "POLYGON EMPTY": feature(3, Polygon()),
    "LINESTRING EMPTY": {"properties": {"Id": 3}, "geometry": {"type": "LineString", "coordinates": []}},
    "a line": {"properties": {"Id": 3}, "geometry": {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}},
    "a negative id": feature(-1, HOUSE),
    "a negative id without shape": feature(-1, None),
    "no area": feature(3, Polygon([(0, 0), (1, 1), (0, 0), (0, 0)])),
}


@pytest.mark.parametrize("kind", NOTHING)
def test_what_is_no_building_is_left_out(kind: str, path: Path) -> None:
    assert read(path, [NOTHING[kind], feature(8, HOUSE)])["id"].tolist() == ["8"]


def test_a_frame_may_have_no_building_at_all(path: Path) -> None:
    for features in ([], [NOTHING["a negative id without shape"]]):
        table = read(path, features)
        assert list(table.columns) == ["id", "geometry"]
        assert not len(table)


def test_id_0_is_a_real_building(path: Path) -> None:
    assert read(path, [feature(0, HOUSE)])["id"].tolist() == ["0"]


def test_height_is_dropped_and_holes_stay(path: Path) -> None:
    yard = Polygon(box(0, 0, 3, 3).exterior.coords, [box(1, 1, 2, 2).exterior.coords])
    geometry = read(path, [feature(1, shapely.force_3d(yard, 9.0))])["geometry"][0]
    assert not shapely.has_z(geometry)
    assert geometry.area == 8


def test_polygons_beyond_the_image_are_kept_whole(path: Path) -> None:
    outside = [box(-4, -3, 2, 2), box(60, 60, 70, 66), box(500, 500, 501, 501)]
    table = read(path, [feature(number, polygon) for number, polygon in enumerate(outside)])
    assert [polygon.bounds for polygon in table["geometry"]] == [polygon.bounds for polygon in outside]


def test_a_crossed_outline_is_repaired(path: Path) -> None:
    bow_tie = Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    geometry = read(path, [feature(1, bow_tie)])["geometry"][0]
    assert geometry.is_valid
    assert geometry.area == 2


@pytest.mark.parametrize("value", [7, 7.0, "7"])
def test_ids_are_whole_numbers_however_they_are_written(value: Any, path: Path) -> None:
    assert read(path, [feature(value, HOUSE)])["id"].tolist() == ["7"]


@pytest.mark.parametrize("value", [None, "seven", 7.5, True, [7], float("inf"), float("nan")])
def test_an_id_that_is_no_whole_number_is_refused(value: Any, path: Path) -> None:
    with raises(LabelError, "labels.bad-feature", path, "feature 1"):
        read(path, [feature(3, HOUSE), feature(value, HOUSE)])


@pytest.mark.parametrize(
    "broken",
    [
        {},
        None,
        "text",
        {"properties": {"Id": 1}},
        {"properties": None, "geometry": None},
        {"properties": {"id": 1}, "geometry": None},
        {"properties": {"Id": 1}, "geometry": {"type": "Polygon"}},
        {"properties": {"Id": 1}, "geometry": {"type": "Blob", "coordinates": [[0, 0]]}},
        {"properties": {"Id": 1}, "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}},
        {"properties": {"Id": 1}, "geometry": {"type": "Polygon", "coordinates": [[["a", "b"]] * 4]}},
        {"properties": {"Id": 1}, "geometry": {"type": "Polygon", "coordinates": 5}},
        {"properties": {"Id": 1}, "geometry": [1]},
    ],
)
def test_a_broken_feature_is_named(broken: Any, path: Path) -> None:
    with raises(LabelError, "labels.bad-feature", path, "feature 0"):
        read(path, [broken])


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_coordinates_that_are_no_numbers_are_named(path: Path) -> None:
    text = '{"type": "Polygon", "coordinates": [[[0, 0], [1, NaN], [1, 1], [0, 0]]]}'
    path.write_text(f'{{"features": [{{"properties": {{"Id": 1}}, "geometry": {text}}}]}}')
    with raises(LabelError, "labels.coordinate", path, "feature 0"):
        buildings_of(read_geojson(path, in_pixels=True), GRID)


def test_an_id_twice_in_a_frame_is_refused(path: Path) -> None:
    features = [feature(number, HOUSE) for number in (3, 10, 3, 9, 10, 10)]
    with raises(LabelError, "labels.duplicate-id", path, "['3', '10']"):
        read(path, features)


def test_rows_that_are_no_building_may_share_an_id(path: Path) -> None:
    assert read(path, [feature(-1, None), feature(-1, None), feature(3, None), feature(3, HOUSE)])["id"].tolist() == [
        "3"
    ]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<html>", "labels.not-json"),
        (b'{"features": [', "labels.not-json"),
        (b"\xff\xfe\x00", "labels.not-json"),
        (b"", "labels.not-json"),
        (b"[1, 2]", "labels.not-geojson"),
        (b'{"features": {}}', "labels.not-geojson"),
        (b"null", "labels.not-geojson"),
        (b"[" * 200_000, "labels.not-json"),
    ],
)
def test_a_file_that_is_no_feature_collection_is_named(content: bytes, code: str, path: Path) -> None:
    path.write_bytes(content)
    with raises(LabelError, code, path):
        read_collection(path)


def test_a_file_that_is_absent_is_named(path: Path) -> None:
    with raises(LabelError, "labels.cannot-read", path):
        read_collection(path)


@pytest.mark.real
def test_both_kinds_of_real_labels_give_equal_polygons(real_data: Path) -> None:
    compared = []
    for row in scan(real_data).groupby("aoi").first().reset_index().to_dict("records"):
        pixels = real_data / row["labels"]
        places = Path(str(pixels).replace("labels_match_pix", "labels_match"))
        if not places.is_file():  # of the western half of an area, pixel labels alone are at hand
            continue
        compared.append(row["aoi"])
        grid = read_grid(real_data / row["image"])
        one = buildings_of(read_geojson(pixels, in_pixels=True), grid).set_index("id")["geometry"]
        other = buildings_of(read_geojson(places, in_pixels=False), grid).set_index("id")["geometry"]
        assert set(one.index) == set(other.index)
        other = other[one.index]
        np.testing.assert_allclose(shapely.bounds(one.to_numpy()), shapely.bounds(other.to_numpy()), atol=1e-6)
        assert shapely.hausdorff_distance(one.to_numpy(), other.to_numpy()).max() < 1e-6
    assert compared == ["L15-0357E-1223N_1429_3296_13", "L15-1615E-1205N_6460_3370_13"]
