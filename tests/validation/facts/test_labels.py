"""Facts of whole and damaged label files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sn7ml.scenes.layouts.spacenet7 import SPACENET7, scan
from sn7ml.validation.facts import labels as label_facts_module
from sn7ml.validation.facts.labels import label_and_identity_facts
from tests.validation.areas import MONTHS, SIDE_PX, Area, feature, good_area, square, town, transform_of

pytestmark = pytest.mark.usefixtures("serial")

SECOND = MONTHS[1]
CORNER_WITHOUT_NUMBER = b"""{"features": [{"properties": {"Id": 3},
    "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [5, NaN], [5, 5], [0, 0]]]}}]}"""
TWO_HOLES = {
    "type": "Polygon",
    "coordinates": [square(0, 0, 9)["coordinates"][0], *(square(x, 1)["coordinates"][0] for x in (1, 5))],
}
TWO_PARTS = {"type": "MultiPolygon", "coordinates": [square(20, 0)["coordinates"], TWO_HOLES["coordinates"]]}
BOW_TIE = {"type": "Polygon", "coordinates": [[[0, 0], [5, 5], [5, 0], [0, 5], [0, 0]]]}


def labels(area: Area, month: str = SECOND) -> pd.Series:
    table, _ = label_and_identity_facts(area.root, scan(area.root), SPACENET7)
    return table[table["time"] == month].iloc[0]


def labels_of(tmp_path: Path, features: list[Any]) -> pd.Series:
    area = good_area(tmp_path)
    area.write_labels(SECOND, features)
    return labels(area)


def test_facts_of_whole_labels_with_the_oddities_of_real_ones(tmp_path: Path) -> None:
    with_z = {"type": "Polygon", "coordinates": [[[1, 1, 7], [3, 1, 7], [3, 3, 7], [1, 1, 7]]]}
    empty = {"type": "Polygon", "coordinates": []}
    facts = labels_of(
        tmp_path, [*town(), feature(5, with_z), feature(-1, empty), feature(-1, empty), feature(-2, None)]
    )
    assert facts["readable"]
    assert facts["n"] == 6
    assert facts[["n_empty", "n_null", "n_negative_ids"]].tolist() == [2, 1, 3]
    assert (
        facts[["n_duplicate_ids", "n_invalid", "n_not_polygon", "n_without_shape", "n_negative_with_shape"]].tolist()
        == [0] * 5
    )
    assert facts["small_fraction"] == pytest.approx(1 / 6), "the one with Z has 2 px²"
    assert facts[["n_outside", "outside_px", "outside_id"]].tolist() == [0, 0.0, ""]


@pytest.mark.parametrize(
    ("members", "crs", "suits"),
    [
        ({}, "", True),
        ({"crs": None}, "", True),
        ({"crs": {"type": "name", "properties": {"name": 'LOCAL_CS["pixels"]'}}}, 'LOCAL_CS["pixels"]', True),
        ({"crs": {"type": "name", "properties": {"name": "EPSG:4326"}}}, "EPSG:4326", False),
        # The older form has no name; that of the first row is another.
        ({"crs": {"type": "EPSG", "properties": {"code": 4326}}, "name": "EPSG:4326"}, "", True),
    ],
)
@pytest.mark.parametrize("place", ["before", "after"])
def test_the_crs_is_the_one_declared_wherever_it_stands(
    tmp_path: Path, members: dict[str, Any], crs: str, suits: bool, place: str
) -> None:
    area = good_area(tmp_path)
    features = {"features": [feature(0, square(1, 1)) | {"properties": {"Id": 0, "name": "town", "x": "y" * 5_000}}]}
    area.labels(SECOND).write_text(json.dumps(members | features if place == "before" else features | members))
    facts = labels(area)
    assert (facts["crs"], facts["crs_ok"]) == (crs, suits)


def test_an_empty_label_file_is_a_frame_without_buildings(tmp_path: Path) -> None:
    facts = labels_of(tmp_path, [])
    assert facts["readable"]
    assert facts[["n", "small_fraction", "outside_px"]].tolist() == [0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("rows", "column", "count", "example"),
    [
        ([feature("3", square(1, 9)), feature(1, square(1, 1))], "n_duplicate_ids", 2, "duplicate_id=1"),
        ([feature(8, BOW_TIE), feature(7, BOW_TIE)], "n_invalid", 2, "invalid_id=7"),
        ([feature(9, square(0, 0, side=1e200))], "outside_px", 1e200, "outside_id=9"),
        ([feature(9, {"type": "Point", "coordinates": [1, 2]})], "n_not_polygon", 1, ""),
        ([feature(9, None)], "n_without_shape", 1, ""),
        ([feature(9, {"type": "LineString", "coordinates": []})], "n_without_shape", 1, ""),
        ([feature(-1, square(1, 1))], "n_negative_with_shape", 1, ""),
        ([feature(9, TWO_HOLES), feature(8, TWO_PARTS)], "n_holes", 2, ""),
        ([feature(9, TWO_PARTS), feature(8, TWO_PARTS)], "n_multi", 2, "multi_id=8"),
        ([feature(9, square(-20, 1)), feature(8, square(-1, 1))], "n_outside", 1, "outside_id=9"),
        ([feature(9, square(1, SIDE_PX - 2))], "outside_px", 3.0, "outside_id=9"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_oddities_are_counted_and_an_example_named(
    tmp_path: Path, rows: list[Any], column: str, count: float, example: str
) -> None:
    facts = labels_of(tmp_path, [*town(), *rows])
    assert facts["readable"]
    assert facts[column] == count
    if example:
        where, building = example.split("=")
        assert facts[where] == building


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"{", "is not JSON"),
        (b"\xff\xfe{}", "is not JSON"),
        (b"[]", "has no list 'features'"),
        (
            b'{"features": [{"properties": {"id": 3}, "geometry": null}]}',
            r"feature 0 needs an integer 'Id'.*KeyError\('Id'\)",
        ),
        (b'{"features": [{"properties": {"Id": 3.5}, "geometry": null}]}', "feature 0 needs an integer 'Id'.*3.5"),
        (b'{"features": [{"properties": {"Id": 1e30}, "geometry": null}]}', "feature 0 needs an integer 'Id'"),
        (b'{"features": [{"properties": {"Id": NaN}, "geometry": null}]}', "feature 0 needs an integer 'Id'"),
        (b'{"features": [{"properties": {"Id": 3}, "geometry": {"type": "Blob", "coordinates": []}}]}', "feature 0"),
        (
            b'{"features": [{"properties": {"Id": 3}, "geometry": {"type": "Polygon", "coordinates": [[1]]}}]}',
            "feature 0",
        ),
        (b'{"features": [7]}', "feature 0"),
        (json.dumps({"features": [feature(0, square(1, float("nan")))]}).encode(), "feature 0"),
        (json.dumps({"features": [feature(0, square(1, float("inf")))]}).encode(), "feature 0"),
        (CORNER_WITHOUT_NUMBER, "feature 0 has a coordinate that is no finite number"),
        (
            b'{"features": [{"properties": {"Id": 3}, "geometry": {}}]}',
            "feature 0 needs an integer 'Id' and a geometry",
        ),
    ],
)
def test_a_broken_label_file_says_what_is_wrong_and_hinders_no_other(
    tmp_path: Path, content: bytes, fault: str
) -> None:
    area = good_area(tmp_path)
    area.labels(SECOND).write_bytes(content)
    found, through_time = label_and_identity_facts(tmp_path, scan(tmp_path), SPACENET7)
    table = found.set_index("time")
    assert table["readable"].tolist() == [True, False, True]
    assert pd.Series(table["fault"][SECOND]).str.contains(fault).item(), table["fault"][SECOND]
    assert str(tmp_path) not in table["fault"][SECOND]
    assert through_time["time"].tolist() == [MONTHS[0], MONTHS[2]]


def test_births_are_ids_of_no_earlier_month_of_the_area(tmp_path: Path) -> None:
    area = good_area(tmp_path)
    area.write_labels(SECOND, [feature(7, square(1, 1))])
    other = good_area(tmp_path, number=1)
    other.write_labels(MONTHS[2], [feature(5, square(1, 1)), *town()])
    _, table = label_and_identity_facts(tmp_path, scan(tmp_path), SPACENET7)
    # 0..4, then only 7, then 0..4 back: an id that returns is not new. The second area starts afresh.
    assert table["births"].tolist() == [0, 1, 0, 0, 0, 1]
    assert table["birth_fraction"].tolist() == [0, 1, 0, 0, 0, pytest.approx(1 / 6)]


def test_labels_in_the_images_crs_give_the_same_sizes_as_labels_in_pixels(tmp_path: Path) -> None:
    area = good_area(tmp_path, months=[SECOND])
    rows = [feature(0, square(-3, 4, side=5)), feature(1, square(30, 30, side=1.9))]
    area.write_labels(SECOND, rows)
    in_pixels = labels(area)
    area.labels(SECOND).unlink()
    for row in rows:
        ring = row["geometry"]["coordinates"][0]
        row["geometry"]["coordinates"] = [[list(transform_of(area.aoi) @ tuple(corner)) for corner in ring]]
    area.write_labels(SECOND, rows, kind="labels_match")
    in_metres = labels(area)
    assert "labels_match_pix" in in_pixels["file"]
    assert "labels_match/" in in_metres["file"]
    for facts in (in_pixels, in_metres):
        assert facts[["outside_px", "small_fraction", "n_outside"]].tolist() == [3.0, 0.5, 0]


def test_without_a_readable_image_sizes_in_pixels_are_unknown(tmp_path: Path) -> None:
    area = good_area(tmp_path)
    area.image(SECOND).write_bytes(b"")
    facts = labels(area)
    assert facts["n"] == 5
    assert facts[["outside_px", "small_fraction", "n_outside"]].isna().all()


@pytest.mark.slow
@pytest.mark.real
def test_the_real_area_has_the_facts_that_its_readme_states(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path(__file__).parents[4] / "shared" / "data" / "sn7"
    if not real.is_dir():
        pytest.skip("needs the real SpaceNet 7 area in ../shared/data/sn7")
    monkeypatch.setenv("SN7ML_EXECUTOR", "processes")
    table, through_time = label_and_identity_facts(real, scan(real), SPACENET7)
    cube = table[table["aoi"] == "L15-0357E-1223N_1429_3296_13"]
    assert len(cube) == 25
    assert cube["n"].sum() == 120_094
    assert through_time.groupby("aoi")["births"].sum().tolist() == [170, 301, 0]
    assert (cube["n"].min(), cube["n"].max()) == (4_633, 4_910)
    assert cube["small_fraction"].mean() == pytest.approx(0.01, abs=0.002)


def test_ground_is_not_looked_at_in_an_image_too_large_to_be_measured_or_of_other_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    area = good_area(tmp_path)
    area.write_image(SECOND, np.zeros((4, SIDE_PX, SIDE_PX), np.uint16))
    assert labels(area, MONTHS[0])["hidden_fraction"] == 0
    assert pd.isna(labels(area)["hidden_fraction"])
    monkeypatch.setattr(label_facts_module, "MOST_MEASURED_PX", SIDE_PX**2 - 1)
    large = labels(area, MONTHS[0])
    assert pd.isna(large["hidden_fraction"])
    assert large["outside_px"] == 0
