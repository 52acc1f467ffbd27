"""Footprints alone: one mask."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from sn7ml.core.geo.burn import burn_ids
from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.polygons import moved
from sn7ml.params import FootprintParams, TargetParams
from sn7ml.targets.bits import bit_target, packed
from sn7ml.targets.target import FrameLabels, Planes, Target


def footprint(params: TargetParams) -> Target:
    """Return the target whose only channel is the mask of all buildings."""
    return bit_target("footprint", FootprintParams.channels, partial(draw_footprints, params))


def draw_footprints(
    params: TargetParams, labels: FrameLabels, unknown: NDArray[np.bool_], upsampling: int, _grid: Grid
) -> Planes:
    """Draw the labels of one frame, moved to where buildings are seen: see ``Draw``."""
    seen = moved(labels.outlines, params.shift_x_px, params.shift_y_px)
    built = burn_ids(list(seen), unknown.shape, upsampling) > 0
    return packed([built], unknown.repeat(upsampling, axis=0).repeat(upsampling, axis=1))
