"""Objects of OpenStreetMap drawn on map tiles: where pixels lie is worked out from the slippy map's formula."""

import json
from pathlib import Path

import geopandas
import numpy as np
import pytest
from affine import Affine
from PIL import Image
from pyproj import Transformer
from shapely.geometry import LineString, Point, Polygon, box, mapping
from shapely.geometry.base import BaseGeometry

from sn7ml.core.errors import CatalogError, LabelError
from sn7ml.core.geo.grid import TILE_PX, Grid, tile_transform
from sn7ml.core.schemas import UNDATED
from sn7ml.scenes.ingest import ingest
from sn7ml.scenes.layouts.osm import osm, scan
from sn7ml.scenes.legend import UNKNOWN
from tests.learn.toy import SPLIT
from tests.raising import items_fail, raises

SIDE = 64
TILE = (17, 70406, 42987)
GRID = Grid(3857, tile_transform(*TILE[1:], TILE[0]) @ Affine.scale(TILE_PX / SIDE), (SIDE, SIDE))
NAME = "-".join(map(str, TILE))
TO_DEGREES = Transformer.from_crs(3857, 4326, always_xy=True)
CLASSES = [
    {"name": "park", "color": "#00FF00", "filter": "[leisure] = 'park'"},
    {"name": "water", "color": "#0000FF", "filter": "[natural] = 'water'"},
    {"name": "road", "color": "#FFFF00", "filter": "[highway].match('.+')", "stroke-width": "4"},
]
LAYOUT = osm(None)


def on_earth(shape: BaseGeometry) -> BaseGeometry:
    """From pixels of the tile to degrees."""
    import shapely

    return shapely.transform(GRID.to_crs(shape), lambda xy: np.column_stack(TO_DEGREES.transform(*xy.T)))


PARK, POND = box(4, 4, 40, 40), box(20, 20, 60, 60)
ROAD = LineString([(0, 10), (64, 10)])
OBJECTS: list[tuple[BaseGeometry, dict[str, str]]] = [
    (POND, {"natural": "water"}),
    (PARK, {"leisure": "park", "name": "Creek"}),
    (ROAD, {"highway": "residential"}),
    (Point(50, 50), {"leisure": "park"}),
    (box(0, 50, 10, 60), {"building": "yes"}),
]


def write_world(root: Path, objects: list[tuple[BaseGeometry, dict[str, str]]] = OBJECTS) -> Path:
    (root / "images").mkdir(parents=True)
    Image.new("RGB", (SIDE, SIDE), (90, 80, 70)).save(root / "images" / f"{NAME}.png")
    (root / "classes.json").write_text(json.dumps(CLASSES))
    features = [
        {"type": "Feature", "properties": tags, "geometry": mapping(on_earth(shape))} for shape, tags in objects
    ]
    (root / "objects.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return root


def class_map(root: Path, out: Path) -> np.ndarray:
    scenes = ingest(root, LAYOUT.sources(root), LAYOUT, SPLIT, out)
    found = scenes.class_map_of(f"images-{NAME}", UNDATED)
    assert found is not None
    return found


def expected() -> np.ndarray:
    """Later classes of the file lie over earlier ones, whatever the order of the objects."""
    drawn = np.full((SIDE, SIDE), UNKNOWN, np.uint8)
    drawn[4:40, 4:40] = 0
    drawn[20:60, 20:60] = 1
    drawn[8:12] = 2
    return drawn


def test_classes_are_drawn_in_the_order_of_the_file_and_nothing_else_is(tmp_path: Path) -> None:
    found = class_map(write_world(tmp_path / "data"), tmp_path / "scenes")
    np.testing.assert_array_equal(found, expected())


def test_a_geopackage_in_another_crs_with_tags_as_ogr2ogr_writes_them_gives_the_same(tmp_path: Path) -> None:
    root = write_world(tmp_path / "data")
    (root / "objects.geojson").unlink()
    rows = [{"other_tags": ",".join(f'"{key}"=>"{value}"' for key, value in tags.items())} for _, tags in OBJECTS]
    shapes = [on_earth(shape) for shape, _ in OBJECTS]
    geopandas.GeoDataFrame(rows, geometry=shapes, crs="EPSG:4326").to_crs("EPSG:32640").to_file(root / "objects.gpkg")
    found = class_map(root, tmp_path / "scenes")
    assert (found != expected()).mean() < 0.005  # rounding at edges


def test_a_filter_that_cannot_be_read_is_named_with_its_class(tmp_path: Path) -> None:
    root = write_world(tmp_path / "data")
    (root / "classes.json").write_text(json.dumps([*CLASSES, {"name": "rail", "color": "#111111", "filter": "[rail"}]))
    with items_fail({f"images-{NAME} {UNDATED}": (CatalogError, "legend.filter", "rail", "[rail")}):
        class_map(root, tmp_path / "scenes")


def test_objects_that_lie_elsewhere_are_refused(tmp_path: Path) -> None:
    far = [(Polygon(np.array(shape.exterior.coords) + 10_000), tags) for shape, tags in OBJECTS[:2]]
    with raises(CatalogError, "legend.misfit", "classes.json"):
        class_map(write_world(tmp_path / "data", far), tmp_path / "scenes")


def test_an_image_that_lies_nowhere_cannot_be_labelled(tmp_path: Path) -> None:
    root = write_world(tmp_path / "data")
    (root / "images" / f"{NAME}.png").rename(root / "images" / "photo.png")
    with items_fail({f"images-photo {UNDATED}": (LabelError, "labels.nowhere", "images/photo.png")}):
        ingest(root, LAYOUT.sources(root), LAYOUT, SPLIT, tmp_path / "scenes")


def test_there_must_be_one_file_of_objects(tmp_path: Path) -> None:
    root = write_world(tmp_path)
    (root / "more.geojson").write_text("{}")
    with raises(CatalogError, "data.objects", "more.geojson", "objects.geojson"):
        scan(root)


@pytest.mark.parametrize("content", ["{", '{"type": "FeatureCollection"}'])
def test_a_damaged_file_of_objects_is_named(tmp_path: Path, content: str) -> None:
    root = write_world(tmp_path / "data")
    (root / "objects.geojson").write_text(content)
    with items_fail({f"images-{NAME} {UNDATED}": (LabelError, "labels.objects", "objects.geojson")}):
        class_map(root, tmp_path / "scenes")
