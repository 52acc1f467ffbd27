"""Brightness worked out by hand."""

import numpy as np
import pytest

from sn7ml.core.geo.radiometry import band_statistics, shades


def test_mean_and_deviation_by_hand() -> None:
    # Red 2, 4, 4, 6: mean 4, squared distances 4 + 0 + 0 + 4, so the deviation is the root of 2.
    pixels = np.array([[[2, 4, 4, 6]], [[0, 100, 0, 100]], [[9, 9, 9, 9]], [[255, 255, 255, 255]]], np.uint8)
    mean, std = band_statistics(pixels)
    np.testing.assert_allclose(mean, [4, 50, 9])
    np.testing.assert_allclose(std, [2**0.5, 50, 1], atol=5e-5)


def test_unusable_pixels_do_not_count() -> None:
    pixels = np.array([[[10, 20, 0, 255]], [[1, 3, 0, 255]], [[7, 7, 0, 255]], [[255, 1, 0, 0]]], np.uint8)
    mean, std = band_statistics(pixels)
    np.testing.assert_allclose(mean, [15, 2, 7])
    np.testing.assert_allclose(std, [5, 1, 1])


def test_a_frame_without_a_usable_pixel_is_left_as_it_is() -> None:
    mean, std = band_statistics(np.full((4, 3, 3), 0, np.uint8))
    np.testing.assert_array_equal(mean, [0, 0, 0])
    np.testing.assert_array_equal(std, [1, 1, 1])
    assert mean.dtype == std.dtype == np.float32


def test_many_bright_pixels_do_not_overflow() -> None:
    mean, std = band_statistics(np.full((4, 1024, 1023), 255, np.uint8))
    assert mean.tolist() == [255, 255, 255]
    assert std.tolist() == pytest.approx([1, 1, 1])


def test_shades_are_brightness_by_the_frames_own_mean_and_deviation() -> None:
    # Red has mean 50 and deviation 50: 0 lies one below, 100 one above. The unusable pixel counts nowhere.
    pixels = np.array([[[0, 100, 255]], [[7, 7, 7]], [[1, 3, 0]], [[255, 255, 0]]], np.uint8)
    assert shades(pixels)[:, 0, :2].tolist() == [[96, 160], [128, 128], [96, 160]]


def test_shades_do_not_wrap_round() -> None:
    pixels = np.full((4, 50, 50), 100, np.uint8)
    pixels[0, 0, :2] = 0, 255
    assert (shades(pixels)[0, 0, :2] == [0, 255]).all()


def test_a_hazier_frame_has_the_same_shades() -> None:
    clear = np.random.default_rng(2).integers(0, 100, (4, 40, 40)).astype(np.uint8)
    clear[3] = 255
    hazy = clear.copy()
    hazy[:3] = clear[:3] * 2 + 30
    assert np.abs(shades(clear).astype(int) - shades(hazy)).max() <= 1
