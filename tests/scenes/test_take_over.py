"""A SpaceNet 7 folder becomes the project's data, whole or not at all."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from sn7ml.core.errors import CatalogError
from sn7ml.scenes.layouts.pairs import PAIRS
from sn7ml.scenes.layouts.spacenet2 import SPACENET2
from sn7ml.scenes.layouts.spacenet7 import scan
from sn7ml.scenes.take_over import take_over
from tests.raising import raises
from tests.sn7_folder import AOI, FAR_AOI, MONTHS, THIRD_AOI, addressed, grid_of, stem, write_aoi, write_image


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_aoi(tmp_path / "disk" / "SN7", AOI)
    write_aoi(tmp_path / "disk" / "SN7", FAR_AOI, part="test_public", labels=())
    return tmp_path / "disk" / "SN7"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A data folder with something in it."""
    write_aoi(tmp_path / "project" / "data", FAR_AOI, months=("2017-07",))
    return tmp_path / "project" / "data"


def test_all_areas_are_taken_over_and_the_former_ones_go(source: Path, target: Path) -> None:
    frames = take_over(source, target)
    pd.testing.assert_frame_equal(frames, scan(source))
    pd.testing.assert_frame_equal(scan(target), frames)
    assert [path.name for path in target.parent.iterdir()] == ["data"]


def test_there_need_not_be_a_data_folder_before(source: Path, tmp_path: Path) -> None:
    take_over(source, tmp_path / "new" / "data")
    assert len(scan(tmp_path / "new" / "data")) == 2 * len(MONTHS)


def test_a_single_area_can_be_taken_over(source: Path, target: Path) -> None:
    assert set(take_over(source / "train" / AOI, target)["part"]) == {"train"}
    assert [path.name for path in (target / "train").iterdir()] == [AOI]


def test_a_bare_folder_of_areas_becomes_a_training_set(source: Path, target: Path) -> None:
    assert take_over(source / "train", target)["image"].str.startswith("train/").all()


def test_links_become_files(source: Path, target: Path, tmp_path: Path) -> None:
    path = source / "train" / AOI / "images_masked" / f"{stem(AOI, '2018-01')}.tif"
    elsewhere = path.rename(tmp_path / "elsewhere.tif")
    path.symlink_to(elsewhere)
    (tmp_path / "way").symlink_to(source)
    take_over(tmp_path / "way", target)
    copied = target / path.relative_to(source)
    assert copied.is_file()
    assert not copied.is_symlink()
    assert copied.read_bytes() == elsewhere.read_bytes()


def test_files_are_copied_where_they_cannot_be_linked(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    take_over(source, target)
    pd.testing.assert_frame_equal(scan(target), scan(source))


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda source: (source / f"train/{THIRD_AOI}").mkdir(), f"AOI {THIRD_AOI}"),
        (lambda source: (source / f"train/{AOI}/images_masked/a.tif").touch(), "['a.tif']"),
    ],
)
def test_a_faulty_source_leaves_the_target_untouched(
    spoil: Callable[[Path], None], named: str, source: Path, target: Path
) -> None:
    spoil(source)
    before = scan(target)
    with raises(CatalogError, "data.bad-files", source, 1, named):
        take_over(source, target)
    pd.testing.assert_frame_equal(scan(target), before)
    assert [path.name for path in target.parent.iterdir()] == ["data"]


def test_a_folder_without_areas_leaves_the_target_untouched(target: Path, tmp_path: Path) -> None:
    with raises(CatalogError, "data.no-folder", tmp_path / "nowhere"):
        take_over(tmp_path / "nowhere", target)
    assert len(scan(target)) == 1


def test_the_projects_own_data_cannot_be_taken_over(target: Path) -> None:
    for source in (target, target / "train"):
        with raises(CatalogError, "data.source-inside-target", source, target):
            take_over(source, target)
    assert len(scan(target)) == 1


def write_tree(root: Path) -> None:
    """Files of a city and of its neighbours, some of which are none of a layout's."""
    for name in ("a.tif", "a.geojson", "north/b.TIF", "notes.txt", ".trash/c.tif"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".tif":
            write_image(path, addressed((40, 40), 1), grid_of(AOI, (40, 40)))
        else:
            path.write_text('{"type": "FeatureCollection", "features": []}')
    (root / "round").symlink_to(root)


def test_a_folder_of_another_layout_is_taken_over_as_it_lies(target: Path, tmp_path: Path) -> None:
    write_tree(tmp_path / "pairs")
    frames = take_over(tmp_path / "pairs", target, PAIRS)
    assert frames["image"].tolist() == ["a.tif", "north/b.TIF"]
    assert frames["labels"].tolist() == ["a.geojson", ""]
    files = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())
    assert files == ["a.geojson", "a.tif", "north/b.TIF"]
    assert (target / "a.tif").read_bytes() == (tmp_path / "pairs" / "a.tif").read_bytes()


def test_a_folder_that_is_not_of_the_layout_leaves_the_target_untouched(source: Path, target: Path) -> None:
    before = scan(target)
    with raises(CatalogError, "data.no-images", source):
        take_over(source, target, SPACENET2)
    pd.testing.assert_frame_equal(scan(target), before)
