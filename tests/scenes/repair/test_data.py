"""The copy as a whole: the input stays, nothing half-done is ever at the place, and a second time changes nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sn7ml.core.errors import CatalogError, ItemsFailed
from sn7ml.scenes.layouts.spacenet7 import scan
from sn7ml.scenes.repair import data as mend
from sn7ml.scenes.repair.data import CHANGES, mended_copy
from tests.raising import raises
from tests.scenes.repair.label_rows import FILE, contents
from tests.sn7_folder import AOI, FAR_AOI, MONTHS, scenes_of, write_aoi

pytestmark = pytest.mark.usefixtures("serial")


def test_a_sound_set_is_copied_byte_by_byte_and_nothing_is_listed(source: Path, tmp_path: Path) -> None:
    (source / "csvs").mkdir()
    (source / "csvs" / "truth.csv").write_text("of these labels")
    changes = mended_copy(source, tmp_path / "out")
    assert changes.empty
    copied = contents(tmp_path / "out")
    assert copied.pop(CHANGES).decode().strip() == "outcome,file,id,what,before,after"
    original = contents(source)
    del original["csvs/truth.csv"]  # may tell of labels that are no more
    assert copied == original


def test_mending_the_mended_changes_nothing(damaged: Path, tmp_path: Path) -> None:
    first = mended_copy(damaged, tmp_path / "once")
    second = mended_copy(tmp_path / "once", tmp_path / "twice")
    assert (first["outcome"] == "mended").sum() > 5
    assert set(second["outcome"]) == {"left"}
    assert sorted(second["what"]) == sorted(first[first["outcome"] == "left"]["what"])
    once, twice = contents(tmp_path / "once"), contents(tmp_path / "twice")
    del once[CHANGES], twice[CHANGES]
    assert once == twice


def test_the_list_on_disk_is_the_one_returned(damaged: Path, tmp_path: Path) -> None:
    changes = mended_copy(damaged, tmp_path / "out")
    listed = pd.read_csv(tmp_path / "out" / CHANGES, dtype="str", keep_default_na=False)
    pd.testing.assert_frame_equal(listed, changes, check_dtype=False)


def test_files_that_stay_are_links_and_mended_ones_are_not(damaged: Path, tmp_path: Path) -> None:
    mended_copy(damaged, tmp_path / "out")
    image = next((damaged / "train" / AOI / "images_masked").iterdir()).relative_to(damaged)
    assert (tmp_path / "out" / image).samefile(damaged / image)
    assert not (tmp_path / "out" / FILE).samefile(damaged / FILE)


def test_without_links_files_are_copied(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("another disk")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    mended_copy(source, tmp_path / "out")
    copied = contents(tmp_path / "out")
    del copied[CHANGES]
    assert copied == contents(source)
    assert not (tmp_path / "out" / FILE).samefile(source / FILE)


LAYOUTS: list[tuple[str, Callable[[Path], Path], str]] = [
    ("the root", lambda root: root, f"train/{AOI}"),
    ("a folder of areas", lambda root: root / "train", AOI),
    ("one area", lambda root: root / "train" / AOI, AOI),
]


@pytest.mark.parametrize(("pick", "place"), [case[1:] for case in LAYOUTS], ids=[case[0] for case in LAYOUTS])
def test_every_layout_can_be_mended(pick: Callable[[Path], Path], place: str, damaged: Path, tmp_path: Path) -> None:
    changes = mended_copy(pick(damaged), tmp_path / "out")
    assert changes["file"].str.startswith(place).all()
    assert len(scan(tmp_path / "out")) == len(MONTHS)
    assert (tmp_path / "out" / place / "images_masked").is_dir()


def test_areas_of_all_parts_come_along(source: Path, tmp_path: Path) -> None:
    write_aoi(source, FAR_AOI, part="test_public", labels=())
    mended_copy(source, tmp_path / "out")
    pd.testing.assert_frame_equal(scan(tmp_path / "out"), scan(source))
    mended, given = (scenes_of(root, out=tmp_path / f"{root.name}-scenes") for root in (tmp_path / "out", source))
    assert mended.labels_of([AOI]).equals(given.labels_of([AOI]))


def test_links_become_files_and_what_leads_nowhere_or_back_is_left_out(source: Path, tmp_path: Path) -> None:
    area = source / "train" / AOI
    images = (area / "images_masked").rename(tmp_path / "elsewhere")
    (area / "images_masked").symlink_to(images)
    (area / "round").symlink_to(area)
    (area / "labels_match" / "gone.geojson").symlink_to(tmp_path / "none")
    changes = mended_copy(source, tmp_path / "out")
    copied = tmp_path / "out" / "train" / AOI
    assert sorted(path.name for path in copied.iterdir()) == ["images_masked", "labels_match", "labels_match_pix"]
    assert not any(path.is_symlink() for path in copied.rglob("*"))
    assert len(list((copied / "images_masked").iterdir())) == len(MONTHS)
    (change,) = changes.to_dict("records")
    assert (change["outcome"], change["what"]) == ("left", "no file")
    assert change["file"] == f"train/{AOI}/labels_match/gone.geojson"


def test_a_link_to_elsewhere_within_a_folder_of_an_area_is_told_and_not_copied(source: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (tmp_path / "elsewhere" / "deep" / "secret").touch()
    (source / "train" / AOI / "labels_match" / "more").symlink_to(tmp_path / "elsewhere")
    changes = mended_copy(source, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("secret"))
    (change,) = changes.to_dict("records")
    assert (change["outcome"], change["file"]) == ("left", f"train/{AOI}/labels_match/more")


def test_folders_that_forbid_writing_can_be_mended(damaged: Path, tmp_path: Path) -> None:
    folders = [path for path in damaged.rglob("*") if path.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    try:
        mended_copy(damaged, tmp_path / "out")
        (tmp_path / "out" / "train" / AOI / "new").touch()
        assert (tmp_path / "out" / "train" / AOI).stat().st_mode & 0o200
    finally:
        for folder in folders:
            folder.chmod(0o755)


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ("source/out", "repair.out-inside-source"),
        ("source/train/out", "repair.out-inside-source"),
        ("full", "output.folder-not-empty"),
        ("file", "output.folder-not-empty"),
        (FAR_AOI, "repair.out-name"),
    ],
)
def test_a_bad_place_is_refused_before_anything_is_written(where: str, code: str, source: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    (tmp_path / "file").touch()
    before = contents(tmp_path)
    with raises(CatalogError, code, tmp_path / where):
        mended_copy(source, tmp_path / where)
    assert contents(tmp_path) == before


def test_a_write_that_fails_leaves_nothing_behind(
    damaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    before = contents(tmp_path)
    monkeypatch.setattr("sn7ml.scenes.repair.labels.write_text", full)
    with pytest.raises((ItemsFailed, OSError), match="No space left"):
        mended_copy(damaged, tmp_path / "out")
    assert contents(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def test_until_all_is_done_nothing_is_at_the_place(
    damaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    mend_one = mend._mend_labels

    def watched(job: Any) -> Any:
        seen.append((tmp_path / "out").exists())
        return mend_one(job)

    monkeypatch.setattr(mend, "_mend_labels", watched)
    mended_copy(damaged, tmp_path / "out")
    assert seen
    assert not any(seen)
