"""How frames look, held to numbers worked out by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sn7ml.core.geo.radiometry import band_statistics
from sn7ml.scenes.layouts.spacenet7 import SPACENET7, scan
from sn7ml.validation.facts import data_profile
from sn7ml.validation.facts.data_profile import FRAME_PROFILES, noon_sun_deg, profile_frames, profile_from_facts
from sn7ml.validation.facts.frames import frame_facts
from tests.sn7_folder import AOI, FAR_AOI, MONTHS, SHAPE, addressed, grid_of, stem, write_aoi, write_image

pytestmark = pytest.mark.usefixtures("serial")


@pytest.fixture
def image(sn7_root: Path) -> Path:
    """The first image of the area."""
    return sn7_root / "train" / AOI / "images_masked" / f"{stem(AOI, MONTHS[0])}.tif"


def test_brightness_and_contrast_are_of_the_usable_pixels(sn7_root: Path, image: Path) -> None:
    # Half of the usable pixels are 10 and half 30: mean 20, deviation 10. The rest is 255 and unusable.
    pixels = np.full((4, 4, 4), 255, np.uint8)
    pixels[:3, 0], pixels[:3, 1] = 10, 30
    pixels[3, 2:] = 0
    write_image(image, pixels, grid_of(AOI, (4, 4)))
    row = profile_frames(sn7_root, scan(sn7_root)).iloc[0]
    for colour in ("red", "green", "blue"):
        assert (row[f"brightness_{colour}"], row[f"contrast_{colour}"]) == (20.0, 10.0)
    assert row["usable_fraction"] == 0.5
    assert row["usable_km2"] == pytest.approx(8 * row["ground_px_m"] ** 2 / 1e6, abs=1e-6)


def test_strips_and_histograms_give_what_the_whole_frame_does(sn7_root: Path, image: Path) -> None:
    pixels = np.random.default_rng(7).integers(0, 256, (4, 600, 40)).astype(np.uint8)  # three strips
    write_image(image, pixels, grid_of(AOI, (600, 40)))
    row = profile_frames(sn7_root, scan(sn7_root)).iloc[0]
    mean, std = band_statistics(pixels)
    np.testing.assert_allclose([row[f"brightness_{it}"] for it in ("red", "green", "blue")], mean, atol=1e-3)
    np.testing.assert_allclose([row[f"contrast_{it}"] for it in ("red", "green", "blue")], std, atol=1e-3)


def test_the_ground_pixel_shrinks_with_the_cosine_of_the_latitude(sn7_root: Path) -> None:
    row = profile_frames(sn7_root, scan(sn7_root)).iloc[0]
    # Slippy map: tile 3160 of 8192 at zoom 13 begins at atan(sinh(pi * (1 - 2 * 3160 / 8192))) = 37.99° north.
    assert row["ground_px_m"] == pytest.approx(4.77731 * np.cos(np.radians(37.99)), abs=0.002)


@pytest.mark.parametrize(
    ("latitude", "month", "height"),
    [
        (0.0, "2018-03", 87.5),  # near the equinox
        (50.0, "2018-06", 63.3),  # 90 - 50 + 23.3
        (50.0, "2018-12", 16.7),
        (-50.0, "2018-12", 63.3),  # the southern summer
        (-34.0, "2018-06", 32.7),
        (10.0, "2018-06", 76.7),  # north of the zenith
        (70.0, "2018-12", -3.3),  # polar night
    ],
)
def test_the_sun_at_noon_is_as_high_as_almanacs_say(latitude: float, month: str, height: float) -> None:
    assert noon_sun_deg(latitude, month) == pytest.approx(height, abs=1.0)


def test_a_frame_without_usable_pixels_has_no_brightness(sn7_root: Path, image: Path) -> None:
    pixels = addressed(SHAPE)
    pixels[3] = 0
    write_image(image, pixels, grid_of(AOI))
    row = profile_frames(sn7_root, scan(sn7_root)).iloc[0]
    assert row["usable_fraction"] == row["usable_km2"] == 0
    assert np.isnan(row["brightness_red"])
    assert row["fault"] == ""


def test_damaged_and_foreign_files_say_so_and_hinder_no_other(sn7_root: Path, image: Path) -> None:
    image.write_bytes(image.read_bytes()[:200])
    second = image.with_name(f"{stem(AOI, MONTHS[1])}.tif")
    write_image(second, addressed(SHAPE)[:2], grid_of(AOI))
    table = profile_frames(sn7_root, scan(sn7_root))
    assert table["fault"].tolist()[1:] == ["expected 3 or 4 uint8 bands, got 2 of ['uint8']", ""]
    assert table["fault"][0] != ""
    assert table["fault"][0].startswith(
        "cannot be read as a GeoTIFF"
    )  # without the file's name, which stands beside it
    assert str(sn7_root) not in table["fault"][0]
    assert table["brightness_red"].notna().tolist() == [False, False, True]


def test_an_image_without_alpha_is_usable_everywhere(sn7_root: Path, image: Path) -> None:
    pixels = addressed(SHAPE)
    pixels[3] = 255
    write_image(image, pixels, grid_of(AOI))
    whole = profile_frames(sn7_root, scan(sn7_root)).iloc[0]
    write_image(image, pixels[:3], grid_of(AOI))
    pd.testing.assert_series_equal(profile_frames(sn7_root, scan(sn7_root)).iloc[0], whole)


def test_no_frames_give_an_empty_table(sn7_root: Path) -> None:
    assert profile_frames(sn7_root, scan(sn7_root).iloc[:0]).columns.tolist() == list(FRAME_PROFILES.columns)


def test_looks_out_of_frame_facts_are_those_of_the_images_and_only_what_was_not_measured_is_read_again(
    sn7_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sn7_root / "train" / AOI / "images_masked"
    clouded, without_alpha, gone = (folder / f"{stem(AOI, month)}.tif" for month in MONTHS)
    pixels = addressed(SHAPE, 1)
    pixels[3, :30] = 0
    write_image(clouded, pixels, grid_of(AOI))
    write_image(without_alpha, addressed(SHAPE, 2)[:3], grid_of(AOI))
    gone.write_bytes(b"")
    dark = write_aoi(sn7_root, FAR_AOI) / "images_masked" / f"{stem(FAR_AOI, MONTHS[0])}.tif"
    write_image(dark, np.zeros((4, *SHAPE), np.uint8), grid_of(FAR_AOI))
    frames = scan(sn7_root)
    expected, facts = profile_frames(sn7_root, frames), frame_facts(sn7_root, frames, SPACENET7)
    read: list[str] = []

    def remembered(root: Path, row: dict[str, str]) -> dict[str, Any]:
        read.append(Path(row["image"]).name)
        return look_at(root, row)

    look_at = data_profile._profile
    monkeypatch.setattr(data_profile, "_profile", remembered)
    pd.testing.assert_frame_equal(profile_from_facts(sn7_root, frames, facts), expected)
    assert read == [without_alpha.name, gone.name]


def test_an_undated_image_has_no_season(sn7_root: Path) -> None:
    frames = scan(sn7_root).iloc[:1]
    dated, undated = (profile_frames(sn7_root, frames.assign(time=time)).iloc[0] for time in ("2018-01", "undated"))
    assert np.isfinite(dated["noon_sun_deg"])
    assert np.isnan(undated["noon_sun_deg"])
    assert undated["ground_px_m"] == dated["ground_px_m"]
