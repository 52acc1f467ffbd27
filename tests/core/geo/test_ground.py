"""Ground areas and lengths against pyproj's geodesics on the ellipsoid."""

import numpy as np
import pytest
import shapely
from affine import Affine
from pyproj import CRS, Geod, Transformer
from shapely.geometry import MultiPolygon, Polygon, box

from sn7ml.core.errors import GridError
from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.ground import outline_areas_m2, pixel_size_m, row_pixel_areas_m2

YARD = Polygon(box(30, 40, 300, 350).exterior.coords, [box(50, 60, 250, 300).exterior.coords])
LATITUDES = (0.35, 27.6, 36.0, 49.0, 60.0)
LONGITUDES = {3857: 10, 3395: 10, 4326: 10, 4258: 10, 32611: -117, 3035: 10, 27700: -2, 5070: -96, 2154: 3}
"""CRS of every kind, each at a longitude where it is used: Mercators, degrees, UTM, equal-area, national grids."""


def grid_at(epsg: int, latitude: float) -> Grid:
    to_crs = Transformer.from_crs(CRS(epsg).geodetic_crs, epsg, always_xy=True)
    x, y = to_crs.transform(LONGITUDES[epsg], latitude)
    side = 2.7e-6 if CRS(epsg).is_geographic else 0.5
    return Grid(epsg, Affine(side, 0, x, 0, -side, y), (400, 400))


def geodesic_area(outline: Polygon, grid: Grid) -> float:
    crs = CRS(grid.epsg)
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    outer_turns_left = shapely.orient_polygons(grid.to_crs(outline))
    dense = shapely.segmentize(
        outer_turns_left, 5 * grid.transform.a
    )  # edges are straight in the CRS, not on the ground
    on_ground = shapely.transform(dense, lambda xy: np.column_stack(to_degrees.transform(*xy.T)))
    ellipsoid = crs.ellipsoid
    assert ellipsoid is not None
    return abs(
        Geod(a=ellipsoid.semi_major_metre, rf=ellipsoid.inverse_flattening).geometry_area_perimeter(on_ground)[0]
    )


@pytest.mark.parametrize("latitude", LATITUDES)
@pytest.mark.parametrize("epsg", LONGITUDES)
def test_areas_are_geodesic_in_every_crs(epsg: int, latitude: float) -> None:
    grid = grid_at(epsg, latitude)
    truth = geodesic_area(YARD, grid)
    assert outline_areas_m2(np.array([YARD], object), grid)[0] == pytest.approx(truth, rel=1e-7)
    by_row = row_pixel_areas_m2(grid)
    by_pixel = by_row[40:350].sum() * 270 - by_row[60:300].sum() * 200
    assert by_pixel == pytest.approx(truth, rel=1e-6)


@pytest.mark.parametrize("latitude", LATITUDES)
def test_a_fully_built_web_mercator_tile_has_the_area_of_its_ground(latitude: float) -> None:
    grid = grid_at(3857, latitude)
    whole = box(0, 0, 400, 400)
    assert row_pixel_areas_m2(grid).sum() * 400 == pytest.approx(geodesic_area(whole, grid), rel=1e-6)


def test_parts_count_and_what_is_missing_has_no_area() -> None:
    grid = grid_at(32611, 36.0)
    parts = MultiPolygon([box(0, 0, 2, 2), box(10, 10, 13, 12)])
    areas = outline_areas_m2(np.array([None, Polygon(), parts, box(0, 0, 1, 1)], object), grid)
    assert areas.tolist() == pytest.approx([0.0, 0.0, 10 * areas[3], areas[3]])
    assert outline_areas_m2(np.array([], object), grid).shape == (0,)


@pytest.mark.parametrize(
    ("latitude", "width_m"), [(36.14, 0.243), (48.85, 0.198)], ids=["Las Vegas", "Paris"]
)  # of SpaceNet 2, square in degrees
def test_pixels_of_degrees_are_narrow_on_the_ground(latitude: float, width_m: float) -> None:
    height, width = pixel_size_m(grid_at(4326, latitude))
    assert (height, width) == pytest.approx((0.300, width_m), abs=0.001)


@pytest.mark.parametrize("latitude", [0.0, 36.0, 49.0, 60.0])
def test_pixels_of_web_mercator_are_as_high_and_wide_as_the_ellipsoid_says(latitude: float) -> None:
    grid = grid_at(3857, latitude)
    x, y = grid.transform @ (200 + np.array([-0.5, 0.5, 0, 0]), 200 + np.array([0, 0, -0.5, 0.5]))
    east, north = np.degrees(x / 6_378_137), np.degrees(np.arctan(np.sinh(y / 6_378_137)))
    _, _, (width, height) = Geod(ellps="WGS84").inv(east[::2], north[::2], east[1::2], north[1::2])
    assert pixel_size_m(grid) == pytest.approx((height, width), rel=1e-6)


@pytest.mark.parametrize(
    ("epsg", "corner", "code"),
    [
        (999_999, (0.0, 0.0), "grid.crs-unknown"),
        (5714, (0.0, 0.0), "grid.crs-not-on-earth"),
        (27700, (8e8, 8e8), "grid.off-earth"),
    ],
    ids=["no CRS", "heights", "far off"],
)
def test_a_grid_without_ground_is_refused(epsg: int, corner: tuple[float, float], code: str) -> None:
    grid = Grid(epsg, Affine(1, 0, corner[0], 0, -1, corner[1]), (2, 2))
    with pytest.raises(GridError) as caught:
        row_pixel_areas_m2(grid)
    assert caught.value.code == code
