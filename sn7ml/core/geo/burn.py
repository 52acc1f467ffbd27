"""Polygons to an image of ids, and back. Uses ``rasterio.features``, which works on arrays and opens no file."""

from collections.abc import Sequence

import numpy as np
import rasterio.features
import shapely
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

Ids = NDArray[np.int32]
"""(rows, cols): 0 on ground, a building's own positive number on its pixels."""


def burn_ids(polygons: Sequence[BaseGeometry], shape: tuple[int, int], upsampling: int = 1) -> NDArray[np.int32]:
    """Draw polygons as an image of ids, (rows * upsampling, cols * upsampling); the n-th polygon, from 1, gets id n.

    A pixel belongs to a polygon that holds its centre. Where polygons overlap, the later one wins. Polygons are in
    pixel coordinates of the original image, of ``shape`` (rows, cols), and may stick out of it.
    """
    rows, cols = shape
    out_shape = (rows * upsampling, cols * upsampling)
    shapes = [(polygon, number) for number, polygon in enumerate(polygons, start=1) if not polygon.is_empty]
    if not shapes:
        return np.zeros(out_shape, np.int32)
    ids = rasterio.features.rasterize(shapes, out_shape, transform=Affine.scale(1 / upsampling), dtype="int32")
    return np.asarray(ids, dtype=np.int32)


def outlines(ids: Ids, upsampling: int, simplify_px: float) -> dict[int, Polygon]:
    """Draw the outline of every id, along the edges of its pixels.

    Holes are filled: at 4 m a yard inside a footprint is nearly always noise of the detector. Of an id that lies in
    several parts (pixels that meet only at a corner are parts) the largest stays.

    ``upsampling`` is the number of pixels of ``ids`` per pixel of the original image, along each axis. No point of a
    raw outline lies farther than ``simplify_px`` (of the original image) from the simplified one; 0 drops only points
    on straight lines.

    Returns id to a valid polygon in pixel coordinates of the original image; ids ascend. Empty for an image of ground.

    >>> outlines(np.array([[0, 0, 7, 7]], np.int32), upsampling=2, simplify_px=0.0)[7].bounds
    (1.0, 0.0, 2.0, 0.5)
    """
    if not ids.any():
        return {}
    # Outlines of pixels joined over sides never touch themselves, so they are valid; those joined over corners may.
    scale = Affine.scale(1 / upsampling)
    found = rasterio.features.shapes(ids.astype(np.int32, copy=False), mask=ids > 0, connectivity=4, transform=scale)
    numbers, rings = zip(*((int(number), shape["coordinates"][0]) for shape, number in found), strict=True)
    polygons = shapely.polygons([shapely.linearrings(ring) for ring in rings])
    order = np.lexsort((-shapely.area(polygons), numbers))
    keys, first = np.unique(np.array(numbers)[order], return_index=True)
    simple = shapely.simplify(polygons[order][first], simplify_px, preserve_topology=True)
    return dict(zip(keys.tolist(), simple.tolist(), strict=True))
