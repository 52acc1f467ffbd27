"""What can be predicted, and what its AOI and month are."""

from pathlib import Path

import pytest

from sn7ml.core.errors import CatalogError
from sn7ml.scenes.layouts.images import find_frames
from sn7ml.scenes.layouts.spacenet7 import scan
from tests.raising import raises
from tests.sn7_folder import AOI, FAR_AOI, MONTHS, stem, write_aoi


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def keys(path: Path, month: str | None = None) -> dict[tuple[str, str], str]:
    """(AOI, month) to the path of the image."""
    root, frames = find_frames(path, month)
    assert all((root / image).is_file() for image in frames["image"])
    return {(row["aoi"], row["time"]): row["image"] for row in frames.to_dict("records")}


def test_a_folder_in_the_layout_gives_what_the_catalog_gives(sn7_root: Path) -> None:
    root, frames = find_frames(sn7_root)
    assert root == sn7_root.resolve()
    assert frames.equals(scan(sn7_root))


@pytest.mark.parametrize("name", [AOI, "harbour"])
@pytest.mark.parametrize("images", ["images_masked", "images"])
def test_one_areas_folder_is_that_area(name: str, images: str, tmp_path: Path) -> None:
    touch(tmp_path / name / images, f"{stem(AOI, '2018-02')}.tif", f"{stem(AOI, '2018-01')}.tif")
    assert list(keys(tmp_path / name)) == [(AOI, "2018-01"), (AOI, "2018-02")]


def test_an_areas_own_folder_prefers_masked_images(tmp_path: Path) -> None:
    for images in ("images", "images_masked"):
        write_aoi(tmp_path, images=images)
    root, frames = find_frames(tmp_path / "train" / AOI)
    assert root.name == "images_masked"
    assert frames["time"].tolist() == list(MONTHS)


def test_a_flat_folder_in_spacenets_names_tells_its_areas(tmp_path: Path) -> None:
    touch(tmp_path, f"{stem(FAR_AOI, '2018-01')}.tif", f"{stem(AOI, '2019-01')}.tif", f"{stem(AOI, '2018-12')}.tif")
    assert list(keys(tmp_path)) == [(AOI, "2018-12"), (AOI, "2019-01"), (FAR_AOI, "2018-01")]


@pytest.mark.parametrize(
    ("name", "month"),
    [
        ("2020_05.tif", "2020-05"),
        ("2020-05.TIF", "2020-05"),
        ("harbour_202005.tiff", "2020-05"),
        ("harbour-2020-05-17.tif", "2020-05"),
        ("20200517_harbour_3m.tif", "2020-05"),
        ("1999_12_harbour_1024x1024.tif", "1999-12"),
        ("tile_12345678_2020_05.tif", "2020-05"),
        ("2020_05_copy_of_2020-05.tif", "2020-05"),
    ],
)
def test_any_name_with_a_month_will_do_and_the_folder_names_the_area(name: str, month: str, tmp_path: Path) -> None:
    assert keys(touch(tmp_path / "harbour", name)) == {("harbour", month): name}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("harbour.tif", "no month"),
        ("harbour_2020_13.tif", "no month"),
        ("harbour_2020.tif", "no month"),
        ("harbour_12020_05.tif", "no month"),
        ("harbour_2020_051.tif", "no month"),
        ("harbour_2020_0517.tif", "no month"),
        ("harbour_2020_05_to_2020_06.tif", "2020-05 and 2020-06"),
    ],
)
def test_a_name_that_tells_no_month_or_two_is_refused(name: str, told: str, tmp_path: Path) -> None:
    with raises(CatalogError, "data.bad-files", name, told, "2018_01"):
        find_frames(touch(tmp_path / "harbour", name, "harbour_2019_01.tif"))


def test_all_faults_of_a_folder_are_told_at_once(tmp_path: Path) -> None:
    same = "['b_2020_05.tif', 'c_202005.tif']"
    with raises(CatalogError, "data.bad-files", tmp_path / "harbour", 2, "a.tif", same, "2020-05", "AOI harbour"):
        find_frames(touch(tmp_path / "harbour", "a.tif", "b_2020_05.tif", "c_202005.tif"))


@pytest.mark.parametrize(
    ("name", "month", "key"),
    [
        (f"{stem(AOI, '2018-03')}.tif", None, (AOI, "2018-03")),
        ("harbour_2020_05.tif", None, ("harbour", "2020-05")),
        ("north_2020-05_harbour.tif", None, ("north_harbour", "2020-05")),
        ("2020_05.tif", None, ("place", "2020-05")),
        ("harbour.tif", "2020-05", ("harbour", "2020-05")),
        ("harbour_2020_05.tif", "2021-01", ("harbour", "2021-01")),
    ],
)
def test_a_single_file_is_an_area_of_one_month(
    name: str, month: str | None, key: tuple[str, str], tmp_path: Path
) -> None:
    folder = touch(tmp_path / "place", name, "another_2020_06.tif")
    assert keys(folder / name, month) == {key: name}


def test_a_single_file_without_a_month_says_how_to_give_one(tmp_path: Path) -> None:
    with raises(CatalogError, "data.file-name", "harbour.tif", "--month 2018-01"):
        find_frames(touch(tmp_path, "harbour.tif") / "harbour.tif")


@pytest.mark.parametrize("month", ["2020", "2020-13", "May 2020", "2020-05-01", ""])
def test_a_month_is_written_in_one_way(month: str, tmp_path: Path) -> None:
    with raises(CatalogError, "options.month", f"'{month}'", "2018-01"):
        find_frames(touch(tmp_path, "harbour.tif") / "harbour.tif", month)


def test_a_month_is_for_a_single_file_only(sn7_root: Path) -> None:
    with raises(CatalogError, "options.month", "2020-05", sn7_root, "--month"):
        find_frames(sn7_root, "2020-05")


@pytest.mark.parametrize("stray", ["._harbour_2020_05.tif", "harbour.jpg", "harbour_2020_05.tif.aux.xml"])
def test_a_folder_without_an_image_is_refused_with_what_would_do(stray: str, tmp_path: Path) -> None:
    with raises(CatalogError, "data.no-images", tmp_path, f"{AOI}/images_masked"):
        find_frames(touch(tmp_path, stray))


def test_what_is_no_geotiff_by_its_name_or_not_there_is_refused(tmp_path: Path) -> None:
    with raises(CatalogError, "data.file-name", "harbour_2020_05.jpg", ".tif or .tiff"):
        find_frames(touch(tmp_path, "harbour_2020_05.jpg") / "harbour_2020_05.jpg")
    with raises(CatalogError, "data.no-folder", tmp_path / "nowhere"):
        find_frames(tmp_path / "nowhere")
