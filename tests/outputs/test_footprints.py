"""Footprints out and in again: GeoParquet with its CRS."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import geopandas
import pandas as pd
import pytest
import shapely

from sn7ml.core.errors import TableError
from sn7ml.core.schemas import TRACKS
from sn7ml.outputs.footprints import read_footprints, write_footprints
from tests.raising import raises
from tests.sn7_folder import AOI, FAR_AOI, grid_of

GRIDS = {AOI: grid_of(AOI), FAR_AOI: grid_of(FAR_AOI)}


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


def row_group_of_another_table(path: Path) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(path)


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def absent(path: Path) -> None:
    path.unlink()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def edited(change: Callable[[geopandas.GeoDataFrame], geopandas.GeoDataFrame]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        change(geopandas.read_parquet(path)).to_parquet(path)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "code", "named"),
    [
        (row_group_of_another_table, "footprints.unreadable", ()),
        (half, "footprints.unreadable", ()),
        (absent, "footprints.unreadable", (os.strerror(errno.ENOENT),)),
        (pipe, "footprints.unreadable", ("pipe",)),
        (edited(lambda it: it.drop(columns="confidence")), "table.missing-column", ("['confidence']",)),
        (edited(lambda it: it.assign(confidence="high")), "table.column-type", ("'confidence'", "float")),
        (edited(lambda it: it.assign(aoi=FAR_AOI)), "footprints.other-aoi", (FAR_AOI, AOI)),
        (edited(lambda it: it.set_crs(4326, allow_override=True)), "footprints.crs", ("EPSG:4326", "EPSG:3857")),
        (edited(lambda it: it.set_geometry([None, *it.geometry[1:]], crs=3857)), "footprints.geometry", (0,)),
        (edited(lambda it: it.set_geometry(it.translate(float("inf")))), "footprints.geometry", (0,)),
    ],
)
def test_a_damaged_or_foreign_file_is_named_with_the_reason(
    tracks: pd.DataFrame, tmp_path: Path, spoil: Callable[[Path], None], code: str, named: tuple[object, ...]
) -> None:
    write_footprints(tmp_path, tracks, GRIDS)
    spoil(tmp_path / f"{AOI}.parquet")
    with raises(TableError, code, f"{AOI}.parquet", *named, "`dvc repro extract`"):
        read_footprints(tmp_path, GRIDS)
