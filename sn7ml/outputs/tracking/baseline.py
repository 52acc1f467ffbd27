"""The CosmiQ baseline tracker, rule by rule, with a spatial index: what the others are compared with."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import shapely
from shapely.geometry import Polygon

from sn7ml.core.geo.burn import outlines
from sn7ml.core.geo.probabilities import CERTAIN, Probabilities
from sn7ml.outputs.tracking.histories import TrackRow, history_table
from sn7ml.outputs.tracking.instances import find_instances
from sn7ml.params import TrackParams
from sn7ml.targets.rims import FOOTPRINT


def track_baseline(cube: Mapping[str, Probabilities], upsampling: int, params: TrackParams) -> pd.DataFrame:
    """Find buildings month by month and pass ids on by overlap with the footprint in which each was first seen.

    Unlike the original, months without a building pass, and two footprints that do not touch never match, whatever
    ``min_iou``.

    Reads every month of the cube once. ``upsampling`` is the number of pixels of the probabilities per pixel of the
    original image, along each axis; of ``params``, ``instances`` and ``baseline`` are used.

    Gives ``TRACKS`` without ``aoi``, by month and descending area; ids count from 0. Each geometry is the month's own,
    and confidence is its mean footprint probability in that month. ``birth_month`` is the month an id was first seen.
    """
    masters: list[Polygon] = []  # footprints as they were first seen, by id: none is ever updated, and no id ends
    births: list[str] = []
    rows: list[TrackRow] = []
    for month in sorted(cube):
        frame = cube[month]
        ids = find_instances(frame.channels, frame.usable, params.instances, upsampling)
        pixels = ids > 0
        owner = ids[pixels]  # (pixels on buildings,); mean is (buildings + 1,), 0 being ground
        mean = np.bincount(owner, frame.channels[FOOTPRINT][pixels]) / np.maximum(np.bincount(owner), 1) / CERTAIN
        found = outlines(ids, upsampling, params.instances.simplify_px)
        # Largest first; of equal ones the northernmost.
        order = sorted(found, key=lambda number: (-found[number].area, number))
        names = _name([found[number] for number in order], masters, params.baseline.min_iou)
        births += [month] * (len(masters) - len(births))
        rows += [
            TrackRow(month, str(name), births[name], math.nan, float(mean[number]), found[number])
            for name, number in zip(names, order, strict=True)
        ]
    return history_table(rows)


def _name(polygons: list[Polygon], masters: list[Polygon], min_iou: float) -> list[int]:
    """Give an id to the footprints of a month, largest first; new ones are added to ``masters``.

    Each takes, of the masters that no larger footprint took, the one with the best IoU (of equal ones the oldest).
    """
    # footprints and known are (pairs,): positions of two outlines that meet.
    current, first_seen = np.array(polygons, dtype=object), np.array(masters, dtype=object)
    footprints, known = shapely.STRtree(first_seen).query(current, predicate="intersects")
    shared = shapely.area(shapely.intersection(current[footprints], first_seen[known]))
    ious = shared / (shapely.area(current[footprints]) + shapely.area(first_seen[known]) - shared)
    rivals: list[list[tuple[float, int]]] = [[] for _ in polygons]
    for footprint, master, iou in zip(footprints.tolist(), known.tolist(), ious.tolist(), strict=True):
        rivals[footprint].append((iou, master))
    names: dict[int, None] = {}  # a set that keeps its order
    for polygon, masters_met in zip(polygons, rivals, strict=True):
        left = [(iou, -number) for iou, number in masters_met if iou >= min_iou and number not in names]
        if not left:
            masters.append(polygon)
        names[-max(left)[1] if left else len(masters) - 1] = None
    return list(names)
