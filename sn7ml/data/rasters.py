"""Write GeoTIFFs that QGIS opens, compressed, in blocks that can be read at random."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from sn7ml.geo.grid import Grid
from sn7ml.runtime.files import replacing


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
