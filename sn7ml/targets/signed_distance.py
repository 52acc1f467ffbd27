"""How far each pixel lies from the nearest outline of a building, in metres: positive inside, negative outside.

One byte holds a pixel: steps from ``-clip_m`` to ``clip_m``, and ``UNKNOWN`` where nothing is known. Distances are
exact Euclidean, on the ground, and of the whole image, so that they do not depend on where tiles are cut.
"""

import math
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sn7ml.core.geo.burn import burn_ids
from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.ground import pixel_size_m
from sn7ml.core.geo.polygons import moved
from sn7ml.params import DistanceParams, TargetParams
from sn7ml.params.recipe import DISTANCE_LOSSES
from sn7ml.targets.pixels import PixelCounts, count_pixels
from sn7ml.targets.target import Array, FrameLabels, Planes, Target

ZERO, UNKNOWN = 127, 255
"""Of a byte: 0 is ``-clip_m``, ``ZERO`` the outline, twice that ``clip_m``."""


def signed_distance_m(built: NDArray[np.bool_], pixel_m: tuple[float, float]) -> NDArray[np.float64]:
    """Return the distance of each pixel's centre to the outline of what is built: (rows, cols), metres.

    The outline runs along the sides of pixels. Buildings that touch are one. Where nothing is built, or everything,
    there is no outline: minus or plus infinity.

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
    """Return distances as steps; what is farther than ``clip_m`` lies at either end, and no pixel changes its side.

    >>> to_steps(np.array([-99.0, -8.0, -0.05, 0.0, 0.05, 16.0]), clip_m=16.0).tolist()
    [0, 63, 126, 127, 128, 254]
    """
    steps = (distance_m.clip(-clip_m, clip_m) / clip_m + 1) * ZERO
    return np.where(distance_m > 0, np.ceil(steps), np.floor(steps)).astype(np.uint8)


def to_ratio(steps: Array) -> Array:
    """Return what ``to_steps`` kept as floats from -1 to 1; of a numpy array or a torch tensor."""
    return steps * (1.0 / ZERO) - 1


def distance(params: TargetParams) -> Target:
    """Return the target whose only channel is the signed distance, 1 being ``clip_m``."""
    clip_m = params.distance.clip_m
    return Target(
        kind="distance",
        channels=DistanceParams.channels,
        activation="distance",
        losses=DISTANCE_LOSSES,
        draw=partial(draw_distances, params),
        truth=ratios,
        built=inside,
        known=known,
        count=partial(count, clip_m),
        unknown=UNKNOWN,
        unit_m=clip_m,
    )


def draw_distances(
    params: TargetParams, labels: FrameLabels, unknown: NDArray[np.bool_], upsampling: int, grid: Grid
) -> Planes:
    """Draw the labels of one frame, moved to where buildings are seen: see ``Draw``.

    Buildings just beyond the edges of the image count, as far as labels have them.
    """
    clip_m, pixel_m = params.distance.clip_m, pixel_size_m(grid)
    margin = math.ceil(clip_m / min(pixel_m))  # pixels of the image
    seen = moved(labels.outlines, params.shift_x_px + margin, params.shift_y_px + margin)
    rows, cols = unknown.shape
    built = burn_ids(list(seen), (rows + 2 * margin, cols + 2 * margin), upsampling) > 0
    inner = slice(margin * upsampling, -margin * upsampling)
    fine_m = (pixel_m[0] / upsampling, pixel_m[1] / upsampling)
    steps = to_steps(signed_distance_m(built, fine_m)[inner, inner], clip_m)
    steps[unknown.repeat(upsampling, axis=0).repeat(upsampling, axis=1)] = UNKNOWN
    return steps


def ratios(planes: Array) -> list[Array]:
    """Return the one channel, from -1 to 1; without a meaning where nothing is known."""
    return [to_ratio(planes)]


def inside(planes: Array) -> Array:
    """Return where there is a building."""
    return (planes > ZERO) & (planes != UNKNOWN)


def known(planes: Array) -> Array:
    """Return where something is known."""
    return planes != UNKNOWN


def count(clip_m: float, output: NDArray[np.float32], planes: Planes) -> PixelCounts:
    """Count known pixels by which side of an outline they lie on, and add up how far off the distances are."""
    valid = known(planes)
    sides = count_pixels(output[:, 0] > 0, inside(planes), valid)
    return with_errors(sides, output[:, 0] * clip_m, planes, valid, clip_m)


def with_errors(
    counts: PixelCounts, found_m: NDArray[np.floating], planes: Planes, valid: NDArray[np.bool_], clip_m: float
) -> PixelCounts:
    """Add up how far off the distances of the valid pixels are, none being beyond ``clip_m``."""
    true_m = to_ratio(planes[valid].astype(np.float64)) * clip_m
    return replace(
        counts,
        error_m=float(np.abs(found_m[valid].clip(-clip_m, clip_m) - true_m).sum()),
        all_building_error_m=float((clip_m - true_m).sum()),
        nothing_error_m=float((clip_m + true_m).sum()),
    )
