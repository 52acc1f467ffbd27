"""Classes, of which a pixel has one: a byte holds its number, and ``UNKNOWN`` where nothing is known."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sn7ml.core.geo.grid import Grid
from sn7ml.params import TargetParams
from sn7ml.params.recipe import CLASS_LOSSES
from sn7ml.targets.class_counts import ClassCounts, count_classes
from sn7ml.targets.target import Array, FrameLabels, Planes, Target

UNKNOWN = 255


def classes(params: TargetParams) -> Target:
    """Return the target whose channels are the classes of ``target.classes.names``."""
    names = params.classes.names
    return Target(
        kind="classes",
        channels=names,
        activation="softmax",
        losses=CLASS_LOSSES,
        draw=partial(draw_classes, names),
        truth=partial(masks, len(names)),
        built=known,
        known=known,
        count=count,
        unknown=UNKNOWN,
        pixel_scores=("miou", "accuracy"),
    )


def draw_classes(
    names: Sequence[str], labels: FrameLabels, unknown: NDArray[np.bool_], upsampling: int, _grid: Grid
) -> Planes:
    """Renumber the class map of one frame, in the order of ``names``: see ``Draw``. Other classes are unknown.

    Raises ValueError if the frame has no class map.
    """
    if labels.class_map is None:
        if unknown.all():
            return np.full([side * upsampling for side in unknown.shape], UNKNOWN, np.uint8)
        raise ValueError("the frame has outlines for labels; a target of classes needs a class map")
    numbers = np.full(256, UNKNOWN, np.uint8)
    for place, name in enumerate(labels.class_names):
        if name in names:
            numbers[place] = names.index(name)
    planes = np.where(unknown, np.uint8(UNKNOWN), numbers[labels.class_map])
    return planes.repeat(upsampling, axis=0).repeat(upsampling, axis=1)


def masks(number: int, planes: Array) -> list[Array]:
    """Return the mask of each class."""
    return [planes == place for place in range(number)]


def known(planes: Array) -> Array:
    """Return where something is known. No class is worth more tiles than another, so that this is ``built``, too."""
    return planes != UNKNOWN


def count(output: NDArray[np.float32], planes: Planes) -> ClassCounts:
    """Count known pixels by class: found is the largest output, of equal ones the first."""
    return count_classes(output.argmax(axis=1), planes, known(planes), output.shape[1])
