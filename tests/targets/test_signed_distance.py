"""Signed distances against figures on paper and scipy's exact transform."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry import Point, Polygon, box

from sn7ml.targets.signed_distance import UNKNOWN, draw, signed_distance_m, to_metres, to_steps

CLIP_M = 16.0
NOWHERE = np.zeros((120, 120), np.bool_)


def drawn_m(outlines: list[Polygon], unknown: NDArray[np.bool_] = NOWHERE, upsampling: int = 1) -> NDArray[np.float64]:
    metres: NDArray[np.float64] = to_metres(draw(CLIP_M, (0, 0), outlines, unknown, upsampling, (0.5, 0.5)), CLIP_M)
    return metres


@pytest.mark.parametrize("upsampling", [1, 2, 3])
def test_a_disc_is_as_far_as_its_radius_says(upsampling: int) -> None:
    found = drawn_m([Point(60, 60).buffer(20, quad_segs=64)], upsampling=upsampling)
    centres = (np.arange(120 * upsampling) + 0.5) / upsampling
    from_middle_px = np.hypot(*np.meshgrid(centres - 60, centres - 60))
    truth = ((20 - from_middle_px) * 0.5).clip(-CLIP_M, CLIP_M)  # metres
    assert np.abs(found - truth).max() < 0.5 + CLIP_M / 127  # a pixel, and a step
    assert np.abs(found - truth).mean() < 0.12


def test_squares_that_touch_are_one() -> None:
    two, one = drawn_m([box(30, 40, 60, 80), box(60, 40, 90, 80)]), drawn_m([box(30, 40, 90, 80)])
    np.testing.assert_array_equal(two, one)
    assert two[59, 60] == pytest.approx(19.5 * 0.5, abs=0.3)  # the middle, 20 px from the nearest side


def test_it_is_scipys_exact_transform_but_for_half_a_pixel() -> None:
    built = np.random.default_rng(3).random((40, 50)) < 0.2
    pixel_m = (0.30, 0.24)
    exact = np.where(
        built,
        ndimage.distance_transform_edt(built, sampling=pixel_m),
        -ndimage.distance_transform_edt(~built, sampling=pixel_m),
    )
    assert np.abs(signed_distance_m(built, pixel_m) - exact).max() == pytest.approx(0.12)


def test_pixels_that_are_not_square_are_measured_along_each_axis() -> None:
    built = np.zeros((9, 9), np.bool_)
    built[4, 4] = True
    found = signed_distance_m(built, (2.0, 1.0))
    assert found[4, 8] == pytest.approx(-(4 * 1.0 - 0.5))
    assert found[8, 4] == pytest.approx(-(4 * 2.0 - 0.5))


def test_distances_do_not_depend_on_where_the_image_is_cut() -> None:
    town = [box(10, 10, 30, 25), box(50, 5, 70, 40), box(28, 60, 40, 90)]
    whole = drawn_m(town)
    left = drawn_m(town, np.zeros((120, 45), np.bool_))  # its neighbour on the right is known by its outline
    np.testing.assert_array_equal(left, whole[:, :45])


def test_an_image_without_buildings_is_far_from_all_and_one_full_of_them_deep_inside() -> None:
    assert (drawn_m([]) == -CLIP_M).all()
    assert (drawn_m([box(-500, -500, 700, 700)]) == CLIP_M).all()


def test_what_is_unknown_is_marked_whatever_is_drawn() -> None:
    unknown = NOWHERE.copy()
    unknown[10:20] = True
    steps = draw(CLIP_M, (0, 0), [box(0, 0, 60, 60)], unknown, 2, (0.5, 0.5))
    assert (steps[20:40] == UNKNOWN).all()
    assert not (np.delete(steps, slice(20, 40), axis=0) == UNKNOWN).any()


def test_the_shift_moves_distances_to_where_buildings_are_seen() -> None:
    moved = draw(CLIP_M, (3, -2), [box(40, 40, 60, 60)], NOWHERE, 1, (0.5, 0.5))
    np.testing.assert_array_equal(moved, draw(CLIP_M, (0, 0), [box(43, 38, 63, 58)], NOWHERE, 1, (0.5, 0.5)))


def test_metres_come_back_from_steps_to_within_half_a_step() -> None:
    metres = np.linspace(-CLIP_M, CLIP_M, 1001)
    assert np.abs(to_metres(to_steps(metres, CLIP_M), CLIP_M) - metres).max() <= CLIP_M / 127 / 2 + 1e-9
