"""Facts of whole and damaged images."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine

from sn7ml.scenes.layouts.spacenet7 import SPACENET7, scan
from sn7ml.validation.facts import frames as frame_facts_module
from sn7ml.validation.facts.frames import frame_facts
from tests.validation.areas import MONTHS, SIDE_PX, Area, good_area, ground, transform_of, truncate

pytestmark = pytest.mark.usefixtures("serial")

SECOND = MONTHS[1]


def frame(area: Area, month: str = SECOND) -> pd.Series:
    table = frame_facts(area.root, scan(area.root), SPACENET7)
    return table[table["time"] == month].iloc[0]


def test_facts_of_a_whole_frame(tmp_path: Path) -> None:
    pixels = np.full((4, SIDE_PX, SIDE_PX + 3), 9, np.uint8)
    pixels[3, :16] = 0
    area = good_area(tmp_path, months=[SECOND])
    area.write_image(SECOND, pixels)
    facts = frame(area)
    assert facts["file"] == f"train/{area.aoi}/images_masked/global_monthly_2018_02_mosaic_{area.aoi}.tif"
    assert facts[["rows", "cols", "bands", "dtype", "epsg"]].tolist() == [64, 67, 4, "uint8", 3857]
    assert facts[["has_image", "has_labels", "stem_ok", "readable", "north_up"]].all()
    assert facts["usable_fraction"] == 48 / 64
    assert facts["tile_offset_px"] == 0
    assert facts["fault"] == ""


def test_a_truncated_image_is_not_readable_and_hinders_no_other(tmp_path: Path) -> None:
    area = good_area(tmp_path)
    truncate(area.image(SECOND))
    table = frame_facts(tmp_path, scan(tmp_path), SPACENET7).set_index("time")
    assert table["readable"].tolist() == [True, False, True]
    assert table["fault"][SECOND]
    assert table["rows"][SECOND] == SIDE_PX, "the header is whole"


@pytest.mark.parametrize(
    "content",
    [b"", b"no image at all", b'<VRTDataset rasterXSize="64" rasterYSize="64"></VRTDataset>'],
    ids=["empty", "text", "VRT"],
)
def test_what_is_no_geotiff_is_not_readable_and_no_machine_path_is_told(tmp_path: Path, content: bytes) -> None:
    area = good_area(tmp_path)
    area.image(SECOND).write_bytes(content)
    facts = frame(area)
    assert not facts["readable"]
    assert area.image(SECOND).name in facts["fault"]
    assert str(tmp_path) not in facts["fault"]
    assert pd.isna(facts["rows"])
    assert pd.isna(facts["usual_grid"])


def test_a_huge_declared_size_is_not_read(tmp_path: Path) -> None:
    area = good_area(tmp_path)
    size = {"count": 4, "height": 100_000, "width": 100_000}
    options = {
        "crs": "EPSG:3857",
        "transform": transform_of(area.aoi),
        "dtype": "uint8",
        "sparse_ok": True,
        "tiled": True,
    }
    with rasterio.open(area.image(SECOND), "w", driver="GTiff", bigtiff="yes", **size, **options):
        pass
    facts = frame(area)
    assert not facts["readable"]
    assert "declares 100000 x 100000 pixels" in facts["fault"]


def test_of_two_months_nobody_says_which_is_the_odd_one(tmp_path: Path) -> None:
    compared = ["brightness_change", "sharpness_ratio", "shift_px", "similarity"]
    good_area(tmp_path, months=MONTHS[:2])
    good_area(tmp_path, number=1)
    table = frame_facts(tmp_path, scan(tmp_path), SPACENET7)
    assert table[compared].isna().all(axis=1).tolist() == [True, True, False, False, False]
    assert table[compared].notna().all(axis=1).tolist() == [False, False, True, True, True]


def test_a_month_mostly_under_cloud_is_not_compared_with_the_others(tmp_path: Path) -> None:
    area = good_area(tmp_path)
    for month, clear in zip(MONTHS, (64, 15, 17), strict=True):  # of 64 rows; a quarter is 16
        pixels = ground(0, month)
        pixels[3, clear:] = 0
        area.write_image(month, pixels)
    table = frame_facts(tmp_path, scan(tmp_path), SPACENET7)
    assert table["similarity"].notna().tolist() == [True, False, True]


def test_a_large_image_is_read_to_its_end_and_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    area = good_area(tmp_path)
    measured = frame(area)
    monkeypatch.setattr(frame_facts_module, "MOST_MEASURED_PX", SIDE_PX**2 - 1)
    large = frame(area)
    known = ["readable", "usable_fraction", "pixels_digest"]
    assert large[known].tolist() == measured[known].tolist()
    assert large[["contrast", "sharpness", "alpha_is_binary"]].isna().all()
    assert measured[["contrast", "sharpness", "alpha_is_binary"]].notna().all()


def test_the_odd_month_is_the_one_whose_grid_disagrees_even_if_it_comes_first(tmp_path: Path) -> None:
    area = good_area(tmp_path)
    area.write_image(MONTHS[0], transform=transform_of(area.aoi) @ Affine.translation(1, 0))
    good_area(tmp_path, number=1)
    table = frame_facts(tmp_path, scan(tmp_path), SPACENET7)
    assert (table["grid"] == table["usual_grid"]).tolist() == [False, True, True, True, True, True]
    assert table["usual_grid"].nunique() == 2


@pytest.mark.parametrize(
    ("change", "offset_px"),
    [(Affine.translation(-3, 2), 3.0), (Affine.scale(1.5), 0.5 * SIDE_PX), (Affine.translation(0, 1024), 1024.0)],
    ids=["shifted", "stretched", "the tile to the south"],
)
def test_the_distance_to_the_tile_in_the_name_is_in_pixels(tmp_path: Path, change: Affine, offset_px: float) -> None:
    area = good_area(tmp_path)
    area.write_image(SECOND, transform=transform_of(area.aoi) @ change)
    assert frame(area)["tile_offset_px"] == pytest.approx(offset_px, abs=0.01)


def test_an_image_without_place_has_no_crs_is_not_north_up_and_has_no_distance(tmp_path: Path) -> None:
    area = good_area(tmp_path)
    area.write_image(SECOND, crs=None, transform=Affine.identity())
    facts = frame(area)
    assert facts["readable"]
    assert facts["epsg"] == 0
    assert not facts["north_up"]
    assert pd.isna(facts["tile_offset_px"])


def test_a_label_month_without_image_is_a_row_of_its_own(tmp_path: Path) -> None:
    area = good_area(tmp_path)
    area.image(SECOND).unlink()
    facts = frame(area)
    assert not facts["has_image"]
    assert facts["has_labels"]
    assert facts["file"].endswith("_Buildings.geojson")
    assert pd.isna(facts["readable"])


def pipe(path: Path) -> None:
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()


def link_to_nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (pipe, "it is a pipe, not a regular file"),
        (folder, "it is a folder, not a regular file"),
        (link_to_nowhere, "No such file"),
    ],
)
def test_what_is_no_file_in_place_of_an_image_is_a_fault_of_that_frame_alone(
    tmp_path: Path, spoil: Callable[[Path], None], fault: str
) -> None:
    area = good_area(tmp_path)
    shutil.copytree(area.folder / "images_masked", area.folder / "images")
    frames = scan(tmp_path)
    area.image(SECOND).unlink()
    spoil(area.image(SECOND))
    table = frame_facts(tmp_path, frames, SPACENET7).set_index("time")
    assert table["readable"].tolist() == [True, False, True]
    assert fault in table["fault"][SECOND]
    assert pd.isna(table["rows"][SECOND]), "what is not opened has no size to blame"
    assert table["in_masked"].dropna().all(), "it cannot be read, but it is there"
