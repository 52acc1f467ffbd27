"""Masks against drawings: capitals are the pixels expected."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from sn7ml.core.geo.burn import Ids
from sn7ml.targets.rims import (
    BOUNDARY_BIT,
    CONTACT_BIT,
    FOOTPRINT_BIT,
    UNKNOWN_BIT,
    boundary_mask,
    contact_mask,
    footprint_mask,
    mask_flags,
)
from tests.drawings import capitals, picture

ONE_HOUSE = """
    .......
    .AAAAA.
    .AaaaA.
    .AaaaA.
    .AAAAA.
    .......
"""
TWO_HOUSES_THAT_TOUCH = """
    ...........
    .AAAABBBB..
    .AaaABbbB..
    .AaaABbbB..
    .AAAABBBB..
    ...........
"""
CUT_OFF_BY_THE_IMAGE_EDGE = """
    aaaA....
    aaaA..BB
    aaaA..Bb
    AAAA..Bb
    ......Bb
"""
TOUCHING_AT_A_CORNER = """
    ........
    .AAA....
    .AaA....
    .AAA....
    ....BBB.
    ....BbB.
    ....BBB.
    ........
"""
THICK_RIM = """
    .........
    .AAAAAAA.
    .AAAAAAA.
    .AAaaaAA.
    .AAAAAAA.
    .AAAAAAA.
    .........
"""


@pytest.mark.parametrize("drawing", [ONE_HOUSE, TWO_HOUSES_THAT_TOUCH, CUT_OFF_BY_THE_IMAGE_EDGE, TOUCHING_AT_A_CORNER])
def test_boundary_is_the_rim_drawn_in_capitals(drawing: str) -> None:
    np.testing.assert_array_equal(boundary_mask(picture(drawing)), capitals(drawing))


def test_a_rim_can_be_two_pixels_thick() -> None:
    np.testing.assert_array_equal(boundary_mask(picture(THICK_RIM), thickness_px=2), capitals(THICK_RIM))


# + is ground that is expected to be marked.
SEAM = """
    aaaABbb
    aaaABbb
    aaaABbb
"""
GAP_OF_ONE = """
    aaa+bbb
    aaa+bbb
    .......
"""
GAP_OF_TWO = """
    aaa..bbb
    aaa..bbb
"""
ALONE = """
    ..aa
    ..aa
    ....
"""


@pytest.mark.parametrize("drawing", [SEAM, GAP_OF_TWO, ALONE])
def test_contact_is_drawn_in_capitals(drawing: str) -> None:
    np.testing.assert_array_equal(contact_mask(picture(drawing), reach_px=1), capitals(drawing))


def test_contact_is_on_the_ground_of_a_narrow_gap_and_reaches_around_its_end() -> None:
    expected = capitals(GAP_OF_ONE, also="+")
    expected[2, 3] = True  # from here both houses lie one pixel off, diagonally
    np.testing.assert_array_equal(contact_mask(picture(GAP_OF_ONE), reach_px=1), expected)


@pytest.mark.parametrize("contact_px", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("gap", [0, 1, 2, 3, 4, 5, 6, 7])
def test_houses_get_a_contact_mark_exactly_up_to_the_gap_asked_for(gap: int, contact_px: int) -> None:
    row = np.array([[1] * 4 + [0] * gap + [2] * 4], np.int32)
    marked = bool((mask_flags(row, np.zeros(row.shape, np.bool_), 1, contact_px) & CONTACT_BIT).any())
    next_odd = contact_px + (contact_px + 1) % 2
    assert marked == (gap <= next_odd)


images = arrays.arrays(np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3))


@given(ids=images, reach=st.integers(1, 4))
def test_masks_equal_those_of_scipys_filters(ids: Ids, reach: int) -> None:
    size, top = 2 * reach + 1, np.iinfo(np.int32).max
    lowest = ndimage.minimum_filter(ids, size=size, mode="nearest")
    highest = ndimage.maximum_filter(ids, size=size, mode="nearest")
    np.testing.assert_array_equal(boundary_mask(ids, reach), (ids > 0) & (lowest != highest))
    lowest_building = ndimage.minimum_filter(np.where(ids > 0, ids, top), size=size, mode="nearest")
    np.testing.assert_array_equal(contact_mask(ids, reach), (highest > 0) & (lowest_building < highest))


@given(ids=images, reach=st.integers(1, 4))
def test_masks_change_none_of_their_arguments(ids: Ids, reach: int) -> None:
    before = ids.copy()
    mask_flags(ids, np.zeros(ids.shape, np.bool_), reach, reach)
    np.testing.assert_array_equal(ids, before)


def test_every_mask_has_its_own_bit() -> None:
    ids = picture(TWO_HOUSES_THAT_TOUCH)
    unknown = np.zeros(ids.shape, np.bool_)
    unknown[:2] = True
    flags = mask_flags(ids, unknown, boundary_px=1, contact_px=1)
    assert flags.dtype == np.uint8
    np.testing.assert_array_equal((flags & FOOTPRINT_BIT) > 0, footprint_mask(ids))
    np.testing.assert_array_equal((flags & BOUNDARY_BIT) > 0, boundary_mask(ids))
    np.testing.assert_array_equal((flags & CONTACT_BIT) > 0, contact_mask(ids, 1))
    np.testing.assert_array_equal((flags & UNKNOWN_BIT) > 0, unknown)


def test_open_ground_has_no_masks() -> None:
    nothing = np.zeros((4, 5), np.int32)
    assert not mask_flags(nothing, np.zeros((4, 5), np.bool_), 1, 3).any()


def test_a_rim_or_a_reach_of_no_pixel_is_refused() -> None:
    with pytest.raises(ValueError, match=r"thickness_px .* 1\b.* 0$"):
        boundary_mask(picture(ALONE), 0)
    with pytest.raises(ValueError, match=r"reach_px .* 1\b.* 0$"):
        contact_mask(picture(ALONE), 0)
