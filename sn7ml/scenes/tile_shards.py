"""What the tile store is read from: shards, opened once per process, and tables. Damage is told with the file and the cure."""

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from sn7ml.core.errors import RasterError, TableError
from sn7ml.core.safe_files import plain_name
from sn7ml.core.schemas import Table
from sn7ml.scenes.parquet import require_small
from sn7ml.scenes.rasters import explained, opened

MOST_TABLE_BYTES = 2**30

FRAME_ROWS = Table(
    "frames",
    {
        "aoi": "text", "time": "text", "rows": "int", "cols": "int", "tile_px": "int", "labelled": "bool",
        "pixels_digest": "text", "masks_digest": "text", "mean_red": "float", "mean_green": "float", "mean_blue": "float",
        "std_red": "float", "std_green": "float", "std_blue": "float",
    },
    key=("aoi", "time"),
)  # fmt: skip
"""The frames of a tile store, with their sizes in pixels and the brightness of each colour."""


def read_table(path: Path, table: Table) -> pd.DataFrame:
    """Read a table of the store. Raises TableError if the file is damaged, or holds another table."""
    try:
        require_small(path, MOST_TABLE_BYTES)
        found = pd.read_parquet(path)
    except (OSError, ValueError, pyarrow.ArrowException) as error:  # pyarrow's own are of all three
        raise TableError(
            "tiles.unreadable", f"{path}: is no table of a tile store ({error!s:.200}); run `dvc repro tile`"
        ) from None
    try:
        return table.check(found)
    except TableError as error:
        raise TableError(error.code, f"{path}: {error}; run `dvc repro tile`") from None


def read_frame_rows(path: Path) -> pd.DataFrame:
    """Read ``FRAME_ROWS``: at least one, each with a size, and AOIs that can be names of folders. Raises TableError."""
    table = read_table(path, FRAME_ROWS)
    if table.empty or (table[["rows", "cols", "tile_px"]] < 1).any(axis=None):
        raise TableError("tiles.no-frames", f"{path}: has no frame, or one without size; run `dvc repro tile`")
    for aoi in table["aoi"].unique():
        try:
            plain_name(aoi)
        except ValueError as error:
            raise TableError("tiles.aoi-name", f"{path}: AOI {error}") from None
    return table


def shard_rows(path: Path) -> int:
    """Return the height of a shard in its own pixels. Raises RasterError."""
    return int(_open(path).height)


def read_window(path: Path, bands: range, window: Window) -> NDArray[np.uint8]:
    """Read a window, which lies within the shard, of some bands: uint8 (band, row, col).

    Raises
    ------
    RasterError
        If the shard is damaged, or lacks these bands or this window.
    """
    source = _open(path)
    inside = min(window.col_off, window.row_off) >= 0
    inside &= window.col_off + window.width <= source.width and window.row_off + window.height <= source.height
    if not inside or bands.stop > source.count + 1 or source.dtypes[0] != "uint8":
        raise RasterError(
            "tiles.shard",
            f"{path}: has {source.count} bands of {source.dtypes[0]}, {source.height} x {source.width}, where bands "
            f"{bands.start} to {bands.stop - 1} of uint8 with {window} are asked for; run `dvc repro tile`",
        )
    with explained(path):
        return np.asarray(source.read(list(bands), window=window))


def _open(path: Path) -> rasterio.DatasetReader:
    # A file opened before a fork shares its position with the child (a torch loader's worker): each process its own.
    return _open_in(os.getpid(), path)


@lru_cache(maxsize=256)
def _open_in(process: int, path: Path) -> rasterio.DatasetReader:
    return opened(path)
