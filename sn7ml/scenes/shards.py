"""Which files of a tile store hold an AOI: a pair of its own, or, of many single images, one that they share.

Ten thousand scenes would be twenty thousand files, more than DVC and file systems bear, and each would be opened to
read a single tile. So single images lie below one another in strips, whose files stay open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sn7ml.core.schemas import Table

ALONE = 40
"""AOIs up to which each has a folder of its own, with its place on the ground, to be opened in QGIS."""

STRIP_PX = 2**26
"""Pixels of a strip, one band: four of it and its masks are in memory while it is written."""

BLOCK_PX = 256
"""Images start at multiples of this, so that the blocks of the files hold pixels of one image each."""

SHARDS = Table("shards", {"aoi": "text", "shard": "text", "row": "int"}, key=("aoi",))
"""The folder that holds an AOI, and the row of ``images.tif`` where it begins."""


@dataclass(frozen=True)
class Place:
    """Where the images of an AOI lie."""

    shard: str
    row: int = 0


def plan_shards(frames: pd.DataFrame, upsampling: int, most_px: int = STRIP_PX) -> dict[str, Place]:
    """Return AOI to its place, for the ``FRAMES`` of a store, in their order. What has several frames stays alone."""
    count = frames.groupby("aoi", sort=False).size()
    if len(count) <= ALONE or count.max() > 1:
        return {str(aoi): Place(str(aoi)) for aoi in count.index}
    places: dict[str, Place] = {}
    number, row, width = 1, 0, 0
    for aoi, rows, cols in frames[["aoi", "rows", "cols"]].itertuples(index=False):
        if row and (row + rows) * max(width, cols) * upsampling**2 > most_px:
            number, row, width = number + 1, 0, 0
        places[str(aoi)] = Place(f"strip-{number:04}", row)
        row, width = row + -(-int(rows) // BLOCK_PX) * BLOCK_PX, max(width, int(cols))
    return places


def strip(begins: Sequence[int], images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return images (rows, cols) in one of (rows, cols), each from its row on; what lies between them is 0."""
    shapes = [image.shape for image in images]
    rows = max(begin + shape[0] for begin, shape in zip(begins, shapes, strict=True))
    found = np.zeros((rows, max(cols for _, cols in shapes)), np.uint8)
    for begin, image in zip(begins, images, strict=True):
        found[begin : begin + image.shape[0], : image.shape[1]] = image
    return found


def table_of(places: Mapping[str, Place]) -> pd.DataFrame:
    """Return ``SHARDS``."""
    rows = [(aoi, place.shard, place.row) for aoi, place in places.items()]
    return SHARDS.check(pd.DataFrame(rows, columns=list(SHARDS.columns)))
