"""Synthetic files: the layout of SpaceNet 7, the same bytes for the same seed."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import rasterio
from shapely.geometry import shape

from sn7ml.core.errors import CatalogError, ParamsError
from sn7ml.synthetic import make_synthetic
from sn7ml.synthetic.place import place_of
from tests.raising import raises
from tests.synthetic.folders import (
    AREAS,
    CALENDAR,
    MONTHS,
    SEED,
    SIZE,
    STEM,
    digest,
    folder,
    masked_image,
    month_of,
)


def test_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("one", 5), ("two", 5), ("other", 6)):
        make_synthetic(tmp_path / name, aois=1, months=2, size_px=64, seed=seed)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    assert digest(tmp_path / "one") != digest(tmp_path / "other")


def test_an_area_does_not_depend_on_how_many_are_asked_for(cubes: Path, tmp_path: Path) -> None:
    make_synthetic(tmp_path / "few", aois=1, months=MONTHS, size_px=SIZE, seed=SEED)
    assert digest(folder(tmp_path / "few", 0)) == digest(folder(cubes, 0))


def test_every_name_is_one_of_spacenet_7(cubes: Path) -> None:
    endings = {
        "images": ".tif",
        "images_masked": ".tif",
        "labels": "_(Buildings|UDM).geojson",
        "labels_match": "_Buildings.geojson",
        "labels_match_pix": "_Buildings.geojson",
        "UDM_masks": "_UDM.tif",
    }
    areas = sorted((cubes / "train").iterdir())
    assert len(areas) == AREAS
    for area in areas:
        assert {each.name for each in area.iterdir()} == set(endings)
        for path in area.glob("*/*"):
            named = STEM.match(path.name)
            assert named is not None
            assert named.end() == 58
            assert named[2] == area.name
            assert re.fullmatch(endings[path.parent.name], path.name[58:])
            east, north, x, y = (int(part) for part in named.groups()[2:])
            assert (east, north) == (x // 4, 2047 - y // 4)


def test_one_area_is_a_row_short_and_one_lacks_a_month(cubes: Path) -> None:
    sides = [masked_image(folder(cubes, index), "2018-01").shape[1:] for index in range(AREAS)]
    assert sides == [(SIZE - 1, SIZE)] + [(SIZE, SIZE)] * 3
    gone = {"2018-05"}
    for index in range(AREAS):
        area = folder(cubes, index)
        expected = set(CALENDAR) - (gone if index == 1 else set())
        for name in ("images", "images_masked", "labels_match", "labels_match_pix"):
            assert {month_of(path) for path in (area / name).iterdir()} == expected


def test_area_3_touches_area_2_and_no_other_areas_are_near() -> None:
    tiles = np.array([place_of(index, 1, 64, SEED).tile for index in range(60)])
    apart = np.abs(tiles[:, np.newaxis] - tiles).max(axis=2)
    near = {(int(a), int(b)) for a, b in np.argwhere(apart < 10) if a < b}
    assert near == {(index - 1, index) for index in range(3, 60, 6)}
    assert tiles.min() > 0
    assert tiles.max() < 2**13


def test_label_columns_are_those_of_the_real_files(cubes: Path) -> None:
    area = folder(cubes, 0)
    for month in CALENDAR:
        stem = f"global_monthly_{month.replace('-', '_')}_mosaic_{area.name}"
        matched = json.loads((area / "labels_match" / f"{stem}_Buildings.geojson").read_text())
        pixel = json.loads((area / "labels_match_pix" / f"{stem}_Buildings.geojson").read_text())
        score = [] if month == "2018-01" else ["iou_score"]
        assert matched["crs"]["properties"]["name"].endswith("EPSG::3857")
        assert "crs" not in pixel
        assert {tuple(row["properties"]) for row in matched["features"]} == {("Id", "area", "iou_score")}
        assert {tuple(row["properties"]) for row in pixel["features"]} == {("Id", "area", *score, "image_fname")}
        assert {row["properties"]["image_fname"] for row in pixel["features"]} == {f"{stem}.tif"}


def test_georeferenced_and_pixel_labels_are_the_same_outlines(cubes: Path) -> None:
    area = folder(cubes, 0)
    name = f"global_monthly_2018_02_mosaic_{area.name}"
    with rasterio.open(area / "images" / f"{name}.tif") as file:
        to_pixel = ~file.transform
    outlines = []
    for kind in ("labels_match", "labels_match_pix"):
        rows = json.loads((area / kind / f"{name}_Buildings.geojson").read_text())["features"]
        outlines.append({row["properties"]["Id"]: shape(row["geometry"]) for row in rows})
    assert outlines[0].keys() == outlines[1].keys()
    assert 0 in outlines[0]
    for key, outline in outlines[0].items():
        corners = np.column_stack(to_pixel @ np.array(outline.exterior.coords).T)
        np.testing.assert_allclose(corners, np.array(outlines[1][key].exterior.coords), atol=1e-5)


def test_udm_and_plain_labels_are_in_degrees_inside_the_image(cubes: Path) -> None:
    area = folder(cubes, 2)
    for path in sorted(area.glob("labels/*.geojson")):
        text = json.loads(path.read_text())
        assert text["crs"]["properties"]["name"].endswith("CRS84")
        with rasterio.open(area / "images" / f"{path.name[:58]}.tif") as file:
            west, south, east, north = rasterio.warp.transform_bounds(3857, 4326, *file.bounds)
        for row in text["features"]:
            point = shape(row["geometry"]).centroid
            assert west - 1e-4 < point.x < east + 1e-4
            assert south - 1e-4 < point.y < north + 1e-4


@pytest.mark.parametrize(
    ("wrong", "code", "bounds"),
    [
        ({"size_px": 63}, "synthetic.range", (64, 1024)),
        ({"months": 0}, "synthetic.range", (1, 120)),
        ({"aois": 61}, "synthetic.range", (1, 60)),
        ({"seed": -1}, "synthetic.seed", ()),
    ],
)
def test_a_number_out_of_range_is_named(
    tmp_path: Path, wrong: dict[str, int], code: str, bounds: tuple[int, ...]
) -> None:
    ((name, value),) = wrong.items()
    with raises(ParamsError, code, name, value, *bounds):
        make_synthetic(tmp_path / "data", **{"aois": 1, "months": 1, "size_px": 64, "seed": 0, **wrong})
    assert not (tmp_path / "data").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with raises(CatalogError, "output.folder-not-empty", tmp_path):
        make_synthetic(tmp_path, aois=1, months=1, size_px=64, seed=0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    make_synthetic(tmp_path / "data", aois=1, months=1, size_px=64, seed=0)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["train"]
