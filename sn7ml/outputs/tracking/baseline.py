"""The CosmiQ baseline tracker, rule by rule, with a spatial index: what the others are compared with."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import shapely
from shapely.geometry import Polygon

from sn7ml.core.geo.outlines import outlines
from sn7ml.core.geo.probabilities import CERTAIN, Probabilities
from sn7ml.outputs.tracking.histories import TrackRow, history_table
from sn7ml.outputs.tracking.instances import find_instances
from sn7ml.params import TrackParams
from sn7ml.targets.rims import BOUNDARY, CONTACT, FOOTPRINT


def track_baseline(cube: Mapping[str, Probabilities], upsampling: int, params: TrackParams) -> pd.DataFrame:
    """Find buildings month by month and pass ids on by overlap with the footprint in which each was first seen.

    Unlike the original, months without a building pass, and two footprints that do not touch never match, whatever
    ``min_iou``.

    Parameters
    ----------
    cube
        Month to probabilities of one AOI; every month is read once.
    upsampling
        Pixels of the probabilities per pixel of the original image, along each axis.
    params
        ``instances`` and ``baseline`` are used.

    Returns
    -------
    DataFrame
        ``TRACKS`` without ``aoi``, by month and descending area; ids count from 0. Each geometry is the month's own,
        and confidence is its mean footprint probability in that month. ``birth_month`` is the month an id was first
        seen.
    """
    masters = _Masters(params.baseline.min_iou)
    rows: list[TrackRow] = []
    for month in sorted(cube):
        polygons, confidences = _buildings(cube[month], upsampling, params)
        numbers = masters.name(polygons, month)
        rows += [
            TrackRow(month, str(number), masters.births[number], math.nan, confidence, polygon)
            for number, confidence, polygon in zip(numbers, confidences, polygons, strict=True)
        ]
    return history_table(rows)


def _buildings(frame: Probabilities, upsampling: int, params: TrackParams) -> tuple[list[Polygon], list[float]]:
    """Return outlines, largest first (of equal ones the northernmost), and the mean footprint probability of each."""
    channels = frame.channels
    ids = find_instances(
        channels[FOOTPRINT], channels[BOUNDARY], channels[CONTACT], frame.usable, params.instances, upsampling
    )
    found = outlines(ids, upsampling, params.instances.simplify_px)
    pixels = ids > 0
    owner = ids[pixels]  # (pixels on buildings,); mean is (buildings + 1,), 0 being ground
    mean = np.bincount(owner, channels[FOOTPRINT][pixels]) / np.maximum(np.bincount(owner), 1) / CERTAIN
    order = sorted(found, key=lambda number: (-found[number].area, number))
    return [found[number] for number in order], [float(mean[number]) for number in order]


class _Masters:
    """Footprints as they were first seen: a number's geometry is never updated, and no number ends."""

    def __init__(self, min_iou: float) -> None:
        self.min_iou = min_iou
        self.geometries: list[Polygon] = []
        self.births: list[str] = []

    def name(self, polygons: list[Polygon], month: str) -> list[int]:
        """Give an id to the footprints of a month, in the order given (largest first); new ones become masters.

        Each takes, of the masters that no larger footprint took, the one with the best IoU (of equal ones the oldest).
        """
        rivals = self._rivals(polygons)
        taken: set[int] = set()
        numbers = []
        for polygon, masters in zip(polygons, rivals, strict=True):
            left = [(iou, -number) for iou, number in masters if iou >= self.min_iou and number not in taken]
            if left:
                number = -max(left)[1]
            else:
                number = len(self.geometries)
                self.geometries.append(polygon)
                self.births.append(month)
            taken.add(number)
            numbers.append(number)
        return numbers

    def _rivals(self, polygons: list[Polygon]) -> list[list[tuple[float, int]]]:
        """Return for each footprint the masters that it meets, as (IoU, number)."""
        # footprints and masters are (pairs,): positions of two outlines that meet.
        current, first_seen = np.array(polygons, dtype=object), np.array(self.geometries, dtype=object)
        footprints, masters = shapely.STRtree(first_seen).query(current, predicate="intersects")
        found, known = current[footprints], first_seen[masters]
        shared = shapely.area(shapely.intersection(found, known))
        ious = shared / (shapely.area(found) + shapely.area(known) - shared)
        rivals: list[list[tuple[float, int]]] = [[] for _ in polygons]
        for footprint, master, iou in zip(footprints.tolist(), masters.tolist(), ious.tolist(), strict=True):
            rivals[footprint].append((iou, master))
        return rivals
