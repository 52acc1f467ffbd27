"""Which windows of which frames are shown, and the pictures of them. The same input always gives the same choice."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from sn7ml.core.geo.ground import pixel_size_m
from sn7ml.params import ReportParams
from sn7ml.report.maps.overlays import Picture, shapes_within, triptych
from sn7ml.scenes.images import read_image
from sn7ml.scenes.scored_columns import Columns

WINDOW_PX, FINE_WINDOW_PX, STEP_PX = 96, 192, 16
"""Side of a window, where a house is a few pixels and where it is many, and what windows start at multiples of;
pixels of the original image."""

FINE_M, PICTURE_PX = 1.0, 384
"""Pixels smaller than this on the ground show a house as many, metres; side of a picture, its own pixels."""


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
    """Draw the most built-up window of some AOIs in some of their months, taken at even steps; by AOI and month.

    ``frames`` are ``FRAMES`` of the data folder ``root``, ``truth`` and ``tracks`` are ``POLYGONS`` and ``TRACKS``.
    What was found without outlines, such as ``CLASS_COUNTS``, gives no picture here.
    """
    if "geometry" not in tracks:
        return []
    drawn = []
    for aoi in evenly(sorted(columns), params.aois):
        images = frames[frames["aoi"] == aoi].set_index("time")["image"]
        corner, side = None, WINDOW_PX
        for month in evenly(list(images.index), params.months):
            image = read_image(root / images[month])
            pixels = image.pixels
            if corner is None:
                side = WINDOW_PX if max(pixel_size_m(image.grid)) >= FINE_M else FINE_WINDOW_PX
                corner = densest(truth[truth["aoi"] == aoi], pixels.shape[1], columns[aoi][0], side)
            row, col = corner
            here = [table[(table["aoi"] == aoi) & (table["time"] == month)] for table in (truth, tracks)]
            shapes = [shapes_within(table["geometry"].to_numpy(dtype=object), row, col, side) for table in here]
            window = pixels[:, row : row + side, col : col + side]
            picture = triptych(window, *shapes, zoom=PICTURE_PX // side)
            drawn.append(Overlay(aoi, month, list(images.index).index(month), picture))
    return drawn


def evenly(items: Sequence[str], count: int) -> list[str]:
    """Take ``count`` items at even steps, the first and the last among them; all if there are fewer.

    >>> evenly("abcdefg", 3)
    ['a', 'd', 'g']
    """
    places = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return [items[place] for place in places]


def densest(truth: pd.DataFrame, rows: int, stretch: tuple[int, int], side_px: int) -> tuple[int, int]:
    """Return the corner (row, col) of the square window with the most buildings of ``truth``."""
    start, stop = stretch
    centres = shapely.get_coordinates(shapely.centroid(truth["geometry"].to_numpy(dtype=object)))
    corners = [
        (row, col)
        for row in range(0, max(rows - side_px, 0) + 1, STEP_PX)
        for col in range(start, max(stop - side_px, start) + 1, STEP_PX)
    ]

    def buildings(corner: tuple[int, int]) -> int:
        offset = centres - corner[::-1]  # (x, y)
        return int(((offset >= 0) & (offset < side_px)).all(axis=1).sum())

    return max(corners, key=buildings)  # the first of several: reading order
