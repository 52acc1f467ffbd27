"""Found buildings out as GeoParquet, for QGIS and pandas; and in again."""

from collections.abc import Mapping
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyarrow
import shapely
from pyproj.exceptions import CRSError
from shapely.errors import ShapelyError

from sn7ml.core.errors import TableError
from sn7ml.core.geo.grid import Grid
from sn7ml.core.runtime.files import replacing
from sn7ml.core.schemas import POLYGONS, TRACKS, Table
from sn7ml.scenes.parquet import require_small
from sn7ml.scenes.row_errors import clipped, not_finite

MOST_BYTES = 2**32
"""Of a file of footprints. 5,000 buildings in 25 months take 5 MB."""

CURE = "write it anew (`dvc repro extract`, `sn7ml predict`)"

GEOPARQUET_FAULTS = (
    *(OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError),
    *(pyarrow.ArrowException, ShapelyError, CRSError),
)
"""What geopandas raises for a file that is no GeoParquet, or damaged."""

OLDER = {"month": "time"}
"""Columns as versions of before called them; models registered by those still write them."""


def write_footprints(folder: Path, tracks: pd.DataFrame, grids: Mapping[str, Grid]) -> None:
    """Write ``<AOI>.parquet`` (GeoParquet in the image's CRS, with ids and birth months) for every AOI of ``grids``.

    An AOI without a building gets a file without rows.
    """
    for aoi, grid in grids.items():
        rows = tracks[tracks["aoi"] == aoi]
        geometry = grid.to_crs(rows["geometry"].to_numpy(dtype=object))
        table = geopandas.GeoDataFrame(rows.drop(columns="geometry"), geometry=geometry, crs=f"EPSG:{grid.epsg}")
        with replacing(folder / f"{aoi}.parquet") as temporary:
            table.to_parquet(temporary, index=False)


def read_footprints(folder: Path, grids: Mapping[str, Grid], kind: Table = TRACKS) -> pd.DataFrame:
    """Read what :func:`write_footprints` wrote, back in pixel coordinates, maybe empty.

    Raises TableError, naming the file, if it is absent or damaged, or holds another table, the footprints of another
    AOI or of another CRS, or a row without shape or with coordinates that are no finite numbers.
    """
    tables = [_read_area(folder / f"{aoi}.parquet", aoi, grid, kind) for aoi, grid in grids.items()]
    return kind.check(pd.concat([table for table in tables if len(table)] or [kind.empty()], ignore_index=True))


def read_outlines(folder: Path, grids: Mapping[str, Grid]) -> pd.DataFrame:
    """Read ``POLYGONS`` of what any version of :func:`write_footprints` wrote. Raises as :func:`read_footprints`."""
    return read_footprints(folder, grids, POLYGONS)


def read_geoparquet(path: Path) -> geopandas.GeoDataFrame:
    """Read any GeoParquet as it stands. Raises TableError if the file is absent, damaged, or none."""
    try:
        require_small(path, MOST_BYTES)
        return geopandas.read_parquet(path)
    except GEOPARQUET_FAULTS as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        fault = f"{path}: cannot be read as GeoParquet ({reason:.200}); {CURE}"
        raise TableError("footprints.unreadable", fault) from None


def _read_area(path: Path, aoi: str, grid: Grid, kind: Table) -> pd.DataFrame:
    found = read_geoparquet(path)
    if found.crs is not None and found.crs.to_epsg() != grid.epsg:
        fault = f"{path}: is in {clipped(found.crs.to_string())}, its images in EPSG:{grid.epsg}; {CURE}"
        raise TableError("footprints.crs", fault)
    shapes = found.geometry.to_numpy(dtype=object)
    if (broken := np.flatnonzero(shapely.is_missing(shapes) | not_finite(shapes))).size:
        raise TableError(
            "footprints.geometry",
            f"{path}: row {broken[0]} has no shape, or one with a coordinate that is no finite number; {CURE}",
        )
    geometry = pd.Series(grid.to_pixels(shapes), dtype="object")
    try:
        found = pd.DataFrame(found.drop(columns=found.geometry.name)).rename(columns=OLDER)
        table = kind.check(found.assign(geometry=geometry))
    except TableError as error:
        raise TableError(error.code, f"{path}: {error}; {CURE}") from None
    if others := sorted(set(table["aoi"].astype("str")) - {aoi}):
        fault = f"{path}: holds footprints of {clipped(others[0])}, not of {aoi}; {CURE}"
        raise TableError("footprints.other-aoi", fault)
    return table
