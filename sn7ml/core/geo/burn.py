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
    """Draw polygons as an image of ids; the n-th polygon, from 1, gets id n.

    A pixel belongs to a polygon that holds its centre. Where polygons overlap, the later one wins.

    Parameters
    ----------
    polygons
        In pixel coordinates of the original image; may stick out of it.
    shape
        (rows, cols) of the original image.
    upsampling
        Mask pixels per image pixel along each axis.

    Returns
    -------
    int32 array (rows * upsampling, cols * upsampling)
        0 on ground; all 0 for no polygons.
    """
    rows, cols = shape
    out_shape = (rows * upsampling, cols * upsampling)
    shapes = [(polygon, number) for number, polygon in enumerate(polygons, start=1) if not polygon.is_empty]
    if not shapes:
        return np.zeros(out_shape, np.int32)
    ids = rasterio.features.rasterize(shapes, out_shape, transform=Affine.scale(1 / upsampling), dtype="int32")
    return np.asarray(ids, dtype=np.int32)
