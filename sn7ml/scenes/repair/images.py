"""An image that merely fails to say its CRS, on the very tile that the AOI's name states, can be told to."""

import shutil
from pathlib import Path

import numpy as np
import rasterio

from sn7ml.core.errors import RasterError
from sn7ml.core.geo.grid import TILE_PX, WEB_MERCATOR, tile_transform
from sn7ml.core.runtime.files import replacing
from sn7ml.scenes.layouts.spacenet7 import tile_of
from sn7ml.scenes.rasters import open_geotiff
from sn7ml.scenes.repair.labels import WHOLE_FILE, Note

NEAR_PX = 1.5
"""Images of 1023 pixels may lack a row or column on any side."""


def mend_image_file(path: Path) -> list[Note]:
    """Declare EPSG:3857 in an AOI's GeoTIFF that states no CRS and lies on the AOI's tile; pixels stay as they are.

    If the file is a hard link, the other names of it keep the former content. What cannot be read is passed over:
    validation tells of it.
    """
    try:
        with open_geotiff(path) as source:
            if source.crs:
                return []
            transform = source.transform
    except RasterError:
        return []
    what, before = "no CRS", f"none; corner at {transform.c:.1f}, {transform.f:.1f}, pixels of {transform.a:.4f}"
    tile = tile_transform(*tile_of(path.parent.parent.name))
    off = np.abs(np.subtract(transform[:6], tile[:6])) / tile.a
    # A wrong size adds up over the image.
    if off[[2, 5]].max() + off[[0, 1, 3, 4]].max() * TILE_PX > NEAR_PX:
        return [Note("left", WHOLE_FILE, what, before, f"warp it to EPSG:{WEB_MERCATOR}, on the grid of its siblings")]
    with replacing(path) as temporary:
        shutil.copyfile(path, temporary)
        with rasterio.open(temporary, "r+", driver="GTiff") as target:
            target.crs = f"EPSG:{WEB_MERCATOR}"
    return [Note("mended", WHOLE_FILE, what, before, f"EPSG:{WEB_MERCATOR}, where the AOI's name says it is")]
