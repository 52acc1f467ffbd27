"""Synthetic cubes: the layout of SpaceNet 7, and buildings that agree with the truth."""

import hashlib
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio import features
from scipy import ndimage
from shapely.geometry import shape

from sn7ml.data.synthetic import make_synthetic, town_truth
from sn7ml.data.synthetic.chance import blurred, value_noise
from sn7ml.data.synthetic.place import place_of
from sn7ml.data.synthetic.sky import sky_of
from sn7ml.errors import CatalogError, ParamsError

AREAS, MONTHS, SIZE, SEED = 4, 8, 128, 3
STEM = re.compile(r"global_monthly_(\d{4}_\d{2})_mosaic_(L15-(\d{4})E-(\d{4})N_(\d+)_(\d+)_13)")
CALENDAR = [f"2018-{month:02d}" for month in range(1, MONTHS + 1)]


@pytest.fixture(scope="module")
def cubes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synthetic") / "data"
    make_synthetic(out, aois=AREAS, months=MONTHS, size_px=SIZE, seed=SEED)
    return out


@pytest.fixture(scope="module")
def truth() -> list[pd.DataFrame]:
    return [town_truth(index, MONTHS, SIZE, SEED) for index in range(AREAS)]


def folder(cubes: Path, index: int) -> Path:
    return cubes / "train" / place_of(index, MONTHS, SIZE, SEED).aoi


def digest(root: Path) -> str:
    """Hash of every file with its path."""
    total = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        total.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return total.hexdigest()


def month_of(path: Path) -> str:
    return path.name[15:22].replace("_", "-")


def pixel_labels(area: Path) -> dict[str, list[dict[str, Any]]]:
    """Features by month, in order."""
    found = sorted((area / "labels_match_pix").glob("*.geojson"))
    return {month_of(path): json.loads(path.read_text())["features"] for path in found}


def ids_by_month(area: Path) -> dict[str, set[int]]:
    return {month: {row["properties"]["Id"] for row in rows} for month, rows in pixel_labels(area).items()}


def masked_image(area: Path, month: str) -> NDArray[np.uint8]:
    path = area / "images_masked" / f"global_monthly_{month.replace('-', '_')}_mosaic_{area.name}.tif"
    with rasterio.open(path) as file:
        bands: NDArray[np.uint8] = file.read()
    return bands


def hidden_share(polygon: shapely.Polygon, unusable: NDArray[np.bool_]) -> float:
    """Part of a polygon over unusable pixels, by its pixels at 16 times the resolution."""
    x, y = (int(np.floor(each)) for each in polygon.bounds[:2])
    moved = shapely.transform(polygon, lambda corners: (corners - [x, y]) * 16)
    side = int(max(moved.bounds[2:])) + 1
    inside = features.rasterize([moved], out_shape=(side, side)) > 0
    rows, cols = np.nonzero(inside)
    rows, cols = rows // 16 + y, cols // 16 + x
    within = (rows >= 0) & (cols >= 0) & (rows < unusable.shape[0]) & (cols < unusable.shape[1])
    return float(unusable[rows[within], cols[within]].sum() / len(rows))


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


def test_images_are_rgba_on_the_grid_of_their_tile(cubes: Path) -> None:
    for index in range(AREAS):
        area = folder(cubes, index)
        x, y = (int(part) for part in area.name.split("_")[1:3])
        tile = 2 * np.pi * 6378137 / 2**13
        for path in [*area.glob("images/*.tif"), *area.glob("images_masked/*.tif")]:
            with rasterio.open(path) as file:
                assert (file.count, set(file.dtypes), file.crs.to_epsg()) == (4, {"uint8"}, 3857)
                assert file.compression.value == "LZW"
                assert file.transform.a == -file.transform.e == 4.77731426716
                assert file.transform.c == pytest.approx(x * tile - 4096 * tile, abs=1e-4)
                assert file.transform.f == pytest.approx(4096 * tile - y * tile, abs=1e-4)


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


def test_a_building_is_labelled_when_it_stands_and_is_not_under_cloud(cubes: Path, truth: list[pd.DataFrame]) -> None:
    for index in range(AREAS):
        area = folder(cubes, index)
        for month, rows in pixel_labels(area).items():
            unusable = masked_image(area, month)[3] == 0
            stands = (truth[index]["birth"] <= month) & (truth[index]["end"].isna() | (truth[index]["end"] > month))
            labelled = {row["properties"]["Id"]: shape(row["geometry"]) for row in rows}
            assert len(labelled) == len(rows)
            assert set(labelled) <= set(truth[index]["id"][stands])
            for key, polygon in zip(truth[index]["id"][stands], truth[index]["polygon"][stands], strict=True):
                hidden = hidden_share(polygon, unusable)
                if key in labelled:
                    assert labelled[key].equals(polygon)
                    assert hidden < 0.55
                else:
                    assert hidden > 0.45


def test_births_are_10_to_20_percent_and_fall_in_months_with_images(truth: list[pd.DataFrame]) -> None:
    for index, table in enumerate(truth):
        born = table["birth"] > CALENDAR[0]
        assert 0.10 <= born.mean() <= 0.20
        assert born.sum() > 3
        assert 0 < table["end"].notna().sum() < 0.1 * len(table)
        months = set(table["birth"]) | set(table["end"].dropna())
        assert months <= set(CALENDAR)
        assert index != 1 or "2018-05" not in months


def test_ids_vanish_under_cloud_and_return(cubes: Path) -> None:
    for index in range(AREAS):
        by_month = ids_by_month(folder(cubes, index))
        months = sorted(by_month)
        returned = {
            each
            for before, now in pairwise(months)
            for each in by_month[before] - by_month[now]
            if any(each in by_month[later] for later in months if later > now)
        }
        assert returned


def test_the_udm_says_the_same_in_alpha_mask_and_outlines(cubes: Path) -> None:
    for index in range(AREAS):
        area = folder(cubes, index)
        clouded = set()
        for path in area.glob("images_masked/*.tif"):
            bands = masked_image(area, month_of(path))
            unusable = bands[3] == 0
            assert not bands[:, unusable].any()
            with rasterio.open(area / "images" / path.name) as file:
                raw = file.read()
            assert (raw[3] == 255).all()
            np.testing.assert_array_equal(raw[:, ~unusable], bands[:, ~unusable])
            rows = json.loads((area / "labels" / f"{path.stem}_UDM.geojson").read_text())["features"]
            mask = area / "UDM_masks" / f"{path.stem}_UDM.tif"
            assert mask.exists() == unusable.any() == bool(rows)
            if unusable.any():
                clouded.add(month_of(path))
                with rasterio.open(mask) as file:
                    np.testing.assert_array_equal(file.read(1), np.where(unusable, 255, 0))
        assert 1 <= len(clouded) < MONTHS


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


def test_buildings_are_as_many_as_small_and_as_close_as_real_ones() -> None:
    tables = [town_truth(index, 12, 256, 0) for index in range(3)]
    for table in tables:
        assert 220 < len(table) < 400
    outlines = np.concatenate([np.array(table["polygon"], dtype=object) for table in tables])
    areas = shapely.area(outlines)
    assert shapely.is_valid(outlines).all()
    assert 9 < np.median(areas) < 13
    assert np.mean((areas > 2) & (areas < 30)) > 0.9
    assert (areas > 100).any()
    assert 0 < np.mean(areas < 4) < 0.04
    bounds = shapely.bounds(outlines)
    assert bounds.min() < 0
    assert bounds.max() > 256
    assert bounds.min() > -30
    assert bounds.max() < 286


def test_many_buildings_touch_and_none_overlap() -> None:
    outlines = np.array(town_truth(0, 12, 256, 0)["polygon"], dtype=object)
    first, second = shapely.STRtree(outlines).query(outlines, predicate="dwithin", distance=0.05)
    pairs = first < second
    overlap = shapely.area(shapely.intersection(outlines[first[pairs]], outlines[second[pairs]]))
    touching = np.unique(np.concatenate([first[pairs], second[pairs]]))
    assert len(touching) / len(outlines) > 0.1
    assert overlap.max() <= 0.15


def test_roofs_stand_out_from_what_is_round_them_but_not_all_and_not_alike(cubes: Path) -> None:
    contrasts = []
    for index in range(AREAS):
        area = folder(cubes, index)
        rows = pixel_labels(area)["2018-01"]
        bands = masked_image(area, "2018-01")
        grey = bands[:3].mean(axis=0)
        pairs = [(shape(row["geometry"]), key) for key, row in enumerate(rows, start=1)]
        ids = features.rasterize(pairs, out_shape=grey.shape, dtype="int32")
        for key in range(1, len(rows) + 1):
            roof = ids == key
            ring = ndimage.binary_dilation(roof, iterations=2) & (ids == 0) & (bands[3] > 0)
            if roof.sum() > 3 and ring.any():
                contrasts.append(grey[roof].mean() - grey[ring].mean())
    values = np.array(contrasts)
    assert np.abs(values).mean() > 12
    assert 0.01 < np.mean(values < 0) < 0.35
    assert np.mean(np.abs(values) < 8) > 0.04


def test_a_new_house_changes_its_place_more_than_a_month_changes_an_old_one(
    cubes: Path, truth: list[pd.DataFrame]
) -> None:
    moved: dict[bool, list[float]] = {True: [], False: []}
    for index in range(AREAS):
        area = folder(cubes, index)
        first, last = (masked_image(area, month).astype(float) for month in (CALENDAR[0], CALENDAR[-1]))
        usable = (first[3] > 0) & (last[3] > 0)
        first, last = (image[:3].mean(axis=0) - image[:3, usable].mean() for image in (first, last))
        lasting = truth[index][truth[index]["end"].isna()]
        for birth, polygon in zip(lasting["birth"], lasting["polygon"], strict=True):
            inside = features.rasterize([polygon], out_shape=usable.shape) > 0
            if (inside & usable).sum() > 5:
                change = abs(float((last - first)[inside & usable].mean()))
                moved[str(birth) != CALENDAR[0]].append(change)
    assert np.mean(moved[True]) > 1.5 * np.mean(moved[False])


def offset(image: NDArray[np.uint8], reference: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How far ``image`` lies down and right of ``reference``, pixels, by least squares on the slopes."""
    usable = ndimage.binary_erosion((image[3] > 0) & (reference[3] > 0), iterations=8)
    flat = [ndimage.gaussian_filter(each[:3].mean(axis=0), 1.0) for each in (image, reference)]
    moved, still = (each - ndimage.gaussian_filter(each, 6.0) for each in flat)
    slopes = np.column_stack([-np.gradient(still, axis=axis)[usable] for axis in (0, 1)] + [still[usable]])
    down_right: NDArray[np.float64] = np.linalg.lstsq(slopes, moved[usable], rcond=None)[0][:2]
    return down_right


def test_images_lie_off_the_first_month_as_drawn(cubes: Path) -> None:
    for index in (0, 2):
        place = place_of(index, MONTHS, SIZE, SEED)
        images = [masked_image(folder(cubes, index), month) for month in CALENDAR]
        drawn = np.array([sky_of(place, month, SEED).shift_px for month in range(MONTHS)])
        measured = np.array([offset(image, images[0]) for image in images])
        assert np.abs(drawn).max() > 0.2
        assert np.abs(drawn).max() < 1
        # Shadows and seasons pull a little on what is measured; no shift at all would be off by 0.3 on average.
        assert np.abs(measured - (drawn - drawn[0])).mean() < 0.12


def test_labels_do_not_move(cubes: Path) -> None:
    outlines: dict[int, set[str]] = {}
    for rows in pixel_labels(folder(cubes, 2)).values():
        for row in rows:
            outlines.setdefault(row["properties"]["Id"], set()).add(json.dumps(row["geometry"]))
    assert {len(each) for each in outlines.values()} == {1}


def test_one_month_has_no_births_and_no_demolitions(tmp_path: Path) -> None:
    make_synthetic(tmp_path / "data", aois=1, months=1, size_px=64, seed=0)
    table = town_truth(0, 1, 64, 0)
    assert set(table["birth"]) == {"2018-01"}
    assert table["end"].isna().all()
    assert len(table) >= 8


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size_px": 63}, "size_px must lie between 64 and 1024, got 63"),
        ({"months": 0}, "months must lie between 1 and 120, got 0"),
        ({"aois": 61}, "aois must lie between 1 and 60, got 61"),
        ({"seed": -1}, "seed must not be negative, got -1"),
    ],
)
def test_a_number_out_of_range_is_named(tmp_path: Path, wrong: dict[str, int], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        make_synthetic(tmp_path / "data", **{"aois": 1, "months": 1, "size_px": 64, "seed": 0, **wrong})
    assert not (tmp_path / "data").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(CatalogError, match="is not an empty folder; remove it or give another one"):
        make_synthetic(tmp_path, aois=1, months=1, size_px=64, seed=0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    make_synthetic(tmp_path / "data", aois=1, months=1, size_px=64, seed=0)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["train"]


def test_blur_keeps_a_flat_image_flat_and_noise_meets_its_grid() -> None:
    flat = np.full((9, 9), 100, dtype=np.float32)
    np.testing.assert_array_equal(blurred(flat, 1.3), flat)
    noise = value_noise(np.random.default_rng(0), (9, 9), 4)
    corners = np.random.default_rng(0).integers(-1024, 1025, size=(4, 4)) / 1024
    np.testing.assert_array_equal(noise[::4, ::4], corners[:3, :3])
