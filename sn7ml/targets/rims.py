"""SpaceNet 7's target: footprints, their rims, and the narrow ground between neighbours, which keep houses apart.

All masks come from an image of ids, not from a merged footprint, so that touching houses get a line between them.
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from sn7ml.core.geo.burn import Ids, burn_ids
from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.polygons import moved
from sn7ml.params import RimsParams, TargetParams
from sn7ml.targets.bits import bit_target, packed
from sn7ml.targets.target import FrameLabels, Planes, Target

FOOTPRINT, BOUNDARY, CONTACT = range(len(RimsParams.channels))
"""Channels by their place: inside a building; on a building's rim; between two buildings that touch or nearly so."""

FOOTPRINT_BIT, BOUNDARY_BIT, CONTACT_BIT, UNKNOWN_BIT = 1, 2, 4, 8
"""Bits of a mask pixel as the tile store keeps it. UNKNOWN: no evidence (UDM, nodata), the loss leaves it out."""


def footprint_mask(ids: Ids) -> NDArray[np.bool_]:
    """Mark every pixel of a building.

    >>> footprint_mask(np.array([[0, 1, 2]])).astype(int)
    array([[0, 1, 1]])
    """
    return np.asarray(ids > 0)


def boundary_mask(ids: Ids, thickness_px: int = 1) -> NDArray[np.bool_]:
    """Mark the rim of every building on its inside, ``thickness_px`` pixels wide.

    Two buildings that touch each get a rim along the line they share, so that the network can learn to part them.
    The edge of the image is no rim: a building cut off there goes on.

    >>> boundary_mask(np.array([[0, 1, 1, 1, 2, 2]])).astype(int)
    array([[0, 1, 0, 1, 1, 0]])
    """
    if thickness_px < 1:
        raise ValueError(f"thickness_px must be at least 1, got {thickness_px}")
    lowest, highest = _extreme(ids, thickness_px, np.minimum), _extreme(ids, thickness_px, np.maximum)
    return np.asarray(footprint_mask(ids) & (lowest != highest))


def contact_mask(ids: Ids, reach_px: int) -> NDArray[np.bool_]:
    """Mark the pixels from which two different buildings lie within ``reach_px``.

    Those are the seam of two houses that touch and the narrow ground between two that nearly do. Reach is measured
    along rows and columns (a square window).

    >>> contact_mask(np.array([[1, 1, 1, 0, 2, 2, 2, 0, 0]]), reach_px=1).astype(int)
    array([[0, 0, 0, 1, 0, 0, 0, 0, 0]])
    """
    if reach_px < 1:
        raise ValueError(f"reach_px must be at least 1, got {reach_px}")
    ground_last = np.where(ids > 0, ids, np.iinfo(ids.dtype).max)
    # Where there is no building at all, lowest is the ground's number and highest 0.
    return np.asarray(_extreme(ground_last, reach_px, np.minimum) < _extreme(ids, reach_px, np.maximum))


def _extreme(ids: Ids, reach_px: int, pick: np.ufunc) -> Ids:
    """Return the lowest or highest (``pick``) number in the square window of ``reach_px`` to each side.

    Shifted slices, axis by axis: for the few pixels of reach that masks have, five times as fast as scipy.ndimage's
    filters.
    """
    for axis in (0, 1):
        old, new = np.moveaxis(ids, axis, 0), np.moveaxis(found := ids.copy(), axis, 0)
        for step in range(1, reach_px + 1):
            pick(new[:-step], old[step:], out=new[:-step])
            pick(new[step:], old[:-step], out=new[step:])
        ids = found
    return ids


def mask_flags(ids: Ids, unknown: NDArray[np.bool_], boundary_px: int, contact_px: int) -> Planes:
    """Draw all masks into one image (rows, cols): sums of FOOTPRINT_BIT, BOUNDARY_BIT, CONTACT_BIT and UNKNOWN_BIT.

    ``unknown`` is True where there is no evidence. Ground is marked between two buildings with at most ``contact_px``
    pixels of it between them; an even number counts as the next odd one.
    """
    reach_px = contact_px // 2 + 1  # from the middle of the gap to the first pixel of either building
    masks = [footprint_mask(ids), boundary_mask(ids, boundary_px), contact_mask(ids, reach_px)]
    return packed(masks, unknown)


def rims(params: TargetParams) -> Target:
    """Return the target whose channels are footprint, boundary and contact."""
    return bit_target("rims", RimsParams.channels, partial(draw_rims, params))


def draw_rims(
    params: TargetParams, labels: FrameLabels, unknown: NDArray[np.bool_], upsampling: int, _grid: Grid
) -> Planes:
    """Draw the labels of one frame, moved to where buildings are seen: see ``Draw``."""
    seen = moved(labels.outlines, params.shift_x_px, params.shift_y_px)
    ids = burn_ids(list(seen), unknown.shape, upsampling)
    unknown = unknown.repeat(upsampling, axis=0).repeat(upsampling, axis=1)
    return mask_flags(ids, unknown, params.rims.boundary_px, params.rims.contact_px)
