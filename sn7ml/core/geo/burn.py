"""Polygons to an image of ids. Uses ``rasterio.features``, which works on arrays and opens no file."""

from collections.abc import Sequence

import numpy as np
import rasterio.features
from affine import Affine
from numpy.typing import NDArray
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
