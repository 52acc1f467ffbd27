"""Every trap of the SpaceNet 7 layout."""

from pathlib import Path

import pytest

from sn7ml.core.errors import CatalogError
from sn7ml.scenes.layouts.spacenet7 import label_files, scan, tile_of
from tests.raising import raises
from tests.sn7_folder import (
    AOI,
    FAR_AOI,
    MONTHS,
    SHAPE,
    THIRD_AOI,
    addressed,
    grid_of,
    stem,
    write_aoi,
    write_image,
    write_udm,
)


def test_every_frame_is_found_with_its_files(sn7_root: Path) -> None:
    frames = scan(sn7_root)
    assert frames["time"].tolist() == list(MONTHS)
    assert frames.iloc[1].to_dict() == {
        "aoi": AOI,
        "time": "2018-02",
        "part": "train",
        "image": f"train/{AOI}/images_masked/{stem(AOI, '2018-02')}.tif",
        "labels": f"train/{AOI}/labels_match_pix/{stem(AOI, '2018-02')}_Buildings.geojson",
        "labels_kind": "match_pix",
        "mask": "",
    }
    assert all((sn7_root / path).is_file() for path in [*frames["image"], *frames["labels"]])


def test_masked_images_are_preferred_to_raw_ones(tmp_path: Path) -> None:
    write_aoi(tmp_path, images="images")
    assert set(scan(tmp_path)["image"].str.split("/").str[2]) == {"images"}
    write_aoi(tmp_path, images="images_masked")
    assert set(scan(tmp_path)["image"].str.split("/").str[2]) == {"images_masked"}


def test_georeferenced_labels_serve_where_pixel_labels_are_absent(tmp_path: Path) -> None:
    write_aoi(tmp_path, labels=("labels_match",))
    assert set(scan(tmp_path)["labels_kind"]) == {"match"}


def test_labels_without_ids_are_no_labels(tmp_path: Path) -> None:
    write_aoi(tmp_path, labels=("labels",))
    assert set(scan(tmp_path)["labels"]) == {""}
    assert set(scan(tmp_path)["labels_kind"]) == {""}


def test_a_frame_without_labels_stays_a_frame(sn7_root: Path) -> None:
    (sn7_root / f"train/{AOI}/labels_match_pix/{stem(AOI, '2018-02')}_Buildings.geojson").unlink()
    frames = scan(sn7_root)
    assert frames["labels"].ne("").tolist() == [True, False, True]
    assert frames["labels_kind"].tolist() == ["match_pix", "", "match_pix"]


def test_labels_without_an_image_are_no_frame_but_can_be_listed(sn7_root: Path) -> None:
    (sn7_root / f"train/{AOI}/images_masked/{stem(AOI, '2018-02')}.tif").unlink()
    assert scan(sn7_root)["time"].tolist() == ["2018-01", "2018-04"]
    assert list(label_files(sn7_root / "train" / AOI)) == list(MONTHS)


def test_test_areas_need_no_labels(tmp_path: Path) -> None:
    write_aoi(tmp_path, AOI)
    write_aoi(tmp_path, FAR_AOI, part="test_public", labels=())
    frames = scan(tmp_path)
    assert frames.groupby("aoi")["part"].first().to_dict() == {AOI: "train", FAR_AOI: "test_public"}
    assert (frames.loc[frames["aoi"] == FAR_AOI, "labels"] == "").all()


def test_a_bare_folder_of_areas_will_do(tmp_path: Path) -> None:
    write_aoi(tmp_path, part="")
    assert set(scan(tmp_path)["part"]) == {""}


def test_an_area_may_have_one_month(tmp_path: Path) -> None:
    write_aoi(tmp_path, months=("2017-07",))
    assert scan(tmp_path)["time"].tolist() == ["2017-07"]


def test_order_is_by_area_and_date_across_years(tmp_path: Path) -> None:
    for aoi in (THIRD_AOI, AOI):
        write_aoi(tmp_path, aoi, months=("2019-01", "2018-12", "2018-02"), size=(4, 4), buildings={})
    frames = scan(tmp_path)
    assert frames["aoi"].tolist() == [AOI] * 3 + [THIRD_AOI] * 3
    assert frames["time"].tolist() == ["2018-02", "2018-12", "2019-01"] * 2


def test_a_mask_of_unusable_data_is_found_for_the_months_that_have_one(sn7_root: Path) -> None:
    write_udm(sn7_root / "train" / AOI, "2018-04", addressed(SHAPE)[0] > 3, grid_of(AOI))
    assert scan(sn7_root)["mask"].tolist() == ["", "", f"train/{AOI}/UDM_masks/{stem(AOI, '2018-04')}_UDM.tif"]


@pytest.mark.parametrize(
    "stray",
    [
        "README.md",
        "csvs/sn7_train_ground_truth_pix.csv",
        "train/.DS_Store",
        "train/notes/a.tif",
        f"train/{AOI}/images_masked/Thumbs.db",
        f"train/{AOI}/images_masked/._{stem(AOI, '2018-01')}.tif",
        f"train/{AOI}/images_masked/{stem(AOI, '2018-01')}.tif.aux.xml",
        f"train/{AOI}/labels_match_pix/{stem(AOI, '2018-01')}_UDM.geojson",
    ],
)
def test_a_stray_file_does_not_matter(stray: str, sn7_root: Path) -> None:
    (sn7_root / stray).parent.mkdir(parents=True, exist_ok=True)
    (sn7_root / stray).write_text("stray")
    assert len(scan(sn7_root)) == len(MONTHS)


def test_an_area_with_masks_of_unusable_data_only_in_its_label_folder_has_no_labels(tmp_path: Path) -> None:
    folder = write_aoi(tmp_path, labels=("labels_match",))
    (folder / "labels_match_pix").mkdir()
    (folder / "labels_match_pix" / f"{stem(AOI, '2018-01')}_UDM.geojson").write_text("{}")
    assert set(scan(tmp_path)["labels_kind"]) == {"match"}


def test_no_data_folder_says_how_to_get_one(tmp_path: Path) -> None:
    with raises(CatalogError, "data.no-folder", tmp_path / "data", "make repro", "sn7ml use"):
        scan(tmp_path / "data")


def test_a_folder_without_an_area_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train" / "Paris").mkdir(parents=True)
    with raises(CatalogError, "data.no-aoi", tmp_path, f"train/{AOI}", "test_public"):
        scan(tmp_path)


def test_all_areas_without_images_are_named(tmp_path: Path) -> None:
    write_aoi(tmp_path, AOI)
    (tmp_path / "train" / FAR_AOI / "images").mkdir(parents=True)
    (tmp_path / "train" / THIRD_AOI).mkdir()
    with raises(CatalogError, "data.bad-files", tmp_path, 2, FAR_AOI, THIRD_AOI, "images_masked or images") as caught:
        scan(tmp_path)
    assert f"AOI {AOI}" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        f"global_monthly_2018_13_mosaic_{AOI}.tif",
        f"global_monthly_2018_00_mosaic_{AOI}.tif",
        f"global_monthly_2018_03_mosaic_{FAR_AOI}.tif",
        f"global_monthly_2018_03_mosaic_{AOI}_copy.tif",
        "mosaic.tif",
    ],
)
def test_an_image_whose_name_breaks_the_pattern_is_named(name: str, sn7_root: Path) -> None:
    write_image(sn7_root / "train" / AOI / "images_masked" / name, addressed(SHAPE), grid_of(AOI))
    with raises(CatalogError, "data.bad-files", f"AOI {AOI}", "images_masked", f"'{name}'", "global_monthly_YYYY_MM"):
        scan(sn7_root)


def test_an_area_in_both_parts_is_refused(tmp_path: Path) -> None:
    write_aoi(tmp_path, part="train")
    write_aoi(tmp_path, part="test_public")
    with raises(CatalogError, "data.bad-files", f"AOI {AOI}"):
        scan(tmp_path)


def test_the_tile_is_in_the_name() -> None:
    assert tile_of("L15-0357E-1223N_1429_3296_13") == (1429, 3296, 13)
    with raises(CatalogError, "data.aoi-name", "'Paris'", AOI):
        tile_of("Paris")


@pytest.mark.real
def test_the_real_areas_have_25_months_and_one(real_data: Path) -> None:
    frames = scan(real_data)
    assert frames.groupby("aoi").size().to_dict() == {
        "L15-0331E-1257N_1327_3160_13": 25,
        "L15-0357E-1223N_1429_3296_13": 25,
        "L15-1615E-1205N_6460_3370_13": 1,
    }
    assert set(frames["labels_kind"]) == {"match_pix"}
    assert frames.groupby("aoi")["time"].agg(["min", "max"]).to_numpy().tolist() == [
        ["2018-01", "2020-01"],
        ["2018-01", "2020-01"],
        ["2017-07"] * 2,
    ]
    assert frames["image"].str.split("/").str[2].value_counts().to_dict() == {"images_masked": 50, "images": 1}
