"""Tiles over a boundary, against morecantile's own tiles of the bounding box, each tried by itself."""

import math
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from morecantile import Tile
from numpy.typing import NDArray
from shapely.geometry import LineString, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from sn7ml.areas.cover import TILES, on_the_map, read_boundary, squares, tiles_over
from sn7ml.core.errors import AreasError
from tests.raising import raises


def tiles_tried(area: BaseGeometry, zoom: int) -> list[Tile]:
    """Every tile of the bounding box that shares ground with an area, which may go on beyond ±180°: the slow way."""
    (west, south, east, north), world = area.bounds, 2**zoom
    xs = range(math.floor((west / 360 + 0.5) * world), math.floor((east / 360 + 0.5) * world) + 1)
    ys = range(TILES.tile(0, north, zoom).y, TILES.tile(0, south, zoom).y + 1)
    lefts = [TILES.bounds(Tile(x % world, 0, zoom)).left + 360 * (x // world) for x in xs]
    rows = [TILES.bounds(Tile(0, y, zoom)) for y in ys]
    left, bottom = np.meshgrid(lefts, [row.bottom for row in rows])
    _, top = np.meshgrid(lefts, [row.top for row in rows])
    shared = shapely.area(shapely.intersection(area, shapely.box(left, bottom, left + 360 / world, top)))
    places = {(xs[col] % world, ys[row]) for row, col in np.argwhere(shared)}
    return sorted((Tile(x, y, zoom) for x, y in places), key=lambda tile: (tile.y, tile.x))


def star(rng: np.random.Generator, centre: tuple[float, float], reach: float) -> Polygon:
    angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
    radii = rng.uniform(0.3, 1.0, (9, 1)) * reach
    return Polygon(centre + radii * np.column_stack([np.cos(angles), np.sin(angles)])).buffer(0)


def drawn(seed: int) -> tuple[BaseGeometry, int, Tile]:
    """Return two parts, of which one has a hole, a zoom, and a tile within the hole; one in three is at ±180°."""
    rng = np.random.default_rng(seed)
    zoom = int(rng.integers(14, 21))
    degrees = 360 / 2**zoom
    x, y = rng.uniform(-170, 170), rng.uniform(-70, 70)
    if seed % 3 == 0:
        x = rng.choice([-180, 180]) + rng.uniform(-9, 9) * degrees
    around = Point(x, y).buffer(5 * degrees) - Point(x, y).buffer(2.5 * degrees)
    whole = (star(rng, (x, y), 9 * degrees) - Point(x, y).buffer(2.5 * degrees)) | around
    hole = Tile(math.floor((x / 360 + 0.5) * 2**zoom) % 2**zoom, TILES.tile(0, y, zoom).y, zoom)
    return whole | star(rng, (x + 15 * degrees, y), 9 * degrees), zoom, hole


@pytest.mark.parametrize("seed", range(100))
def test_cover_is_that_of_morecantile(seed: int) -> None:
    area, zoom, hole = drawn(seed)

    found = tiles_over(on_the_map([area]), zoom)

    assert found == tiles_tried(area, zoom)
    assert hole not in found
    assert len(set(found)) == len(found) > 10


@pytest.mark.parametrize("seed", [0, 1])
def test_a_boundary_in_a_file_has_the_same_cover(tmp_path: Path, seed: int) -> None:
    area, zoom, _ = drawn(seed)
    geopandas.GeoDataFrame(geometry=[area], crs=4326).to_file(tmp_path / "area.gpkg")
    assert tiles_over(read_boundary(tmp_path / "area.gpkg"), zoom) == tiles_tried(area, zoom)


@pytest.mark.parametrize("shift", [0, -360])
def test_a_boundary_over_the_antimeridian_is_covered_on_both_sides(shift: float) -> None:
    area = on_the_map([box(179.99 + shift, 10, 180.01 + shift, 10.01)])
    found = tiles_over(area, 14)
    assert found == tiles_tried(box(179.99, 10, 180.01, 10.01), 14)
    assert {tile.x for tile in found} == {0, 2**14 - 1}


def test_the_bounds_of_a_tile_are_covered_by_that_tile_alone() -> None:
    tile = Tile(308, 396, 10)
    assert tiles_over(on_the_map([box(*TILES.bounds(tile))]), 10) == [tile]
    assert len(tiles_over(on_the_map([box(*TILES.bounds(tile))]), 13)) == 64


def test_a_boundary_is_read_in_its_own_crs(tmp_path: Path) -> None:
    square = box(32.60, 0.34, 32.61, 0.35)
    table = geopandas.GeoDataFrame(geometry=[square], crs=4326)
    table.to_crs(32636).to_file(tmp_path / "area.gpkg")
    table.to_file(tmp_path / "area.geojson")
    degrees, metres = (read_boundary(tmp_path / f"area.{ending}") for ending in ("geojson", "gpkg"))
    assert shapely.symmetric_difference(degrees, metres).area < 1e-6 * square.area
    assert shapely.symmetric_difference(degrees, square).area < 1e-9 * square.area


@pytest.mark.parametrize(
    ("shapes", "code"),
    [
        ([], "boundary.empty"),
        ([box(500_000, 4_000_000, 500_100, 4_000_100)], "boundary.not-degrees"),
        ([box(-179, 10, 179, 11)], "boundary.too-wide"),
        ([box(10, 86, 11, 87)], "boundary.no-tiles"),
    ],
)
def test_a_boundary_that_cannot_be_meant_is_refused(shapes: list[Polygon], code: str) -> None:
    with pytest.raises(AreasError) as caught:
        on_the_map(shapes)
    assert caught.value.code == code


@pytest.mark.parametrize(("zoom", "code"), [(25, "areas.zoom"), (-1, "areas.zoom"), (22, "areas.too-many-tiles")])
def test_ten_million_tiles_are_refused_at_once(zoom: int, code: str) -> None:
    with pytest.raises(AreasError) as caught:
        tiles_over(on_the_map([box(0, 0, 0.5, 0.5)]), zoom)
    assert caught.value.code == code


def test_hairlines_over_many_tiles_are_refused_before_they_are_counted_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have hardly any area: what tells is how many tiles of the zooms above they meet."""
    looked_at: list[int] = []

    def counted(tiles: NDArray[np.int64], zoom: int) -> NDArray[np.object_]:
        looked_at.append(len(tiles))
        return squares(tiles, zoom)

    monkeypatch.setattr("sn7ml.areas.cover.squares", counted)
    lines = [LineString([(10, lat), (50, lat + 30)]).buffer(1e-9) for lat in (0, 10, 20)]
    with pytest.raises(AreasError) as caught:
        tiles_over(on_the_map(lines), 20, most=1_000)
    assert caught.value.code == "areas.too-many-tiles"
    assert sum(looked_at) < 20_000


@pytest.mark.parametrize("zoom", [0, 5, 14, 20, 24])
def test_the_ground_of_many_tiles_is_that_of_each(zoom: int) -> None:
    numbers = np.random.default_rng(zoom).integers(0, 2**zoom, (50, 2))
    each = [box(*TILES.bounds(Tile(x, y, zoom))) for x, y in numbers.tolist()]
    assert all(one.equals_exact(other, 0) for one, other in zip(squares(numbers, zoom), each, strict=True))


@pytest.mark.parametrize(("content", "code"), [("not a map", "boundary.cannot-read"), (None, "boundary.cannot-read")])
def test_what_is_no_boundary_is_refused_by_name(tmp_path: Path, content: str | None, code: str) -> None:
    path = tmp_path / "area.geojson"
    if content is not None:
        path.write_text(content)
    with pytest.raises(AreasError, match=r"area\.geojson") as caught:
        read_boundary(path)
    assert caught.value.code == code


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
@pytest.mark.parametrize("name", ["area.gpkg", "area.shp"])
def test_a_boundary_without_a_crs_is_refused(tmp_path: Path, name: str) -> None:
    geopandas.GeoDataFrame(geometry=[box(32.60, 0.34, 32.61, 0.35)]).to_file(tmp_path / name)
    with raises(AreasError, "boundary.no-crs", tmp_path / name):
        read_boundary(tmp_path / name)


@pytest.mark.parametrize("shape", [LineString([(32.60, 0.34), (32.61, 0.35)]), Point(32.60, 0.34)])
def test_a_boundary_of_something_else_than_polygons_is_refused(tmp_path: Path, shape: BaseGeometry) -> None:
    table = geopandas.GeoDataFrame(geometry=[box(32.60, 0.34, 32.61, 0.35), shape], crs=4326)
    table.to_file(tmp_path / "area.geojson")
    with raises(AreasError, "boundary.not-polygons", tmp_path / "area.geojson", shape.geom_type):
        read_boundary(tmp_path / "area.geojson")
