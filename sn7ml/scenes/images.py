"""Frames of a cube: uint8 RGBA GeoTIFFs in, arrays and grids out."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import PhotometricInterp
from rasterio.errors import NotGeoreferencedWarning

from sn7ml.core.errors import GridError, RasterError
from sn7ml.core.geo.grid import Grid
from sn7ml.scenes.rasters import open_geotiff

BANDS = 4
"""Red, green, blue, alpha; alpha 0 is unusable."""

COLOURS = ("red", "green", "blue", "alpha")
MOST_APART_PX = 0.5
"""A mask whose corners lie farther from those of its image is of another place. Digits that were rounded do no harm."""

UNNAMED = ("undefined", "gray")
"""What GDAL calls bands of which a file does not say what they show."""


@dataclass(frozen=True)
class Image:
    """One frame."""

    pixels: NDArray[np.uint8]
    """(4, rows, cols): red, green, blue, alpha."""

    grid: Grid

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Return where alpha is not 0: (rows, cols)."""
        return np.asarray(self.pixels[3] > 0)


def read_grid(path: Path) -> Grid:
    """Read the grid of a raster without its pixels. Raises RasterError."""
    with open_geotiff(path) as source:
        return grid_of(source, path)


def read_image(path: Path) -> Image:
    """Read a frame.

    Raises
    ------
    RasterError
        If the file cannot be read to its end, has not four bands, or is not uint8.
    """
    with open_geotiff(path) as source:
        if source.count != BANDS or set(source.dtypes) != {"uint8"}:
            raise RasterError(
                "image.band-count",
                f"{path}: expected {BANDS} uint8 bands (R, G, B, alpha), got {source.count} of {sorted(set(source.dtypes))}",
            )
        if fault := fault_of_bands(source):
            raise RasterError("image.band-order", f"{path}: {fault}")
        return Image(source.read(), grid_of(source, path))


def read_mask(path: Path, grid: Grid | None = None) -> NDArray[np.bool_]:
    """Read where a mask, such as those of UDM_masks, is set: (rows, cols).

    Parameters
    ----------
    path
        One uint8 band. It need not say where it lies.
    grid
        Of its image, if that is known.

    Raises
    ------
    RasterError
        If it cannot be read to its end, or is not one uint8 band.
    GridError
        If it has another size than its image, or states another place.
    """
    with open_geotiff(path) as source:
        if source.dtypes != ("uint8",):
            raise RasterError(
                "mask.band-count",
                f"{path}: expected one uint8 band, got {source.count} of {sorted(set(source.dtypes))}",
            )
        if grid is not None:
            _refuse_misfit(source, path, grid)
        return np.asarray(source.read(1) > 0)


def _refuse_misfit(mask: rasterio.DatasetReader, path: Path, grid: Grid) -> None:
    """Raise GridError, before pixels are read, if a mask cannot be laid over its image pixel by pixel."""
    if mask.shape != grid.shape:
        raise GridError("mask.shape", f"{path} has shape {mask.shape}, its image {grid.shape}")
    if not mask.crs:
        return
    stated = grid_of(mask, path)
    (x, y), ends = stated.transform @ (0, 0), stated.transform @ stated.shape[::-1]
    off = np.abs(np.subtract(((x, y), ends), (grid.transform @ (0, 0), grid.transform @ grid.shape[::-1])))
    if stated.epsg != grid.epsg or off.max() > MOST_APART_PX * grid.transform.a:
        raise GridError("mask.grid", f"{path} is on the grid {stated}, its image on {grid}")


def fault_of_bands(source: rasterio.DatasetReader) -> str:
    """Say why four bands are not red, green, blue and alpha, or not what they stand for; "" if they are. Unnamed ones pass."""
    if source.photometric is PhotometricInterp.cmyk:  # which GDAL turns into some red, green, blue and no alpha
        return f"its bands are inks (CMYK); expected {', '.join(COLOURS)}"
    stated = [colour.name for colour in source.colorinterp]
    if any(name not in {*UNNAMED, colour} for name, colour in zip(stated, COLOURS, strict=True)):
        return f"its bands are {', '.join(stated)}; expected {', '.join(COLOURS)}"
    if set(source.scales) != {1.0} or set(source.offsets) != {0.0}:
        return f"declares scales {source.scales} and offsets {source.offsets}; expected plain bytes (gdal_translate -unscale)"
    return ""


def grid_of(source: rasterio.DatasetReader, path: Path) -> Grid:
    """Return the grid of an open raster, for within ``open_geotiff``. Raises RasterError."""
    epsg = source.crs.to_epsg() if source.crs else None  # CRSError, if it is garbled, is for open_geotiff
    if epsg is None:
        raise RasterError("image.crs", f"{path}: has no CRS with an EPSG code; SpaceNet 7 frames are EPSG:3857")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", NotGeoreferencedWarning)
            return Grid(epsg, Affine.from_gdal(*source.read_transform()), source.shape)
    except NotGeoreferencedWarning:  # without a tie point, GDAL puts the pixels' true size at (0, 0)
        raise RasterError(
            "image.no-transform",
            f"{path}: does not say where it lies (no tie point); expected a GeoTIFF with a transform",
        ) from None
    except GridError as error:
        raise RasterError(error.code, f"{path}: {error}") from None


def read_stack_grid(paths: list[Path]) -> Grid:
    """Return the grid that all these rasters share. Raises GridError naming the first that differs and both grids."""
    return shared_grid({path: read_grid(path) for path in paths})


def shared_grid(grids: Mapping[Path, Grid]) -> Grid:
    """Return the grid that all these rasters are on. Raises GridError as :func:`read_stack_grid`."""
    first, *others = grids.items()
    for path, grid in others:
        if grid != first[1]:
            raise GridError(
                "grid.differs-in-aoi",
                f"{path} is on the grid {grid}, but {first[0]} on {first[1]}; all months of an AOI must share one grid",
            )
    return first[1]
