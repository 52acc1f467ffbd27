"""Found buildings out: GeoParquet for QGIS and pandas, and the challenge's submission CSV; and both in again."""

import csv
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import geopandas
import pandas as pd
import shapely

from sn7ml.data.catalog import STEM_PATTERN
from sn7ml.errors import LabelError
from sn7ml.geo.grid import Grid
from sn7ml.runtime.files import replacing
from sn7ml.tables import POLYGONS, TRACKS

COLUMNS = ("filename", "id", "geometry")
PIXEL_DECIMALS = 2


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
    tables = [TRACKS.empty()]
    for aoi, grid in grids.items():
        table = pd.DataFrame(geopandas.read_parquet(folder / f"{aoi}.parquet"))
        geometry = pd.Series([grid.to_pixels(polygon) for polygon in table["geometry"]], dtype="object")
        tables.append(table.assign(geometry=geometry))
    return TRACKS.check(pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True))


def write_submission(path: Path, tracks: pd.DataFrame) -> None:
    """Write the challenge's CSV: filename, id, geometry (WKT in pixels of the original image, 2 decimals).

    Frames without a building get no row, nor does an empty polygon: the scorer would count ``POLYGON EMPTY`` as a
    false positive.
    """
    rows = tracks[~shapely.is_empty(tracks["geometry"].to_numpy())]
    rows = rows.sort_values(["aoi", "month", "id"], key=_numbers_as_numbers, ignore_index=True)
    polygons = shapely.to_wkt(rows["geometry"].to_numpy(), rounding_precision=PIXEL_DECIMALS)
    names = [
        f"global_monthly_{month.replace('-', '_')}_mosaic_{aoi}"
        for aoi, month in zip(rows["aoi"], rows["month"], strict=True)
    ]
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(zip(names, rows["id"], polygons, strict=True))


def _numbers_as_numbers(column: pd.Series) -> pd.Series:
    return pd.to_numeric(column) if column.name == "id" and column.str.isdigit().all() else column


def read_submission(path: Path) -> pd.DataFrame:
    """Read a submission or truth CSV: ``POLYGONS`` without the key check, ids as text.

    Raises
    ------
    LabelError
        Naming the file and the first line at fault.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise LabelError(f"{path}: cannot be read as CSV ({error})") from None
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes what is too much for an index
        raise LabelError(f"{path}: line 2 has more fields than line 1 names; is a geometry without quotes?")
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise LabelError(f"{path}: line 1 lacks column(s) {missing}; expected {','.join(COLUMNS)}")
    lines = range(2, len(table) + 2)
    stems = [STEM_PATTERN.match(name) for name in table["filename"]]
    wrong = next((line for line, stem in zip(lines, stems, strict=True) if stem is None), None)
    if wrong is not None:
        raise LabelError(f"{path}: line {wrong}: filename {table['filename'][wrong - 2]!r} is no SpaceNet 7 stem")
    read = partial(_geometry, path)
    return pd.DataFrame(
        {
            "aoi": [stem["aoi"] for stem in stems if stem],
            "month": [f"{stem['year']}-{stem['month']}" for stem in stems if stem],
            "id": table["id"],
            "geometry": pd.Series(list(map(read, lines, table["geometry"])), dtype="object"),
        }
    )[list(POLYGONS.columns)]


def _geometry(path: Path, line: int, text: str) -> object:
    try:
        return shapely.from_wkt(text) if text else None
    except shapely.errors.GEOSException as error:
        raise LabelError(f"{path}: line {line}: geometry is no WKT ({error})") from None
