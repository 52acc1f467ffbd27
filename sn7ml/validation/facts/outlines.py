"""Facts about the outlines of one label file: pure functions of ids and shapes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from sn7ml.core.geo.burn import burn_ids
from sn7ml.core.geo.polygons import POLYGONAL

SMALL_PX2 = 4.0
"""The scorer drops true buildings with a smaller area."""

HIDDEN_SHARE = 0.5
"""A building of which at least this part is unusable ground is hidden."""

OVERLAP_SHARE = 0.5
"""Two buildings overlap if they share more than this part of the smaller one."""

PAIRS_AT_ONCE = 100_000
"""Of buildings that are compared with each other; each takes a kB."""

MILLION = 1e6

Ids = NDArray[np.int64]
Shapes = NDArray[np.object_]


@dataclass(frozen=True)
class Buildings:
    """The buildings of a frame: rows with an id from 0 on and a polygon."""

    ids: Ids
    """May hold one twice."""

    polygons: Shapes
    """Flat, valid, not empty; in pixels of the image."""


def oddities(ids: Ids, geometries: Shapes) -> dict[str, Any]:
    """Count, of all rows as they stand in the file, what no loader should meet. None stands for null."""
    null = shapely.is_missing(geometries)
    empty = shapely.is_empty(geometries)
    polygonal = np.isin(shapely.get_type_id(geometries), POLYGONAL)
    solid = polygonal & ~empty
    invalid = solid & ~shapely.is_valid(geometries)
    several = solid & (shapely.get_num_geometries(geometries) > 1)
    parts, owner = shapely.get_parts(geometries[solid], return_index=True)
    with_hole = np.unique(owner[shapely.get_num_interior_rings(parts) > 0])
    return {
        "n_features": len(ids),
        "n_invalid": int(invalid.sum()),
        "invalid_id": lowest(ids[invalid]),
        "n_multi": int(several.sum()),
        "multi_id": lowest(ids[several]),
        "n_z": int((solid & shapely.has_z(geometries)).sum()),
        "n_holes": len(with_hole),
        "n_not_polygon": int((~null & ~empty & ~polygonal).sum()),
        "n_null": int(null.sum()),
        "n_empty": int(empty.sum()),
        "n_without_shape": int(((null | empty) & (ids >= 0)).sum()),
        "n_negative_ids": int((ids < 0).sum()),
        "n_negative_with_shape": int((solid & (ids < 0)).sum()),
    }


def valid_polygons(shapes: Shapes) -> NDArray[np.bool_]:
    """Return True where a shape is one polygon or several, is not empty and does not cross itself; False for None."""
    solid = np.isin(shapely.get_type_id(shapes), POLYGONAL) & ~shapely.is_empty(shapes)
    return np.asarray(solid & shapely.is_valid(shapes))


def duplicates(ids: Ids) -> dict[str, Any]:
    """Count ids that more than one building has."""
    unique, times = np.unique(ids, return_counts=True)
    return {"n_duplicate_ids": int((times > 1).sum()), "duplicate_id": lowest(unique[times > 1])}


def lowest(ids: Ids) -> str:
    """Return the lowest id as text, "" if there is none."""
    return str(ids.min()) if len(ids) else ""


def sizes(found: Buildings, shape: tuple[int, int]) -> dict[str, Any]:
    """Measure areas, and how far buildings stick out of an image of (rows, cols)."""
    if not len(found.ids):
        nothing = {"n_outside": 0, "outside_px": 0.0, "outside_id": "", "small_fraction": 0.0, "largest_id": ""}
        return nothing | {"max_area_px2": 0.0}
    rows, cols = shape
    left, top, right, bottom = shapely.bounds(found.polygons).T
    sticks_out = np.max([-left, -top, right - cols, bottom - rows], axis=0)
    off = (right <= 0) | (bottom <= 0) | (left >= cols) | (top >= rows)
    farthest = float(sticks_out.max())
    with np.errstate(over="ignore", invalid="ignore"):  # absurd coordinates show in outside_px
        areas = shapely.area(found.polygons)
        low, middle, high = np.quantile(areas, (0.05, 0.5, 0.95)).round(3).tolist()
    return {
        "n_outside": int(off.sum()),
        "outside_px": round(max(farthest, 0.0), 3),
        "outside_id": str(found.ids[sticks_out.argmax()]) if farthest > 0 else "",
        "small_fraction": float(np.mean(areas < SMALL_PX2)),
        "area_p05_px2": low,
        "area_p50_px2": middle,
        "area_p95_px2": high,
        "max_area_px2": round(float(areas.max()), 3),
        "largest_id": str(found.ids[areas.argmax()]),
    }


def overlaps(found: Buildings) -> dict[str, Any]:
    """Count buildings that lie on another one."""
    count = len(found.ids)
    lying = np.zeros(count, dtype=bool)
    tree, areas = shapely.STRtree(found.polygons), shapely.area(found.polygons)
    at_once = max(1, PAIRS_AT_ONCE // max(count, 1))  # so that a heap of equal houses takes no more memory than a town
    for start in range(0, count, at_once):
        one, other = tree.query(found.polygons[start : start + at_once], predicate="intersects")
        one += start
        undecided = (one < other) & ~(lying[one] & lying[other])
        one, other = one[undecided], other[undecided]
        shared = shapely.area(shapely.intersection(found.polygons[one], found.polygons[other]))
        too_much = shared > OVERLAP_SHARE * np.minimum(areas[one], areas[other])
        lying[np.concatenate([one[too_much], other[too_much]])] = True
        if lying.all():
            break
    return {
        "n_overlaps": int(lying.sum()),
        "overlap_fraction": float(lying.mean()) if len(lying) else 0.0,
        "overlap_id": lowest(found.ids[lying]),
    }


def hidden(found: Buildings, unusable: NDArray[np.bool_]) -> dict[str, Any]:
    """Count buildings on unusable ground, and give the density on the rest: buildings per million usable pixels."""
    under = covered_share(found.polygons, unusable) >= HIDDEN_SHARE
    usable = int(unusable.size - np.count_nonzero(unusable))
    return {
        "n_hidden": int(under.sum()),
        "hidden_fraction": float(under.mean()) if len(under) else 0.0,
        "hidden_id": lowest(found.ids[under]),
        "density_per_mpx": round(MILLION * int((~under).sum()) / usable, 3) if usable else None,
    }


def covered_share(polygons: Shapes, unusable: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the share of each polygon's pixels that is unusable; 0 of one that holds the centre of no pixel."""
    if not unusable.any() or not len(polygons):
        return np.zeros(len(polygons))
    burnt = burn_ids(list(polygons), (unusable.shape[0], unusable.shape[1]))
    under, all_of = (np.bincount(image, minlength=len(polygons) + 1)[1:] for image in (burnt[unusable], burnt.ravel()))
    return np.asarray(under / np.maximum(all_of, 1))
