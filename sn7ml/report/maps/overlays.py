"""Buildings drawn over imagery: truth and prediction, side by side or in one picture."""

import io
from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from sn7ml.core.geo.burn import burn_ids
from sn7ml.report.palette import BOTH_RGB, FOUND_RGB, TRUTH_RGB

Picture = NDArray[np.uint8]
"""(rows, cols, 3), ready to be shown."""

COLOURS = 3
DARKEST, BRIGHTEST = 2.0, 98.0
"""Percentiles of the usable pixels that become black and white, band by band."""

UNUSABLE_LIGHT, UNUSABLE_DARK = 150, 120
DIMMED, FILL = 0.45, 0.35
"""Brightness that is left of an image below errors, and the weight of the colour within their outlines."""

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

    An outline lies inside its building: the outermost pixels of the picture whose centres the polygon covers, or a dot
    if there are none. Where truth and prediction agree, orange is the outer line and cyan the inner.

    ``pixels`` are (4, rows, cols): red, green, blue, alpha; where alpha is 0 the picture is hatched in grey. Polygons
    are in pixels of the image (x = column, y = row); parts beyond it are cut off. ``zoom`` is pixels of the picture per
    pixel of the image.
    """
    picture = _outlined(_enlarged(pixels, zoom), truth, TRUTH_RGB, TRUTH_RIM, zoom)
    return _outlined(picture, found, FOUND_RGB, FOUND_RIM, zoom)


def triptych(
    pixels: NDArray[np.uint8], truth: Sequence[BaseGeometry], found: Sequence[BaseGeometry], *, zoom: int = 4
) -> Picture:
    """Put image, truth and prediction side by side, each as :func:`overlay` draws it."""
    plain = _enlarged(pixels, zoom)
    left = _outlined(plain, truth, TRUTH_RGB, TRUTH_RIM, zoom)
    right = _outlined(plain, found, FOUND_RGB, TRUTH_RIM, zoom)
    return side_by_side(plain, left, right)


def errors(
    pixels: NDArray[np.uint8],
    both: Sequence[BaseGeometry],
    false: Sequence[BaseGeometry],
    missed: Sequence[BaseGeometry],
    *,
    zoom: int = 4,
) -> Picture:
    """Draw over a darkened image which buildings were found (white), found in error (orange), and missed (cyan).

    Each is filled lightly, within its outline. Arguments are as of :func:`overlay`.
    """
    picture = (_enlarged(pixels, zoom) * DIMMED).astype(np.uint8)
    for shapes, colour in ((both, BOTH_RGB), (missed, TRUTH_RGB), (false, FOUND_RGB)):
        inside = burn_ids([shape for shape in shapes if shape is not None], pixels.shape[1:], zoom) > 0
        picture[inside] = (picture[inside] * (1 - FILL) + np.array(colour) * FILL).astype(np.uint8)
        picture = _outlined(picture, shapes, colour, TRUTH_RIM, zoom)
    return picture


def side_by_side(*pictures: Picture) -> Picture:
    """Put pictures in a row, flush at the top, with white between and below those that are less high."""
    rows = max(picture.shape[0] for picture in pictures)
    padded = [
        np.pad(picture, ((0, rows - picture.shape[0]), (GAP_PX, 0), (0, 0)), constant_values=255)
        for picture in pictures
    ]
    return np.concatenate(padded, axis=1)[:, GAP_PX:]


def panels_of(picture: Picture, count: int = 3) -> list[Picture]:
    """Cut what :func:`side_by_side` made of ``count`` pictures of one size, such as a :func:`triptych`."""
    width = (picture.shape[1] - (count - 1) * GAP_PX) // count
    return [picture[:, place * (width + GAP_PX) :][:, :width] for place in range(count)]


def shapes_within(shapes: NDArray[np.object_], row: int, col: int, side_px: int) -> list[BaseGeometry]:
    """Return the polygons that reach into the square window from (row, col) on, in pixels of the window."""
    near = shapely.intersects(shapes, shapely.box(col, row, col + side_px, row + side_px))
    return list(shapely.transform(shapes[near], lambda xy: xy - [col, row]))


def to_png(picture: Picture) -> bytes:
    """Encode a picture; the same picture gives the same bytes."""
    buffer = io.BytesIO()
    Pillow.fromarray(picture).save(buffer, format="PNG", compress_level=9)
    return buffer.getvalue()


def from_png(png: bytes) -> Picture:
    """Return the pixels of a PNG, without its transparency."""
    return np.asarray(Pillow.open(io.BytesIO(png)).convert("RGB"))


def stretched(pixels: NDArray[np.uint8]) -> Picture:
    """Spread the usable values of each band of (4, rows, cols) over 0 to 255, so that a hazy month is legible.

    Values outside the 2nd to 98th percentile are cut off. An even band, and an image without a usable pixel, are black.
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


def _outlined(
    picture: Picture, shapes: Sequence[BaseGeometry], colour: tuple[int, int, int], rim: int, zoom: int
) -> Picture:
    """Return the picture with each building's outline in colour, as far as it lies inside."""
    # A margin all round, however far a building goes: the erosion sees whether it ends at the edge of the picture.
    margin = rim + 1
    canvas = np.pad(picture, ((margin, margin), (margin, margin), (0, 0)))
    limits = [canvas.shape[1], canvas.shape[0]]
    for shape in shapes:
        if shape is None or shape.is_empty:
            continue
        # One pixel of ground all round, so that the erosion sees where the building ends.
        bounds = np.array(shape.bounds) * zoom + margin
        left, top = np.clip(np.floor(bounds[:2]) - 1, 0, limits).astype(int)
        right, bottom = np.clip(np.ceil(bounds[2:]) + 1, 0, limits).astype(int)
        if right <= left or bottom <= top:
            continue
        x, y = ((np.arange(*ends) - margin + 0.5) / zoom for ends in ((left, right), (top, bottom)))
        shapely.prepare(shape)
        covered: NDArray[np.bool_] = shapely.contains_xy(shape, x[None, :], y[:, None])
        if not covered.any():  # smaller than a pixel
            point = shape.representative_point()
            row, col = int(point.y * zoom) + margin - top, int(point.x * zoom) + margin - left
            if 0 <= row < bottom - top and 0 <= col < right - left:
                covered[row, col] = True
        canvas[top:bottom, left:right][covered & ~ndimage.binary_erosion(covered, iterations=rim)] = colour
    return canvas[margin:-margin, margin:-margin]
