"""Outlines on imagery, against drawings."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from shapely.geometry import MultiPolygon, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from sn7ml.report.maps.overlays import (
    GAP_PX,
    UNUSABLE_DARK,
    UNUSABLE_LIGHT,
    errors,
    overlay,
    panels_of,
    side_by_side,
    stretched,
    to_png,
    triptych,
)
from sn7ml.report.palette import FOUND_RGB, TRUTH_RGB


def ground(rows: int, cols: int) -> NDArray[np.uint8]:
    """Even and usable: the picture is black where nothing is drawn."""
    pixels = np.full((4, rows, cols), 90, np.uint8)
    pixels[3] = 255
    return pixels


def drawn(picture: NDArray[np.uint8]) -> list[str]:
    """T truth, F found, . ground, ? anything else."""
    letters = {TRUTH_RGB: "T", FOUND_RGB: "F", (0, 0, 0): "."}
    return ["".join(letters.get(tuple(pixel.tolist()), "?") for pixel in row) for row in picture]


def test_a_found_square_is_outlined_on_its_inside_and_nowhere_else() -> None:
    assert drawn(overlay(ground(3, 4), [], [box(1, 1, 3, 2)], zoom=4)) == [
        "................",
        "................",
        "................",
        "................",
        "....FFFFFFFF....",
        "....F......F....",
        "....F......F....",
        "....FFFFFFFF....",
        "................",
        "................",
        "................",
        "................",
    ]


def test_truth_shows_inside_a_prediction_that_fits() -> None:
    square = box(1, 1, 3, 3)
    assert drawn(overlay(ground(4, 4), [square], [square], zoom=3)) == [
        "............",
        "............",
        "............",
        "...FFFFFF...",
        "...FTTTTF...",
        "...FT..TF...",
        "...FT..TF...",
        "...FTTTTF...",
        "...FFFFFF...",
        "............",
        "............",
        "............",
    ]


def test_houses_that_touch_keep_a_line_each() -> None:
    assert drawn(overlay(ground(1, 2), [], [box(0, 0, 1, 1), box(1, 0, 2, 1)], zoom=4)) == [
        "FFFFFFFF",
        "F..FF..F",
        "F..FF..F",
        "FFFFFFFF",
    ]


def test_a_hole_is_outlined_from_the_side_of_the_building() -> None:
    ring = Polygon(box(0, 0, 5, 5).exterior.coords, [box(2, 2, 3, 3).exterior.coords])
    assert drawn(overlay(ground(5, 5), [], [ring], zoom=1)) == ["FFFFF", "F.F.F", "FF.FF", "F.F.F", "FFFFF"]


def test_what_lies_beyond_the_image_is_cut_off_without_a_line_along_the_edge() -> None:
    assert drawn(overlay(ground(2, 2), [], [box(-3, -3, 1, 1)], zoom=3)) == [
        "..F...",
        "..F...",
        "FFF...",
        "......",
        "......",
        "......",
    ]


@pytest.mark.parametrize("nothing", [Polygon(), MultiPolygon(), box(50, 50, 60, 60)])
def test_empty_and_far_away_ones_draw_nothing(nothing: BaseGeometry) -> None:
    assert set(drawn(overlay(ground(2, 2), [nothing], [nothing], zoom=2))) == {"...."}


def test_of_one_that_goes_far_beyond_the_image_only_what_is_seen_takes_memory() -> None:
    far = box(-90_000, 1, 90_000, 90_000)  # at one byte a pixel 146 GiB
    assert drawn(overlay(ground(2, 2), [], [far], zoom=2)) == ["....", "....", "FFFF", "...."]
    assert set(drawn(overlay(ground(2, 2), [far], [], zoom=2))) == {"....", "TTTT"}


def test_one_too_small_for_a_pixel_is_a_dot() -> None:
    speck = Point(1.1, 0.6).buffer(0.01)
    assert drawn(overlay(ground(1, 2), [], [speck], zoom=4)) == ["........", "........", "....F...", "........"]


def test_unusable_ground_is_hatched_grey_and_the_rest_is_not() -> None:
    pixels = ground(2, 4)
    pixels[3, :, 2:] = 0
    picture = overlay(pixels, [], [], zoom=4)
    assert (picture[:, :8] == 0).all()
    assert set(np.unique(picture[:, 8:])) == {UNUSABLE_DARK, UNUSABLE_LIGHT}
    assert (picture[..., :1] == picture).all()


def test_an_image_without_a_usable_pixel_is_all_grey() -> None:
    assert set(np.unique(overlay(np.zeros((4, 4, 4), np.uint8), [], []))) == {UNUSABLE_DARK, UNUSABLE_LIGHT}


def test_contrast_comes_from_usable_pixels_alone() -> None:
    pixels = ground(1, 102)
    pixels[:3, 0, :101] = np.arange(101) + 100
    pixels[:, 0, 101] = 0
    # of 100 ... 200 the 2nd percentile is 102 and the 98th 198
    assert stretched(pixels)[0, [0, 2, 50, 98, 100], 0].tolist() == [0, 0, 128, 255, 255]


def test_a_triptych_is_image_truth_and_prediction_in_this_order() -> None:
    picture = triptych(ground(2, 2), [box(0, 0, 1, 1)], [box(1, 1, 2, 2)], zoom=2)
    assert picture.shape == (4, 3 * 4 + 2 * GAP_PX, 3)
    image, gap, truth, found = (
        picture[:, :4],
        picture[:, 4 : 4 + GAP_PX],
        picture[:, 4 + GAP_PX :][:, :4],
        picture[:, -4:],
    )
    assert drawn(image) == ["...."] * 4
    assert (gap == 255).all()
    assert drawn(truth) == ["TT..", "TT..", "....", "...."]
    assert drawn(found) == ["....", "....", "..FF", "..FF"]


def test_errors_are_white_where_both_agree_orange_where_only_found_and_cyan_where_only_true() -> None:
    picture = errors(ground(3, 9), [box(0, 0, 3, 3)], [box(3, 0, 6, 3)], [box(6, 0, 9, 3)], zoom=2)
    for place, colour in enumerate(((255, 255, 255), FOUND_RGB, TRUTH_RGB)):
        house = picture[:, 6 * place : 6 * place + 6]
        inner = np.s_[2:-2, 2:-2]
        rim = np.ones(house.shape[:2], bool)
        rim[inner] = False
        assert (house[rim] == colour).all()
        assert (house[inner] == np.floor(np.array(colour) * 0.35)).all()  # over black


def test_an_image_without_outlines_has_no_errors_and_is_darker() -> None:
    pixels = ground(1, 102)
    pixels[:3, 0, :101] = np.arange(101) + 100
    bright = overlay(pixels, [], [], zoom=1)
    np.testing.assert_array_equal(errors(pixels, [], [], [], zoom=1), (bright * 0.45).astype(np.uint8))


def test_pictures_in_a_row_are_cut_apart_again() -> None:
    parts = [np.full((3, 4, 3), value, np.uint8) for value in (10, 20, 30, 40)]
    for part, expected in zip(panels_of(side_by_side(*parts), 4), parts, strict=True):
        np.testing.assert_array_equal(part, expected)


def test_a_png_gives_back_the_picture_and_the_same_bytes() -> None:
    picture = overlay(ground(3, 3), [box(0, 0, 2, 2)], [])
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(to_png(picture)))), picture)
    assert to_png(picture) == to_png(picture.copy())
