"""Blocks of tiles: every tile of a cover in one block, every pixel at its own address."""

import numpy as np
import pytest
from morecantile import Tile

from sn7ml.areas.blocks import Reader, blocks_of
from sn7ml.scenes.map_tiles import MapTile

SIDE, ZOOM = 8, 6
WORLD = 2**ZOOM


class Addressed:
    """Tiles whose red is the column and whose green is the row, modulo 251, of the pixel in the world."""

    def __init__(self) -> None:
        self.asked: list[Tile] = []

    def fetch(self, tile: Tile) -> MapTile:
        self.asked.append(tile)
        rows, cols = np.mgrid[tile.y * SIDE : (tile.y + 1) * SIDE, tile.x * SIDE : (tile.x + 1) * SIDE]
        return MapTile("ok", np.stack([cols % 251, rows % 251, 0 * rows, 0 * rows + 255]).astype(np.uint8))


def cover(*places: tuple[int, int]) -> list[Tile]:
    return sorted((Tile(x, y, ZOOM) for x, y in places), key=lambda tile: (tile.y, tile.x))


@pytest.mark.parametrize("side", [1, 2, 3, 8])
def test_every_tile_lies_in_one_block(side: int) -> None:
    rng = np.random.default_rng(side)
    tiles = cover(*{(int(x), int(y)) for x, y in rng.integers(0, WORLD, (300, 2))})
    blocks = blocks_of(tiles, side)
    assert sorted(tile for block in blocks for tile in block.tiles) == sorted(tiles)
    assert len({block.name for block in blocks}) == len(blocks)
    places = {(tile.x, tile.y) for tile in tiles}
    for block in blocks:
        x, y = np.mgrid[-1 : side + 1, -1 : side + 1] + np.array([block.col, block.row])[:, None, None] * side
        wanted = [
            [(int(a) % WORLD, int(b)) in places for a, b in zip(*pair, strict=True)] for pair in zip(x, y, strict=True)
        ]
        np.testing.assert_array_equal(block.holds(x, y), wanted)


@pytest.mark.parametrize("margin", [0, 3, SIDE])
def test_every_pixel_comes_to_its_place_with_its_margin(margin: int) -> None:
    source = Addressed()
    (block,) = blocks_of(cover((9, 8), (10, 9)), 4)
    reader = Reader(source, SIDE, margin)
    mosaic = reader.read(block, reader.begin(block))
    assert mosaic.pixels.shape == (4, 2 * SIDE + 2 * margin, 2 * SIDE + 2 * margin)
    rows, cols = np.mgrid[: mosaic.pixels.shape[1], : mosaic.pixels.shape[2]] - margin
    seen = mosaic.pixels[3] > 0
    np.testing.assert_array_equal(mosaic.pixels[0][seen], (cols + 9 * SIDE)[seen] % 251)
    np.testing.assert_array_equal(mosaic.pixels[1][seen], (rows + 8 * SIDE)[seen] % 251)
    near = np.zeros(seen.shape, np.bool_)  # tiles that are covered, and what touches them
    for row, col in ((0, 0), (1, 1)):
        reach = SIDE if margin else 0
        top, left = row * SIDE + margin - reach, col * SIDE + margin - reach
        near[max(top, 0) : top + SIDE + 2 * reach, max(left, 0) : left + SIDE + 2 * reach] = True
    np.testing.assert_array_equal(seen, near)


def test_a_tile_that_two_blocks_read_is_fetched_once() -> None:
    source = Addressed()
    reader = Reader(source, SIDE, 2)
    blocks = blocks_of(cover((8, 8), (9, 8)), 1)
    asked = [reader.begin(block) for block in blocks]
    for block, futures in zip(blocks, asked, strict=True):
        reader.read(block, futures)
    assert len(source.asked) == len(set(source.asked)) == 12


def test_neighbours_are_read_over_the_antimeridian_and_not_over_the_pole() -> None:
    source = Addressed()
    reader = Reader(source, SIDE, 2)
    east, west = blocks_of(cover((0, 0), (WORLD - 1, 0)), 4)
    assert east.holds(np.array([-1]), np.array([0])).all()
    mosaic = reader.read(east, reader.begin(east))
    assert mosaic.pixels[3, 2:, :2].all()
    assert (mosaic.pixels[0, 2:, :2] == [(WORLD * SIDE - 2) % 251, (WORLD * SIDE - 1) % 251]).all()
    assert not mosaic.pixels[3, :2].any()
    assert west.tiles == [Tile(WORLD - 1, 0, ZOOM)]
