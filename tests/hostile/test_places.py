"""Links, pipes and names that lead out of a data folder; folders that end in themselves."""

import os
from pathlib import Path

import pytest

from sn7ml.core.errors import CatalogError
from sn7ml.scenes.layouts.spacenet7 import scan
from sn7ml.scenes.take_over import take_over
from tests.raising import raises
from tests.sn7_folder import AOI, MONTHS, stem, write_aoi


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_aoi(tmp_path / "disk", months=MONTHS[:1])


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def test_links_that_lead_round_in_circles_are_not_followed(source: Path, tmp_path: Path) -> None:
    plain = files_below(source)
    (source / "images_masked" / "round").symlink_to(source)
    (source / "labels_match" / "home").symlink_to(source.parent)
    (source / "up").symlink_to(tmp_path)
    (tmp_path / "secret").write_text("of no concern")
    take_over(source, tmp_path / "project" / "data")
    found = files_below(tmp_path / "project" / "data" / "train" / AOI)
    assert [name for name in found if not name.startswith("up/")] == plain


@pytest.mark.parametrize("kind", ["pipe", "device", "link to nowhere", "link to itself"])
def test_what_is_no_file_is_not_taken_over(kind: str, source: Path, tmp_path: Path) -> None:
    path = source / "images_masked" / f"{stem(AOI, '2018-02')}.tif"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "link to nowhere":
            path.symlink_to(tmp_path / "nowhere")
        case _:
            path.symlink_to(path)
    with raises(CatalogError, "data.cannot-take-over", path.name):
        take_over(source, tmp_path / "data")
    assert not (tmp_path / "data").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk"]


def test_folders_in_the_place_of_files_are_named_or_passed(source: Path, tmp_path: Path) -> None:
    (source / "labels_match_pix" / "notes_Buildings.geojson").mkdir()
    with raises(CatalogError, "data.bad-files", "['notes_Buildings.geojson']"):
        scan(tmp_path / "disk")


@pytest.mark.parametrize(
    "name",
    ["L15-0331E-1257N_1327_3160_13\n", "L15-0331E-1257N_1327_3160_13.bak", "L15-٠331E-1257N_1327_3160_13", "L15-.."],
)
def test_folders_named_nearly_like_an_area_are_none(name: str, source: Path, tmp_path: Path) -> None:
    (source.parent / name).mkdir()
    assert scan(tmp_path / "disk")["aoi"].unique().tolist() == [AOI]


def test_a_name_in_no_known_letters_is_told_as_escapes(source: Path, tmp_path: Path) -> None:
    (source / "images_masked" / os.fsdecode(b"\xff\x1b[31m.tif")).touch()
    with raises(CatalogError, "data.bad-files", "['\\udcff\\x1b[31m.tif']"):
        scan(tmp_path / "disk")
