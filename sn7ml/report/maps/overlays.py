"""Buildings drawn over imagery: truth and prediction, side by side or in one picture."""

import io
import math
from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from sn7ml.report.palette import FOUND_RGB, TRUTH_RGB

Picture = NDArray[np.uint8]
"""(rows, cols, 3) uint8, ready to be shown."""

COLOURS = 3
DARKEST, BRIGHTEST = 2.0, 98.0
"""Percentiles of the usable pixels that become black and white, band by band."""

UNUSABLE_LIGHT, UNUSABLE_DARK = 150, 120
HATCH_PX = 8
"""Distance of the stripes on unusable ground, in pixels of the picture."""

TRUTH_RIM, FOUND_RIM = 2, 1
"""Thickness of outlines in pixels of the picture. Truth is thicker, so that it shows inside a prediction that fits."""

GAP_PX = 8
"""White between the pictures of a triptych."""


def overlay(
    pixels: NDArray[np.uint8], truth: Sequence[BaseGeometry], found: Sequence[BaseGeometry], zoom: int = 4
) -> Picture:
    """Draw the outlines of true (cyan) and found (orange) buildings over an enlarged image.

    An outline lies inside its building: the outermost pixels of the picture whose centres the polygon covers. Where
    truth and prediction agree, orange is the outer line and cyan the inner.

    Parameters
    ----------
    pixels
        (4, rows, cols): red, green, blue, alpha. Where alpha is 0 the picture is hatched in grey.
    truth, found
        Polygons in pixel coordinates of this image (x = column, y = row). Parts beyond the image are cut off, empty
        ones left out; one that covers no pixel centre is a dot.
    zoom
        Pixels of the picture per pixel of the image, along each axis.

    Returns
    -------
    uint8 array (rows * zoom, cols * zoom, 3)
    """
    picture = _enlarged(pixels, zoom)
    _draw(picture, truth, TRUTH_RGB, TRUTH_RIM, zoom)
    _draw(picture, found, FOUND_RGB, FOUND_RIM, zoom)
    return picture


def triptych(
    pixels: NDArray[np.uint8], truth: Sequence[BaseGeometry], found: Sequence[BaseGeometry], *, zoom: int = 4
) -> Picture:
    """Put image, truth and prediction side by side, each as :func:`overlay` draws it, with white between.

    Returns
    -------
    uint8 array (rows * zoom, 3 * cols * zoom + 2 * GAP_PX, 3)
    """
    plain = _enlarged(pixels, zoom)
    left, right = plain.copy(), plain.copy()
    _draw(left, truth, TRUTH_RGB, TRUTH_RIM, zoom)
    _draw(right, found, FOUND_RGB, TRUTH_RIM, zoom)
    return side_by_side(plain, left, right)


def side_by_side(*pictures: Picture) -> Picture:
    """Put pictures in a row, flush at the top, with white between and below those that are less high."""
    rows = max(picture.shape[0] for picture in pictures)
    gap = np.full((rows, GAP_PX, COLOURS), 255, np.uint8)
    padded = [
        np.pad(picture, ((0, rows - picture.shape[0]), (0, 0), (0, 0)), constant_values=255) for picture in pictures
    ]
    return np.concatenate([part for picture in padded for part in (gap, picture)][1:], axis=1)


def panels_of(picture: Picture) -> tuple[Picture, Picture, Picture]:
    """Cut a :func:`triptych` into image, truth and prediction."""
    width = (picture.shape[1] - 2 * GAP_PX) // 3
    image, truth, found = (
        picture[:, start : start + width] for start in range(0, 3 * (width + GAP_PX), width + GAP_PX)
    )
    return image, truth, found


def to_png(picture: Picture) -> bytes:
    """Encode a picture; the same picture gives the same bytes."""
    buffer = io.BytesIO()
    Pillow.fromarray(picture).save(buffer, format="PNG", compress_level=9)
    return buffer.getvalue()


def stretched(pixels: NDArray[np.uint8]) -> Picture:
    """Spread each band's usable values over 0 to 255, so that a hazy or dark month can be read.

    Values outside the 2nd to 98th percentile are cut off. An even band becomes black; an image without a usable
    pixel becomes black altogether.

    Parameters
    ----------
    pixels
        (4, rows, cols): red, green, blue, alpha.

    Returns
    -------
    uint8 array (rows, cols, 3)
    """
    usable = pixels[COLOURS] > 0
    if not usable.any():
        return np.zeros((*usable.shape, COLOURS), np.uint8)
    low, high = np.percentile(pixels[:COLOURS, usable], [DARKEST, BRIGHTEST], axis=1)[..., None, None]
    spread = (pixels[:COLOURS] - low) / np.maximum(high - low, 1.0)
    shown: Picture = np.round(255 * spread.clip(0, 1)).astype(np.uint8).transpose(1, 2, 0)
    return shown


def _enlarged(pixels: NDArray[np.uint8], zoom: int) -> Picture:
    picture = stretched(pixels).repeat(zoom, axis=0).repeat(zoom, axis=1)
    unusable = (pixels[COLOURS] == 0).repeat(zoom, axis=0).repeat(zoom, axis=1)
    rows, cols = np.indices(unusable.shape)
    stripe = (rows + cols) % HATCH_PX < HATCH_PX // 4
    hatched = np.where(stripe, UNUSABLE_DARK, UNUSABLE_LIGHT).astype(np.uint8)
    picture[unusable] = hatched[unusable, None]
    return picture


def _draw(
    picture: Picture, geometries: Sequence[BaseGeometry], colour: tuple[int, int, int], rim: int, zoom: int
) -> None:
    """Colour each building's outline, as far as it lies inside the picture."""
    for geometry in geometries:
        if geometry is None or geometry.is_empty:
            continue
        west, north, east, south = (np.array(geometry.bounds) * zoom).tolist()
        # One pixel of ground all round, so that the erosion sees where the building ends; and no more than the picture
        # with a rim round it, however far the building goes.
        top, left = max(math.floor(north) - 1, -rim - 1), max(math.floor(west) - 1, -rim - 1)
        bottom = min(math.ceil(south) + 1, picture.shape[0] + rim + 1)
        right = min(math.ceil(east) + 1, picture.shape[1] + rim + 1)
        if bottom <= top or right <= left:
            continue
        covered = _covered(geometry, (top, left), (bottom - top, right - left), zoom)
        rows, cols = np.nonzero(covered & ~ndimage.binary_erosion(covered, iterations=rim))
        rows, cols = rows + top, cols + left
        inside = (rows >= 0) & (rows < picture.shape[0]) & (cols >= 0) & (cols < picture.shape[1])
        picture[rows[inside], cols[inside]] = colour


def _covered(geometry: BaseGeometry, start: tuple[int, int], shape: tuple[int, int], zoom: int) -> NDArray[np.bool_]:
    """Pixels of the picture, from ``start`` (row, col) on, whose centres lie in ``geometry``; of a small one at least one."""
    y, x = ((np.arange(count) + first + 0.5) / zoom for first, count in zip(start, shape, strict=True))
    shapely.prepare(geometry)
    covered: NDArray[np.bool_] = shapely.contains_xy(geometry, x[None, :], y[:, None])
    if not covered.any():
        point = geometry.representative_point()
        row, col = int(point.y * zoom) - start[0], int(point.x * zoom) - start[1]
        if 0 <= row < shape[0] and 0 <= col < shape[1]:
            covered[row, col] = True
    return covered


def from_png(png: bytes) -> Picture:
    """Return the pixels of a PNG, without its transparency."""
    return np.asarray(Pillow.open(io.BytesIO(png)).convert("RGB"))
