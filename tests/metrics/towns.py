"""Small worlds for the tests of the metrics: drawings, random towns, and a scorer that does it the plain way."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from shapely.geometry.base import BaseGeometry

from sn7ml.metrics.footprints import match_footprints

AOI = "L15-0331E-1257N_1327_3160_13"
SCALE_PX = 3

Row = tuple[str, str, str, BaseGeometry | None]


def table(rows: list[Row]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["aoi", "time", "id", "geometry"], dtype="object")
    return frame.astype({"aoi": "str", "time": "str", "id": "str"})


def drawn(months: Mapping[str, str], aoi: str = AOI) -> pd.DataFrame:
    """A street per month, seen from above; every letter is a building that fills 3 x 3 px per character."""
    rows: list[Row] = []
    for month, street in months.items():
        for name in sorted(set(street) - set(". ")):
            start, stop = street.index(name), street.rindex(name) + 1
            rows.append((aoi, month, name, shapely.box(start * SCALE_PX, 0, stop * SCALE_PX, SCALE_PX)))
    return table(rows)


def months(count: int) -> list[str]:
    return [f"2018-{number + 1:02d}" for number in range(count)]


def town(seed: int, aoi: str = AOI, buildings: int = 12, times: int = 4) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Truth with births; proposals with noise, misses, false ones and id switches. No ties, no sizes under 4 px²."""
    rng = np.random.default_rng(seed)
    corner = np.column_stack([np.arange(buildings) % 4, np.arange(buildings) // 4]) * 6.0 + rng.uniform(
        -1, 1, (buildings, 2)
    )
    boxes = np.hstack([corner, corner + rng.uniform(3, 6, (buildings, 2))])
    born = np.append(1, rng.integers(0, times, buildings - 1))
    truth: list[Row] = []
    proposals: list[Row] = []
    names = np.arange(buildings)
    for number, month in enumerate(months(times)):
        names = np.where(rng.random(buildings) < 0.1, names + buildings, names)
        noisy = boxes + rng.uniform(-1.2, 1.2, boxes.shape)
        seen = (born <= number) & (rng.random(buildings) > 0.2)
        truth += [(aoi, month, f"t{i}", shapely.box(*boxes[i])) for i in np.flatnonzero(born <= number)]
        proposals += [(aoi, month, f"p{names[i]}", shapely.box(*noisy[i])) for i in np.flatnonzero(seen)]
        false = rng.uniform(0, 20, 2)
        proposals.append((aoi, month, f"f{rng.integers(0, 3)}", shapely.box(*false, *(false + 3))))
    return table(truth), table(proposals)


def tied_boxes(rng: np.random.Generator, count: int) -> NDArray[np.object_]:
    """Boxes with whole corners, thrown on a small heap: equal IoUs abound."""
    x, y = rng.integers(0, 12, (2, count))
    width, height = rng.integers(2, 5, (2, count))
    return np.array(shapely.box(x, y, x + width, y + height), dtype=object).reshape(-1)


def counted(truth: pd.DataFrame, proposals: pd.DataFrame, iou_threshold: float) -> pd.DataFrame:
    return match_footprints(truth, proposals, iou_threshold).by_frame()


@dataclass
class PlainCounts:
    mm: int = 0
    tp: int = 0
    fp: int = 0
    fn: int = 0
    change_tp: int = 0
    change_fp: int = 0
    change_fn: int = 0


def plain_matches(truth: pd.DataFrame, proposals: pd.DataFrame, threshold: float = 0.25) -> list[tuple[str, str]]:
    """Match one frame on a full matrix, duplicates of an id summed into one cell."""
    rows, columns = (sorted(set(side["id"])) for side in (truth, proposals))
    iou, reward = np.zeros((2, len(truth), len(proposals)))
    for true_id, true in zip(truth["id"], truth["geometry"], strict=True):
        for found_id, found in zip(proposals["id"], proposals["geometry"], strict=True):
            shared = true.intersection(found).area
            one = shared / (true.area + found.area - shared)
            iou[rows.index(true_id), columns.index(found_id)] += one
            reward[rows.index(true_id), columns.index(found_id)] += (100 + one) * (one > threshold)
    pairs = zip(*linear_sum_assignment(reward, maximize=True), strict=True)
    return [(rows[i], columns[j]) for i, j in pairs if iou[i, j] > threshold]


def plain_counts(truth: pd.DataFrame, proposals: pd.DataFrame) -> PlainCounts:
    """Count as the rules read, month by month, with sets and dictionaries."""
    counts = PlainCounts()
    seen_truth: set[str] = set()
    seen_found: set[str] = set()
    partner_of_truth: dict[str, str] = {}
    partner_of_found: dict[str, str] = {}
    for number, month in enumerate(sorted(set(truth["time"]))):
        here, there = truth[truth["time"] == month], proposals[proposals["time"] == month]
        matches = plain_matches(here, there)
        counts.tp += len(matches)
        counts.fn += len(here) - len(matches)
        counts.fp += len(there) - len(matches)
        for true, found in matches:
            counts.mm += partner_of_truth.get(true, found) != found or partner_of_found.get(found, true) != true
        partner_of_truth |= dict(matches)
        partner_of_found |= {found: true for true, found in matches}
        births, claims = set(here["id"]) - seen_truth, set(there["id"]) - seen_found
        if number:
            right = {(true, found) for true, found in matches if true in births and found in claims}
            counts.change_tp += len(right)
            counts.change_fn += len(births) - len(right)
            counts.change_fp += len(claims) - len(right)
        seen_truth |= births
        seen_found |= claims
    return counts
