"""From probabilities to single buildings: a watershed from footprint, boundary and contact."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from sn7ml.core.geo.burn import Ids
from sn7ml.core.geo.probabilities import CERTAIN
from sn7ml.params import InstanceParams, PeakParams
from sn7ml.targets.rims import BOUNDARY, CONTACT, FOOTPRINT

Channels = NDArray[np.uint8] | NDArray[np.float32]
"""(3, rows, cols) of the up-sampled grid: FOOTPRINT, BOUNDARY, CONTACT, as float32 in [0, 1], or uint8, 255 certain."""


def find_instances(channels: Channels, usable: NDArray[np.bool_], params: InstanceParams, upsampling: int) -> Ids:
    """Divide one image into buildings: int32 (rows, cols), 0 on ground, 1 to n from north to south by their seeds.

    A building is a connected patch (over sides, not corners) of smoothed evidence (``weigh``) above ``seed_threshold``,
    grown downhill in evidence over footprint above ``flood_threshold``. Neighbours meet where their floods do: no
    ground is left between.

    Nothing grows over pixels that are not usable. A building is cut off there, and its visible part must pass
    ``min_area_px2``.
    """
    channels = _as_floats(channels)
    evidence = weigh(channels, params)
    if params.smooth_px:
        evidence = ndimage.gaussian_filter(evidence, params.smooth_px * upsampling)
    room = (channels[FOOTPRINT] > params.flood_threshold) & usable
    seeds, number = ndimage.label((evidence > params.seed_threshold) & room)
    if number == 0:
        return np.zeros(room.shape, np.int32)
    np.negative(evidence, out=evidence)
    regions = watershed(evidence, seeds, mask=room)
    return without_small(regions, params.min_area_px2 * upsampling**2)


def weigh(channels: Channels, params: InstanceParams | PeakParams) -> NDArray[np.float32]:
    """Lower the footprint's evidence on boundaries and between buildings: a new array, float32 (rows, cols).

    A footprint by itself stays as it is.

    ``footprint · (1 - boundary_weight · boundary) · (1 - contact_weight · contact)``
    """
    channels = _as_floats(channels)
    if len(channels) == 1:
        return np.asarray(channels[FOOTPRINT].copy())
    evidence = channels[FOOTPRINT] * (1 - np.float32(params.boundary_weight) * channels[BOUNDARY])
    evidence *= 1 - np.float32(params.contact_weight) * channels[CONTACT]
    return np.asarray(evidence, dtype=np.float32)


def _as_floats(channels: Channels) -> NDArray[np.float32]:
    if channels.dtype == np.uint8:
        return channels.astype(np.float32) / np.float32(CERTAIN)
    return channels.astype(np.float32, copy=False)


def without_small(regions: Ids, min_area: float) -> Ids:
    """Drop regions of fewer than ``min_area`` pixels and renumber the others from 1, in the same order."""
    big = np.bincount(regions.ravel()) >= min_area
    big[0] = False  # ground
    number = np.where(big, np.cumsum(big), 0).astype(np.int32)
    return number[regions]
