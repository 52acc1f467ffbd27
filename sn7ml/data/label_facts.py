"""What is true of every label file of a data set: read once per file, damaged files included, judged elsewhere."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.errors import ShapelyError
from shapely.geometry import shape

from sn7ml.data.cubes import read_grid
from sn7ml.data.frame_facts import as_table, in_a_line
from sn7ml.data.labels import building_id, read_features
from sn7ml.errors import LabelError, RasterError
from sn7ml.geo.grid import Grid
from sn7ml.geo.polygons import clean_polygon
from sn7ml.runtime.parallel import map_items
from sn7ml.tables import Table

SMALL_PX2 = 4.0
"""The scorer drops true buildings with a smaller area."""

LABEL_FACTS = Table(
    "label facts",
    {
        "aoi": "text", "month": "text", "file": "text", "kind": "text", "readable": "bool", "fault": "text", "n": "int",
        "n_duplicate_ids": "int", "duplicate_id": "text", "n_invalid": "int", "invalid_id": "text", "n_not_polygon": "int",
        "n_null": "int", "n_empty": "int", "n_without_shape": "int", "n_negative_ids": "int", "n_negative_with_shape": "int",
        "n_outside": "int", "outside_px": "float", "outside_id": "text", "small_fraction": "float",
        "births": "int", "birth_fraction": "float",
    },
    key=("aoi", "month"),
)  # fmt: skip
"""One row per frame that has both an image and labels.

All facts but the first six are missing of a file that is not readable.

readable, fault
    Whether it is a GeoJSON FeatureCollection whose features all have an integer ``Id`` and a geometry (null is one);
    if not, what is wrong. A geometry with coordinates that are no numbers, or infinite, is none.
n
    Buildings: rows with an id from 0 on and a polygon. The other counts are of rows, unless said otherwise.
n_duplicate_ids, duplicate_id
    Number of ids that more than one building has, and the lowest of them.
n_invalid, invalid_id
    Outlines that cross themselves; the lowest id of one.
n_not_polygon
    Lines and points.
n_null, n_empty, n_without_shape
    Geometries that are null, or empty; rows of either kind whose id names a building.
n_negative_ids, n_negative_with_shape
    SpaceNet 7 marks a frame without buildings by a negative id without shape; rows with a negative id and a polygon.
n_outside, outside_px, outside_id
    Buildings wholly off the image; the farthest that one sticks out of it, in pixels (0: none does), and its id.
small_fraction
    Share of the buildings under 4 px²; 0 if there are none.
births, birth_fraction
    Ids seen in no earlier month of the AOI, and their share of the buildings; 0 in its first readable month.
"""

Ids = NDArray[np.int64]
Shapes = NDArray[np.object_]
_NONE: Ids = np.empty(0, np.int64)


def label_facts(root: Path, frames: pd.DataFrame) -> pd.DataFrame:
    """Read every label file of a ``FRAMES`` table once, in parallel.

    A damaged file gives a row that says so and hinders no other.

    Returns
    -------
    pd.DataFrame
        ``LABEL_FACTS``, in order of AOI and month; empty if no frame has labels.
    """
    labelled = frames[frames["labels"] != ""].sort_values(["aoi", "month"])
    jobs = {f"{row['aoi']} {row['month']}": row for row in labelled.to_dict("records")}
    found = map_items(partial(_facts_of_labels, root), jobs)
    rows = [facts for facts, _ in found.values()]
    _count_births(rows, [ids for _, ids in found.values()])
    return LABEL_FACTS.check(as_table(rows, LABEL_FACTS))


def _facts_of_labels(root: Path, row: dict[str, str]) -> tuple[dict[str, Any], Ids]:
    """Return all facts but births, and the ids of the buildings, sorted."""
    file = row["labels"]
    facts: dict[str, Any] = {"aoi": row["aoi"], "month": row["month"], "file": file, "kind": row["labels_kind"]}
    try:
        ids, geometries, polygons = _parsed(root / file)
    except LabelError as error:
        words = in_a_line(error, root, file).removeprefix(f"{file}: ")
        return facts | {"readable": False, "fault": words}, _NONE
    building = ~shapely.is_missing(polygons) & (ids >= 0)
    facts |= {"readable": True, "fault": "", "n": int(building.sum())}
    facts |= _oddities(ids, geometries) | _duplicates(ids[building])
    facts |= _sizes(ids[building], polygons[building], _grid(root, row), row["labels_kind"])
    return facts, np.unique(ids[building])


def _parsed(path: Path) -> tuple[Ids, Shapes, Shapes]:
    """Return the ids of all features, their geometries as they stand, and the polygons that the loader makes of them.

    None stands for null, and for what is no polygon. Raises LabelError.
    """
    features = read_features(path)
    ids = np.zeros(len(features), dtype=np.int64)
    geometries, polygons = np.empty((2, len(features)), dtype=object)
    for number, feature in enumerate(features):
        try:
            ids[number] = building_id(feature["properties"]["Id"])
            with np.errstate(invalid="ignore"):  # not-a-number in a coordinate raises below, or in GEOS
                geometries[number] = shape(feature["geometry"]) if feature["geometry"] else None
            polygons[number] = clean_polygon(geometries[number])
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, ShapelyError) as error:
            raise LabelError(f"{path}: feature {number} needs an integer 'Id' and a geometry ({error!r})") from None
    return ids, geometries, polygons


def _grid(root: Path, row: dict[str, str]) -> Grid | None:
    try:
        return read_grid(root / row["image"])
    except RasterError:  # the facts of the frame say so
        return None


def _oddities(ids: Ids, geometries: Shapes) -> dict[str, Any]:
    null = shapely.is_missing(geometries)
    empty = shapely.is_empty(geometries)
    polygonal = np.isin(shapely.get_type_id(geometries), (3, 6))  # Polygon, MultiPolygon
    solid = polygonal & ~empty
    invalid = solid & ~shapely.is_valid(geometries)
    return {
        "n_invalid": int(invalid.sum()),
        "invalid_id": _lowest(ids[invalid]),
        "n_not_polygon": int((~null & ~empty & ~polygonal).sum()),
        "n_null": int(null.sum()),
        "n_empty": int(empty.sum()),
        "n_without_shape": int(((null | empty) & (ids >= 0)).sum()),
        "n_negative_ids": int((ids < 0).sum()),
        "n_negative_with_shape": int((solid & (ids < 0)).sum()),
    }


def _duplicates(ids: Ids) -> dict[str, Any]:
    unique, times = np.unique(ids, return_counts=True)
    return {"n_duplicate_ids": int((times > 1).sum()), "duplicate_id": _lowest(unique[times > 1])}


def _lowest(ids: Ids) -> str:
    return str(ids.min()) if len(ids) else ""


def _sizes(ids: Ids, polygons: Shapes, grid: Grid | None, kind: str) -> dict[str, Any]:
    """Facts that need the image's grid; missing where the image cannot be read."""
    if grid is None:
        return {}
    if not len(polygons):
        return {"n_outside": 0, "outside_px": 0.0, "outside_id": "", "small_fraction": 0.0}
    in_pixels = polygons if kind == "match_pix" else np.array([grid.to_pixels(it) for it in polygons], dtype=object)
    rows, cols = grid.shape
    left, top, right, bottom = shapely.bounds(in_pixels).T
    sticks_out = np.max([-left, -top, right - cols, bottom - rows], axis=0)
    off = (right <= 0) | (bottom <= 0) | (left >= cols) | (top >= rows)
    farthest = float(sticks_out.max())
    with np.errstate(over="ignore", invalid="ignore"):  # absurd coordinates show in outside_px
        areas = shapely.area(in_pixels)
    return {
        "n_outside": int(off.sum()),
        "outside_px": round(max(farthest, 0.0), 3),
        "outside_id": str(ids[sticks_out.argmax()]) if farthest > 0 else "",
        "small_fraction": float(np.mean(areas < SMALL_PX2)),
    }


def _count_births(rows: list[dict[str, Any]], ids: list[Ids]) -> None:
    """Add births to rows that are in order of AOI and month."""
    seen: dict[str, Ids] = {}
    for facts, present in zip(rows, ids, strict=True):
        if not facts["readable"]:
            continue
        before = seen.get(facts["aoi"])
        births = 0 if before is None else len(np.setdiff1d(present, before, assume_unique=True))
        facts["births"], facts["birth_fraction"] = births, births / facts["n"] if facts["n"] else 0.0
        seen[facts["aoi"]] = present if before is None else np.union1d(before, present)
