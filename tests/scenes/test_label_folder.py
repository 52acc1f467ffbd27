"""Folders of label files as the scorer takes them: nothing repaired, every bad file named."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import shapely
from shapely.geometry import LineString, Polygon, box

from sn7ml.core.errors import LabelError
from sn7ml.core.schemas import POLYGONS
from sn7ml.outputs.submission import read_polygons
from sn7ml.scenes.label_folder import read_label_folder
from tests.raising import raises
from tests.sn7_folder import AOI, FAR_AOI, HOUSES, MONTHS, feature, stem, write_aoi, write_features

HOUSE = box(1, 2, 4, 6)
BOWTIE = Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
JAN = f"{stem(AOI, '2018-01')}_Buildings.geojson"


def read(tmp_path: Path, *features: Any) -> pd.DataFrame:
    write_features(tmp_path / JAN, features)
    return read_label_folder(tmp_path)


def with_geometry(geometry: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"Id": 5}, "geometry": geometry}


def with_outline(ring: Any) -> dict[str, Any]:
    return with_geometry({"type": "Polygon", "coordinates": [ring]})


@pytest.mark.parametrize("below", ["", "train", f"train/{AOI}", f"train/{AOI}/labels_match_pix"])
def test_every_folder_from_the_root_to_the_labels_will_do(below: str, tmp_path: Path) -> None:
    write_aoi(tmp_path)
    found = read_label_folder(tmp_path / below)
    assert list(found[["aoi", "time", "id"]].itertuples(index=False, name=None)) == [
        (AOI, month, str(number)) for month in MONTHS for number in HOUSES
    ]
    assert all(a.equals(b) for a, b in zip(found["geometry"], [*HOUSES.values()] * 3, strict=True))
    assert found.dtypes.tolist() == POLYGONS.empty().dtypes.tolist()


@pytest.mark.parametrize("executor", ["serial", "processes:2"])
def test_areas_come_in_order_of_name_whoever_reads_them(
    executor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SN7ML_EXECUTOR", executor)
    write_aoi(tmp_path, FAR_AOI, months=("2018-01",), part="train")
    write_aoi(tmp_path, AOI, months=("2018-01",), part="test_public")
    assert read_label_folder(tmp_path)["aoi"].tolist() == [AOI] * 3 + [FAR_AOI] * 3


def test_areas_without_labels_have_no_polygons(tmp_path: Path) -> None:
    write_aoi(tmp_path, AOI)
    write_aoi(tmp_path, FAR_AOI, labels=(), part="test_public")
    assert set(read_label_folder(tmp_path)["aoi"]) == {AOI}


def test_what_the_scorer_has_a_rule_for_stays(tmp_path: Path) -> None:
    odd = [HOUSE, HOUSE, None, Polygon(), BOWTIE, LineString([(0, 0), (1, 1)])]
    found = read(tmp_path, *[feature(7, geometry) for geometry in odd])
    assert found["id"].tolist() == ["7"] * 6
    assert found["geometry"][2] is None
    assert shapely.to_wkt(found["geometry"].drop(2).to_numpy()).tolist() == [
        "POLYGON ((4 2, 4 6, 1 6, 1 2, 4 2))",
        "POLYGON ((4 2, 4 6, 1 6, 1 2, 4 2))",
        "POLYGON EMPTY",
        "POLYGON ((0 0, 2 2, 2 0, 0 2, 0 0))",
        "LINESTRING (0 0, 1 1)",
    ]


@pytest.mark.parametrize(
    ("given", "text"),
    [(7, "7"), (7.0, "7"), ("7", "7"), ("7.0", "7.0"), ("007", "007"), ("b-12", "b-12"), (0, "0"), (-3, "-3")],
)
def test_whole_numbers_are_one_id_however_written_and_text_is_itself(given: Any, text: str, tmp_path: Path) -> None:
    assert read(tmp_path, feature(given, HOUSE))["id"].tolist() == [text]


@pytest.mark.parametrize("number", [-1, -1.0, "-1"])
def test_a_negative_id_without_a_geometry_says_that_there_is_no_building(number: Any, tmp_path: Path) -> None:
    found = read(tmp_path, feature(number, None), feature(number, Polygon()), feature(number, HOUSE), feature(1, None))
    assert found["geometry"].tolist() == [HOUSE, None]


def test_a_frame_without_features_has_no_rows(tmp_path: Path) -> None:
    pd.testing.assert_frame_equal(read(tmp_path), POLYGONS.empty())


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ({"type": "Feature", "geometry": None}, "KeyError('properties')"),
        ({"type": "Feature", "properties": {"id": 5}, "geometry": None}, "KeyError('Id')"),
        ({"properties": {"Id": 5}}, "KeyError('geometry')"),
        (feature(7.5, HOUSE), "ValueError('Id is 7.5')"),
        (feature(True, HOUSE), "ValueError('Id is True')"),
        (feature(" ", HOUSE), """ValueError("Id is ' '")"""),
        (feature(float("inf"), HOUSE), "OverflowError("),
        (feature(None, HOUSE), "TypeError("),
        (None, "TypeError("),
        (with_geometry({}), "AttributeError("),
        (with_geometry({"type": "Polygon"}), "KeyError('coordinates')"),
        (with_geometry({"type": "Blob", "coordinates": [1]}), "'blob'"),
        (with_outline([[0, 0], [1, 0]]), "at least 4 coordinates"),
        (with_outline([[0, 0], [1, float("nan")], [1, 1], [0, 0]]), "no finite number"),
        (with_outline([[-13e6, 45e5]] * 3), "-13,000,000.0"),
    ],
)
def test_a_broken_feature_is_named_with_file_and_number(broken: Any, named: str, tmp_path: Path) -> None:
    write_features(tmp_path / JAN, [feature(-1, None), feature(5, HOUSE), broken])
    with raises(LabelError, "labels.bad-files", 1, tmp_path / JAN, "feature 2", named):
        read_label_folder(tmp_path)


def test_of_many_broken_features_the_first_is_told_and_the_others_counted(tmp_path: Path) -> None:
    far = box(9e6, 0, 9e6 + 1, 1)
    write_features(tmp_path / JAN, [feature(1, HOUSE), feature(2, far), feature("", HOUSE), {}])
    with raises(LabelError, "labels.bad-files", tmp_path / JAN, "feature 1 ", "9,000,001.0", "(2 more"):
        read_label_folder(tmp_path)


def test_every_bad_file_is_named_at_once(tmp_path: Path, serial: None) -> None:
    for aoi in (AOI, FAR_AOI):
        write_aoi(tmp_path, aoi, labels=("labels_match_pix",))
    near, far = (tmp_path / "train" / aoi / "labels_match_pix" for aoi in (AOI, FAR_AOI))
    (near / JAN).write_text("no JSON")
    write_features(near / f"{stem(AOI, '2018-04')}_Buildings.geojson", [{}])
    (far / f"{stem(FAR_AOI, '2018-02')}_Buildings.geojson").write_text("{}")
    bad = [near / JAN, near / f"{stem(AOI, '2018-04')}_Buildings.geojson"]
    bad += [far / f"{stem(FAR_AOI, '2018-02')}_Buildings.geojson"]
    with raises(LabelError, "labels.bad-files", tmp_path, 3, *bad, "feature 0"):
        read_label_folder(tmp_path)


def test_labels_in_metres_are_refused_with_the_cure(tmp_path: Path) -> None:
    folder = write_aoi(tmp_path, labels=("labels_match",))
    with raises(LabelError, "labels.bad-files", folder, 3, "feature 0", "-13,5", "labels_match_pix", "(2 more"):
        read_label_folder(folder)


def test_twenty_bad_files_are_told_and_the_others_counted(tmp_path: Path) -> None:
    for year in ("2018", "2019"):
        for month in range(1, 13):
            (tmp_path / f"{stem(AOI, f'{year}-{month:02}')}_Buildings.geojson").write_text("")
    with raises(LabelError, "labels.bad-files", tmp_path, 24, "2018_01", "2019_08") as caught:
        read_label_folder(tmp_path)
    assert "2019_09" not in str(caught.value)
    assert str(caught.value).endswith("… and 4 more")


def test_names_that_are_no_stems_are_told(tmp_path: Path) -> None:
    for name in ("a", f"{stem(AOI, '2018-13')}", f"{stem(AOI, '2018-01')}_x"):
        write_features(tmp_path / f"{name}_Buildings.geojson", [])
    write_features(tmp_path / f"._{JAN}", [])  # a Mac's shadow of a file
    with raises(LabelError, "labels.bad-files", tmp_path, 3, tmp_path / "a_Buildings.geojson") as caught:
        read_label_folder(tmp_path)
    assert "global_monthly_YYYY_MM_mosaic_AOI_Buildings.geojson" in str(caught.value)


def test_a_frame_given_twice_is_told(tmp_path: Path) -> None:
    write_aoi(tmp_path, months=("2018-01",), part="train")
    write_aoi(tmp_path, months=("2018-01",), part="test_public")
    inner = f"{AOI}/labels_match_pix/{JAN}"
    with raises(LabelError, "labels.bad-files", *(tmp_path / part / inner for part in ("train", "test_public"))):
        read_label_folder(tmp_path)


@pytest.mark.parametrize("name", ["", AOI, "train"])
def test_a_folder_without_labels_is_told_what_was_looked_for(name: str, tmp_path: Path) -> None:
    (tmp_path / name / "images").mkdir(parents=True)
    with raises(LabelError, "labels.none", tmp_path / name, "*_Buildings.geojson"):
        read_polygons(tmp_path / name)


@pytest.mark.real
def test_the_real_labels_are_all_read(real_data: Path) -> None:
    found = read_label_folder(real_data / "train/L15-1615E-1205N_6460_3370_13")
    assert len(found) == 2_775
    assert found["time"].is_monotonic_increasing
    assert POLYGONS.check(found)["geometry"].map(lambda polygon: polygon.geom_type).eq("Polygon").all()
