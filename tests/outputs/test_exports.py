"""Footprints as others read them."""

import json
from pathlib import Path

import geopandas
import pandas as pd
import pytest
import shapely
from affine import Affine
from shapely.geometry import box

from sn7ml.core.geo.grid import Grid
from sn7ml.core.schemas import SOURCES, TRACKS
from sn7ml.outputs.exports import count_buildings, write_counts, write_geojson
from tests.outputs.tracks import YARD, track
from tests.sn7_folder import AOI, FAR_AOI, grid_of

GRIDS = {AOI: grid_of(AOI), FAR_AOI: grid_of(FAR_AOI)}


def frames_of(*keys: tuple[str, str]) -> pd.DataFrame:
    rows = [dict.fromkeys(SOURCES.columns, "") | {"aoi": aoi, "time": month} for aoi, month in keys]
    return SOURCES.check(pd.DataFrame(rows))


FRAMES_OF_ALL = frames_of((AOI, "2018-01"), (AOI, "2018-02"), (FAR_AOI, "2018-01"), (FAR_AOI, "2018-03"))


def test_each_month_has_its_buildings_on_the_right_ground(tracks: pd.DataFrame, tmp_path: Path) -> None:
    write_geojson(tmp_path, tracks, FRAMES_OF_ALL, GRIDS)
    table = geopandas.read_file(tmp_path / AOI / "2018-02.geojson")
    assert table.crs.to_epsg() == 3857
    assert table["id"].tolist() == ["10", "9"]
    assert table["birth_month"].tolist() == ["2018-01", "2018-01"]
    assert table[["birth_probability", "confidence"]].to_numpy().tolist() == [[0.5, 0.75]] * 2
    assert shapely.equals_exact(table.geometry.iloc[1], GRIDS[AOI].to_crs(YARD), tolerance=0.006)  # the hole stays
    side_m = GRIDS[AOI].ground_pixel_size_m()
    assert table["area_m2"].iloc[1] == pytest.approx((81 - 9) * side_m**2, abs=0.06)
    assert len(geopandas.read_file(tmp_path / AOI / "2018-01.geojson")) == 1


def test_the_crs_stands_where_spacenets_labels_have_it(tracks: pd.DataFrame, tmp_path: Path) -> None:
    write_geojson(tmp_path, tracks, FRAMES_OF_ALL, GRIDS)
    content = json.loads((tmp_path / FAR_AOI / "2018-01.geojson").read_text())
    assert content["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::3857"
    corner = content["features"][0]["geometry"]["coordinates"][0][0]
    assert [round(value, 2) for value in corner[:2]] == corner  # centimetres
    assert len(corner) == 2


def test_a_month_without_a_building_has_a_file_that_opens(tracks: pd.DataFrame, tmp_path: Path) -> None:
    write_geojson(tmp_path, tracks, FRAMES_OF_ALL, GRIDS)
    content = json.loads((tmp_path / FAR_AOI / "2018-03.geojson").read_text())
    assert content["features"] == []
    table = geopandas.read_file(tmp_path / FAR_AOI / "2018-03.geojson")
    assert len(table) == 0
    assert table.crs.to_epsg() == 3857


def test_an_unknown_probability_is_null(tracks: pd.DataFrame, tmp_path: Path) -> None:
    write_geojson(tmp_path, tracks.assign(birth_probability=float("nan")), FRAMES_OF_ALL, GRIDS)
    content = json.loads((tmp_path / AOI / "2018-01.geojson").read_text())
    assert content["features"][0]["properties"]["birth_probability"] is None


def test_counts_by_hand(tmp_path: Path) -> None:
    """Two old buildings, of which a cloud hides one in March; one is born in February, one in March."""
    small, large, late = box(0, 0, 2, 2), box(4, 0, 8, 4), box(0, 4, 1, 7)
    rows = [
        track(AOI, month, name, shape) | {"birth_month": birth}
        for name, shape, birth, months in (
            ("a", small, "2018-01", ("2018-01", "2018-02", "2018-04")),
            ("b", large, "2018-01", ("2018-01", "2018-02")),
            ("c", late, "2018-02", ("2018-02", "2018-04")),
            ("d", late, "2018-04", ("2018-04",)),
        )
        for month in months
    ]
    frames = frames_of((AOI, "2018-01"), (AOI, "2018-02"), (AOI, "2018-04"), ("utm", "2020-05"))
    grids = {
        AOI: Grid(3857, Affine(4, 0, 0, 0, -4, 4), (2, 2)),
        "utm": Grid(32631, Affine(3, 0, 5e5, 0, -3, 5e6), (9, 9)),
    }
    usable = {(AOI, "2018-01"): 1.0, (AOI, "2018-02"): 1.0, (AOI, "2018-04"): 1 / 3, ("utm", "2020-05"): 0.5}
    counts = count_buildings(TRACKS.check(pd.DataFrame(rows)), frames, grids, usable)
    write_counts(tmp_path / "buildings.csv", counts)
    assert (tmp_path / "buildings.csv").read_text().splitlines() == [
        "aoi,time,buildings,new_buildings,area_px2,area_m2,usable_fraction",
        f"{AOI},2018-01,2,0,20.0,320.0,1.0",  # at the equator a pixel of 4 m is 4 m long
        f"{AOI},2018-02,3,1,23.0,368.0,1.0",
        f"{AOI},2018-04,3,1,10.0,160.0,0.3333",
        "utm,2020-05,0,0,0.0,0.0,0.5",
    ]


def test_no_building_at_all_counts_zero_everywhere() -> None:
    usable = {key: 1.0 for key in zip(FRAMES_OF_ALL["aoi"], FRAMES_OF_ALL["time"], strict=True)}
    counts = count_buildings(TRACKS.empty(), FRAMES_OF_ALL, GRIDS, usable)
    assert counts[["buildings", "new_buildings", "area_px2"]].to_numpy().sum() == 0
    assert len(counts) == len(FRAMES_OF_ALL)


def test_every_frame_has_a_file_also_without_a_building(tracks: pd.DataFrame, tmp_path: Path) -> None:
    write_geojson(tmp_path, tracks, FRAMES_OF_ALL, GRIDS)
    written = {(path.parent.name, path.stem) for path in tmp_path.rglob("*.geojson")}
    assert written == set(zip(FRAMES_OF_ALL["aoi"], FRAMES_OF_ALL["time"], strict=True))
