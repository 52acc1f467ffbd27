"""Place and time of a synthetic AOI: tile, name, grid, calendar and random numbers, as in SpaceNet 7."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from affine import Affine

from sn7ml.core.geo.grid import EARTH_RADIUS_M, tile_transform
from sn7ml.scenes.layouts.spacenet7 import name_of, stem_of
from sn7ml.synthetic.canvas import FINE
from sn7ml.synthetic.chance import Purpose, stream

ZOOM = 13
PIXEL_M = 4.77731426716
"""Side of a pixel of a z=13 tile of 1024 pixels, Web Mercator metres, to the digits that the real files carry."""

CYCLE = 6
"""Every sixth AOI has the same special traits."""
SHORT_SIDE, MISSING_MONTH, NEIGHBOUR = 0, 1, 3
"""Remainders of an AOI's index: one row short; a month is missing; touches the AOI before it."""


@dataclass(frozen=True)
class Place:
    """Place and time of one synthetic AOI: number ``index``, from 0, of the set of a ``seed``."""

    seed: int
    index: int
    tile: tuple[int, int]
    """``(x, y)`` of the z=13 Web Mercator tile whose north-west corner the image shares."""

    shape: tuple[int, int]
    """``(rows, cols)`` of the images."""

    calendar: tuple[str, ...]
    """Every month of the span, in order; births and demolitions count in these."""

    missing: int | None
    """Index in ``calendar`` of the month that has no files."""

    fine: int = FINE
    """Pixels of the canvas per pixel of ``shape``, along each axis."""

    @property
    def aoi(self) -> str:
        """Name of the folder: zoom-15 quad (TMS), tile and zoom."""
        return name_of(*self.tile, ZOOM)

    @cached_property
    def transform(self) -> Affine:
        """Pixel corner ``(col, row)`` to EPSG:3857 ``(x, y)``."""
        exact = tile_transform(*self.tile, ZOOM)
        return Affine(PIXEL_M, 0.0, round(exact.c, 6), 0.0, -PIXEL_M, round(exact.f, 6))

    def mercator(self, x: float, y: float) -> tuple[float, float]:
        """Return EPSG:3857 of a point in pixels, to the micrometre."""
        return round(self.transform.c + x * PIXEL_M, 6), round(self.transform.f - y * PIXEL_M, 6)

    def lon_lat(self, x: float, y: float) -> tuple[float, float]:
        """Return longitude and latitude of a point in pixels, degrees."""
        east, north = self.mercator(x, y)
        latitude = math.degrees(math.atan(math.sinh(north / EARTH_RADIUS_M)))
        return round(math.degrees(east / EARTH_RADIUS_M), 9), round(latitude, 9)

    def frames(self) -> list[int]:
        """Return the months that have files, as indices in ``calendar``."""
        return [month for month in range(len(self.calendar)) if month != self.missing]

    def stem(self, month: int) -> str:
        """Return the 58 characters that begin the name of every file of a month."""
        return stem_of(self.aoi, self.calendar[month])

    def stream(self, purpose: Purpose, month: int = 0) -> np.random.Generator:
        """Return the AOI's random numbers for one purpose; independent of how many AOIs are asked for."""
        return stream(self.seed, self.index, purpose, month)


def place_of(aoi_index: int, months: int, size_px: int, seed: int) -> Place:
    """Return the place of AOI ``aoi_index`` of a set; it does not depend on the others."""
    trait = aoi_index % CYCLE
    x, y = _tile(aoi_index - 1, seed) if trait == NEIGHBOUR else _tile(aoi_index, seed)
    return Place(
        seed=seed,
        index=aoi_index,
        tile=(x + 1, y + 1) if trait == NEIGHBOUR else (x, y),
        shape=(size_px - 1 if trait == SHORT_SIDE else size_px, size_px),
        calendar=tuple(f"{2018 + month // 12}-{month % 12 + 1:02d}" for month in range(months)),
        missing=months // 2 if trait == MISSING_MONTH and months > 2 else None,
    )


def _tile(aoi_index: int, seed: int) -> tuple[int, int]:
    # The first 61 multiples of 997 on a ring of 7600 lie 114 or more apart. Shrunk by 0.9 that leaves at least 20 tiles
    # between areas, whatever is drawn below 80: only areas that are meant to be neighbours are.
    rng = stream(seed, aoi_index, "place")
    x = 1000 + (aoi_index * 997) % 7600 * 9 // 10 + int(rng.integers(0, 80))
    return x, int(rng.integers(2700, 3800))
