"""The part of the AOIs that is scored: which columns, on which grids, and which buildings lie there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import shapely

from sn7ml.core.geo.grid import Grid
from sn7ml.scenes.images import read_grid, shared_grid

Columns = Mapping[str, Sequence[tuple[int, int]]]
"""AOI to the (start, stop) of the columns that are scored; start belongs to it, stop does not."""


class Stretch(NamedTuple):
    """Columns of one AOI, and which networks of an ensemble are asked there."""

    start: int

    stop: int
    """Does not belong to it."""

    fold: int = 0
    """The mean of those networks that have not seen this fold, from 1; 0 is the mean of all."""


def read_grids(root: Path, frames: pd.DataFrame, aois: Sequence[str]) -> dict[str, Grid]:
    """Read the grid that all frames of each AOI share. Raises RasterError; GridError where they do not."""
    images = {aoi: [root / path for path in frames.loc[frames["aoi"] == aoi, "image"]] for aoi in aois}
    return {aoi: shared_grid({path: read_grid(path) for path in paths}) for aoi, paths in images.items()}


def inside(polygons: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Keep the rows (aoi, geometry in pixel coordinates, …) whose centroid lies in the columns of their AOI, if any."""
    centre = shapely.get_x(shapely.centroid(polygons["geometry"].to_numpy(dtype=object)))
    keep = np.zeros(len(polygons), np.bool_)
    for aoi, stretches in columns.items():
        for start, stop in stretches:
            keep |= (polygons["aoi"] == aoi).to_numpy() & (centre >= start) & (centre < stop)
    return polygons[keep]


def spanned(columns: Columns) -> dict[str, list[Stretch]]:
    """Return one stretch per AOI, from its first column to its last: no building is cut between two."""
    return {
        aoi: [Stretch(min(start for start, _ in cols), max(stop for _, stop in cols))] for aoi, cols in columns.items()
    }


def building_counts(truth: pd.DataFrame, tracks: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Count buildings per frame in the columns that are scored: aoi, time, truth, found; 0 for a frame a side lacks."""
    sides = {"truth": inside(truth, columns), "found": inside(tracks, columns)}
    counts = {name: table.groupby(["aoi", "time"]).size() for name, table in sides.items()}
    return pd.DataFrame(counts).fillna(0).astype(int).rename_axis(["aoi", "time"]).reset_index()
