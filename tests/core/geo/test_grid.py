"""Grids against known facts of the world."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point, Polygon, box

from sn7ml.core.errors import GridError
from sn7ml.core.geo.grid import Grid
from sn7ml.scenes.images import read_grid
from tests.raising import raises
from tests.sn7_folder import grid_of

NORTH_UP = Affine(4.0, 0, 1000.0, 0, -4.0, 2000.0)
Y_AT_60_DEGREES_M = 8_399_737.889818
"""Web Mercator y of latitude 60 north."""


def test_pixels_are_half_as_wide_on_the_ground_at_60_degrees() -> None:
    grid = Grid(3857, Affine(4.0, 0, 0.0, 0, -4.0, Y_AT_60_DEGREES_M + 2.0), (1, 1))
    assert grid.ground_pixel_size_m() == pytest.approx(2.0, rel=1e-9)


def test_pixels_are_as_wide_as_they_say_at_the_equator() -> None:
    assert Grid(3857, Affine(4.0, 0, 0, 0, -4.0, 2.0), (1, 1)).ground_pixel_size_m() == pytest.approx(4.0)


def test_ground_pixel_size_of_another_crs_is_not_guessed() -> None:
    with raises(GridError, "grid.crs", "EPSG:3857", "EPSG:32610"):
        Grid(32610, NORTH_UP, (2, 2)).ground_pixel_size_m()


def test_the_corner_of_a_tile_is_the_origin_of_the_real_raster() -> None:
    grid = grid_of("L15-0357E-1223N_1429_3296_13")
    assert (grid.transform.c, grid.transform.f) == pytest.approx((-13046883.48, 3913575.85), abs=0.005)


@pytest.mark.real
def test_real_rasters_start_at_the_corner_of_the_tile_in_their_name(real_data: Path) -> None:
    for folder in sorted((real_data / "train").iterdir()):
        found = read_grid(next(folder.glob("images*/*.tif")))
        assert found.transform.almost_equals(grid_of(folder.name, found.shape).transform, precision=0.01)


def test_a_pixel_corner_goes_to_its_place_and_back() -> None:
    grid = Grid(3857, NORTH_UP, (10, 20))
    assert grid.to_crs(Point(3, 5)) == Point(1000 + 3 * 4, 2000 - 5 * 4)
    assert grid.to_pixels(Point(1012, 1980)) == Point(3, 5)


@given(x=st.floats(-5, 30), y=st.floats(-5, 30), size=st.floats(0.1, 9))
def test_polygons_survive_the_way_there_and_back(x: float, y: float, size: float) -> None:
    grid = grid_of("L15-0357E-1223N_1429_3296_13")
    house = box(x, y, x + size, y + size)
    assert shapely.equals_exact(grid.to_pixels(grid.to_crs(house)), house, tolerance=1e-6)


def test_holes_and_emptiness_survive() -> None:
    grid = Grid(3857, NORTH_UP, (10, 20))
    yard = Polygon(box(0, 0, 9, 9).exterior.coords, [box(3, 3, 6, 6).exterior.coords])
    assert grid.to_pixels(grid.to_crs(yard)).area == 81 - 9
    assert grid.to_crs(Polygon()).is_empty


def test_many_are_moved_at_once_and_what_is_missing_stays_so() -> None:
    grid = Grid(3857, NORTH_UP, (10, 20))
    here = np.array([Point(3, 5), None, box(0, 0, 2, 1)], dtype=object)
    there = grid.to_crs(here)
    assert there.tolist() == [Point(1012, 1980), None, there[2]]
    assert there[2].bounds == (1000, 1996, 1008, 2000)
    assert shapely.equals(grid.to_pixels(there)[[0, 2]], here[[0, 2]]).all()
    assert grid.to_crs(here[:0]).tolist() == []


def test_an_upsampled_grid_covers_the_same_ground_with_smaller_pixels() -> None:
    fine = Grid(3857, NORTH_UP, (10, 20)).upsampled(4)
    assert fine == Grid(3857, Affine(1.0, 0, 1000.0, 0, -1.0, 2000.0), (40, 80))


@pytest.mark.parametrize(
    "transform",
    [
        Affine(4.0, 0, 0, 0, 4.0, 0),  # south up
        Affine(4.0, 0, 0, 0, -5.0, 0),  # not square
        Affine(4.0, 0.1, 0, 0, -4.0, 0),  # turned
        Affine(-4.0, 0, 0, 0, 4.0, 0),  # east to the left
    ],
)
def test_only_north_up_grids_of_square_pixels_exist(transform: Affine) -> None:
    with raises(GridError, "grid.not-north-up", tuple(transform)[:6]):
        Grid(3857, transform, (2, 2))


def test_a_grid_without_pixels_is_refused() -> None:
    with raises(GridError, "grid.empty", "(0, 5)"):
        Grid(3857, NORTH_UP, (0, 5))
