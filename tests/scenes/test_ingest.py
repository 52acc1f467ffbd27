"""Raw files become two tables, whole or with every fault named."""

import hashlib
from pathlib import Path

import pandas as pd
import pytest
import shapely
from shapely.geometry import MultiPolygon, Polygon, box

from sn7ml.core.errors import GridError, LabelError, RasterError, TableError
from sn7ml.core.schemas import FRAMES, LABELS
from sn7ml.scenes.images import read_grid
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.layouts.spacenet7 import scan
from tests.raising import items_fail, raises
from tests.sn7_folder import (
    AOI,
    FAR_AOI,
    HOUSES,
    MONTHS,
    SHAPE,
    SPLIT,
    addressed,
    feature,
    grid_of,
    scenes_of,
    stem,
    write_aoi,
    write_features,
    write_image,
    write_labels,
    write_udm,
)

HOUSE = box(1, 2, 4, 6)
NEXT_AOI = "L15-0331E-1257N_1327_3161_13"
"""South of AOI."""

pytestmark = pytest.mark.usefixtures("serial")


def test_a_frame_is_told_with_its_files_grid_and_digest(sn7_root: Path) -> None:
    write_udm(sn7_root / "train" / AOI, "2018-04", addressed(SHAPE)[0] > 3, grid_of(AOI))
    scenes = scenes_of(sn7_root)
    frames = FRAMES.check(scenes.frames)
    assert list(zip(frames["aoi"], frames["time"], strict=True)) == [(AOI, month) for month in MONTHS]
    last = frames.iloc[2]
    assert last["image"] == f"train/{AOI}/images_masked/{stem(AOI, '2018-04')}.tif"
    assert last["labels"] == f"train/{AOI}/labels_match_pix/{stem(AOI, '2018-04')}_Buildings.geojson"
    assert frames["mask"].tolist() == ["", "", f"train/{AOI}/UDM_masks/{stem(AOI, '2018-04')}_UDM.tif"]
    assert last["digest"] == hashlib.sha256((sn7_root / last["image"]).read_bytes()).hexdigest()[:16]
    assert (last["part"], last["group"], last["labelled"]) == ("train", AOI, True)
    assert scenes.grids_of([AOI]) == {AOI: grid_of(AOI)}


def test_labels_are_the_buildings_of_all_frames_in_pixels_and_in_order(tmp_path: Path) -> None:
    write_aoi(tmp_path / "data", AOI)
    write_aoi(tmp_path / "data", FAR_AOI, months=("2018-01",), labels=("labels_match",), buildings={5: HOUSE})
    labels = LABELS.check(scenes_of(tmp_path / "data").labels_of([AOI, FAR_AOI]))
    assert labels["id"].tolist() == ["0", "7", "12"] * 3 + ["5"]
    assert labels["time"].tolist() == [month for month in MONTHS for _ in HOUSES] + ["2018-01"]
    assert labels.iloc[-1][["aoi", "time", "id"]].tolist() == [FAR_AOI, "2018-01", "5"]
    assert shapely.equals_exact(labels.iloc[-1]["geometry"], HOUSE, tolerance=1e-6)
    assert shapely.equals_exact(labels["geometry"][1], HOUSES[7])


def test_some_aois_are_read_alone(tmp_path: Path) -> None:
    for aoi in (AOI, FAR_AOI):
        write_aoi(tmp_path / "data", aoi)
    scenes = scenes_of(tmp_path / "data")
    assert set(scenes.labels_of([FAR_AOI])["aoi"]) == {FAR_AOI}
    assert set(scenes.frames_of([FAR_AOI])["aoi"]) == {FAR_AOI}
    assert scenes.labels_of([]).empty
    assert list(scenes.labels_of([]).columns) == list(LABELS.columns)


@pytest.mark.parametrize(
    "shape",
    [
        Polygon([(1 / 3, 0.1), (2.7, 0.3), (2.9999999999999996, 5e-324)]),
        Polygon(box(0, 0, 9, 9).exterior.coords, [box(1, 1, 2, 2).exterior.coords]),
        MultiPolygon([box(0, 0, 1, 1), box(-4, 3, -2.5, 1026)]),
    ],
    ids=["to the last bit", "with a hole", "in two parts"],
)
def test_an_outline_comes_back_as_it_was(shape: shapely.Geometry, tmp_path: Path) -> None:
    write_aoi(tmp_path / "data", months=("2018-01",), buildings={3: shape})
    (found,) = scenes_of(tmp_path / "data").labels_of([AOI])["geometry"]
    assert found.geom_type == shape.geom_type
    assert shapely.get_coordinates(found).tolist() == shapely.get_coordinates(shape).tolist()


def test_a_labelled_frame_without_buildings_differs_from_one_without_labels(sn7_root: Path) -> None:
    folder = sn7_root / "train" / AOI / "labels_match_pix"
    write_features(folder / f"{stem(AOI, '2018-01')}_Buildings.geojson", [feature(-1, None)])
    (folder / f"{stem(AOI, '2018-02')}_Buildings.geojson").unlink()
    scenes = scenes_of(sn7_root)
    assert scenes.frames["labelled"].tolist() == [True, False, True]
    assert scenes.frames["labels"].ne("").tolist() == [True, False, True]
    assert set(scenes.labels_of([AOI])["time"]) == {"2018-04"}


def test_a_data_set_without_labels_has_frames_only(tmp_path: Path) -> None:
    write_aoi(tmp_path / "data", labels=())
    scenes = scenes_of(tmp_path / "data")
    assert not scenes.frames["labelled"].any()
    assert scenes.labels_of([AOI]).empty


def test_neighbours_are_one_group_and_an_aoi_without_labels_ties_none_together(tmp_path: Path) -> None:
    far = "L15-0331E-1257N_1327_3169_13"  # 9 tiles from AOI, 8 from the one between
    for aoi, labels in ((AOI, ("labels_match_pix",)), (NEXT_AOI, ()), (far, ("labels_match_pix",)), (FAR_AOI, ())):
        write_aoi(tmp_path / "data", aoi, months=("2018-01",), labels=labels)
    frames = scenes_of(tmp_path / "data").frames
    assert dict(zip(frames["aoi"], frames["group"], strict=True)) == {
        AOI: AOI, NEXT_AOI: NEXT_AOI, far: far, FAR_AOI: FAR_AOI
    }  # fmt: skip
    write_labels(
        tmp_path / "data" / "train" / NEXT_AOI / "labels_match_pix" / f"{stem(NEXT_AOI, '2018-01')}_Buildings.geojson",
        {},
    )
    frames = scenes_of(tmp_path / "data").frames
    assert dict(zip(frames["aoi"], frames["group"], strict=True)) == {
        AOI: AOI, NEXT_AOI: AOI, far: AOI, FAR_AOI: FAR_AOI
    }  # fmt: skip
    near = scenes_of(tmp_path / "data", split=SPLIT.model_copy(update={"neighbour_tiles": 1})).frames
    assert dict(zip(near["aoi"], near["group"], strict=True))[far] == far


@pytest.mark.parametrize("executor", ["serial", "processes:2"])
def test_the_same_files_give_the_same_bytes(executor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for aoi in (AOI, FAR_AOI):
        write_aoi(tmp_path / "data", aoi)
    one = scenes_of(tmp_path / "data", out=tmp_path / "one")
    monkeypatch.setenv("SN7ML_EXECUTOR", executor)
    other = scenes_of(tmp_path / "data", out=tmp_path / "other")
    for name in ("frames.parquet", "labels.parquet"):
        assert (one.folder / name).read_bytes() == (other.folder / name).read_bytes()


@pytest.mark.parametrize("executor", ["serial", "processes:2"])
def test_every_fault_of_every_frame_is_named_at_once(
    executor: str, sn7_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SN7ML_EXECUTOR", executor)
    folder = sn7_root / "train" / AOI
    (folder / "labels_match_pix" / f"{stem(AOI, '2018-01')}_Buildings.geojson").write_text("no JSON")
    write_features(folder / "labels_match_pix" / f"{stem(AOI, '2018-04')}_Buildings.geojson", [feature(3, HOUSE)] * 2)
    write_aoi(sn7_root, FAR_AOI)
    (sn7_root / "train" / FAR_AOI / "images_masked" / f"{stem(FAR_AOI, '2018-01')}.tif").write_text("no image")
    odd = sn7_root / "train" / FAR_AOI / "images_masked" / f"{stem(FAR_AOI, '2018-04')}.tif"
    write_image(odd, addressed((60, 64)), grid_of(FAR_AOI, (60, 64)))
    expected: dict[str, tuple[object, ...]] = {
        f"{AOI} 2018-01": (LabelError, "labels.not-json"),
        f"{AOI} 2018-04": (LabelError, "labels.duplicate-id", "'3'"),
        f"{FAR_AOI} 2018-01": (RasterError, "image.not-geotiff"),
        f"{FAR_AOI} 2018-04": (GridError, "grid.differs-in-aoi", odd),
    }
    with items_fail(expected) as caught:
        scenes_of(sn7_root)
    assert caught.value.total == 6
    assert not sn7_root.with_name("data-scenes").exists()


@pytest.mark.parametrize("name", ["frames.parquet", "labels.parquet"])
def test_a_table_that_is_absent_or_damaged_says_how_to_mend_it(name: str, sn7_root: Path) -> None:
    scenes = scenes_of(sn7_root)
    content = (scenes.folder / name).read_bytes()
    for spoilt in (content[: len(content) // 2], None):
        (scenes.folder / name).unlink()
        if spoilt is not None:
            (scenes.folder / name).write_bytes(spoilt)
        with raises(TableError, "scenes.cannot-read", scenes.folder / name, "dvc repro ingest"):
            read_both(Scenes(scenes.folder))


def read_both(scenes: Scenes) -> tuple[pd.DataFrame, pd.DataFrame]:
    return scenes.frames, scenes.labels_of([AOI])


@pytest.mark.slow
@pytest.mark.real
def test_no_real_polygon_is_lost_and_real_grids_are_kept(real_data: Path, tmp_path: Path) -> None:
    scenes = scenes_of(real_data, out=tmp_path)
    aois = sorted(scenes.frames["aoi"].unique())
    labels = LABELS.check(scenes.labels_of(aois))
    assert labels.groupby("aoi").size().to_dict() == {
        "L15-0331E-1257N_1327_3160_13": 33_294,
        "L15-0357E-1223N_1429_3296_13": 120_094,
        "L15-1615E-1205N_6460_3370_13": 2_775,
    }
    assert labels["id"].eq("0").any()
    assert shapely.bounds(labels["geometry"].to_numpy()).min() < -1  # some stick out of the image
    for row in scan(real_data).drop_duplicates("aoi").to_dict("records"):
        assert scenes.grids_of([row["aoi"]])[row["aoi"]] == read_grid(real_data / row["image"])
