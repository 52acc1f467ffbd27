"""The challenge's CSV: written by its rules, read as it stands, and every bad line named."""

from pathlib import Path

import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon, box

from sn7ml.core.errors import LabelError
from sn7ml.core.schemas import POLYGONS, TRACKS
from sn7ml.outputs.submission import read_polygons, read_submission, write_submission
from tests.metrics import scot_cases
from tests.outputs.submissions import FEB, HEADER, JAN, SQUARE, STEM, read
from tests.outputs.tracks import YARD, track
from tests.raising import assert_names, raises
from tests.sn7_folder import AOI, FAR_AOI, stem, write_aoi


def bad_lines(tmp_path: Path, text: str) -> list[str]:
    """Return the lines of the error's message."""
    with raises(LabelError, "submission.bad-lines", tmp_path / "a.csv") as caught:
        read(tmp_path, text)
    return str(caught.value).split("\n")


def test_the_submission_in_the_challenges_form(tracks: pd.DataFrame, tmp_path: Path) -> None:
    write_submission(tmp_path / "submission.csv", tracks[tracks["geometry"] != YARD])
    assert (tmp_path / "submission.csv").read_text().splitlines() == [
        "filename,id,geometry",
        f'{stem(AOI, "2018-02")},10,"POLYGON ((4 2, 4 6, 1.12 6, 1.12 2, 4 2))"',
        f'{stem(FAR_AOI, "2018-01")},0,"POLYGON ((2 60, 2 70, -3 70, -3 60, 2 60))"',
    ]


def test_rows_are_sorted_by_area_date_and_number(tracks: pd.DataFrame, tmp_path: Path) -> None:
    write_submission(tmp_path / "submission.csv", tracks.sample(frac=1, random_state=3))
    found = read_submission(tmp_path / "submission.csv")
    assert list(found[["aoi", "time", "id"]].itertuples(index=False, name=None)) == [
        (AOI, "2018-01", "9"),
        (AOI, "2018-02", "9"),
        (AOI, "2018-02", "10"),
        (FAR_AOI, "2018-01", "0"),
    ]


def test_the_same_tracks_give_the_same_bytes(tracks: pd.DataFrame, tmp_path: Path) -> None:
    write_submission(tmp_path / "a.csv", tracks)
    write_submission(tmp_path / "b.csv", tracks.sample(frac=1, random_state=5))
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_the_stem_has_the_58_characters_that_the_scorer_cuts_by_position(tracks: pd.DataFrame, tmp_path: Path) -> None:
    write_submission(tmp_path / "submission.csv", tracks)
    names = pd.read_csv(tmp_path / "submission.csv")["filename"]
    assert set(names.str.len()) == {58}
    assert set(names.str[30:]) == {AOI, FAR_AOI}
    assert set(names.str[15:22]) == {"2018_01", "2018_02"}


def test_no_empty_row_is_ever_submitted(tracks: pd.DataFrame, tmp_path: Path) -> None:
    empty = pd.DataFrame([track(AOI, "2018-03", "1", Polygon())])
    write_submission(tmp_path / "submission.csv", pd.concat([tracks, empty], ignore_index=True))
    assert "EMPTY" not in (tmp_path / "submission.csv").read_text()
    assert len(read_submission(tmp_path / "submission.csv")) == len(tracks)


def test_nothing_found_is_a_header(tmp_path: Path) -> None:
    write_submission(tmp_path / "submission.csv", TRACKS.empty())
    assert (tmp_path / "submission.csv").read_text() == "filename,id,geometry\n"
    found = read_submission(tmp_path / "submission.csv")
    pd.testing.assert_frame_equal(found, POLYGONS.empty())


@given(x=st.floats(-9, 1030), y=st.floats(-9, 1030), width=st.floats(1, 40), height=st.floats(1, 40))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_submission_comes_back_to_half_a_hundredth_of_a_pixel(
    x: float, y: float, width: float, height: float, tmp_path: Path
) -> None:
    house = box(x, y, x + width, y + height)
    write_submission(tmp_path / "submission.csv", pd.DataFrame([track(AOI, "2018-01", "x7", house)]))
    found = POLYGONS.check(read_submission(tmp_path / "submission.csv"))
    assert found[["aoi", "time", "id"]].iloc[0].tolist() == [AOI, "2018-01", "x7"]
    assert shapely.equals_exact(found["geometry"][0], house, tolerance=0.0072)  # half a hundredth along x and y


def test_what_others_wrote_is_read(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "id,filename,geometry,remark\n"
        f'007,{JAN}.tif,"POLYGON ((0 0, 1 0, 1 1, 0 0))",a\n'
        f"NA,{JAN}_anything,POLYGON EMPTY,b\n"
        f'7.0,{FEB},,"two\nlines"\n',
    )
    assert list(found.columns) == ["aoi", "time", "id", "geometry"]
    assert found["aoi"].tolist() == [AOI] * 3
    assert found["id"].tolist() == ["007", "NA", "7.0"]
    assert found["time"].tolist() == ["2018-01", "2018-01", "2018-02"]
    assert found["geometry"][0].area == 0.5
    assert found["geometry"][1].is_empty
    assert found["geometry"][2] is None
    assert found.dtypes.tolist() == POLYGONS.empty().dtypes.tolist()


@pytest.mark.parametrize(
    ("row", "named"),
    [
        (f"Paris,1,{SQUARE}", ("column filename", "'Paris'", STEM)),
        (f",1,{SQUARE}", ("column filename", "''", STEM)),
        (f"images/{JAN},1,", ("column filename", f"'{f'images/{JAN}'[:59]}…'", STEM)),
        (f"{stem(AOI, '2018-13')},1,", ("column filename", f"'{stem(AOI, '2018-13')}'", STEM)),
        (f"{JAN},,{SQUARE}", ("column id", "''")),
        (f"{JAN}, ,{SQUARE}", ("column id", "' '")),
        (f'{JAN},1,"POLYGON ((0 0"', ("column geometry", "'POLYGON ((0 0'", "end of stream", "POLYGON ((x y, ...))")),
        (f"{JAN},1,nonsense", ("column geometry", "'nonsense'", "Unknown type: 'NONSENSE'")),
        (f'{JAN},1,"POLYGON ((0 0, 1 0, 1 1))"', ("column geometry", "'POLYGON ((0 0, 1 0, 1 1))'", "LinearRing")),
        (f"{JAN},1,CIRCULARSTRING EMPTY", ("column geometry", "'CIRCULARSTRING EMPTY'")),
        (
            f'{JAN},1,"POLYGON ((4512345.6 2, 3 2, 3 9, 4512345.6 2))"',
            ("column geometry", "'POLYGON ((4512345.6 2, 3 2, 3 9, 4512345.6 2))'", "4,512,345.6", "±100,000 px"),
        ),
        (
            f'{JAN},1,"POLYGON ((0 0, 1 -100000.5, 1 1, 0 0))"',
            ("column geometry", "'POLYGON ((0 0, 1 -100000.5, 1 1, 0 0))'", "-100,000.5", "±100,000 px"),
        ),
        (f'{JAN},1,"POLYGON ((0 nan, 1 0, 1 1, 0 0))"', ("column geometry", "(0 nan, 1 0, 1 1, 0 0)", "LinearRing")),
        (f'{JAN},1,"POLYGON ((0 0, 1 nan, 1 1, 0 0))"', ("column geometry", "'POLYGON ((0 0, 1 nan, 1 1, 0 0))'")),
        (f'{JAN},1,"POLYGON ((0 0, 1 1e999, 1 1, 0 0))"', ("column geometry", "'POLYGON ((0 0, 1 1e999, 1 1, 0 0))'")),
        (f"{JAN},1,POLYGON ((0 0, 2 0, 2 2, 0 2, 0 0))", (7, "'global_monthly_2018_01_mosaic_…", "0 2, 0 0))'", 3)),
        (f"{JAN},1", (2, f"'{JAN},1'", 3)),
        (f'{JAN},"x"y,POINT (0 0)', ("',' expected after '\"'", "1327_3160_13,\"x\"y,POINT (0 0)'")),
        (f'{JAN},1,"POLYGON ((0 0, 1 0,\n1 1))"', ("column geometry", r"'POLYGON ((0 0, 1 0,\n1 1))'", "LinearRing")),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_with_column_value_and_what_was_expected(
    row: str, named: tuple[object, ...], tmp_path: Path
) -> None:
    head, fault = bad_lines(tmp_path, f"{HEADER}{JAN},1,{SQUARE}\n{row}\n{FEB},1,{SQUARE}\n")
    assert_names(head, 1)
    assert_names(fault, "line 3", *named)


def test_all_faults_of_a_line_are_told(tmp_path: Path) -> None:
    _, *faults = bad_lines(tmp_path, f"{HEADER}Paris,,x\n")
    named = [("filename", "'Paris'", STEM), ("id", "''"), ("geometry", "'x'", "'X'")]
    for fault, (column, *values) in zip(faults, named, strict=True):
        assert_names(fault, f"line 2, column {column}", *values)


@pytest.mark.parametrize(("bad", "more"), [(20, []), (21, [1]), (1_500, [1_480])])
def test_twenty_bad_lines_are_told_and_the_others_counted(bad: int, more: list[int], tmp_path: Path) -> None:
    good = f"{JAN},1,{SQUARE}\n"
    told = bad_lines(tmp_path, HEADER + (good + f"{JAN},1,x\n") * bad + good)
    assert_names(told[0], bad)
    assert [line.split(":")[0] for line in told[1:21]] == [
        f"  line {line}, column geometry" for line in range(3, 43, 2)
    ]
    for line, count in zip(told[21:], more, strict=True):
        assert_names(line, count)


def test_the_first_twenty_are_of_all_kinds_in_the_order_of_the_file(tmp_path: Path) -> None:
    kinds = [
        f"{JAN},1,x\n",
        "too,few\n",
        f"Paris,1,{SQUARE}\n",
        f'{JAN},"a"b,\n',
        f"{JAN},,\n",
        f"{JAN},1,POINT (1e6 0)\n",
    ]
    told = bad_lines(tmp_path, HEADER + "".join(kinds) * 4)
    assert_names(told[0], 24)
    assert [int(line[:9].split()[1].strip(",:")) for line in told[1:21]] == list(range(2, 22))
    assert len(told) == 22
    assert_names(told[21], 4)


@pytest.mark.parametrize("function", [read_submission, read_polygons])
def test_a_submission_that_is_absent_is_named(function: object, tmp_path: Path) -> None:
    assert callable(function)
    with raises(LabelError, "submission.cannot-read", tmp_path / "a.csv"):
        function(tmp_path / "a.csv")


def test_a_folder_is_no_csv(tmp_path: Path) -> None:
    with raises(LabelError, "submission.cannot-read", tmp_path):
        read_submission(tmp_path)


def test_one_geojson_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / f"{JAN}_Buildings.geojson"
    path.write_text("{}")
    with raises(LabelError, "labels.single-file", path, "*_Buildings.geojson"):
        read_polygons(path)


def test_polygons_of_a_folder_are_those_of_its_labels(tmp_path: Path) -> None:
    found = read_polygons(write_aoi(tmp_path, months=("2018-01",)))
    assert found["id"].tolist() == ["0", "7", "12"]


@pytest.mark.parametrize("name", sorted(scot_cases.expected()))
def test_the_references_cases_are_read_as_plainly_as_can_be(name: str, tmp_path: Path) -> None:
    for path in scot_cases.write_case(name, tmp_path):
        found, plain = read_polygons(path), scot_cases.read_csv(name, path.stem)
        pd.testing.assert_frame_equal(found.drop(columns="geometry"), plain.drop(columns="geometry"))
        assert (
            shapely.to_wkb(found["geometry"].to_numpy()).tolist()
            == shapely.to_wkb(plain["geometry"].to_numpy()).tolist()
        )
