"""A confusion matrix as a picture: MLflow and documents show PNGs."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from sn7ml.report.maps.drawing import SMALL, png
from sn7ml.report.palette import GROUND, INK

DARK = 0.55
"""Share from which a cell is so dark that its number is white."""

MOST_NUMBERS = 16
"""Classes up to which every cell has its number."""


def draw_confusion(confusion: pd.DataFrame) -> bytes:
    """Draw, of each true class, the share of its pixels that was taken for each class.

    ``confusion`` is that of :func:`sn7ml.metrics.land_use.confusion_table`. The same table gives the same bytes.
    """
    names = confusion["true"].tolist()
    pixels = confusion.drop(columns="true").to_numpy(dtype=np.float64)
    shares = pixels / np.maximum(pixels.sum(axis=1, keepdims=True), 1)
    side = max(3.6, 1.8 + 0.62 * len(names))
    figure = Figure(figsize=(side, side), dpi=110, facecolor=GROUND, layout=ConstrainedLayoutEngine())
    axes = figure.add_subplot()
    axes.imshow(shares, cmap=mpl.colormaps["Blues"], vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), labels=names, rotation=35, ha="right", fontsize=SMALL, color=INK)
    axes.set_yticks(range(len(names)), labels=names, fontsize=SMALL, color=INK)
    axes.set_xlabel("found", fontsize=SMALL, color=INK)
    axes.set_ylabel("true", fontsize=SMALL, color=INK)
    axes.tick_params(length=0)
    axes.set_title("% of the pixels of each true class", fontsize=SMALL + 1.5, color=INK, loc="left")
    for spine in axes.spines.values():
        spine.set_visible(False)
    for (row, col), share in np.ndenumerate(shares) if len(names) <= MOST_NUMBERS else ():
        colour = "white" if share >= DARK else INK
        axes.text(col, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=SMALL, color=colour)
    return png(figure)
