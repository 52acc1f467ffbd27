"""What a campaign's tiles look like: seen once, at places spread over the cover, and the same for all its workers."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from morecantile import Tile
from numpy.typing import NDArray

from sn7ml.areas.source import ASKED_AT_ONCE, SourceOptions, TileSource, shown
from sn7ml.core.errors import AreasError
from sn7ml.core.geo.radiometry import Brightness, band_statistics

PLACES = 32
"""Places that stand for all."""

PLACES_TRIED = 1024
"""Places that are looked at to find so many."""

CURES = {
    "missing": "check the zoom, the boundary and the order of x and y",
    "redirect": "the server redirects; give the URL that it leads to",
    "wrong size": "they have another size; see --tile-px",
    "not an image": "the answers are no PNG, JPEG, WebP or TIFF of 8 bits",
    "failed": "the server gives no answer, or the files cannot be read; try again later",
    "black": "they are black or transparent",
}
"""State of tiles to what may mend it."""


@dataclass(frozen=True)
class Look:
    """Places of a campaign, as its networks will see them."""

    windows: Sequence[NDArray[np.uint8]]
    """(4, n, n) each, red, green, blue, alpha, of at least the side that was asked for; one or more."""

    @property
    def brightness(self) -> Brightness:
        """Mean and deviation of the colours."""
        return band_statistics(np.concatenate(self.windows, axis=2))


def look_around(source: SourceOptions, tiles: Sequence[Tile], window_px: int) -> Look:
    """Read squares of tiles, of ``window_px`` or more, spread over a cover: the same for each run.

    A square begins at a covered tile, and may reach beyond the cover. The cache is neither asked nor filled. Raises
    AreasError if none of the tiles can be used, which says why.
    """
    order = np.random.default_rng(0).permutation(len(tiles))[:PLACES_TRIED]
    read = partial(_square, replace(source, cache=None).open(), source.size_px, -(-window_px // source.size_px))
    found, states = [], Counter[str]()
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        for first in range(0, len(order), ASKED_AT_ONCE):
            places = [tiles[place] for place in order[first : first + ASKED_AT_ONCE]]
            for pixels, state in pool.map(read, places):
                states[state] += 1
                if state == "ok":
                    found.append(pixels)
            if len(found) >= PLACES or not (found or {"missing", "black"} & set(states)):
                break
    if not found:
        told = ", ".join(f"{count} {state}" for state, count in states.most_common())
        raise AreasError(
            "areas.no-tiles",
            f"{shown(source.template)}: none of {states.total()} tiles at zoom {tiles[0].z} can be used ({told}): "
            f"{CURES[states.most_common(1)[0][0]]}{_zooms_there(source, states)}",
        )
    return Look(found)


def _square(source: TileSource, tile_px: int, side: int, first: Tile) -> tuple[NDArray[np.uint8], str]:
    """Return the pixels of ``side`` × ``side`` tiles, and the state of the first: without that, no other is read."""
    pixels = np.zeros((4, side * tile_px, side * tile_px), np.uint8)
    state = ""
    for col, row, tile in _tiles_from(first, side):
        read = source.fetch(tile)
        state = state or read.state
        if state != "ok":
            break
        if read.pixels is not None:
            pixels[:, row * tile_px : (row + 1) * tile_px, col * tile_px : (col + 1) * tile_px] = read.pixels
    return pixels, state


def _tiles_from(first: Tile, side: int) -> Iterator[tuple[int, int, Tile]]:
    """Yield (column, row, tile) of a square, the first tile first; rows beyond the pole are left out."""
    world = 2**first.z
    for row in range(min(side, world - first.y)):
        for col in range(side):
            yield col, row, Tile((first.x + col) % world, first.y + row, first.z)


def _zooms_there(source: SourceOptions, states: Mapping[str, int]) -> str:
    folder = Path(source.template)
    if "missing" not in states or not folder.is_dir():
        return ""
    there = sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())
    return f"; the folder has zooms {there}" if there else "; the folder holds no zoom: expected Z/X/Y.png"
