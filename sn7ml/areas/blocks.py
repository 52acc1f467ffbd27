"""Blocks: the tiles of a cover that are read and predicted together, with a margin of their neighbours' pixels."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from affine import Affine
from morecantile import Tile
from numpy.typing import NDArray

from sn7ml.areas.source import ASKED_AT_ONCE, TileSource
from sn7ml.core.geo.grid import TILE_PX, WEB_MERCATOR, Grid, tile_transform
from sn7ml.scenes.map_tiles import MapTile

Asked = Mapping[tuple[int, int], Future[MapTile]]
"""(x, y) to a tile that is being fetched. Over the antimeridian, x goes on beyond the world's edge."""


@dataclass(frozen=True)
class Block:
    """A square of ``side`` × ``side`` tiles of which some belong to the cover: at least one."""

    col: int
    """Its tiles have x from ``col * side`` on."""

    row: int
    side: int
    zoom: int

    covered: bytes
    """A bit for each tile of the square and of the ring of tiles around it, row by row: set where it is covered."""

    @property
    def name(self) -> str:
        """Name it among the blocks of a campaign; a part of file names."""
        return f"{self.col}-{self.row}"

    @cached_property
    def cover(self) -> NDArray[np.bool_]:
        """Return (side + 2, side + 2): which tiles of the square and of the ring around it are covered."""
        side = self.side + 2
        return np.unpackbits(np.frombuffer(self.covered, np.uint8), count=side**2).reshape(side, side).astype(bool)

    @cached_property
    def span(self) -> tuple[int, int, int, int]:
        """Return (x, y, x behind, y behind) of the smallest rectangle of tiles that holds the covered ones."""
        rows, cols = np.nonzero(self.cover[1:-1, 1:-1])
        x, y = self.col * self.side, self.row * self.side
        return x + int(cols.min()), y + int(rows.min()), x + int(cols.max()) + 1, y + int(rows.max()) + 1

    @property
    def tiles(self) -> list[Tile]:
        """Return the covered tiles, row by row."""
        rows, cols = np.nonzero(self.cover[1:-1, 1:-1])
        x, y = self.col * self.side, self.row * self.side
        return [Tile(x + int(col), y + int(row), self.zoom) for row, col in zip(rows, cols, strict=True)]

    def holds(self, x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which tiles (x, y) are covered; those beyond the ring around the square are taken for not covered."""
        col, row = x - self.col * self.side + 1, y - self.row * self.side + 1
        near = (col >= 0) & (row >= 0) & (col < self.side + 2) & (row < self.side + 2)
        found = np.zeros(x.shape, np.bool_)
        found[near] = self.cover[row[near], col[near]]
        return found


def blocks_of(tiles: Sequence[Tile], side: int) -> list[Block]:
    """Divide a cover, sorted row by row, into blocks: from the north-west, row by row."""
    places = {(tile.x, tile.y) for tile in tiles}
    zoom, world = tiles[0].z, 2 ** tiles[0].z
    found = []
    for row, col in sorted({(tile.y // side, tile.x // side) for tile in tiles}):
        around = [
            (x % world, y) in places  # the world is round from west to east
            for y in range(row * side - 1, row * side + side + 1)
            for x in range(col * side - 1, col * side + side + 1)
        ]
        found.append(Block(col, row, side, zoom, np.packbits(around).tobytes()))
    return found


def grid_over(x: int, y: int, zoom: int, tile_px: int, shape: tuple[int, int]) -> Grid:
    """Return the grid of pixels, of ``shape`` (rows, cols), whose north-west corner is that of a tile."""
    t = tile_transform(x, y, zoom)
    side = t.a * TILE_PX / tile_px
    return Grid(WEB_MERCATOR, Affine(side, 0.0, t.c, 0.0, -side, t.f), shape)


@dataclass(frozen=True)
class Mosaic:
    """The pixels of a block and its margin."""

    pixels: NDArray[np.uint8]
    """(4, rows, cols), red, green, blue, alpha: ``Block.span`` and ``margin_px`` on each side. 0 where there is no
    tile."""

    tiles: Mapping[tuple[int, int], MapTile]
    """(x, y) to the tile, of those that were read."""


class Reader:
    """Fetches the tiles of blocks, several at once and ahead of time. A tile that two blocks share is fetched once."""

    def __init__(self, source: TileSource, tile_px: int, margin_px: int) -> None:
        self._source, self._tile_px, self._margin_px = source, tile_px, margin_px
        self._pool = ThreadPoolExecutor(ASKED_AT_ONCE, thread_name_prefix="tiles")
        self._asked: dict[Tile, Future[MapTile]] = {}

    def begin(self, block: Block) -> Asked:
        """Ask for the covered tiles of a block and those within a margin of them."""
        reach, world = int(self._margin_px > 0), 2**block.zoom
        steps = range(-reach, reach + 1)
        wanted = {(tile.x + dx, tile.y + dy) for tile in block.tiles for dy in steps for dx in steps}
        asked = {}
        for x, y in sorted(wanted, key=lambda place: place[::-1]):
            if 0 <= y < world:
                tile = Tile(x % world, y, block.zoom)
                asked[x, y] = self._asked.get(tile) or self._pool.submit(self._source.fetch, tile)
        self._asked = {Tile(x % world, y, block.zoom): future for (x, y), future in asked.items()}
        return asked

    def read(self, block: Block, asked: Asked) -> Mosaic:
        """Wait for the tiles of a block and join them."""
        size, margin = self._tile_px, self._margin_px
        west, north, east, south = block.span
        shape = ((south - north) * size + 2 * margin, (east - west) * size + 2 * margin)
        pixels = np.zeros((4, *shape), np.uint8)
        tiles = {place: future.result() for place, future in asked.items()}
        for (x, y), tile in tiles.items():
            top, left = (y - north) * size + margin, (x - west) * size + margin
            rows, cols = slice(max(top, 0), top + size), slice(max(left, 0), left + size)
            if tile.pixels is not None and top < shape[0] and left < shape[1]:
                target = pixels[:, rows, cols]
                first_row, first_col = max(-top, 0), max(-left, 0)
                target[:] = tile.pixels[
                    :, first_row : first_row + target.shape[1], first_col : first_col + target.shape[2]
                ]
        return Mosaic(pixels, tiles)

    def close(self) -> None:
        """Drop what was asked for and not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)
