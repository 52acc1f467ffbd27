"""Images that did not come through the pipeline's checks: what prediction takes, and why it refuses the rest.

A network has learnt from red, green and blue, 0 to 255, in pixels of about 4 metres. It answers to anything else too,
and wrongly, so what differs is refused before hours are spent on it.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
from rasterio.crs import CRS
from rasterio.enums import ColorInterp

from sn7ml.core.errors import GridError, RasterError, Sn7Error
from sn7ml.core.geo.grid import WEB_MERCATOR, Grid
from sn7ml.core.geo.ground import pixel_size_m
from sn7ml.params import ModelImages, Span
from sn7ml.scenes.images import Image, grid_of, shared_grid
from sn7ml.scenes.rasters import open_geotiff
from sn7ml.scenes.raw_images import OpenImage, RawImage
from sn7ml.scenes.row_errors import listing

RGB = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)

PIXEL_M = (2.5, 5.5)
"""Sides of a pixel on the ground that prediction takes. In SpaceNet 7's training areas they are 2.91 to 4.78 m long."""

ALIKE = 0.02
"""Pixels of single images whose sides differ less than this from trained ones are not resampled."""

MOST_RESAMPLED = 2.0
"""How many times as large, or as small, pixels of single images may be as those that the model learned from."""

MOST_PIXELS = 4_096**2
"""Of one image. Up-sampled three times, prediction takes up to 350 bytes a pixel: 6 GB (docs/hostile-input.md)."""


def check_frames(root: Path, frames: pd.DataFrame, *, any_pixel_size: bool = False) -> dict[str, Grid]:
    """Look at every image of ``SOURCES`` below a data folder without reading its pixels; return the grid of each AOI.

    Raises RasterError naming every image that cannot be predicted, what was found, what was expected, and the cure; and
    of every AOI whose images do not share one grid the first that differs.
    """
    faults: list[Sn7Error] = []
    grids: dict[str, Grid] = {}
    for aoi, images in frames.groupby("aoi", sort=True)["image"]:
        found: dict[Path, Grid] = {}
        for path in (root / image for image in images):
            try:
                found[path] = _checked_grid(path, any_pixel_size)
            except RasterError as fault:
                faults.append(fault)
        try:
            if len(found) == len(images):
                grids[str(aoi)] = shared_grid(found)
        except GridError as fault:
            faults.append(fault)
    if faults:
        head = f"{root}: {len(faults)} fault(s) in {len(frames)} image(s)"
        raise RasterError("image.unusable", listing(head, [[str(fault)] for fault in faults], len(faults)), faults)
    return grids


def _checked_grid(path: Path, any_pixel_size: bool) -> Grid:
    """Return the grid of one image. Raises RasterError if something is wrong with the image."""
    with open_geotiff(path) as source:
        _check_bands(source, path)
        if source.crs and not source.crs.is_projected:
            raise RasterError(
                "image.crs",
                f"{path}: its CRS {source.crs.to_string():.60} is not in metres; expected EPSG:{WEB_MERCATOR} or "
                f"another projected one: gdalwarp -t_srs EPSG:{WEB_MERCATOR} -tr 4.777 4.777",
            )
        grid = grid_of(source, path)
    rows, cols = grid.shape
    if rows * cols > MOST_PIXELS:
        raise RasterError(
            "image.too-large",
            f"{path}: has {rows} x {cols} pixels; expected at most {MOST_PIXELS:,} in all, as a frame is predicted and "
            "tracked in memory: cut all months alike (gdal_translate -srcwin)",
        )
    side, (least, most) = ground_pixel_size_m(grid), PIXEL_M
    if not (any_pixel_size or least <= side <= most):
        raise RasterError(
            "image.pixel-size",
            f"{path}: its pixels are {side:.2f} m on the ground; expected {least:g} to {most:g} m, as the networks "
            "know buildings of that size only: resample it (gdalwarp -tr), or try it anyway with --any-pixel-size",
        )
    return grid


def check_scenes(
    root: Path, frames: pd.DataFrame, open_image: OpenImage, model: ModelImages | None, *, any_pixel_size: bool = False
) -> dict[str, RawImage]:
    """Look at every single image of ``SOURCES`` without reading its pixels; return AOI to image.

    ``model`` is what the model learned from. Raises RasterError naming every image that cannot be predicted.
    """
    faults: list[Sn7Error] = []
    images: dict[str, RawImage] = {}
    for row in frames.to_dict("records"):
        try:
            image = open_image(root, row)
            _check_scene(f"{root / row['image']}", image, model, any_pixel_size)
            images[str(row["aoi"])] = image
        except RasterError as fault:
            faults.append(fault)
    if faults:
        head = f"{root}: {len(faults)} fault(s) in {len(frames)} image(s)"
        raise RasterError("image.unusable", listing(head, [[str(fault)] for fault in faults], len(faults)), faults)
    return images


def _check_scene(path: str, image: RawImage, model: ModelImages | None, any_pixel_size: bool) -> None:
    if image.dtype != "uint8" and (model is None or not model.stretch):
        raise RasterError(
            "image.data-type",
            f"{path}: is {image.dtype}; expected uint8, 0 to 255, as the model learned from bytes and so knows no "
            "stretch: gdal_translate -ot Byte -scale",
        )
    factors = _factors(image.grid, model)
    if max(*factors, *(1 / it for it in factors)) > MOST_RESAMPLED and not any_pixel_size:
        height, width = pixel_size_m(image.grid)
        assert model is not None
        assert model.pixel_height_m is not None
        assert model.pixel_width_m is not None
        raise RasterError(
            "image.pixel-size",
            f"{path}: its pixels are {height:.3g} x {width:.3g} m on the ground; expected "
            f"{model.pixel_height_m[0]:.3g} x {model.pixel_width_m[0]:.3g} m, or at most {MOST_RESAMPLED:g} times as "
            "large or small, as the model knows buildings of that size: take other images, or try these anyway with "
            "--any-pixel-size",
        )
    rows, cols = (side * max(factor, 1) for side, factor in zip(image.grid.shape, factors, strict=True))
    if rows * cols > MOST_PIXELS:
        raise RasterError(
            "image.too-large",
            f"{path}: has {rows:.0f} x {cols:.0f} pixels of the size that the model knows; expected at most "
            f"{MOST_PIXELS:,} in all, as an image is predicted in memory: cut it into parts (gdal_retile.py)",
        )


def trained_shape(grid: Grid, model: ModelImages | None) -> tuple[int, int] | None:
    """Return the (rows, cols) at which an image has pixels as large as those that the model learned from.

    None if it has them as it is.
    """
    factors = _factors(grid, model)
    if factors == (1.0, 1.0):
        return None
    rows, cols = (max(round(side * factor), 1) for side, factor in zip(grid.shape, factors, strict=True))
    return rows, cols


def trained_pixel(grid: Grid, model: ModelImages | None) -> float:
    """Return how many pixels of an image a pixel that the model learned from is long: the mean of both sides."""
    height, width = _factors(grid, model)
    return float((height * width) ** -0.5)


def _factors(grid: Grid, model: ModelImages | None) -> tuple[float, float]:
    """Return how many trained pixels a pixel is high and wide; 1 if it is as large as one of them, or none can tell."""
    if model is None or model.pixel_height_m is None or model.pixel_width_m is None or not grid.placed:
        return 1.0, 1.0
    height, width = pixel_size_m(grid)
    return _factor(height, model.pixel_height_m), _factor(width, model.pixel_width_m)


def _factor(side_m: float, trained_m: Span) -> float:
    nearest = min(max(side_m, trained_m[0]), trained_m[1])
    return 1.0 if abs(side_m / nearest - 1) <= ALIKE else side_m / nearest


def _check_bands(source: rasterio.DatasetReader, path: Path) -> None:
    if set(source.dtypes) != {"uint8"}:
        raise RasterError(
            "image.data-type",
            f"{path}: its bands are {', '.join(sorted(set(source.dtypes)))}; expected uint8, 0 to 255, as SpaceNet 7's "
            "mosaics are: gdal_translate -ot Byte -scale",
        )
    if source.colorinterp not in (RGB, (*RGB, ColorInterp.alpha)):
        found = ", ".join(band.name for band in source.colorinterp)
        raise RasterError(
            "image.band-order",
            f"{path}: its bands are {found}; expected red, green, blue and perhaps alpha, in this order: "
            "gdal_translate -b chooses and orders bands, gdal_edit.py -colorinterp_1 red … says what they are",
        )


def ground_pixel_size_m(grid: Grid) -> float:
    """Return the side of the middle pixel on the ground, in metres, in any projected CRS.

    Lengths in other projections than web mercator are taken as they are: a UTM zone's are right to a thousandth.
    """
    if grid.epsg == WEB_MERCATOR:
        return grid.ground_pixel_size_m()
    _, metres = CRS.from_epsg(grid.epsg).linear_units_factor
    return float(grid.transform.a * metres)


def read_any_image(path: Path) -> Image:
    """Read an image with or without alpha; without it, what GDAL holds for missing (nodata, a mask) is unusable.

    Raises RasterError if it cannot be read to its end, or its bands are not red, green, blue and perhaps alpha, uint8.
    """
    with open_geotiff(path) as source:
        grid = grid_of(source, path)
        _check_bands(source, path)
        pixels = source.read()
        if len(pixels) == len(RGB):
            pixels = np.concatenate([pixels, source.dataset_mask()[None]])
    return Image(pixels, grid)
