"""The layout of images beside objects of OpenStreetMap: a file of classes says which tags are which class.

::

    classes.json                  as skynet-data's: name, color, filter, stroke-width; see ``tag_filter``
    objects.geojson               the only GeoJSON or GeoPackage there: polygons and lines with tags, in any CRS
    images/<z>-<x>-<y>.jpg        map tiles by their names, or GeoTIFFs; in any folders below

Tags are properties of the objects, or lie in ``other_tags`` as ogr2ogr writes them. Classes are drawn in the order of
the file, each over those before it, as Mapnik does: where a park and a pond overlap, the later of the two is true.
Nothing is drawn anti-aliased. Lines are as wide as ``stroke-width`` says, in pixels. Points are left out, and ground
without an object is unknown.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyogrio
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from rasterio.features import rasterize
from shapely.geometry.base import BaseGeometry

from sn7ml.core.errors import CatalogError, LabelError, RasterError
from sn7ml.core.geo.grid import Grid
from sn7ml.core.safe_files import MOST_JSON_BYTES, require_regular
from sn7ml.core.schemas import SOURCES
from sn7ml.params import SplitParams
from sn7ml.scenes.layouts.colour import (
    legend_file,
    legend_of,
    no_outlines,
    open_image,
    picture_table,
    pictures_below,
)
from sn7ml.scenes.layouts.ground_groups import group_by_ground
from sn7ml.scenes.layouts.layout import ClassMaps, Layout, Source
from sn7ml.scenes.legend import UNKNOWN, ClassMap, Rgb
from sn7ml.scenes.tag_filter import Test, parse_filter

VECTORS = (".geojson", ".gpkg")
OTHER_TAGS = "other_tags"
HSTORE = re.compile(r'"((?:[^"\\]|\\.)*)"=>"((?:[^"\\]|\\.)*)"')
AREAS, LINES = ("Polygon", "MultiPolygon"), ("LineString", "MultiLineString", "LinearRing")
DEGREES = "EPSG:4326"


def scan(root: Path) -> pd.DataFrame:
    """Find the images below ``root``: ``SOURCES``, all labelled by the one file of objects.

    Raises CatalogError if there is no image, or not exactly one file of objects.
    """
    objects = [path for path in sorted(root.rglob("*")) if path.suffix.lower() in VECTORS and path.is_file()]
    if len(objects) != 1:
        named = [path.relative_to(root).as_posix() for path in objects[:5]]
        raise CatalogError(
            "data.objects",
            f"{root}: {named or 'no file'}; expected one file of objects with tags ({' or '.join(VECTORS)})",
        )
    labels = objects[0].relative_to(root).as_posix()
    return SOURCES.check(picture_table(root, pictures_below(root)).assign(labels=labels, labels_kind="osm"))


@dataclass(frozen=True)
class Objects:
    """Everything in a file of objects, in its CRS."""

    crs: CRS
    shapes: NDArray[np.object_]
    tags: Sequence[Mapping[str, str]]
    tree: shapely.STRtree


@lru_cache(maxsize=2)
def read_objects(path: Path) -> Objects:
    """Read all polygons and lines of a file. Raises LabelError."""
    try:
        require_regular(path, MOST_JSON_BYTES)
        table = pyogrio.read_dataframe(path, use_arrow=False)
        crs = CRS.from_user_input(table.crs) if table.crs is not None else CRS.from_user_input(DEGREES)
    except (OSError, ValueError, CRSError, pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise LabelError("labels.objects", f"{path}: cannot be read as objects with tags ({error!s:.160})") from None
    shapes = shapely.force_2d(table.geometry.to_numpy(dtype=object))
    kept = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    rows = table.drop(columns=table.geometry.name).to_dict("records")
    tags = [tags_of(row) for row, keep in zip(rows, kept, strict=True) if keep]
    return Objects(crs, shapes[kept], tags, shapely.STRtree(shapes[kept]))


def tags_of(row: Mapping[object, object]) -> dict[str, str]:
    """Return the tags of an object: its properties as texts, without those that are empty.

    >>> tags_of({"landuse": "forest", "name": None, "other_tags": '"leaf_type"=>"mixed"'})
    {'landuse': 'forest', 'leaf_type': 'mixed'}
    """
    found = {str(key): str(value) for key, value in row.items() if isinstance(value, str | int | float | bool)}
    found = {key: value for key, value in found.items() if value not in ("", "nan")}
    hstore = found.pop(OTHER_TAGS, "")
    return found | dict(HSTORE.findall(hstore))


@lru_cache(maxsize=8)
def _tests(path: Path) -> list[Test]:
    """Return the filter of each class. Raises CatalogError that names every class at fault."""
    tests, faults = [], []
    for one in legend_of(path).classes:
        try:
            tests.append(parse_filter(one.tag_filter))
        except ValueError as error:
            faults.append(f"class {one.name}: filter {one.tag_filter!r:.80} {error}")
    if faults:
        raise CatalogError("legend.filter", "\n  ".join([f"{path}: {len(faults)} fault(s)", *faults]))
    return tests


def read_class_map(name: str | None, root: Path, source: Source) -> ClassMap:
    """Draw the objects on an image. Raises LabelError, or CatalogError for the file of classes."""
    path = legend_file(root, name)
    legend, tests = legend_of(path), _tests(path)
    try:
        grid = open_image(root, source).grid
    except RasterError as error:
        raise LabelError(error.code, str(error)) from None
    if not grid.placed:
        raise LabelError(
            "labels.nowhere",
            f"{root / source['image']}: does not say where it lies; expected a GeoTIFF with a CRS, or a name such as "
            "17-70406-42987.jpg",
        )
    shapes, tags = near(read_objects(root / source["labels"]), grid)
    drawn: list[tuple[BaseGeometry, int]] = []
    for number, (one, test) in enumerate(zip(legend.classes, tests, strict=True)):
        for shape, its_tags in zip(shapes, tags, strict=True):
            if test(its_tags) and (area := area_of(shape, one.stroke_px)) is not None:
                drawn.append((area, number))
    classes = np.full(grid.shape, UNKNOWN, np.uint8)
    if drawn:
        classes = np.asarray(rasterize(drawn, out=classes))
    counts = np.bincount(classes.ravel(), minlength=256)
    colours = {one.colours[0]: int(counts[number]) for number, one in enumerate(legend.classes) if counts[number]}
    return ClassMap(classes, colours, {})


def near(objects: Objects, grid: Grid) -> tuple[NDArray[np.object_], list[Mapping[str, str]]]:
    """Return the objects that meet an image, in its pixels, and their tags; in the order of the file."""
    rows, cols = grid.shape
    frame = grid.to_crs(shapely.segmentize(shapely.box(0, 0, cols, rows), max(rows, cols) / 8))
    there = Transformer.from_crs(CRS.from_epsg(grid.epsg), objects.crs, always_xy=True)
    seen = shapely.transform(frame, lambda xy: np.column_stack(there.transform(*xy.T)))
    places = np.sort(objects.tree.query(shapely.box(*seen.bounds)))
    back = Transformer.from_crs(objects.crs, CRS.from_epsg(grid.epsg), always_xy=True)
    moved = shapely.transform(objects.shapes[places], lambda xy: np.column_stack(back.transform(*xy.T)))
    return grid.to_pixels(moved), [objects.tags[place] for place in places]


def area_of(shape: BaseGeometry, stroke_px: float) -> BaseGeometry | None:
    """Return what is drawn of an object in pixels: a polygon as it is, a line with its width; None of a point."""
    if shape.geom_type in AREAS:
        return shape
    return shape.buffer(stroke_px / 2, cap_style="flat") if shape.geom_type in LINES else None


def refuse_nothing(name: str | None, root: Path, colours: Mapping[Rgb, int]) -> None:
    """Raise CatalogError if no pixel of any image has a class."""
    if not colours:
        raise CatalogError(
            "legend.misfit",
            f"{legend_file(root, name)}: no object that passes a filter lies on any image; check that images and "
            "objects show the same ground, and the filters",
        )


def class_names(name: str | None, root: Path) -> list[str]:
    """Return the names of all classes, in the order of class maps."""
    return legend_of(legend_file(root, name)).names


def groups(frames: pd.DataFrame, split: SplitParams) -> Mapping[str, str]:
    """Group images by the ground that they show."""
    return group_by_ground(frames, split)


def osm(classes: str | None, least: float = 0.0) -> Layout:
    """Return the layout.

    ``classes`` is the file of classes below the data folder, None for the usual ones; an image with a smaller share of
    labelled pixels than ``least`` counts as one without labels.
    """
    names, read = partial(class_names, classes), partial(read_class_map, classes)
    maps = ClassMaps(names, read, least, partial(refuse_nothing, classes))
    return Layout("osm", scan, no_outlines, groups, open_image, class_maps=maps)
