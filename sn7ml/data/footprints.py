"""Found buildings out as GeoParquet, for QGIS and pandas; and in again."""

from collections.abc import Mapping
from pathlib import Path

import geopandas
import pandas as pd

from sn7ml.geo.grid import Grid
from sn7ml.runtime.files import replacing
from sn7ml.tables import POLYGONS, TRACKS, Table


def write_footprints(folder: Path, tracks: pd.DataFrame, grids: Mapping[str, Grid]) -> None:
    """Write ``<AOI>.parquet`` (GeoParquet in the image's CRS, with ids and birth months) for every AOI of ``grids``.

    An AOI without a building gets a file without rows.
    """
    for aoi, grid in grids.items():
        rows = tracks[tracks["aoi"] == aoi]
        geometry = [grid.to_crs(polygon) for polygon in rows["geometry"]]
        table = geopandas.GeoDataFrame(rows.drop(columns="geometry"), geometry=geometry, crs=f"EPSG:{grid.epsg}")
        with replacing(folder / f"{aoi}.parquet") as temporary:
            table.to_parquet(temporary, index=False)


def read_footprints(folder: Path, grids: Mapping[str, Grid]) -> pd.DataFrame:
    """Read what :func:`write_footprints` wrote, back in pixel coordinates: ``TRACKS``, maybe empty."""
    return _read(folder, grids, TRACKS)


def read_outlines(folder: Path, grids: Mapping[str, Grid]) -> pd.DataFrame:
    """Read what any version of :func:`write_footprints` wrote, only aoi, month, id and geometry: ``POLYGONS``, maybe empty."""
    return _read(folder, grids, POLYGONS)


def _read(folder: Path, grids: Mapping[str, Grid], kind: Table) -> pd.DataFrame:
    tables = [kind.empty()]
    for aoi, grid in grids.items():
        table = pd.DataFrame(geopandas.read_parquet(folder / f"{aoi}.parquet"))
        geometry = pd.Series([grid.to_pixels(polygon) for polygon in table["geometry"]], dtype="object")
        tables.append(table.assign(geometry=geometry))
    return kind.check(pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True))
