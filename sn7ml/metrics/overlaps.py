"""Which polygons of two tables overlap, and by how much, frame by frame.

The cost is proportional to the number of overlapping pairs: an R-tree per frame proposes pairs, their bounding boxes
drop those whose IoU cannot matter, and every *different* pair of the rest is intersected once. An outline that does not
change from month to month (labels, and tracks with one footprint each) is therefore intersected once, not 24 times.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sn7ml.core.errors import LabelError
from sn7ml.core.geo.polygons import clean_polygon

Indices = NDArray[np.intp]
Geometries = NDArray[np.object_]

COLLECTION = 7
POLYGONAL = (3, 6, COLLECTION)
"""GEOS type numbers of Polygon, MultiPolygon and GeometryCollection (of which only the polygons count)."""

CHUNK = 4_096
"""Pairs intersected at a time: the intersections are geometries, and those of a whole AOI would take 100 MB."""

MOST_PAIRS = 2_000_000
"""Most pairs of polygons with boxes that meet in one frame; each takes 100 bytes. Real frames have up to 30,000."""

MARGIN = 1e-9
"""The bound from the boxes is loosened by this much, so that its rounding never decides a pair."""


@dataclass(frozen=True)
class Polygons:
    """Polygons of several frames, one a row. Missing and empty geometries, lines and points overlap nothing."""

    geometry: Geometries
    """(rows,) shapely geometries or None, pixel coordinates."""

    frame: Indices
    """(rows,) number of the frame; both tables of a comparison number their frames alike."""

    def __post_init__(self) -> None:
        if self.geometry.shape != self.frame.shape:
            raise ValueError(f"one frame per geometry, got {self.frame.shape} and {self.geometry.shape}")

    def polygonal(self) -> NDArray[np.bool_]:
        """(rows,) whether a row can overlap anything: a polygon, several of them or a collection, and not EMPTY."""
        kind = shapely.get_type_id(self.geometry)
        return np.asarray(np.isin(kind, POLYGONAL) & ~shapely.is_empty(self.geometry))


@dataclass(frozen=True)
class Overlaps:
    """Pairs of rows of the truth and of the proposals, by frame; every array is (pairs,)."""

    truth: Indices
    proposal: Indices
    iou: NDArray[np.float64]
    """Intersection over union."""


def find_overlaps(truth: Polygons, proposals: Polygons, above: float) -> Overlaps:
    """Return every pair of one frame whose IoU is greater than ``above``.

    As in the reference scorer, the areas in the IoU are those of the polygons as given and the intersection is that of
    the repaired ones. So a bow-tie, whose signed area may be 0, can reach any IoU, even above 1. Pairs whose union
    comes out as 0 that way are left out. (The reference raises, also where a bow-tie meets a missing geometry.)
    """
    parts = [(np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp))]
    theirs = _rows_by_frame(proposals)
    for frame, rows in _rows_by_frame(truth).items():
        if frame in theirs:
            near = _near_pairs(truth.geometry[rows], proposals.geometry[theirs[frame]], above)
            parts.append((rows[near[0]], theirs[frame][near[1]]))
    first, second = (np.concatenate(side) for side in zip(*parts, strict=True))
    total = shapely.area(truth.geometry[first]) + shapely.area(proposals.geometry[second])
    shared = _shared_areas(truth.geometry[first], proposals.geometry[second])
    iou = np.divide(shared, total - shared, out=np.zeros_like(shared), where=total != shared)
    keep = iou > above
    return Overlaps(first[keep], second[keep], iou[keep])


def _near_pairs(mine: Geometries, others: Geometries, above: float) -> tuple[Indices, Indices]:
    """Return positions of the geometries whose IoU may be greater than ``above``, by their boxes.

    Raises LabelError before too many pairs fill the memory.
    """
    tree = shapely.STRtree(others)
    at_once = max(1, MOST_PAIRS // len(others))
    found, total = [], 0
    for start in range(0, len(mine), at_once):
        first, second = tree.query(mine[start : start + at_once])
        found.append((first + start, second))
        total += len(first)
        if total > MOST_PAIRS:
            raise LabelError(
                "scoring.too-many-pairs",
                f"more than {MOST_PAIRS:,} pairs of a true and a found polygon meet in one month: {len(mine):,} and "
                f"{len(others):,} of them lie in heaps; expected buildings side by side",
            )
    first, second = (np.concatenate(side) for side in zip(*found, strict=True))
    # An intersection is no larger than that of the boxes, (pairs, 4): x and y from, x and y to.
    box, other = shapely.bounds(mine[first]), shapely.bounds(others[second])
    low, high = np.maximum(box[:, :2], other[:, :2]), np.minimum(box[:, 2:], other[:, 2:])
    bound = np.clip(high - low, 0, None).prod(axis=1)
    union = shapely.area(mine[first]) + shapely.area(others[second]) - bound
    near = (bound > 0) & ((union <= 0) | (bound > (above - MARGIN) * union))
    return first[near], second[near]


def _rows_by_frame(polygons: Polygons) -> dict[int, Indices]:
    rows = np.flatnonzero(polygons.polygonal())
    rows = rows[np.argsort(polygons.frame[rows], kind="stable")]
    frames, starts = np.unique(polygons.frame[rows], return_index=True)
    return dict(zip(frames.tolist(), np.split(rows, starts[1:]), strict=False))


def _shared_areas(first: Geometries, second: Geometries) -> NDArray[np.float64]:
    """(pairs,) area of each intersection; equal pairs are intersected once."""
    one, a = _distinct(first)
    two, b = _distinct(second)
    # One integer per pair of different outlines; ``where`` says which of them each pair is.
    pairs, where = np.unique(a * np.intp(len(two)) + b, return_inverse=True)
    left, right = np.divmod(pairs, np.intp(max(len(two), 1)))
    areas = np.empty(len(pairs))
    for start in range(0, len(pairs), CHUNK):
        part = slice(start, start + CHUNK)
        areas[part] = shapely.area(shapely.intersection(one[left[part]], two[right[part]]))
    return np.asarray(areas[where])


def _distinct(geometry: Geometries) -> tuple[Geometries, Indices]:
    """Return the different geometries, repaired, and (rows,) which of them each row has."""
    code, _ = pd.factorize(shapely.to_wkb(geometry))
    _, representative = np.unique(code, return_index=True)
    different = geometry[representative]
    strange = ~shapely.is_valid(different) | (shapely.get_type_id(different) == COLLECTION)
    for i in np.flatnonzero(strange):
        different[i] = clean_polygon(different[i])
    return different, code
