"""Peaks of evidence drawn in tenths; letters are the buildings expected, a the clearest."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sn7ml.core.geo.burn import Ids
from sn7ml.outputs.tracking.peaks import Image, find_peaks
from tests.outputs.tracking.drawings import UNSEEN, heights, ids_of, peak_params, picture

ONE_HOUSE = """
    ..........
    .2334332..
    .2499942..
    .2498942..
    .2334332..
    ..........
"""
ITS_OUTLINE = """
    ..........
    ....a.....
    ..aaaaa...
    ..aaaaa...
    ....a.....
    ..........
"""
SADDLE_OF_6 = """
    ..........
    .99966999.
    .99966999.
    ..........
"""
SADDLE_OF_7 = SADDLE_OF_6.replace("6", "7")
TWO_HOUSES = """
    ..........
    .aaaabbbb.
    .aaaabbbb.
    ..........
"""
A_FAINT_ROW_BESIDE_A_BRIGHT_HOUSE = """
    .................
    .9999334225532.4.
    .9999334225532.4.
    .3333............
"""
EACH_DOWN_TO_ITS_OWN_SHARE = """
    .................
    .aaaa.cccbbbbb.d.
    .aaaa.cccbbbbb.d.
    .................
"""
CUT_OFF_BY_CLOUD = """
    .......
    .888??.
    .888??.
    ...???.
"""
PARTED_BY_CLOUD = """
    ..8?8..
    ..8?8..
    ..8?8..
"""


def find(drawing: str, upsampling: int = 1, **params: float) -> Ids:
    """Return the buildings of evidence in tenths; whatever is written under a cloud is bright."""
    usable = picture(drawing) != UNSEEN
    return find_peaks(heights(drawing.replace(UNSEEN, "9")), usable, peak_params(**params), upsampling)


def test_a_house_reaches_down_to_a_share_of_its_level() -> None:
    # Its seed is found 10 % below the peak of .9; 40 % of .81 are .324: .4 is in, .3 is out.
    np.testing.assert_array_equal(find(ONE_HOUSE), ids_of(ITS_OUTLINE))


@pytest.mark.parametrize(("flood_ratio", "lowest"), [(0.2, 2), (0.3, 3), (0.4, 4), (0.6, 8)])
def test_the_share_is_the_flood_ratio(flood_ratio: float, lowest: int) -> None:
    expected = (heights(ONE_HOUSE) > lowest / 10 - 0.05).astype(np.int32)
    np.testing.assert_array_equal(find(ONE_HOUSE, flood_ratio=flood_ratio), expected)


def test_a_saddle_deeper_than_the_step_parts_two_houses_where_it_lies() -> None:
    # With a step of 30 % the first level is .63.
    np.testing.assert_array_equal(find(SADDLE_OF_6, seed_step=0.3), ids_of(TWO_HOUSES))


def test_a_saddle_shallower_than_the_step_parts_nothing() -> None:
    found = find(SADDLE_OF_7, seed_step=0.3)
    np.testing.assert_array_equal(found, (ids_of(TWO_HOUSES) > 0).astype(np.int32))


def test_a_smaller_step_tells_more_houses_apart() -> None:
    np.testing.assert_array_equal(find(SADDLE_OF_7, seed_step=0.2), ids_of(TWO_HOUSES))


def _row(*evidence: float) -> Image:
    return np.array([[0, *evidence, 0]], np.float32)


@given(lower=st.floats(0.31, 0.99), more=st.floats(0, 1), step=st.floats(0.05, 0.6), depth=st.floats(0, 0.999))
def test_a_saddle_lower_than_both_peaks_by_the_step_always_parts(
    lower: float, more: float, step: float, depth: float
) -> None:
    higher = lower + more * (1 - lower)
    found = find_peaks(
        _row(lower, lower * (1 - step) * depth, higher), np.ones((1, 5), dtype=bool), peak_params(seed_step=step), 1
    )
    assert {found[0, 1], found[0, 3]} == {1, 2}


@given(higher=st.floats(0.5, 1), lower=st.floats(0.01, 1), step=st.floats(0.05, 0.4), depth=st.floats(0.001, 1))
def test_a_saddle_within_the_step_of_the_higher_peak_never_parts(
    higher: float, lower: float, step: float, depth: float
) -> None:
    floor = higher * (1 - step)
    second = floor + lower * (higher - floor)
    saddle = floor + depth * (second - floor) + 1e-6
    found = find_peaks(_row(second, saddle, higher), np.ones((1, 5), dtype=bool), peak_params(seed_step=step), 1)
    np.testing.assert_array_equal(found, [[0, 1, 1, 1, 0]])


def test_a_faint_row_is_parted_and_outlined_by_its_own_level_beside_a_bright_house() -> None:
    np.testing.assert_array_equal(find(A_FAINT_ROW_BESIDE_A_BRIGHT_HOUSE), ids_of(EACH_DOWN_TO_ITS_OWN_SHARE))


def test_no_threshold_alone_would_part_them_so() -> None:
    evidence, truth = heights(A_FAINT_ROW_BESIDE_A_BRIGHT_HOUSE), ids_of(EACH_DOWN_TO_ITS_OWN_SHARE)
    assert evidence[truth > 0].min() < evidence[truth == 0].max()


def test_a_plateau_is_one_building() -> None:
    drawing = "......\n.8888.\n.8888.\n......"
    np.testing.assert_array_equal(find(drawing), (heights(drawing) > 0).astype(np.int32))


def test_a_whole_image_of_one_height_is_one_building() -> None:
    np.testing.assert_array_equal(find("999\n999"), np.ones((2, 3), np.int32))


def test_houses_that_meet_at_a_corner_are_two() -> None:
    np.testing.assert_array_equal(find("88..\n88..\n..88\n..88"), ids_of("aa..\naa..\n..bb\n..bb"))


@pytest.mark.parametrize("drawing", ["...\n...", ".33.\n.33.", "???\n???"], ids=["ground", "just at it", "cloud"])
def test_nothing_above_the_seed_threshold_is_no_building(drawing: str) -> None:
    found = find(drawing, seed_threshold=0.3)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, np.zeros(picture(drawing).shape))


def test_a_peak_just_above_the_seed_threshold_is_a_building() -> None:
    np.testing.assert_array_equal(find(".33.", seed_threshold=0.29), [[0, 1, 1, 0]])


def test_nothing_grows_where_it_cannot_be_seen() -> None:
    np.testing.assert_array_equal(find(CUT_OFF_BY_CLOUD), (heights(CUT_OFF_BY_CLOUD.replace("?", ".")) > 0))


def test_what_cannot_be_seen_does_not_join_its_sides() -> None:
    np.testing.assert_array_equal(find(PARTED_BY_CLOUD), ids_of("..a.b..\n..a.b..\n..a.b.."))


def test_houses_are_numbered_from_the_clearest_to_the_faintest() -> None:
    np.testing.assert_array_equal(find("4.9.6.5.7"), ids_of("e.a.c.d.b"))


@pytest.mark.parametrize(("min_area_px2", "expected"), [(2.0, "..aa.bbb"), (3.0, ".....aaa")])
def test_small_ones_are_dropped_and_the_others_keep_their_order(min_area_px2: float, expected: str) -> None:
    np.testing.assert_array_equal(find("9.88.777", min_area_px2=min_area_px2), ids_of(expected))


@pytest.mark.parametrize(("min_area_px2", "count"), [(4.0, 1), (4.1, 0)])
def test_the_smallest_area_counts_pixels_of_the_original_image(min_area_px2: float, count: int) -> None:
    three_times = heights("....\n.88.\n.88.\n....").repeat(3, axis=0).repeat(3, axis=1)
    found = find_peaks(three_times, three_times >= 0, peak_params(min_area_px2=min_area_px2), 3)
    np.testing.assert_array_equal(found, (three_times > 0) * count)


@pytest.mark.parametrize(("upsampling", "smooth_px"), [(1, 1.5), (3, 0.5)])
def test_a_point_is_smoothed_to_the_height_of_a_gaussian_in_pixels_of_the_original_image(
    upsampling: int, smooth_px: float
) -> None:
    point = np.zeros((31, 31), np.float32)
    point[15, 15] = 1.0
    height = 1 / (2 * math.pi * 1.5**2)
    for threshold, found in [(height * 0.98, 1), (height * 1.02, 0)]:
        params = peak_params(smooth_px=smooth_px, seed_threshold=threshold)
        assert find_peaks(point, point >= 0, params, upsampling).max() == found


@given(seed=st.integers(0, 1000), upsampling=st.integers(2, 4))
def test_upsampling_scales_lengths_and_areas(seed: int, upsampling: int) -> None:
    evidence = np.random.default_rng(seed).random((24, 24), np.float32)
    usable = evidence < 0.95
    original = peak_params(smooth_px=0.4, min_area_px2=0.8)
    in_its_pixels = peak_params(smooth_px=0.4 * upsampling, min_area_px2=0.8 * upsampling**2)
    np.testing.assert_array_equal(
        find_peaks(evidence, usable, original, upsampling), find_peaks(evidence, usable, in_its_pixels, 1)
    )


@given(seed=st.integers(0, 1000), smooth_px=st.sampled_from([0.0, 1.0]), seed_step=st.sampled_from([0.1, 0.4]))
def test_numbers_are_dense_levels_fall_and_nothing_lies_where_it_cannot_be_seen(
    seed: int, smooth_px: float, seed_step: float
) -> None:
    evidence = np.random.default_rng(seed).random((20, 20), np.float32)
    usable = evidence < 0.97
    found = find_peaks(evidence * usable, usable, peak_params(smooth_px=smooth_px, seed_step=seed_step), 1)
    assert set(np.unique(found)) - {0} == set(range(1, found.max() + 1))
    assert not found[~usable].any()
    if not smooth_px:  # peaks in order of their levels, which are a step apart
        peaks = np.array([evidence[found == number].max() for number in range(1, found.max() + 1)])
        assert (peaks[1:] <= peaks[:-1] / (1 - seed_step) + 1e-6).all()


def test_what_lies_beyond_a_gap_below_the_houses_reach_is_no_part_of_it() -> None:
    # Reach is half of .81: the .4 is out. The .5 is no seed, for that is not above the threshold.
    found = find(".9994455.", flood_ratio=0.5, seed_threshold=0.5)
    np.testing.assert_array_equal(found, ids_of(".aaa....."))
