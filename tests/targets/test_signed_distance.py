"""Signed distances against figures on paper and scipy's exact transform."""

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry import Point, Polygon, box

from sn7ml.core.geo.grid import Grid
from sn7ml.params import DistanceParams, TargetParams
from sn7ml.targets import FrameLabels, target_of
from sn7ml.targets.signed_distance import UNKNOWN, signed_distance_m, to_ratio, to_steps

CLIP_M = 16.0
NOWHERE = np.zeros((120, 120), np.bool_)
GRID = Grid(32631, Affine(0.5, 0, 500_000, 0, -0.5, 4_000_000), (120, 120))
"""On the middle line of its zone, where a pixel of 0.5 units is 0.5002 m."""


def drawn(
    outlines: list[Polygon],
    unknown: NDArray[np.bool_] = NOWHERE,
    upsampling: int = 1,
    shift: tuple[float, float] = (0.0, 0.0),
) -> NDArray[np.uint8]:
    params = TargetParams(
        kind="distance", shift_x_px=shift[0], shift_y_px=shift[1], distance=DistanceParams(clip_m=CLIP_M)
    )
    return target_of(params).draw(FrameLabels(outlines), unknown, upsampling, GRID)


def drawn_m(outlines: list[Polygon], unknown: NDArray[np.bool_] = NOWHERE, upsampling: int = 1) -> NDArray[np.float64]:
    return np.asarray(to_ratio(drawn(outlines, unknown, upsampling)) * CLIP_M)


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
    steps = drawn([box(0, 0, 60, 60)], unknown, 2)
    assert (steps[20:40] == UNKNOWN).all()
    assert not (np.delete(steps, slice(20, 40), axis=0) == UNKNOWN).any()


def test_the_shift_moves_distances_to_where_buildings_are_seen() -> None:
    moved = drawn([box(40, 40, 60, 60)], shift=(3.0, -2.0))
    np.testing.assert_array_equal(moved, drawn([box(43, 38, 63, 58)]))


def test_metres_come_back_from_steps_to_within_a_step_and_on_their_side() -> None:
    metres = np.linspace(-CLIP_M, CLIP_M, 1001)
    found = to_ratio(to_steps(metres, CLIP_M)) * CLIP_M
    assert np.abs(found - metres).max() <= CLIP_M / 127
    np.testing.assert_array_equal(found > 0, metres > 0)


def test_pixels_are_counted_by_side_and_errors_in_metres() -> None:
    target = target_of(TargetParams(kind="distance", distance=DistanceParams(clip_m=CLIP_M)))
    planes = np.array([[[0, 126, 128, 254, UNKNOWN]]], np.uint8)
    output = np.array(
        [[[[-5.0, 0.5, 0.5, 0.0, 1.0]]]], np.float32
    )  # beyond the range; wrong side; right; just outside; unknown
    counts = target.count(output, planes)
    assert (counts.tp, counts.fp, counts.fn, counts.tn) == (1, 1, 1, 1)
    step_m = CLIP_M / 127
    assert counts.error_m == pytest.approx(0.0 + (8 + step_m) + (8 - step_m) + 16)
    assert (counts + counts).mae_m == counts.mae_m == pytest.approx(32 / 4)
