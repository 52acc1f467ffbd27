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
from sn7ml.scenes.rasters import NO_PLACE, PLACE_TAG, open_geotiff

BAND_NAMES = ("red", "green", "blue", "alpha")
"""Alpha 0 is unusable."""

BANDS = len(BAND_NAMES)

MOST_APART_PX = 0.5
"""A mask whose corners lie farther from those of its image is of another place. Rounded digits do no harm."""

UNNAMED = ("undefined", "gray")
"""GDAL's words for bands of which a file does not say what they show."""


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
    """Read a frame. Raises RasterError if it cannot be read to its end, or has other bands than RGBA in uint8."""
    with open_geotiff(path) as source:
        kinds = sorted(set(source.dtypes))
        if source.count != BANDS or kinds != ["uint8"]:
            raise RasterError(
                "image.band-count",
                f"{path}: expected {BANDS} uint8 bands (R, G, B, alpha), got {source.count} of {kinds}",
            )
        if fault := fault_of_bands(source):
            raise RasterError("image.band-order", f"{path}: {fault}")
        return Image(source.read(), grid_of(source, path))


def read_mask(path: Path, grid: Grid | None = None) -> NDArray[np.bool_]:
    """Read where a mask of one uint8 band, such as those of UDM_masks, is set: (rows, cols).

    Raises RasterError if it cannot be read to its end, or has other bands; GridError if it has another size than its
    image, whose ``grid`` may be given, or states another place. It need not say where it lies.
    """
    with open_geotiff(path) as source:
        if source.dtypes != ("uint8",):
            kinds = sorted(set(source.dtypes))
            raise RasterError("mask.band-count", f"{path}: expected one uint8 band, got {source.count} of {kinds}")
        if grid is not None and source.shape != grid.shape:
            raise GridError("mask.shape", f"{path} has shape {source.shape}, its image {grid.shape}")
        if grid is not None and source.crs:
            stated = grid_of(source, path)
            found, wanted = ((it.transform @ (0, 0), it.transform @ it.shape[::-1]) for it in (stated, grid))  # (x, y)
            off = np.abs(np.subtract(found, wanted))
            if stated.epsg != grid.epsg or off.max() > MOST_APART_PX * grid.transform.a:
                raise GridError("mask.grid", f"{path} is on the grid {stated}, its image on {grid}")
        return np.asarray(source.read(1) > 0)


def fault_of_bands(source: rasterio.DatasetReader) -> str:
    """Say why four bands are not red, green, blue and alpha in plain bytes; "" if they are. Unnamed bands pass."""
    if source.photometric is PhotometricInterp.cmyk:  # which GDAL turns into some red, green, blue and no alpha
        return f"its bands are inks (CMYK); expected {', '.join(BAND_NAMES)}"
    stated = [colour.name for colour in source.colorinterp]
    if any(name not in {*UNNAMED, colour} for name, colour in zip(stated, BAND_NAMES, strict=True)):
        return f"its bands are {', '.join(stated)}; expected {', '.join(BAND_NAMES)}"
    if set(source.scales) != {1.0} or set(source.offsets) != {0.0}:
        found = f"scales {source.scales} and offsets {source.offsets}"
        return f"declares {found}; expected plain bytes (gdal_translate -unscale)"
    return ""


def grid_of(source: rasterio.DatasetReader, path: Path) -> Grid:
    """Return the grid of a raster that is open within ``open_geotiff``; of our own files it may be ``nowhere``.

    Raises RasterError.
    """
    if source.tags().get(PLACE_TAG) == NO_PLACE:
        return Grid.nowhere(*source.shape)
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


def shared_grid(grids: Mapping[Path, Grid]) -> Grid:
    """Return the grid that all these rasters are on. Raises GridError naming the first that differs and both grids."""
    (first, wanted), *others = grids.items()
    for path, grid in others:
        if grid != wanted:
            raise GridError(
                "grid.differs-in-aoi",
                f"{path} is on the grid {grid}, but {first} on {wanted}; all months of an AOI must share one grid",
            )
    return wanted
