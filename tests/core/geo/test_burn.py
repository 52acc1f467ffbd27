"""Polygons burnt to ids, against drawings."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Polygon, box

from sn7ml.core.geo.burn import burn_ids
from tests.drawings import picture


def test_the_nth_polygon_gets_id_n_where_x_is_the_column_and_y_the_row() -> None:
    drawing = """
        .......
        .aaa...
        .aaa.bb
        .....bb
    """
    np.testing.assert_array_equal(burn_ids([box(1, 1, 4, 3), box(5, 2, 7, 4)], (4, 7)), picture(drawing))


def test_upsampling_draws_what_is_smaller_than_a_pixel() -> None:
    drawing = """
        ......
        .aa...
        .aa...
        ......
        ......
        ......
    """
    np.testing.assert_array_equal(burn_ids([box(1 / 3, 1 / 3, 1, 1)], (2, 2), upsampling=3), picture(drawing))


def test_a_pixel_belongs_to_the_polygon_that_holds_its_centre() -> None:
    np.testing.assert_array_equal(burn_ids([box(0.6, 0, 2.6, 1)], (1, 4)), [[0, 1, 1, 0]])


def test_what_sticks_out_of_the_image_is_cut_off() -> None:
    ids = burn_ids([box(-4, -4, 1, 1), box(3, 1, 9, 9), box(20, 20, 22, 22)], (3, 4))
    np.testing.assert_array_equal(ids, [[1, 0, 0, 0], [0, 0, 0, 2], [0, 0, 0, 2]])


def test_where_polygons_overlap_the_later_one_wins() -> None:
    np.testing.assert_array_equal(burn_ids([box(0, 0, 3, 1), box(2, 0, 4, 1)], (1, 4)), [[1, 1, 2, 2]])


def test_holes_stay_ground() -> None:
    yard = Polygon(box(0, 0, 3, 3).exterior.coords, [box(1, 1, 2, 2).exterior.coords])
    np.testing.assert_array_equal(burn_ids([yard], (3, 3)), [[1, 1, 1], [1, 0, 1], [1, 1, 1]])


def test_a_building_of_two_parts_is_one_building() -> None:
    np.testing.assert_array_equal(burn_ids([MultiPolygon([box(0, 0, 1, 1), box(2, 0, 3, 1)])], (1, 3)), [[1, 0, 1]])


def test_no_polygons_give_open_ground() -> None:
    ids = burn_ids([], (2, 3), upsampling=2)
    assert ids.shape == (4, 6)
    assert ids.dtype == np.int32
    assert not ids.any()


def test_an_empty_polygon_leaves_its_number_unused() -> None:
    np.testing.assert_array_equal(burn_ids([Polygon(), box(0, 0, 1, 1)], (1, 2)), [[2, 0]])


def test_there_may_be_more_buildings_than_a_byte_can_count() -> None:
    ids = burn_ids([box(col, 0, col + 1, 1) for col in range(700)], (1, 700))
    np.testing.assert_array_equal(ids[0], np.arange(1, 701))


@given(row=st.integers(0, 8), col=st.integers(0, 8), factor=st.integers(1, 4))
def test_a_pixel_sized_house_fills_the_pixels_at_its_own_address(row: int, col: int, factor: int) -> None:
    ids = burn_ids([box(col, row, col + 1, row + 1)], (9, 9), factor)
    expected = np.zeros((9, 9), np.int32)
    expected[row, col] = 1
    np.testing.assert_array_equal(ids, np.kron(expected, np.ones((factor, factor))))
