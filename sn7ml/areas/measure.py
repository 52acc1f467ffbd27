"""From the probabilities of a block to numbers by tile, and to the parts of buildings that lie in its tiles.

Every pixel of the cover belongs to one block, so areas add up without gaps or doubles. The part of a building that
reaches the edge of its block is joined later to the part beyond (:mod:`sn7ml.areas.merge`).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from skimage.measure import label

from sn7ml.areas.blocks import Block, Mosaic, grid_over
from sn7ml.core.geo.burn import Ids, outlines
from sn7ml.core.geo.ground import row_pixel_areas_m2
from sn7ml.core.geo.polygons import moved
from sn7ml.core.geo.probabilities import CERTAIN, Probabilities
from sn7ml.core.schemas import Table
from sn7ml.outputs.tracking.instances import find_instances
from sn7ml.params import InstanceParams

TILES = Table(
    "tiles",
    {"x": "int", "y": "int", "state": "text", "area_m2": "float", "ground_m2": "float"},
    key=("x", "y"),
)
"""What was found in each covered tile: built ground area and all of it; NaN where nothing is known of the tile."""

PARTS = Table(
    "parts",
    {
        "part": "int",
        "at_edge": "bool",
        "pixels": "int",
        "area_m2": "float",
        "confidence": "float",
        "geometry": "geometry",
    },
    key=("part",),
)
"""Buildings, or what of them lies in a block. ``geometry``: WKB in up-sampled pixels of the zoom, from the world's
north-west corner, x = column, y = row. ``at_edge``: touches the edge of ``Block.span``, and is not simplified."""

SEEN, PARTIAL = "ok", "partial"
"""States of tiles that were predicted: whole, or as far as they are usable."""


@dataclass(frozen=True)
class Scale:
    """How large a tile and its margin are."""

    tile_px: int
    margin_px: int
    upsampling: int

    @property
    def fine_px(self) -> int:
        """Side of a tile in up-sampled pixels."""
        return self.tile_px * self.upsampling


def measure(
    block: Block, mosaic: Mosaic, found: Probabilities | None, params: InstanceParams, scale: Scale
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return ``TILES`` and ``PARTS`` of a block; ``found`` is None if none of its tiles can be predicted.

    A building whose centre lies beyond the covered tiles has no part, but its pixels count in the area of the tiles.
    """
    west, north, east, south = block.span
    size = scale.fine_px
    shape = ((south - north) * size, (east - west) * size)
    row_m2 = row_pixel_areas_m2(grid_over(west, north, block.zoom, size, shape))
    states = [_state(mosaic, tile.x, tile.y) for tile in block.tiles]
    places = (np.array([tile.y - north for tile in block.tiles]), np.array([tile.x - west for tile in block.tiles]))
    ground = np.repeat((row_m2.reshape(-1, size).sum(axis=1) * size)[:, None], east - west, axis=1)
    known = np.isin(states, (SEEN, PARTIAL))
    if found is None:
        areas, parts = np.zeros(ground.shape), PARTS.empty()
    else:
        margin = scale.margin_px * scale.upsampling
        inner = (slice(margin, margin + shape[0]), slice(margin, margin + shape[1]))
        ids = find_instances(found.channels, found.usable, params, scale.upsampling)
        covered = np.zeros(ground.shape, np.bool_)
        covered[places] = True
        core = np.where(covered.repeat(size, axis=0).repeat(size, axis=1), ids[inner], 0)
        built = (core > 0).reshape(south - north, size, east - west, size).sum(axis=3)
        areas = (built * row_m2.reshape(south - north, size, 1)).sum(axis=1)
        core = np.where(_inside(ids, block, scale)[core], core, 0)
        parts = _parts(core, found.channels[0][inner], row_m2, params.simplify_px * scale.upsampling)
        shapes = moved(parts["geometry"].to_numpy(dtype=object), west * size, north * size)
        parts["geometry"] = shapely.to_wkb(shapes)
    tiles = pd.DataFrame(
        {
            "x": [tile.x for tile in block.tiles],
            "y": [tile.y for tile in block.tiles],
            "state": states,
            "area_m2": np.where(known, areas[places], np.nan),
            "ground_m2": ground[places],
        }
    )
    return TILES.check(tiles), PARTS.check(parts)


def _state(mosaic: Mosaic, x: int, y: int) -> str:
    tile = mosaic.tiles[x, y]
    if tile.pixels is None:
        return tile.state
    return SEEN if tile.pixels[3].all() else PARTIAL


def _inside(ids: Ids, block: Block, scale: Scale) -> NDArray[np.bool_]:
    """Return for each id whether the centre of all that is seen of it lies in a covered tile; (number of ids + 1,)."""
    rows, cols = np.nonzero(ids)
    number = ids[rows, cols]
    count = np.maximum(np.bincount(number, minlength=int(ids.max(initial=0)) + 1), 1)
    west, north, _, _ = block.span
    size, margin = scale.fine_px, scale.margin_px * scale.upsampling
    x, y = (
        ((np.bincount(number, along + 0.5, minlength=len(count)) / count - margin) // size).astype(np.int64) + start
        for along, start in ((cols, west), (rows, north))
    )
    return block.holds(x, y)


def _parts(core: Ids, confidence: NDArray[np.uint8], row_m2: NDArray[np.float64], simplify_px: float) -> pd.DataFrame:
    """Return ``PARTS`` with shapely polygons in pixels of ``core``: pixels of one id that touch over their sides."""
    pieces = np.asarray(label(core, background=0, connectivity=1), dtype=np.int32)
    rows, cols = np.nonzero(pieces)
    number = pieces[rows, cols]
    length = int(pieces.max(initial=0)) + 1
    pixels = np.bincount(number, minlength=length)
    area = np.bincount(number, row_m2[rows], minlength=length)
    sure = np.bincount(number, confidence[rows, cols], minlength=length) / np.maximum(pixels, 1) / CERTAIN
    at_edge = np.zeros(length, np.bool_)
    for edge in (pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]):
        at_edge[edge] = True
    raw = outlines(pieces, 1, 0.0)
    shapes = np.array([raw[piece] for piece in range(1, length)], dtype=object)
    simple = shapely.simplify(shapes, simplify_px, preserve_topology=True)
    keys = np.arange(1, length)
    return pd.DataFrame(
        {
            "part": keys,
            "at_edge": at_edge[1:],
            "pixels": pixels[1:],
            "area_m2": area[1:],
            "confidence": sure[1:],
            "geometry": pd.Series(np.where(at_edge[1:], shapes, simple), dtype="object"),
        }
    )
