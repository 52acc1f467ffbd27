"""Params of what a network learns."""

from typing import ClassVar, Literal

from pydantic import Field

from sn7ml.params.recipe import BINARY_LOSSES
from sn7ml.params.section import Section

Activation = Literal["sigmoid"]
"""What turns a network's output into what is predicted."""


class RimsParams(Section):
    """Footprints, their rims, and the ground between close neighbours, so that houses that touch can be told apart."""

    channels: ClassVar[tuple[str, ...]] = ("footprint", "boundary", "contact")
    losses: ClassVar[tuple[str, ...]] = BINARY_LOSSES

    boundary_px: int = Field(ge=1)
    """Thickness of the rim of a building, on its inside, pixels of the up-sampled mask."""

    contact_px: int = Field(ge=1)
    """Two buildings this close or closer get a contact mark between them, pixels of the up-sampled mask; an even number
    counts as the next odd one."""


class TargetParams(Section):
    """What the network learns, drawn from the labels."""

    kind: Literal["rims"]
    """``rims``, whose section says how it is drawn."""

    shift_x_px: float = Field(default=0.0, ge=-4, le=4)
    """How far it is drawn to the right of the labels, pixels of the original image. Where labels lie beside what is seen, a
    network that sees its tiles flipped and turned learns every house blurred; ``output.tracks.shift_x_px`` brings outlines
    back."""

    shift_y_px: float = Field(default=0.0, ge=-4, le=4)
    """The same, downwards."""

    rims: RimsParams
    """How kind ``rims`` is drawn."""
