"""Images as others deliver them: bytes, 16 bits or floats, with alpha, nodata, or neither.

What is usable is decided here, once: not where alpha or a mask is 0, the value is nodata or no number, or the image has
a black margin. Brightness becomes bytes later, by one stretch for all images of a sensor.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, PhotometricInterp
from scipy import ndimage

from sn7ml.core.errors import RasterError
from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.radiometry import COLOURS
from sn7ml.scenes.images import grid_of, read_mask
from sn7ml.scenes.rasters import open_geotiff

TYPES = ("uint8", "uint16", "float32")

UNNAMED = (ColorInterp.undefined, ColorInterp.gray)
"""What GDAL calls bands of which a file does not say what they show: in SpaceNet 2 all of them."""

LEAST_MARGIN_PX = 64
"""Black pixels at an image's edge, side by side, from which they are no ground: fewer can be a shadow."""


@dataclass(frozen=True)
class RawImage:
    """An image whose pixels are read when they are wanted."""

    grid: Grid
    dtype: str
    """One of ``TYPES``."""

    read: Callable[[], tuple[NDArray[np.generic], NDArray[np.bool_]]]
    """Return red, green, blue (3, rows, cols), and where they are usable (rows, cols). Raises RasterError."""


OpenImage: TypeAlias = Callable[[Path, Mapping[Any, Any]], RawImage]
"""Looks at the image of a row of ``SOURCES`` or ``FRAMES``, given the data folder. Raises RasterError."""


def open_geotiff_image(root: Path, source: Mapping[Any, Any]) -> RawImage:
    """Look at the image of a row, which is a GeoTIFF; where its mask is set, nothing is usable."""
    image = raw_geotiff(root / source["image"])
    if not source["mask"]:
        return image

    def masked() -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        colours, usable = image.read()
        return colours, usable & ~read_mask(root / source["mask"], image.grid)

    return replace(image, read=masked)


def raw_geotiff(path: Path, *, nowhere: bool = False) -> RawImage:
    """Look at a GeoTIFF of three bands, red, green and blue, and perhaps alpha; ``nowhere`` takes one without a place.

    Raises
    ------
    RasterError
        If it cannot be read, has other bands or another type, or lies nowhere.
    """
    with open_geotiff(path) as source:
        _refuse_other_bands(source, path)
        grid = Grid.nowhere(*source.shape) if nowhere else grid_of(source, path)
        return RawImage(grid, source.dtypes[0], lambda: _read(path))


def _refuse_other_bands(source: rasterio.DatasetReader, path: Path) -> None:
    stated = source.colorinterp
    wanted = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)[: source.count]
    named_otherwise = any(it not in {*UNNAMED, want} for it, want in zip(stated, wanted, strict=False))
    without_alpha = source.count > COLOURS and stated[COLOURS] is not ColorInterp.alpha
    if not COLOURS <= source.count <= COLOURS + 1 or named_otherwise or without_alpha:
        raise RasterError(
            "image.band-order",
            f"{path}: its {source.count} bands are {', '.join(it.name for it in stated)}; expected red, green, blue "
            "and perhaps alpha, in this order: gdal_translate -b chooses and orders bands",
        )
    if source.photometric is PhotometricInterp.cmyk or len({*source.dtypes}) > 1 or source.dtypes[0] not in TYPES:
        raise RasterError(
            "image.data-type",
            f"{path}: its bands are {', '.join(sorted({*source.dtypes}))}; expected all of one of {', '.join(TYPES)}",
        )
    if {*source.scales} != {1.0} or {*source.offsets} != {0.0}:
        raise RasterError(
            "image.scales",
            f"{path}: declares scales {source.scales} and offsets {source.offsets}; gdal_translate -unscale",
        )


def _read(path: Path) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    with open_geotiff(path) as source:
        colours = source.read([1, 2, 3])
        usable = source.dataset_mask() > 0  # of alpha, a mask within the file, or nodata
    usable &= np.isfinite(colours).all(axis=0)
    return colours, usable & ~black_margin(colours)


def black_margin(colours: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Mark pixels that are 0 in all bands and reach the image's edge side by side: (rows, cols).

    Examples
    --------
    >>> image = np.ones((3, 10, 20), np.uint16)
    >>> image[:, :, :8] = 0   # a strip along the edge, where nothing was seen
    >>> image[:, 4, 15] = 0   # a shadow
    >>> int(black_margin(image).sum())
    80
    """
    black = ~colours.any(axis=0)
    if not black.any():
        return np.asarray(black)
    parts, count = ndimage.label(black)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    at_edge = np.zeros(count + 1, np.bool_)
    for side in (parts[0], parts[-1], parts[:, 0], parts[:, -1]):
        at_edge[side] = True
    at_edge[0] = False
    return np.asarray((at_edge & (sizes >= LEAST_MARGIN_PX))[parts])
