"""What the pictures drawn by matplotlib share."""

import io

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sn7ml.report.palette import INK, SOFT

SMALL = 8.5
"""Size of the letters on axes, points."""


def plain(axes: Axes, line: str = "bottom") -> None:
    """Leave nothing of the frame but one line, on the side named."""
    axes.set_facecolor("none")
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=SMALL, labelcolor=INK)
    for name, spine in axes.spines.items():
        spine.set_visible(name == line)
        spine.set_color(SOFT)


def png(figure: Figure) -> bytes:
    """Return a figure as PNG. The same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
