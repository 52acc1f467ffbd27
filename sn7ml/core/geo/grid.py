"""The pixel grid of an image."""

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from sn7ml.core.errors import GridError

EARTH_RADIUS_M = 6_378_137.0
"""Radius of the sphere that EPSG:3857 projects."""

WEB_MERCATOR = 3857

NOWHERE = 0
"""In place of an EPSG code: the image has no place on the ground, and ``(x, y)`` are columns and rows below 0."""

TILE_PX = 1024
"""Pixels along a zoom-13 tile, of which SpaceNet 7's AOIs are one each."""

FARTHEST = 1e9
"""Largest CRS coordinate accepted. Anything larger is corrupt and loses sub-pixel precision."""

Shapes = TypeVar("Shapes", BaseGeometry, NDArray[np.object_])
"""One geometry or an array of them, None in it for none; all at once is ten times as fast as one by one."""


@dataclass(frozen=True)
class Grid:
    """The pixel grid of one image.

    In this project ``(row, col)`` always means pixels, row 0 at the north edge, and ``(x, y)`` always means CRS
    coordinates, or, for polygons in pixel coordinates, x = column and y = row.
    """

    epsg: int
    """CRS of ``transform``; SpaceNet 7 mosaics are 3857. ``NOWHERE`` is none."""

    transform: Affine
    """Pixel corner ``(col, row)`` to CRS ``(x, y)``; north up, square pixels."""

    shape: tuple[int, int]
    """``(rows, cols)``."""

    def __post_init__(self) -> None:
        t = self.transform
        if t.b or t.d or t.a <= 0 or not math.isclose(t.a, -t.e, rel_tol=1e-6):
            raise GridError("grid.not-north-up", f"need a north-up grid of square pixels, got transform {tuple(t)[:6]}")
        if not (max(abs(t.c), abs(t.f), t.a) <= FARTHEST and t.a >= 1 / FARTHEST):  # so written, NaN is refused
            raise GridError(
                "grid.off-earth", f"need coordinates on Earth, within ±{FARTHEST:.0e}, got transform {tuple(t)[:6]}"
            )
        if min(self.shape) < 1:
            raise GridError("grid.empty", f"need at least one row and one column, got shape {self.shape}")

    def __str__(self) -> str:
        rows, cols = self.shape
        if not self.placed:
            return f"no CRS, {rows} x {cols} pixels"
        t = self.transform
        return f"EPSG:{self.epsg}, {rows} x {cols} pixels of {t.a} from ({t.c}, {t.f})"

    @classmethod
    def nowhere(cls, rows: int, cols: int) -> "Grid":
        """Return the grid of an image that does not say where it lies."""
        return cls(NOWHERE, Affine.scale(1, -1), (rows, cols))

    @property
    def placed(self) -> bool:
        """Whether the image lies anywhere, so that lengths and areas on the ground have a meaning."""
        return self.epsg != NOWHERE

    def upsampled(self, factor: int) -> "Grid":
        """Return the grid of the same ground with ``factor`` × ``factor`` pixels in place of each."""
        rows, cols = self.shape
        return Grid(self.epsg, self.transform @ Affine.scale(1 / factor), (rows * factor, cols * factor))

    def to_pixels(self, shapes: Shapes) -> Shapes:
        """From CRS to pixel coordinates (column, row), fractional."""
        return _moved(shapes, ~self.transform)

    def to_crs(self, shapes: Shapes) -> Shapes:
        """From pixel coordinates (column, row) to the CRS."""
        return _moved(shapes, self.transform)

    def ground_pixel_size_m(self) -> float:
        """Side of the middle pixel on the ground, in metres.

        Web Mercator units are metres only at the equator: elsewhere they are stretched by ``1 / cos(latitude)``,
        which is twice as long at 60 degrees north.

        Raises GridError if the grid is not in EPSG:3857.

        >>> round(Grid(3857, Affine(4.777, 0, 0, 0, -4.777, 0), (2, 2)).ground_pixel_size_m(), 6)
        4.777
        """
        if self.epsg != WEB_MERCATOR:
            raise GridError("grid.crs", f"pixel size is known for EPSG:{WEB_MERCATOR} only, got EPSG:{self.epsg}")
        rows, cols = self.shape
        _, y = self.transform @ (cols / 2, rows / 2)
        return float(self.transform.a / math.cosh(y / EARTH_RADIUS_M))  # cos(lat) = 1 / cosh(y / R)


def _moved(shapes: Shapes, transform: Affine) -> Shapes:
    t = transform
    linear, shift = np.array([[t.a, t.b], [t.d, t.e]]), np.array([t.c, t.f])
    moved: Shapes = shapely.transform(shapes, lambda xy: xy @ linear.T + shift)
    return moved


def tile_transform(x: int, y: int, zoom: int) -> Affine:
    """Return pixel corner ``(col, row)`` to EPSG:3857 of a web-mercator tile (XYZ, y from the north), ``TILE_PX`` wide.

    >>> tile_transform(0, 0, 0) @ (TILE_PX / 2, TILE_PX / 2)  # in the middle of the world
    (0.0, 0.0)
    """
    half_world = math.pi * EARTH_RADIUS_M
    side = 2 * half_world / 2**zoom
    pixel = side / TILE_PX
    return Affine(pixel, 0.0, x * side - half_world, 0.0, -pixel, half_world - y * side)


def nearest_pixels(count: int, factor: int, wanted: int) -> NDArray[np.int64]:
    """Return the source of each of ``count`` new pixels of one axis: ``factor`` to ``wanted`` pixels per image pixel.

    It is the source pixel that holds the new one's centre.

    >>> nearest_pixels(4, 3, 2).tolist()  # two for three: the first and the last of each three
    [0, 2, 3, 5]
    """
    # The centre of pixel n lies at (n + 1/2) / wanted.
    return ((2 * np.arange(count) + 1) * factor) // (2 * wanted)
