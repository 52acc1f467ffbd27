"""Cached network output: one RGBA-like GeoTIFF per frame, which QGIS shows as a picture.

Red is footprint, green boundary, blue contact (255 is certain), alpha 0 where there is no evidence.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
import rasterio

from sn7ml.data.cubes import read_grid, read_image
from sn7ml.data.rasters import write_bands
from sn7ml.errors import RasterError
from sn7ml.geo.grid import Grid
from sn7ml.geo.probabilities import Probabilities

BAND_NAMES = ("footprint", "boundary", "contact", "usable")
TAG = "sn7ml_upsampling"


def write_probabilities(path: Path, probabilities: Probabilities, grid: Grid, upsampling: int) -> None:
    """Write the output for one frame; ``grid`` is the original image's."""
    usable = probabilities.usable.astype(np.uint8) * np.uint8(255)
    write_bands(path, [*probabilities.channels, usable], BAND_NAMES, grid.upsampled(upsampling))
    if upsampling != _upsampling(path, grid):
        raise RasterError(f"{path}: wrote {upsampling} pixels per pixel, but its grid says otherwise")


def _upsampling(path: Path, grid: Grid) -> int:
    return round(grid.transform.a / read_grid(path).transform.a)


class ProbabilityCube(Mapping[str, Probabilities]):
    """Month → probabilities of one AOI, read from disk each time they are asked for.

    Parameters
    ----------
    folder
        Holds ``2018-01.tif`` and so on. Months come in order of date.
    grid
        Of the original images.

    Raises
    ------
    RasterError
        If the folder holds no month, or a raster is not on the grid.
    """

    def __init__(self, folder: Path, grid: Grid) -> None:
        self.folder = folder
        self.grid = grid
        self._paths = {path.stem: path for path in sorted(folder.glob("[0-9]*.tif"))}
        if not self._paths:
            raise RasterError(f"{folder}: no probabilities such as 2018-01.tif; run `dvc repro predict`")

    @cached_property
    def upsampling(self) -> int:
        """Pixels of the rasters per pixel of the original image, along each axis."""
        path = next(iter(self._paths.values()))
        found = read_grid(path)
        factor = round(self.grid.transform.a / found.transform.a)
        if found.shape != self.grid.upsampled(factor).shape:
            raise RasterError(f"{path}: shape {found.shape} is no multiple of the image's {self.grid.shape}")
        return factor

    def __getitem__(self, month: str) -> Probabilities:
        pixels = read_image(self._paths[month]).pixels
        return Probabilities(pixels[:3], pixels[3] > 0)

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def is_whole(path: Path) -> bool:
    """Say whether a raster can be opened; half-written ones never get their final name."""
    try:
        rasterio.open(path).close()
    except rasterio.errors.RasterioError:
        return False
    return True
