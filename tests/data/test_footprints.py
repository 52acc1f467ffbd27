"""Footprints out and in again: GeoParquet with its CRS, the challenge's CSV with its rules."""

from pathlib import Path

import geopandas
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from sn7ml.data.footprints import read_footprints, read_submission, write_footprints, write_submission
from sn7ml.errors import LabelError
from sn7ml.tables import POLYGONS, TRACKS
from tests.sn7_folder import AOI, FAR_AOI, grid_of, stem

GRIDS = {AOI: grid_of(AOI), FAR_AOI: grid_of(FAR_AOI)}
YARD = Polygon(box(10, 10, 19, 19).exterior.coords, [box(13, 13, 16, 16).exterior.coords])


def track(aoi: str, month: str, number: str, geometry: BaseGeometry) -> dict[str, object]:
    return {
        "aoi": aoi,
        "month": month,
        "id": number,
        "birth_month": "2018-01",
        "confidence": 0.75,
        "geometry": geometry,
    }


@pytest.fixture
def tracks() -> pd.DataFrame:
    rows = [
        track(AOI, "2018-02", "10", box(1.123, 2, 4, 6)),
        track(AOI, "2018-02", "9", YARD),
        track(AOI, "2018-01", "9", YARD),
        track(FAR_AOI, "2018-01", "0", box(-3, 60, 2, 70)),
    ]
    return TRACKS.check(pd.DataFrame(rows))


def test_footprints_come_back_as_they_went(tracks: pd.DataFrame, tmp_path: Path) -> None:
    write_footprints(tmp_path, tracks, GRIDS)
    found = read_footprints(tmp_path, GRIDS)
    pd.testing.assert_frame_equal(found.drop(columns="geometry"), tracks.drop(columns="geometry"))
    for one, other in zip(found["geometry"], tracks["geometry"], strict=True):
        assert shapely.equals_exact(one, other, tolerance=1e-6)


def test_qgis_sees_the_crs_and_the_right_ground(tracks: pd.DataFrame, tmp_path: Path) -> None:
    write_footprints(tmp_path, tracks, GRIDS)
    table = geopandas.read_parquet(tmp_path / f"{FAR_AOI}.parquet")
    assert table.crs.to_epsg() == 3857
    t = GRIDS[FAR_AOI].transform
    expected = (t.c - 3 * t.a, t.f - 70 * t.a, t.c + 2 * t.a, t.f - 60 * t.a)
    assert table.geometry.iloc[0].bounds == pytest.approx(expected)
    assert table["id"].tolist() == ["0"]


def test_an_area_without_a_building_has_a_file_without_rows(tracks: pd.DataFrame, tmp_path: Path) -> None:
    write_footprints(tmp_path, tracks[tracks["aoi"] == AOI], GRIDS)
    table = geopandas.read_parquet(tmp_path / f"{FAR_AOI}.parquet")
    assert len(table) == 0
    assert table.crs.to_epsg() == 3857
    assert read_footprints(tmp_path, GRIDS)["aoi"].unique().tolist() == [AOI]


def test_no_building_at_all_comes_back_as_none(tmp_path: Path) -> None:
    write_footprints(tmp_path, TRACKS.empty(), GRIDS)
    found = read_footprints(tmp_path, GRIDS)
    assert list(found.columns) == list(TRACKS.columns)
    assert not len(found)


def test_the_same_tracks_give_the_same_bytes(tracks: pd.DataFrame, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_footprints(tmp_path / name, tracks, GRIDS)
        write_submission(tmp_path / name / "submission.csv", tracks)
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


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
    assert list(found[["aoi", "month", "id"]].itertuples(index=False, name=None)) == [
        (AOI, "2018-01", "9"),
        (AOI, "2018-02", "9"),
        (AOI, "2018-02", "10"),
        (FAR_AOI, "2018-01", "0"),
    ]


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
    assert not len(read_submission(tmp_path / "submission.csv"))


@given(x=st.floats(-9, 1030), y=st.floats(-9, 1030), width=st.floats(1, 40), height=st.floats(1, 40))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_submission_comes_back_to_half_a_hundredth_of_a_pixel(
    x: float, y: float, width: float, height: float, tmp_path: Path
) -> None:
    house = box(x, y, x + width, y + height)
    write_submission(tmp_path / "submission.csv", pd.DataFrame([track(AOI, "2018-01", "x7", house)]))
    found = POLYGONS.check(read_submission(tmp_path / "submission.csv"))
    assert found[["aoi", "month", "id"]].iloc[0].tolist() == [AOI, "2018-01", "x7"]
    assert shapely.equals_exact(found["geometry"][0], house, tolerance=0.0072)  # half a hundredth along x and y


def read(tmp_path: Path, text: str) -> pd.DataFrame:
    (tmp_path / "a.csv").write_text(text)
    return read_submission(tmp_path / "a.csv")


def test_what_others_wrote_is_read(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "id,filename,geometry,remark\n"
        f'007,{stem(AOI, "2018-01")}.tif,"POLYGON ((0 0, 1 0, 1 1, 0 0))",a\n'
        f"NA,{stem(AOI, '2018-01')},POLYGON EMPTY,b\n"
        f"3,{stem(AOI, '2018-01')},,c\n",
    )
    assert found["id"].tolist() == ["007", "NA", "3"]
    assert found["month"].tolist() == ["2018-01"] * 3
    assert found["geometry"][0].area == 0.5
    assert found["geometry"][1].is_empty
    assert found["geometry"][2] is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as CSV"),
        ("filename,geometry\n", r"line 1 lacks column\(s\) \['id'\]; expected filename,id,geometry"),
        ("filename,id,geometry\nParis,1,POLYGON EMPTY\n", "line 2: filename 'Paris' is no SpaceNet 7 stem"),
        (f"filename,id,geometry\n{stem(AOI, '2018-13')},1,\n", "line 2: filename .* is no SpaceNet 7 stem"),
        (f"filename,id,geometry\n{stem(AOI, '2018-01')},1,\n{stem(AOI, '2018-01')},2,nonsense\n", "line 3: geometry is no WKT"),
        (f"filename,id,geometry\n{stem(AOI, '2018-01')}\n,1\n", "line 3: filename '' is no SpaceNet 7 stem"),
        (f"filename,id,geometry\n{stem(AOI, '2018-01')},1,POLYGON EMPTY,more,still more\n", "line 2 has more fields"),
        (f"filename,id,geometry\n{stem(AOI, '2018-01')},1,\n{stem(AOI, '2018-01')},1,a,b\n", "cannot be read as CSV"),
    ],
)  # fmt: skip
def test_a_bad_submission_is_named_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=rf"a\.csv: (.|\n)*({message})"):
        read(tmp_path, text)


def test_a_submission_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"a\.csv: cannot be read as CSV"):
        read_submission(tmp_path / "a.csv")
