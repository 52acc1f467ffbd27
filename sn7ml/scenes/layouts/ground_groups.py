"""Which images lie so close that they must stay on one side of a split, by the ground that they show."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sn7ml.core.schemas import TRANSFORM
from sn7ml.params import SplitParams

METRES_PER_DEGREE = 111_320.0
"""Of latitude, and of longitude at the equator. Groups need no more digits."""

LEAST_SQUEEZE = 0.01
"""Degrees of longitude at a pole have no length at all."""


def group_by_ground(frames: pd.DataFrame, split: SplitParams) -> Mapping[str, str]:
    """Return AOI to its group, called like the first of its AOIs.

    AOIs that lie at most ``split.neighbour_m`` apart are of one group, directly or through others. A group that is
    wider than ``split.block_m`` is divided along a grid of blocks of that side, by the middles of its AOIs.

    Parameters
    ----------
    frames
        ``FRAMES`` without the group.
    """
    aois = frames.drop_duplicates("aoi").sort_values("aoi", ignore_index=True)
    if aois.empty:
        return {}
    corners = _corners_m(aois)
    squeeze = np.cos(np.radians(corners[:, 1::2].mean(axis=1) / METRES_PER_DEGREE)).clip(LEAST_SQUEEZE)
    one, other = _near(corners, squeeze, split.neighbour_m)
    near = coo_array((np.ones(len(one)), (one, other)), shape=(len(aois), len(aois)))
    group = connected_components(near, directed=False)[1]
    middles = corners.reshape(-1, 2, 2).mean(axis=1)
    keys = pd.DataFrame({"group": group, "block": 0, "aoi": aois["aoi"]})
    for number in np.unique(group):
        members = group == number
        place = (middles[members] - middles[members].min(axis=0)) * (squeeze[members].mean(), 1.0)
        if split.block_m and place.max() > split.block_m:
            cols, rows = (place // split.block_m).astype(int).T
            keys.loc[members, "block"] = rows * (cols.max() + 1) + cols
    first = keys.groupby(["group", "block"])["aoi"].transform("first")
    return dict(zip(keys["aoi"], first, strict=True))


def _corners_m(aois: pd.DataFrame) -> NDArray[np.float64]:
    """Return west, south, east and north of each AOI from (0, 0), metres of latitude: longitudes are not squeezed."""
    corners = np.empty((len(aois), 4))
    for epsg, rows in aois.groupby("epsg"):
        a, _, c, _, e, f = (rows[name].to_numpy() for name in TRANSFORM)
        to_degrees = Transformer.from_crs(int(str(epsg)), 4326, always_xy=True)
        west, north = to_degrees.transform(c, f)
        east, south = to_degrees.transform(c + a * rows["cols"], f + e * rows["rows"])
        corners[rows.index] = np.column_stack([west, south, east, north])
    return corners * METRES_PER_DEGREE


def _near(
    corners: NDArray[np.float64], squeeze: NDArray[np.float64], distance_m: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of AOIs at most ``distance_m`` apart.

    ``squeeze`` is the length of a degree of longitude at each AOI, by that of one of latitude.
    """
    boxes = shapely.box(*corners.T)
    one, other = shapely.STRtree(boxes).query(boxes, predicate="dwithin", distance=distance_m / squeeze.min())
    east, north = np.maximum(corners[other, :2] - corners[one, 2:], corners[one, :2] - corners[other, 2:]).clip(0).T
    close = np.hypot(east * squeeze[one], north) <= distance_m
    return one[close], other[close]
