"""Which windows of which frames are shown, and the pictures of them. The same input always gives the same choice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from sn7ml.params import ReportParams
from sn7ml.report.maps.overlays import Picture, triptych
from sn7ml.scenes.images import read_image

WINDOW_PX = 96
"""Side of a window, pixels of the original image."""

STEP_PX = 16
"""Windows start at multiples of this."""

Columns = Mapping[str, Sequence[tuple[int, int]]]


@dataclass(frozen=True)
class Overlay:
    """Image, truth and prediction of one window, side by side."""

    aoi: str
    month: str

    step: int
    """Place of the month among those of its AOI, from 0."""

    picture: Picture


def overlays_of(
    root: Path, frames: pd.DataFrame, truth: pd.DataFrame, tracks: pd.DataFrame, columns: Columns, params: ReportParams
) -> list[Overlay]:
    """Draw the most built-up window of some AOIs in some of their months.

    Parameters
    ----------
    root, frames
        Data folder and ``FRAMES``.
    truth, tracks
        ``POLYGONS`` and ``TRACKS``.
    columns
        AOI to the columns that are scored; windows lie inside.
    params
        How many AOIs and months; they are taken at even steps.

    Returns
    -------
    list
        By AOI and month. Empty if ``columns`` is.
    """
    found = []
    for aoi in evenly(sorted(columns), params.aois):
        images = frames[frames["aoi"] == aoi].set_index("time")["image"]
        corner = None
        for month in evenly(list(images.index), params.months):
            pixels = read_image(root / images[month]).pixels
            if corner is None:
                corner = _densest(truth[truth["aoi"] == aoi], pixels.shape[1], columns[aoi][0])
            row, col = corner
            window = pixels[:, row : row + WINDOW_PX, col : col + WINDOW_PX]
            shapes = [
                _inside(table[(table["aoi"] == aoi) & (table["time"] == month)], corner) for table in (truth, tracks)
            ]
            found.append(Overlay(aoi, month, list(images.index).index(month), triptych(window, *shapes)))
    return found


def evenly(items: Sequence[str], count: int) -> list[str]:
    """Take ``count`` items at even steps, the first and the last among them.

    >>> evenly("abcdefg", 3)
    ['a', 'd', 'g']
    """
    if len(items) <= count:
        return list(items)
    return [items[index] for index in np.linspace(0, len(items) - 1, count).round().astype(int)]


def _densest(truth: pd.DataFrame, rows: int, stretch: tuple[int, int]) -> tuple[int, int]:
    """Corner (row, col) of the window with the most buildings, over all months."""
    start, stop = stretch
    centres = shapely.get_coordinates(shapely.centroid(truth["geometry"].to_numpy(dtype=object)))
    corners = [
        (row, col)
        for row in range(0, max(rows - WINDOW_PX, 0) + 1, STEP_PX)
        for col in range(start, max(stop - WINDOW_PX, start) + 1, STEP_PX)
    ]

    def buildings(corner: tuple[int, int]) -> int:
        down, right = centres[:, 1] - corner[0], centres[:, 0] - corner[1]
        return int(((down >= 0) & (down < WINDOW_PX) & (right >= 0) & (right < WINDOW_PX)).sum())

    return max(corners, key=buildings)  # the first of several: reading order


def _inside(table: pd.DataFrame, corner: tuple[int, int]) -> list[shapely.Geometry]:
    """Return the footprints that reach into the window, in pixels of it."""
    row, col = corner
    shapes = table["geometry"].to_numpy(dtype=object)
    near = shapes[shapely.intersects(shapes, shapely.box(col, row, col + WINDOW_PX, row + WINDOW_PX))]
    return list(shapely.transform(near, lambda xy: xy - [col, row]))
