"""How far each pixel lies from the nearest outline of a building, in metres: positive inside, negative outside.

One byte holds a pixel: ``STEPS`` steps from ``-clip_m`` to ``clip_m``, and ``UNKNOWN`` where nothing is known. Distances are exact
Euclidean, on the ground, and of the whole image, so that they do not depend on where tiles are cut.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from sn7ml.core.geo.burn import burn_ids
from sn7ml.core.geo.polygons import moved
from sn7ml.targets.target import Array, Planes

STEPS = 254
"""Of a byte: 0 is ``-clip_m``, 127 the outline, 254 ``clip_m``."""

UNKNOWN = 255


def signed_distance_m(built: NDArray[np.bool_], pixel_m: tuple[float, float]) -> NDArray[np.float64]:
    """Return the distance of each pixel's centre to the outline of what is built: (rows, cols), metres.

    The outline runs along the sides of pixels. Buildings that touch are one. Where nothing is built, or everything, there is
    no outline: minus or plus infinity.

    Parameters
    ----------
    built
        Pixels of buildings.
    pixel_m
        Height and width of a pixel on the ground.

    Examples
    --------
    >>> signed_distance_m(np.array([[0, 0, 1, 1, 1]], bool), (1.0, 0.5)).tolist()
    [[-0.75, -0.25, 0.25, 0.75, 1.25]]
    """
    if not built.any():
        return np.full(built.shape, -np.inf)
    if built.all():
        return np.full(built.shape, np.inf)
    inside = ndimage.distance_transform_edt(built, sampling=pixel_m)
    outside = ndimage.distance_transform_edt(~built, sampling=pixel_m)
    half = min(pixel_m) / 2  # these are distances between centres; the outline lies about half a pixel nearer
    return np.where(built, inside - half, half - outside)


def to_steps(distance_m: NDArray[np.float64], clip_m: float) -> Planes:
    """Return distances as steps; what is farther than ``clip_m`` lies at either end.

    >>> to_steps(np.array([-99.0, -8.0, 0.0, 0.05, 16.0]), clip_m=16.0).tolist()
    [0, 64, 127, 127, 254]
    """
    return np.rint((distance_m.clip(-clip_m, clip_m) / clip_m + 1) * (STEPS / 2)).astype(np.uint8)


def to_metres(steps: Array, clip_m: float) -> Array:
    """Return what ``to_steps`` kept, as floats; of a numpy array or a torch tensor."""
    return (steps * 1.0 / (STEPS / 2) - 1) * clip_m


def draw(
    clip_m: float,
    shift_px: tuple[float, float],
    outlines: Sequence[BaseGeometry],
    unknown: NDArray[np.bool_],
    upsampling: int,
    pixel_m: tuple[float, float],
) -> Planes:
    """Draw the distances of one image; buildings just beyond its edges count, where labels have them."""
    margin = math.ceil(clip_m / min(pixel_m))  # pixels of the image
    seen = moved(outlines, shift_px[0] + margin, shift_px[1] + margin)
    rows, cols = unknown.shape
    built = burn_ids(list(seen), (rows + 2 * margin, cols + 2 * margin), upsampling) > 0
    fine_m = (pixel_m[0] / upsampling, pixel_m[1] / upsampling)
    inner = slice(margin * upsampling, -margin * upsampling)
    steps = to_steps(signed_distance_m(built, fine_m)[inner, inner], clip_m)
    steps[unknown.repeat(upsampling, axis=0).repeat(upsampling, axis=1)] = UNKNOWN
    return steps
