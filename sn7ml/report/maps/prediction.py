"""The buildings of one AOI over its image, by the month they were born in."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PathCollection
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from sn7ml.report.maps.drawing import png
from sn7ml.report.maps.overlays import overlay
from sn7ml.report.maps.tracks import last_outlines, outline
from sn7ml.report.palette import GROUND, RIM, STOOD

SIDE_IN, LEAST_IN, DPI = 9.0, 3.0, 150
"""The image is shown about 1,200 pixels high: the roof of a small house is two by two of 1,024."""

DIMMED = 0.5
"""The image, grey and darker by this, so that it does not shout louder than the buildings."""

MOST_TICKS = 13


def prediction_map(tracks: pd.DataFrame, pixels: NDArray[np.uint8], months: Sequence[str], shown: str) -> bytes:
    """Draw every building once over one image of its AOI, as a PNG.

    What stood there from the first month is white, what was born later has the colour of its month on the scale beside
    the map. Of a building whose outline changes, the last one is drawn.

    Parameters
    ----------
    tracks
        ``TRACKS`` of one AOI; no rows give the bare image.
    pixels
        (4, rows, cols) uint8: red, green, blue, alpha. Hatched where alpha is 0.
    months
        All months of the AOI, in order.
    shown
        The month of the image, for the title.
    """
    last = last_outlines(tracks)
    old = last["birth_month"] <= months[0]
    rows, cols = pixels.shape[1:]
    width_in, height_in = SIDE_IN * cols / max(rows, cols), SIDE_IN * rows / max(rows, cols)
    size_in = max(width_in, LEAST_IN) + 1.4, max(height_in, LEAST_IN) + 0.8
    figure = Figure(figsize=size_in, dpi=DPI, facecolor=GROUND, layout="compressed")
    axes = figure.add_subplot()
    dimmed = (overlay(pixels, (), (), zoom=1).mean(axis=2) * DIMMED).round().astype(np.uint8)
    axes.imshow(dimmed, cmap="gray", vmin=0, vmax=255, extent=(0, cols, rows, 0), interpolation="nearest")
    axes.set(xlabel="column, px", ylabel="row, px", title=f"over the image of {shown}")
    # One colour for every month but the first, from magenta to yellow: all are bright on a dark image.
    later = max(len(months) - 1, 1)
    colours = ListedColormap(mpl.colormaps["plasma"](np.linspace(0.35, 1.0, later)))
    norm = BoundaryNorm(np.arange(later + 1) + 0.5, later)
    for buildings, fill in (
        (last[old], [STOOD] * int(old.sum())),
        (last[~old], [colours(norm(months.index(month))) for month in last.loc[~old, "birth_month"]]),
    ):
        outlines = [outline(geometry) for geometry in buildings["geometry"]]
        axes.add_collection(PathCollection(outlines, facecolor=fill, edgecolor="none"))
    axes.set(xlim=(0, cols), ylim=(rows, 0))
    first = f"there in {months[0]}" if len(months) > 1 else f"in {months[0]}"
    handles = [Patch(facecolor=STOOD, edgecolor=RIM, linewidth=0.5, label=f"{first}: {int(old.sum()):,}")]
    if len(months) > 1:
        handles.append(Patch(facecolor=colours(norm(len(months) // 2)), label=f"born later: {int((~old).sum()):,}"))
        steps = range(1, len(months), -(-len(months) // MOST_TICKS))
        bar = figure.colorbar(ScalarMappable(norm, colours), ax=axes, fraction=0.03, pad=0.015, label="born in")
        bar.set_ticks(list(steps), labels=[months[step] for step in steps])
    figure.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False)
    return png(figure)
