"""One map tile: encoded bytes to pixels, with bounds on what a tile may be."""

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

TileState = Literal["ok", "black", "missing", "failed", "redirect", "not an image", "wrong size"]
"""What became of a tile; of all but ``ok`` nothing is known of the ground."""

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")
"""Of Pillow's readers, those that tiles come in."""

ENDINGS = ("png", "jpg", "jpeg", "webp", "tif", "tiff")

MODES = ("RGB", "RGBA", "P", "PA", "L", "LA", "1")
"""Of Pillow's modes, those of 8 bits and of light: no inks (CMYK), no 16 bits."""

MOST_TILE_BYTES = 8 * 2**20
MOST_TILE_PX = 1024
UNREADABLE = (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError)
"""What Pillow raises for damaged files."""


@dataclass(frozen=True)
class MapTile:
    """What is known of one tile."""

    state: TileState
    pixels: NDArray[np.uint8] | None = None
    """(4, rows, cols): red, green, blue, alpha; None unless ``ok``."""


def decode(content: bytes, size_px: int) -> MapTile:
    """Return the pixels of an encoded tile, which must be ``size_px`` wide and high.

    Palettes and grey levels become colours; what is transparent, and a tile that is black all over, is unusable.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:  # the header alone, until pixels are asked for
            if image.size != (size_px, size_px):
                return MapTile("wrong size")
            if image.mode not in MODES:
                return MapTile("not an image")
            pixels = np.moveaxis(np.asarray(image.convert("RGBA")), 2, 0).copy()
    except UNREADABLE:
        return MapTile("not an image")
    if not pixels[:3, pixels[3] > 0].any():
        return MapTile("black")
    return MapTile("ok", pixels)


def side_px(content: bytes) -> int | None:
    """Return the side of an encoded tile in pixels; None if it is no square image of at most ``MOST_TILE_PX``."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            width, height = image.size
    except UNREADABLE:
        return None
    return width if width == height <= MOST_TILE_PX else None
