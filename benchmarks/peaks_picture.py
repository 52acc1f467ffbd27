"""A picture of how an image is parted into buildings: a cut through the evidence, and what each way makes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from benchmarks.births_picture import DPI, WIDTH_IN
from sn7ml.core.geo.burn import Ids
from sn7ml.report.maps.drawing import SMALL, plain
from sn7ml.report.palette import GROUND, IDENTITIES, INK, LINE, SOFT, TRUTH

FILL = 0.62
"""How much of a building's colour covers the evidence under it; seeds are covered in full, and darker."""

LEGEND = "frame: truth\ncolour: found\ndark: its seed"

Box = tuple[float, float, float, float]
"""(left, top, right, bottom), pixels of the original image."""


@dataclass(frozen=True)
class Parted:
    """What one way of parting makes of an image."""

    name: str

    ids: Ids
    """(rows, cols) of the up-sampled grid: 0 on ground, 1 to n on buildings."""

    seeds: NDArray[np.bool_]
    """(rows, cols): what the buildings grew from."""

    levels: Mapping[str, float]
    """Thresholds that are drawn into the cut, by name."""


def parting_figure(
    evidence: NDArray[np.float32], truth: Sequence[Box], ways: Sequence[Parted], upsampling: int
) -> Figure:
    """Draw the evidence along the middle row, and the image under it once for each way of parting it.

    Parameters
    ----------
    evidence
        (rows, cols) of the up-sampled grid, in [0, 1].
    truth
        The true buildings.
    ways
        At least one.
    upsampling
        Pixels of ``evidence`` per pixel of the original image, along each axis.
    """
    figure = Figure(figsize=(WIDTH_IN, 2.9 + 1.5 * len(ways)), dpi=DPI, facecolor=GROUND, layout="constrained")
    above, *strips = figure.subplots(1 + len(ways), 1, sharex=True, height_ratios=[2.3, *[1] * len(ways)])
    _draw_cut(above, evidence, ways, upsampling)
    for axes, way in zip(strips, ways, strict=True):
        _draw_strip(axes, evidence, way, truth, upsampling)
    strips[0].annotate(LEGEND, (1, 0.5), (4, 0), xycoords="axes fraction", textcoords="offset points", va="center",
                       fontsize=SMALL, color=SOFT)  # fmt: skip
    strips[-1].tick_params(axis="x", labelbottom=True)
    strips[-1].set_xlabel("column, px", fontsize=SMALL, color=INK)
    return figure


def _draw_cut(axes: Axes, evidence: NDArray[np.float32], ways: Sequence[Parted], upsampling: int) -> None:
    plain(axes)
    axes.tick_params(labelbottom=False)
    profile = evidence[len(evidence) // 2]
    places = (np.arange(profile.size) + 0.5) / upsampling
    axes.fill_between(places, profile, color=LINE, linewidth=0)
    axes.plot(places, profile, color=INK, linewidth=1.4)
    for way in ways:
        for name, level in way.levels.items():
            axes.axhline(level, color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)))
            axes.annotate(
                f"{name} {level:g}", (1, level), (4, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
                va="center", fontsize=SMALL, color=SOFT,
            )  # fmt: skip
    axes.set_xlim(0, profile.size / upsampling)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.5, 1], labels=["0", "0.5", "1"])
    axes.set_title("evidence along the dotted line", loc="left", fontsize=10, color=INK)


def _draw_strip(axes: Axes, evidence: NDArray[np.float32], way: Parted, truth: Sequence[Box], upsampling: int) -> None:
    rows, cols = evidence.shape
    extent = (0, cols / upsampling, rows / upsampling, 0)
    axes.imshow(painted(evidence, way), extent=extent, interpolation="nearest", aspect="auto")
    for left, top, right, bottom in truth:
        axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=TRUTH, linewidth=1.5))
    axes.axhline(rows / upsampling / 2, color=INK, linewidth=0.8, linestyle=(0, (1, 3)))
    axes.set_title(f"{way.name}: {way.ids.max(initial=0)} of {len(truth)}", loc="left", fontsize=10, color=INK)
    axes.tick_params(length=0, labelsize=SMALL, labelcolor=INK, labelbottom=False)
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def painted(evidence: NDArray[np.float32], way: Parted) -> NDArray[np.float64]:
    """Return the evidence in grey (dark is much), each building in a colour of its own, its seed in a darker one.

    Returns
    -------
    float array (rows, cols, 3)
        RGB in [0, 1].
    """
    colours = np.array([to_rgb(IDENTITIES[number % len(IDENTITIES)]) for number in range(int(way.ids.max(initial=0)))])
    grey = np.repeat(1 - 0.75 * evidence.astype(np.float64)[:, :, np.newaxis], 3, axis=2)
    inside = way.ids > 0
    if inside.any():
        grey[inside] = (1 - FILL) * grey[inside] + FILL * colours[way.ids[inside] - 1]
        seeds = inside & way.seeds
        grey[seeds] = 0.6 * colours[way.ids[seeds] - 1]
    return grey
