"""An image of ids to polygons. Uses ``rasterio.features``, which works on arrays and opens no file."""

import numpy as np
import rasterio.features
import shapely
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon

from sn7ml.geo.masks import Ids
from sn7ml.geo.polygons import clean_polygon


def outlines(ids: Ids, upsampling: int, simplify_px: float) -> dict[int, Polygon]:
    """Draw the outline of every id, along the edges of its pixels.

    Holes are filled: at 4 m a yard inside a footprint is nearly always noise of the detector. Of an id that lies in
    several parts (pixels that meet only at a corner are parts) the largest stays.

    Parameters
    ----------
    ids
        Image of ids at the up-sampled scale.
    upsampling
        Pixels of ``ids`` per pixel of the original image, along each axis.
    simplify_px
        No point of the raw outline lies farther than this from the simplified one, pixels of the original image;
        0 drops only points on straight lines.

    Returns
    -------
    dict
        Id to a valid polygon without holes, in pixel coordinates of the original image; ids ascend. Empty for an
        image of ground.

    Examples
    --------
    >>> outlines(np.array([[0, 0, 7, 7]], np.int32), upsampling=2, simplify_px=0.0)[7].bounds
    (1.0, 0.0, 2.0, 0.5)
    """
    if not ids.any():
        return {}
    scale = Affine.scale(1 / upsampling)
    found = rasterio.features.shapes(ids.astype(np.int32, copy=False), mask=ids > 0, connectivity=4, transform=scale)
    numbers, rings = zip(*((int(number), shape["coordinates"][0]) for shape, number in found), strict=True)
    keys, polygons = _largest_parts(np.array(numbers), shapely.polygons([shapely.linearrings(ring) for ring in rings]))
    simple = _simplified(polygons, simplify_px)
    return dict(zip(keys.tolist(), simple.tolist(), strict=True))


def _largest_parts(
    numbers: NDArray[np.int64], polygons: NDArray[np.object_]
) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    # A region whose pixels close a ring only over a corner has an outline that touches itself.
    broken = ~shapely.is_valid(polygons)
    polygons[broken] = [_largest(clean_polygon(polygon)) for polygon in polygons[broken]]
    order = np.lexsort((-shapely.area(polygons), numbers))
    keys, first = np.unique(numbers[order], return_index=True)
    return keys, polygons[order][first]


def _largest(geometry: Polygon | MultiPolygon | None) -> Polygon:
    parts = shapely.get_parts(geometry)
    return Polygon(parts[shapely.area(parts).argmax()].exterior)


def _simplified(polygons: NDArray[np.object_], simplify_px: float) -> NDArray[np.object_]:
    simple = shapely.simplify(polygons, simplify_px, preserve_topology=True)
    lost = ~shapely.is_valid(simple) | shapely.is_empty(simple)
    return np.asarray(np.where(lost, polygons, simple), dtype=np.object_)
