"""Rows of label files that are wrong in one way each, what is to be told of them, and how they are written and read."""

import json
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import LineString, Point, Polygon, box

from tests.sn7_folder import AOI, HOUSES, MONTHS, feature, stem

BOW_TIE = Polygon([(0, 0), (8, 8), (8, 0), (0, 8)])
"""Two triangles of 16 px² that meet in the middle; its own signed area is 0."""

SOUND = [feature(number, house) for number, house in HOUSES.items()]

FILE = f"train/{AOI}/labels_match_pix/{stem(AOI, MONTHS[0])}_Buildings.geojson"

MATCH = FILE.replace("labels_match_pix", "labels_match")


def named(name: str) -> dict[str, Any]:
    return {"type": "name", "properties": {"name": name}}


def write(root: Path, *features: Any, file: str = FILE, **members: Any) -> Path:
    path = root / file
    members = {"crs": named('LOCAL_CS["pixels"]')} | members
    path.write_text(json.dumps({"type": "FeatureCollection", **members, "features": list(features)}))
    return path


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def rows(root: Path, file: str = FILE) -> list[tuple[Any, Any]]:
    """Id and geometry of every row, as they stand in the file."""
    features = json.loads((root / file).read_text())["features"]
    return [
        (it["properties"]["Id"], it["geometry"] and shapely.from_geojson(json.dumps(it["geometry"]))) for it in features
    ]


# What is added to three sound houses, what is told of it, and which rows stand there then.
REPAIRS: dict[str, tuple[list[Any], list[tuple[str, str, str, str]], list[tuple[Any, Any]]]] = {
    "a crossing outline keeps its ground": (
        [feature(1, BOW_TIE)],
        [
            (
                "1",
                "crossing outline",
                "Self-intersection[4 4]; Polygon, area 0.00",
                "MultiPolygon of 2 parts, area 32.00",
            )
        ],
        [(1, shapely.union_all([Polygon([(0, 0), (4, 4), (0, 8)]), Polygon([(8, 0), (4, 4), (8, 8)])]))],
    ),
    "a row that stands there twice goes once": (
        [feature(1, box(40, 40, 44, 44)), feature(1, box(40, 40, 44, 44).reverse())],
        [("1", "duplicate row", "the same Id and outline as before", "row dropped")],
        [(1, box(40, 40, 44, 44))],
    ),
    "a null geometry goes": ([feature(1, None)], [("1", "no shape", "null", "row dropped")], []),
    "an EMPTY geometry goes": ([feature(1, Polygon())], [("1", "no shape", "EMPTY", "row dropped")], []),
    "a polygon folded to a line goes": (
        [feature(1, Polygon([(1, 1), (5, 5), (3, 3), (1, 1)]))],
        [("1", "no area", "Polygon, area 0.00", "row dropped")],
        [],
    ),
    "height is dropped": (
        [feature(1, Polygon([(40, 40, 7), (44, 40, 7), (44, 44, 7), (40, 44, 7)]))],
        [("1", "height (Z)", "Polygon, area 16.00", "Polygon, area 16.00")],
        [(1, box(40, 40, 44, 44))],
    ),
    "a collection becomes its polygon": (
        [feature(1, shapely.GeometryCollection([box(40, 40, 44, 44), LineString([(0, 0), (1, 1)])]))],
        [("1", "a collection", "GeometryCollection of 2 parts, area 16.00", "Polygon, area 16.00")],
        [(1, box(40, 40, 44, 44))],
    ),
    "a property that is no number becomes null": (
        [feature(1, box(40, 40, 44, 44)) | {"properties": {"Id": 1, "iou_score": float("nan")}}],
        [("1", "property iou_score", "nan", "null")],
        [(1, box(40, 40, 44, 44))],
    ),
    "a row that marks a frame without buildings stays": ([feature(-1, Polygon())], [], [(-1, Polygon())]),
    "a hole, and a building in two parts, stay": (
        [feature(1, box(40, 40, 49, 49) - box(43, 43, 45, 45)), feature(2, box(0, 50, 3, 53) | box(5, 50, 8, 53))],
        [],
        [(1, box(40, 40, 49, 49) - box(43, 43, 45, 45)), (2, box(0, 50, 3, 53) | box(5, 50, 8, 53))],
    ),
}

NO_ROW = ("row 3", "no integer Id, or a broken geometry")


def with_corner(x: float) -> dict[str, Any]:
    """A building with one coordinate of its own."""
    return feature(1, None) | {"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [x, 1], [1, 0]]]}}


# What only somebody who knows the place can decide: told, with what to do, and not touched.
LEFT: dict[str, tuple[list[Any], str, str]] = {
    "one id of two outlines": (
        [feature(1, box(40, 40, 44, 44)), feature(1, box(50, 50, 54, 54))], "1", "one Id, two outlines"
    ),
    "a point": ([feature(1, Point(3, 3))], "1", "not a polygon"),
    "a line": ([feature(1, LineString([(3, 3), (5, 5)]))], "1", "not a polygon"),
    "a building under a negative id": ([feature(-2, box(40, 40, 44, 44))], "-2", "negative Id with a shape"),
    "no id": ([{"type": "Feature", "properties": {}, "geometry": None}], *NO_ROW),
    "half an id": ([feature(1.5, box(40, 40, 44, 44))], *NO_ROW),
    "no feature": ([7], *NO_ROW),
    "a coordinate that is no number": ([with_corner(float("nan"))], *NO_ROW),
    "a coordinate without end": ([with_corner(float("inf"))], *NO_ROW),
}  # fmt: skip
