"""Facts of whole and damaged files."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine

from sn7ml.data import frame_pixels
from sn7ml.data.catalog import scan
from sn7ml.data.facts import frame_facts, label_facts
from tests.validation.areas import (
    MONTHS,
    SIDE_PX,
    Area,
    feature,
    good_area,
    ground,
    name,
    square,
    town,
    transform_of,
    truncate,
)

SECOND = MONTHS[1]
CORNER_WITHOUT_NUMBER = b"""{"features": [{"properties": {"Id": 3},
    "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [5, NaN], [5, 5], [0, 0]]]}}]}"""
TWO_HOLES = {
    "type": "Polygon",
    "coordinates": [square(0, 0, 9)["coordinates"][0], *(square(x, 1)["coordinates"][0] for x in (1, 5))],
}
TWO_PARTS = {"type": "MultiPolygon", "coordinates": [square(20, 0)["coordinates"], TWO_HOLES["coordinates"]]}
BOW_TIE = {"type": "Polygon", "coordinates": [[[0, 0], [5, 5], [5, 0], [0, 5], [0, 0]]]}


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SN7ML_EXECUTOR", "serial")


def frame(area: Area, month: str = SECOND) -> pd.Series:
    table = frame_facts(area.root, scan(area.root))
    return table[table["month"] == month].iloc[0]


def labels(area: Area, month: str = SECOND) -> pd.Series:
    table = label_facts(area.root, scan(area.root))
    return table[table["month"] == month].iloc[0]


def labels_of(tmp_path: Path, features: list[Any]) -> pd.Series:
    area = good_area(tmp_path)
    area.write_labels(SECOND, features)
    return labels(area)


def test_facts_of_a_whole_frame(tmp_path: Path) -> None:
    pixels = np.full((4, SIDE_PX, SIDE_PX + 3), 9, np.uint8)
    pixels[3, :16] = 0
    area = good_area(tmp_path, months=[SECOND])
    area.write_image(SECOND, pixels)
    facts = frame(area)
    assert facts["file"] == f"train/{area.aoi}/images_masked/global_monthly_2018_02_mosaic_{area.aoi}.tif"
    assert facts[["rows", "cols", "bands", "dtype", "epsg"]].tolist() == [64, 67, 4, "uint8", 3857]
    assert facts[["has_image", "has_labels", "stem_ok", "readable", "north_up", "grid_agrees"]].all()
    assert facts["usable_fraction"] == 48 / 64
    assert facts["tile_offset_px"] == 0
    assert facts["fault"] == ""


def test_no_frames_give_empty_tables(tmp_path: Path) -> None:
    good_area(tmp_path)
    frames = scan(tmp_path).iloc[:0]
    assert len(frame_facts(tmp_path, frames)) == 0
    assert len(label_facts(tmp_path, frames)) == 0


def test_facts_are_the_same_for_one_process_and_for_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good_area(tmp_path)
    frames = scan(tmp_path)
    here = frame_facts(tmp_path, frames), label_facts(tmp_path, frames)
    monkeypatch.setenv("SN7ML_EXECUTOR", "processes:2")
    pd.testing.assert_frame_equal(frame_facts(tmp_path, frames), here[0])
    pd.testing.assert_frame_equal(label_facts(tmp_path, frames), here[1])


def test_a_truncated_image_is_not_readable_and_hinders_no_other(tmp_path: Path) -> None:
    area = good_area(tmp_path)
    truncate(area.image(SECOND))
    table = frame_facts(tmp_path, scan(tmp_path)).set_index("month")
    assert table["readable"].tolist() == [True, False, True]
    assert table["fault"][SECOND]
    assert table["rows"][SECOND] == SIDE_PX, "the header is whole"


@pytest.mark.parametrize(
    "content",
    [b"", b"no image at all", b'<VRTDataset rasterXSize="64" rasterYSize="64"></VRTDataset>'],
    ids=["empty", "text", "VRT"],
)
def test_what_is_no_geotiff_is_not_readable_and_no_machine_path_is_told(tmp_path: Path, content: bytes) -> None:
    area = good_area(tmp_path)
    area.image(SECOND).write_bytes(content)
    facts = frame(area)
    assert not facts["readable"]
    assert area.image(SECOND).name in facts["fault"]
    assert str(tmp_path) not in facts["fault"]
    assert pd.isna(facts["rows"])
    assert pd.isna(facts["grid_agrees"])


def test_a_huge_declared_size_is_not_read(tmp_path: Path) -> None:
    area = good_area(tmp_path)
    size = {"count": 4, "height": 100_000, "width": 100_000}
    options = {
        "crs": "EPSG:3857",
        "transform": transform_of(area.aoi),
        "dtype": "uint8",
        "sparse_ok": True,
        "tiled": True,
    }
    with rasterio.open(area.image(SECOND), "w", driver="GTiff", bigtiff="yes", **size, **options):
        pass
    facts = frame(area)
    assert not facts["readable"]
    assert "declares 100000 x 100000 pixels" in facts["fault"]


def test_of_two_months_nobody_says_which_is_the_odd_one(tmp_path: Path) -> None:
    compared = ["brightness_change", "sharpness_ratio", "shift_px", "similarity"]
    good_area(tmp_path, months=MONTHS[:2])
    good_area(tmp_path, number=1)
    table = frame_facts(tmp_path, scan(tmp_path))
    assert table[compared].isna().all(axis=1).tolist() == [True, True, False, False, False]
    assert table[compared].notna().all(axis=1).tolist() == [False, False, True, True, True]


def test_a_month_mostly_under_cloud_is_not_compared_with_the_others(tmp_path: Path) -> None:
    area = good_area(tmp_path)
    for month, clear in zip(MONTHS, (64, 15, 17), strict=True):  # of 64 rows; a quarter is 16
        pixels = ground(0, month)
        pixels[3, clear:] = 0
        area.write_image(month, pixels)
    table = frame_facts(tmp_path, scan(tmp_path))
    assert table["similarity"].notna().tolist() == [True, False, True]


def test_a_large_image_is_read_to_its_end_and_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    area = good_area(tmp_path)
    measured = frame(area)
    monkeypatch.setattr(frame_pixels, "MOST_MEASURED_PX", SIDE_PX**2 - 1)
    large = frame(area)
    known = ["readable", "usable_fraction", "pixels_digest"]
    assert large[known].tolist() == measured[known].tolist()
    assert large[["contrast", "sharpness", "alpha_is_binary"]].isna().all()
    assert measured[["contrast", "sharpness", "alpha_is_binary"]].notna().all()


def test_the_odd_month_is_the_one_whose_grid_disagrees_even_if_it_comes_first(tmp_path: Path) -> None:
    area = good_area(tmp_path)
    area.write_image(MONTHS[0], transform=transform_of(area.aoi) @ Affine.translation(1, 0))
    good_area(tmp_path, number=1)
    table = frame_facts(tmp_path, scan(tmp_path))
    assert table["grid_agrees"].tolist() == [False, True, True, True, True, True]


@pytest.mark.parametrize(
    ("change", "offset_px"),
    [(Affine.translation(-3, 2), 3.0), (Affine.scale(1.5), 0.5 * SIDE_PX), (Affine.translation(0, 1024), 1024.0)],
    ids=["shifted", "stretched", "the tile to the south"],
)
def test_the_distance_to_the_tile_in_the_name_is_in_pixels(tmp_path: Path, change: Affine, offset_px: float) -> None:
    area = good_area(tmp_path)
    area.write_image(SECOND, transform=transform_of(area.aoi) @ change)
    assert frame(area)["tile_offset_px"] == pytest.approx(offset_px, abs=0.01)


def test_an_image_without_place_has_no_crs_is_not_north_up_and_has_no_distance(tmp_path: Path) -> None:
    area = good_area(tmp_path)
    area.write_image(SECOND, crs=None, transform=Affine.identity())
    facts = frame(area)
    assert facts["readable"]
    assert facts["epsg"] == 0
    assert not facts["north_up"]
    assert pd.isna(facts["tile_offset_px"])


def test_a_label_month_without_image_is_a_row_of_its_own(tmp_path: Path) -> None:
    area = good_area(tmp_path)
    area.image(SECOND).unlink()
    facts = frame(area)
    assert not facts["has_image"]
    assert facts["has_labels"]
    assert facts["file"].endswith("_Buildings.geojson")
    assert pd.isna(facts["readable"])


def test_labels_are_expected_everywhere_but_in_test_areas_that_have_none(tmp_path: Path) -> None:
    area = good_area(tmp_path)
    area.labels(SECOND).unlink()
    test_area = good_area(tmp_path, number=1, part="test_public")
    for month in MONTHS:
        test_area.labels(month).unlink()
    table = frame_facts(tmp_path, scan(tmp_path))
    assert table["has_labels"].tolist()[:3] == [True, False, True]
    assert table["has_labels"].isna().tolist() == [False] * 3 + [True] * 3
    assert label_facts(tmp_path, scan(tmp_path))["aoi"].tolist() == [name(0)] * 2


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
    assert facts[["n", "small_fraction", "births", "birth_fraction", "outside_px"]].tolist() == [0, 0.0, 0, 0.0, 0.0]


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
    table = label_facts(tmp_path, scan(tmp_path)).set_index("month")
    assert table["readable"].tolist() == [True, False, True]
    assert pd.Series(table["fault"][SECOND]).str.contains(fault).item(), table["fault"][SECOND]
    assert str(tmp_path) not in table["fault"][SECOND]
    assert table["births"].isna().tolist() == [False, True, False]


def test_births_are_ids_of_no_earlier_month_of_the_area(tmp_path: Path) -> None:
    area = good_area(tmp_path)
    area.write_labels(SECOND, [feature(7, square(1, 1))])
    other = good_area(tmp_path, number=1)
    other.write_labels(MONTHS[2], [feature(5, square(1, 1)), *town()])
    table = label_facts(tmp_path, scan(tmp_path))
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
    assert (in_pixels["kind"], in_metres["kind"]) == ("match_pix", "match")
    for facts in (in_pixels, in_metres):
        assert facts[["outside_px", "small_fraction", "n_outside"]].tolist() == [3.0, 0.5, 0]


def test_without_a_readable_image_sizes_in_pixels_are_unknown(tmp_path: Path) -> None:
    area = good_area(tmp_path)
    area.image(SECOND).write_bytes(b"")
    facts = labels(area)
    assert facts["n"] == 5
    assert facts[["outside_px", "small_fraction", "n_outside"]].isna().all()


@pytest.mark.real
def test_the_real_area_has_the_facts_that_its_readme_states(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path(__file__).parents[3] / "shared" / "data" / "sn7"
    if not real.is_dir():
        pytest.skip("needs the real SpaceNet 7 area in ../shared/data/sn7")
    monkeypatch.setenv("SN7ML_EXECUTOR", "processes")
    table = label_facts(real, scan(real))
    cube = table[table["aoi"] == "L15-0357E-1223N_1429_3296_13"]
    assert len(cube) == 25
    assert cube["n"].sum() == 120_094
    assert cube["births"].sum() == 301
    assert (cube["n"].min(), cube["n"].max()) == (4_633, 4_910)
    assert cube["small_fraction"].mean() == pytest.approx(0.01, abs=0.002)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()


def link_to_nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (pipe, "it is a pipe, not a regular file"),
        (folder, "it is a folder, not a regular file"),
        (link_to_nowhere, "No such file"),
    ],
)
def test_what_is_no_file_in_place_of_an_image_is_a_fault_of_that_frame_alone(
    tmp_path: Path, spoil: Callable[[Path], None], fault: str
) -> None:
    area = good_area(tmp_path)
    shutil.copytree(area.folder / "images_masked", area.folder / "images")
    frames = scan(tmp_path)
    area.image(SECOND).unlink()
    spoil(area.image(SECOND))
    table = frame_facts(tmp_path, frames).set_index("month")
    assert table["readable"].tolist() == [True, False, True]
    assert fault in table["fault"][SECOND]
    assert pd.isna(table["rows"][SECOND]), "what is not opened has no size to blame"
    assert table["in_images_masked"].dropna().all(), "it cannot be read, but it is there"
