"""GeoTIFFs: opened with bounds on what a file may ask for; written in blocks, which can be read at random."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.enums import Interleaving
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError

from sn7ml.core.errors import RasterError
from sn7ml.core.geo.grid import Grid
from sn7ml.core.runtime.files import replacing
from sn7ml.core.safe_files import require_regular

MOST_PIXELS = 16_384**2
"""Of one band. A file of a few bytes can declare any size, and reading it would take that much memory."""

MOST_BLOCK_BYTES = 4 * MOST_PIXELS
"""Of one block, all bands of it that are stored together: GDAL unpacks whole blocks, whatever the size of the image."""

MOST_FILE_BYTES = 2**33
"""Of the file: GDAL reads tags of any size into memory, up to that of the file."""

ALONE = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}
"""GDAL reads a file by itself: an .aux.xml, .ovr, .msk or .tfw beside it could change what it says."""

PLACE_TAG, NO_PLACE = "SN7ML_PLACE", "none"
"""What ``write_bands`` says of an image that lies nowhere: a CRS that was lost is no such image."""

Meaning: TypeAlias = tuple[float, float, str]
"""Scale, offset and unit of a band: value × scale + offset, in that unit."""

GDAL_ERRORS = (RasterioError, CRSError, CPLE_BaseError)
"""What rasterio raises for faults of a file; some of GDAL's own errors come through it as they are."""


@contextmanager
def open_geotiff(path: Path) -> Iterator[rasterio.DatasetReader]:
    """Open a GeoTIFF for reading.

    Raises RasterError if the file is none (no other driver is tried: a VRT named .tif could point anywhere), is larger
    or declares more than the bounds above, or fails while it is read within the ``with`` block.
    """
    with explained(path), opened(path) as source:
        yield source


def opened(path: Path) -> rasterio.DatasetReader:
    """Open a GeoTIFF for reading, until it is closed. Raises RasterError; what fails later is for :func:`explained`."""
    try:
        require_regular(path, MOST_FILE_BYTES)
    except OSError as error:
        raise RasterError("image.cannot-read", f"{path}: cannot be read as a GeoTIFF ({error.strerror})") from None
    with explained(path), rasterio.Env(**ALONE), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # refused in words where it matters
        # Absolute, so that no name is taken for a file system of GDAL's own (/vsicurl/…, GTIFF_DIR:…).
        source = rasterio.open(path.absolute(), driver="GTiff")
        height, width, (rows, cols), dtype = source.height, source.width, source.block_shapes[0], source.dtypes[0]
        together = source.count if source.interleaving is Interleaving.pixel else 1
    if height * width > MOST_PIXELS:
        source.close()
        raise RasterError(
            "image.too-large",
            f"{path}: declares {height} x {width} pixels, more than {MOST_PIXELS:,} in all; "
            "cut it into parts (gdal_retile.py)",
        )
    item_bytes = 4 if dtype == "complex_int16" else np.dtype(dtype).itemsize  # numpy knows no complex integers
    if rows * cols * together * item_bytes > MOST_BLOCK_BYTES:
        source.close()
        raise RasterError(
            "image.block-size",
            f"{path}: declares blocks of {rows} x {cols} pixels, {together} x {dtype} each, more than "
            f"{MOST_BLOCK_BYTES:,} bytes; write it anew with smaller ones (gdal_translate -co TILED=YES)",
        )
    return source


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what GDAL raises while ``path`` is read into RasterError."""
    try:
        yield
    except GDAL_ERRORS as error:
        # "Read failed. See previous exception for details": GDAL's own words are in the cause, after the file's name.
        words = str(error.__cause__ or error).rpartition(f"{path.absolute()}:")[2].strip()
        raise RasterError(
            "image.not-geotiff", f"{path}: cannot be read as a GeoTIFF, is it truncated? ({words})"
        ) from None


def refuse_upsampled(path: Path, grid: Grid, upsampling: int) -> None:
    """Raise RasterError if what is made of this frame, ``upsampling`` times as large, could not be read again."""
    rows, cols = grid.shape
    if rows * cols * upsampling**2 > MOST_PIXELS:
        raise RasterError(
            "image.too-large",
            f"{path}: {rows} x {cols} pixels up-sampled {upsampling} times are more than {MOST_PIXELS:,}; "
            "cut it into parts (gdal_retile.py)",
        )


def write_bands(  # noqa: PLR0913, PLR0917 - a raster has as many properties
    path: Path,
    bands: Iterable[NDArray[np.uint8]],
    names: Sequence[str],
    grid: Grid | None,
    block_px: int = 256,
    meaning: Sequence[Meaning] = (),
    nodata: int | None = None,
    colours: Mapping[int, tuple[int, int, int]] | None = None,
) -> None:
    """Write uint8 arrays (rows, cols) as the named bands of one file, through a temporary name. Raises RasterError.

    ``bands`` are taken one by one; there are as many as names. ``meaning`` is of each band; without it values mean
    themselves. ``nodata`` is the value of pixels without one; ``colours`` are those of a band's values. Without a
    grid the file has no place on the ground.
    """
    others = iter(bands)
    first = next(others)
    rows, cols = first.shape
    options: dict[str, Any] = {"driver": "GTiff", "dtype": "uint8", "count": len(names), "height": rows, "width": cols}
    if grid is not None and grid.placed:
        options |= {"crs": f"EPSG:{grid.epsg}", "transform": grid.transform}
    options |= {"tiled": True, "blockxsize": block_px, "blockysize": block_px, "interleave": "band"}
    options |= {"compress": "zstd", "zstd_level": 6, "bigtiff": "if_safer"}
    if nodata is not None:
        options["nodata"] = nodata
    with replacing(path) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            with rasterio.open(temporary, "w", **options) as target:
                for number, (band, name) in enumerate(zip(chain([first], others), names, strict=True), start=1):
                    target.write(band, number)
                    target.set_band_description(number, name)
                if grid is not None and not grid.placed:
                    target.update_tags(**{PLACE_TAG: NO_PLACE})
                if colours:
                    target.write_colormap(1, dict(colours))
                if meaning:
                    target.scales, target.offsets, target.units = zip(*meaning, strict=True)
        except GDAL_ERRORS as error:
            raise RasterError(
                "image.cannot-write", f"{path}: cannot be written, is the disk full? ({error.__cause__ or error})"
            ) from None
