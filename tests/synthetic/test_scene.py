"""Synthetic images: what is seen of the town, from where, and what clouds hide."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio import features
from scipy import ndimage
from shapely.geometry import shape

from sn7ml.synthetic.chance import blurred, value_noise
from sn7ml.synthetic.place import place_of
from sn7ml.synthetic.scene import sky_of
from tests.synthetic.folders import (
    AREAS,
    CALENDAR,
    MONTHS,
    SEED,
    SIZE,
    folder,
    masked_image,
    month_of,
    pixel_labels,
)


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
        drawn = np.array([sky_of(place, month).shift_px for month in range(MONTHS)])
        measured = np.array([offset(image, images[0]) for image in images])
        assert np.abs(drawn).max() > 0.2
        assert np.abs(drawn).max() < 1
        # Shadows and seasons pull a little on what is measured; no shift at all would be off by 0.3 on average.
        assert np.abs(measured - (drawn - drawn[0])).mean() < 0.12


def test_blur_keeps_a_flat_image_flat_and_noise_meets_its_grid() -> None:
    flat = np.full((9, 9), 100, dtype=np.float32)
    np.testing.assert_array_equal(blurred(flat, 1.3), flat)
    noise = value_noise(np.random.default_rng(0), (9, 9), 4)
    corners = np.random.default_rng(0).integers(-1024, 1025, size=(4, 4)) / 1024
    np.testing.assert_array_equal(noise[::4, ::4], corners[:3, :3])
