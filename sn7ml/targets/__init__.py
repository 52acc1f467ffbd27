"""What a network learns, drawn from the labels of one frame. Pure arrays: no files, no torch."""

from typing import assert_never

from sn7ml.params import TargetParams
from sn7ml.targets.classes import classes
from sn7ml.targets.footprint import footprint
from sn7ml.targets.rims import rims
from sn7ml.targets.signed_distance import distance
from sn7ml.targets.target import FrameLabels, Target

__all__ = ["FrameLabels", "Target", "target_of"]


def target_of(params: TargetParams) -> Target:
    """Return what section ``target`` wants to be learned."""
    match params.kind:
        case "rims":
            return rims(params)
        case "footprint":
            return footprint(params)
        case "distance":
            return distance(params)
        case "classes":
            return classes(params)
        case other:
            assert_never(other)
