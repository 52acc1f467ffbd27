"""Facts about the buildings of an AOI through time: which ones die, return, move or change their outline."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from sn7ml.core.schemas import Table
from sn7ml.validation.facts.outlines import Buildings, Ids, covered_share, lowest

SAME_IOU = 0.9
"""A building with a smaller IoU with its own first outline has changed. Labels of SpaceNet 7 do not change."""

SAME_PX = 1e-3
"""Corners this close are the same: last digits change with the CRS."""

IDENTITY_FACTS = Table(
    "identity facts",
    {
        "aoi": "text", "time": "text", "file": "text", "before": "text", "n_ids": "int", "n_covered": "int",
        "count_change": "float",
        "births": "int", "birth_fraction": "float", "deaths": "int", "death_fraction": "float", "dead_id": "text",
        "returns": "int", "return_fraction": "float", "return_id": "text", "n_followed": "int", "n_changed": "int",
        "changed_fraction": "float", "changed_id": "text", "mean_iou": "float", "label_shift_px": "float",
    },
    key=("aoi", "time"),
)  # fmt: skip
"""One row per frame whose label file can be read. Facts that need a month before are missing in the first of an AOI.

before: The readable month before, "" in the first.
n_ids: Different ids of buildings.
n_covered: Ids known from before that are missing while their ground is unusable: neither gone nor, later, back.
count_change: Change in the number of ids, covered ones included, as a share of the month before's.
births, birth_fraction: Ids seen in no earlier month, and their share of the ids; 0 in the first month.
deaths, death_fraction, dead_id: Ids of the month before (covered ones included) that are gone, their share, the lowest.
returns, return_fraction, return_id: Ids missing in the month before but seen earlier, their share of all, the lowest.
n_followed: Buildings that were seen in an earlier month. The facts that follow are of these.
n_changed, changed_fraction, changed_id, mean_iou: Outlines whose IoU with their own first one is under ``SAME_IOU``,
    their share, the lowest id, and the mean IoU of all.
label_shift_px: Length of the median shift from the first place: of all labels together, not of single houses.
"""


@dataclass(frozen=True)
class LabelledMonth:
    """The labels of one month."""

    aoi: str
    month: str
    file: str
    buildings: Buildings
    placed: bool
    """Whether the polygons are known in pixels; if not, outlines are not compared."""

    unusable: NDArray[np.bool_] | None
    """(rows, cols); None if it is not known."""


def follow(months: Sequence[LabelledMonth]) -> list[dict[str, Any]]:
    """Return one row of ``IDENTITY_FACTS`` per month of one AOI, which must be in order."""
    rows: list[dict[str, Any]] = []
    earlier: Ids = np.empty(0, np.int64)
    last: Ids = earlier
    firsts: dict[int, shapely.Geometry] = {}
    for number, seen in enumerate(months):
        present = np.unique(seen.buildings.ids)
        # Missing ids are covered, not gone, if their first outline touches unusable ground.
        covered = np.array([id_ for id_ in np.setdiff1d(earlier, present).tolist() if id_ in firsts], dtype=np.int64)
        shapes = np.array([firsts[id_] for id_ in covered.tolist()], dtype=object)
        covered = covered[covered_share(shapes, seen.unusable) > 0] if seen.unusable is not None else covered[:0]
        alive = np.union1d(present, covered)
        row: dict[str, Any] = {"aoi": seen.aoi, "time": seen.month, "file": seen.file, "before": ""}
        row |= {"n_ids": len(present), "n_covered": len(covered), "births": 0, "birth_fraction": 0.0}
        if number:
            born, dead = np.setdiff1d(present, earlier), np.setdiff1d(last, alive)
            back = np.setdiff1d(np.intersect1d(present, earlier), last)
            row |= {
                "before": months[number - 1].month,
                "count_change": round(len(alive) / len(last) - 1, 6) if len(last) else None,
                "births": len(born),
                "birth_fraction": _share(len(born), len(present)),
                "deaths": len(dead),
                "death_fraction": _share(len(dead), len(last)),
                "dead_id": lowest(dead),
                "returns": len(back),
                "return_fraction": _share(len(back), len(present)),
                "return_id": lowest(back),
            }
        if seen.placed:
            row |= _outlines(seen.buildings, firsts) if number else {}
            for building, polygon in zip(seen.buildings.ids.tolist(), seen.buildings.polygons, strict=True):
                firsts.setdefault(building, polygon)
        rows.append(row)
        last, earlier = alive, np.union1d(earlier, present)
    return rows


def _outlines(found: Buildings, firsts: dict[int, shapely.Geometry]) -> dict[str, Any]:
    """Compare every building with its own first outline."""
    known = np.array([building in firsts for building in found.ids.tolist()], dtype=bool)
    facts: dict[str, Any] = {"n_followed": int(known.sum())}
    if not known.any():
        return facts
    ids, now = found.ids[known], found.polygons[known]
    first = np.array([firsts[building] for building in ids.tolist()], dtype=object)
    # Most outlines are the same, and are not intersected.
    overlap = np.ones(len(now))
    other = ~shapely.equals_exact(now, first, tolerance=SAME_PX)
    shared = shapely.area(shapely.intersection(now[other], first[other]))
    union = shapely.area(now[other]) + shapely.area(first[other]) - shared
    overlap[other] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    moved = shapely.get_coordinates(shapely.centroid(now)) - shapely.get_coordinates(shapely.centroid(first))
    changed = overlap < SAME_IOU
    return facts | {
        "n_changed": int(changed.sum()),
        "changed_fraction": float(changed.mean()),
        "changed_id": lowest(ids[changed]),
        "mean_iou": round(float(overlap.mean()), 6),
        "label_shift_px": round(float(np.hypot(*np.median(moved, axis=0))), 3),
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
