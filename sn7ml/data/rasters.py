"""GeoTIFFs: opened with bounds on what a file may ask for; written as QGIS opens them, in blocks that can be read at random."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from sn7ml.errors import RasterError
from sn7ml.geo.grid import Grid
from sn7ml.runtime.files import replacing

MOST_PIXELS = 16_384**2
"""Of one band. A file of a few bytes can declare any size, and reading it would take that much memory."""


@contextmanager
def open_geotiff(path: Path) -> Iterator[rasterio.DatasetReader]:
    """Open a GeoTIFF for reading.

    Raises
    ------
    RasterError
        If the file is none (no other driver is tried: a VRT named .tif could point anywhere), declares more than
        ``MOST_PIXELS``, or fails while it is read within the ``with`` block.
    """
    try:
        with rasterio.open(path, driver="GTiff") as source:
            if source.height * source.width > MOST_PIXELS:
                raise RasterError(
                    f"{path}: declares {source.height} x {source.width} pixels, more than {MOST_PIXELS:,} in all; "
                    "cut it into parts (gdal_retile.py)"
                )
            yield source
    except RasterioError as error:
        # "Read failed. See previous exception for details": GDAL's own words are in the cause, after the name of the file.
        words = str(error.__cause__ or error).rpartition(f"{path}:")[2].strip()
        raise RasterError(f"{path}: cannot be read as a GeoTIFF, is it truncated? ({words})") from None


def profile_of(grid: Grid, bands: int, block_px: int) -> dict[str, Any]:
    """Return rasterio's options for a tiled uint8 raster on ``grid``; each band is stored by itself."""
    rows, cols = grid.shape
    return {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": bands,
        "height": rows,
        "width": cols,
        "crs": f"EPSG:{grid.epsg}",
        "transform": grid.transform,
        "tiled": True,
        "blockxsize": block_px,
        "blockysize": block_px,
        "interleave": "band",
        "compress": "zstd",
        "zstd_level": 6,
        "bigtiff": "if_safer",
    }


def write_bands(
    path: Path, bands: Sequence[NDArray[np.uint8]], names: Sequence[str], grid: Grid, block_px: int = 256
) -> None:
    """Write uint8 arrays (rows, cols) as the named bands of one file, through a temporary name."""
    with (
        replacing(path) as temporary,
        rasterio.open(temporary, "w", **profile_of(grid, len(bands), block_px)) as target,
    ):
        for number, (band, name) in enumerate(zip(bands, names, strict=True), start=1):
            target.write(band, number)
            target.set_band_description(number, name)
