"""Outlines of drawn images, with areas and places known beforehand."""

import numpy as np
import pytest
import shapely
from shapely.geometry import Polygon, box

from sn7ml.core.geo.burn import Ids, burn_ids, outlines


def image(*lines: str) -> Ids:
    return np.array([[int(letter) for letter in line.replace(".", "0")] for line in lines], np.int32)


@pytest.mark.parametrize("simplify_px", [0.0, 0.3])
def test_a_rectangle_at_three_times_lies_where_it_was_drawn(simplify_px: float) -> None:
    ids = np.zeros((30, 45), np.int32)
    ids[6:12, 21:30] = 5
    assert outlines(ids, 3, simplify_px)[5].equals(box(7, 2, 10, 4))
    assert len(outlines(ids, 3, simplify_px)[5].exterior.coords) == 5


def test_ids_beyond_any_byte_or_word_come_back_in_ascending_order() -> None:
    ids = np.array([[100_000, 0, 256, 0, 512, 0, 3]], np.int32)
    assert list(outlines(ids, 1, 0.0)) == [3, 256, 512, 100_000]


def test_ground_alone_has_no_outline() -> None:
    assert outlines(np.zeros((4, 4), np.int32), 3, 0.3) == {}


def test_neighbours_share_their_edge_and_no_area() -> None:
    found = outlines(image("112", "112"), 1, 0.0)
    assert found[1].equals(box(0, 0, 2, 2))
    assert found[2].equals(box(2, 0, 3, 2))


def test_a_hole_is_filled() -> None:
    assert outlines(image("111", "1.1", "111"), 1, 0.0)[1].equals(box(0, 0, 3, 3))


def test_of_several_parts_the_largest_stays() -> None:
    assert outlines(image("1..11", "...11"), 1, 0.0)[1].equals(box(3, 0, 5, 2))


def test_pixels_that_meet_at_a_corner_are_two_parts() -> None:
    assert outlines(image("11.", "11.", "..1"), 1, 0.0)[1].equals(box(0, 0, 2, 2))


def test_a_ring_that_closes_over_a_corner_is_valid() -> None:
    found = outlines(image("111", "1.1", "11.", "111"), 1, 0.0)[1]
    assert found.is_valid
    assert found.area in (10, 11)  # the yard may be filled or open to the corner


def test_one_pixel_survives_any_simplification() -> None:
    found = outlines(image("...", ".1.", "..."), 3, 5.0)[1]
    assert found.is_valid
    assert found.area > 0


def test_simplifying_smooths_stairs_and_moves_no_point_farther_than_asked() -> None:
    roof = shapely.affinity.rotate(box(4, 4, 12, 9), 30)
    ids = burn_ids([roof], (16, 16), upsampling=3)
    raw, simple = outlines(ids, 3, 0.0)[1], outlines(ids, 3, 0.4)[1]
    assert len(simple.exterior.coords) < len(raw.exterior.coords) / 3
    assert simple.hausdorff_distance(raw) <= 0.4 + 1e-9
    assert simple.intersection(roof).area / simple.union(roof).area > 0.9


@pytest.mark.parametrize("seed", range(3))
def test_every_outline_of_noise_is_a_valid_polygon_that_burns_back(seed: int) -> None:
    ids = np.random.default_rng(seed).integers(0, 4, (40, 40)).astype(np.int32)
    for number, polygon in outlines(ids, 2, 0.0).items():
        assert isinstance(polygon, Polygon)
        assert polygon.is_valid
        own = burn_ids([polygon], (20, 20), upsampling=2) > 0
        assert own.sum() == polygon.area * 4
        assert (ids[own] == number).mean() > 0.5
    assert set(outlines(ids, 2, 1.0)) == {1, 2, 3}
    assert all(polygon.is_valid for polygon in outlines(ids, 2, 1.0).values())
