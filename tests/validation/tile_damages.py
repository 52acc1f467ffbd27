"""Named ways to damage a tile store, one at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
from numpy.typing import NDArray
from scipy import ndimage

from sn7ml.params import RimsParams, SplitParams, TargetParams, TilingParams
from sn7ml.scenes.tiling import digest_of
from sn7ml.targets import target_of
from tests.validation.areas import truncate
from tests.validation.damages import AOI, OTHER, SECOND, Damage

SPLIT = SplitParams(folds=1, validation_fraction=0.2, test_fraction=0.34, gap_px=8, neighbour_tiles=8, seed=7)
TILING = TilingParams(size_px=32, overlap_px=0, upsampling=3, min_usable_fraction=0.5)
TARGET = target_of(TargetParams(kind="rims", rims=RimsParams(boundary_px=1, contact_px=3)))
THREE_MONTHS = "L15-0481E-1298N_1926_2999_13"
"""An area of another split, as large as the damaged one; it lacks March."""

PLACE = 1
"""Of the second month among the frames of its area."""

Bands = NDArray[Any]


@dataclass(frozen=True)
class Store:
    """A tile store on disk."""

    folder: Path

    def shard(self, name: str) -> Path:
        return self.folder / AOI / f"{name}.tif"

    def edit(self, table: str, change: Callable[[pd.DataFrame], pd.DataFrame | None]) -> None:
        """Write a table again, after a change in place or to another one."""
        path = self.folder / f"{table}.parquet"
        content = pd.read_parquet(path)
        changed = change(content)
        (content if changed is None else changed).to_parquet(path, index=False)

    def redraw(self, change: Callable[[Bands], Bands], *, honest: bool = True) -> None:
        """Write the masks again; ``honest``: and the digests, as if the tile stage had drawn them so."""
        with rasterio.open(self.shard("masks")) as source:
            bands = change(source.read())
        profile = {
            "driver": "GTiff",
            "count": len(bands),
            "height": bands.shape[1],
            "width": bands.shape[2],
            "dtype": "uint8",
        }
        with rasterio.open(self.shard("masks"), "w", **profile, crs="EPSG:3857", transform=source.transform) as target:
            target.write(bands)
        if honest:
            self.sign("masks_digest", [digest_of(band) for band in bands])

    def sign(self, column: str, digests: list[str], aoi: str = AOI) -> None:
        def change(frames: pd.DataFrame) -> None:
            frames.loc[frames["aoi"] == aoi, column] = digests

        self.edit("frames", change)


def second(change: Callable[[Bands], Bands]) -> Callable[[Bands], Bands]:
    """Change the second month only."""

    def changed(bands: Bands) -> Bands:
        bands[PLACE] = change(bands[PLACE])
        return bands

    return changed


def grown(mask: Bands) -> Bands:
    """Every footprint spreads by two mask pixels."""
    return mask | ndimage.binary_dilation(mask & 1, iterations=2).astype(np.uint8)


def with_strange_bit(mask: Bands) -> Bands:
    mask[0, 0] |= 64
    return mask


def without_buildings(mask: Bands) -> Bands:
    return mask & 8


def one_more(mask: Bands) -> Bands:
    mask[0, :30] ^= 1
    return mask


def redrawn(change: Callable[[Bands], Bands], *, honest: bool = True) -> Callable[[Store], None]:
    return lambda store: store.redraw(change, honest=honest)


def with_other_pixels(store: Store) -> None:
    """One band of the second month is overwritten."""
    with rasterio.open(store.shard("images"), "r+") as target:
        target.write(255 - target.read(4 * PLACE + 1), 4 * PLACE + 1)


def of_two_splits(store: Store) -> None:
    """An area of another split holds the very pixels of this one, and the store knows nothing of it."""
    with rasterio.open(store.shard("images")) as source:
        pixels, profile = source.read(list(range(1, 13))), source.profile
    with rasterio.open(store.folder / THREE_MONTHS / "images.tif", "w", **(profile | {"count": 12})) as target:
        target.write(pixels)
    store.sign("pixels_digest", [digest_of(frame) for frame in pixels.reshape(3, 4, 96, 96)], THREE_MONTHS)


def at_second(tiles: pd.DataFrame) -> Any:
    return (tiles["aoi"] == AOI) & (tiles["time"] == SECOND)


def tiles(change: Callable[[pd.DataFrame, Any], pd.DataFrame | None]) -> Callable[[Store], None]:
    return lambda store: store.edit("tiles", lambda table: change(table, at_second(table)))


def set_tiles(column: str, value: Any) -> Callable[[Store], None]:
    def change(table: pd.DataFrame, mine: Any) -> None:
        table.loc[table.index[mine][0], column] = value

    return tiles(change)


def no_buildings(table: pd.DataFrame) -> None:
    table.loc[table["aoi"] == AOI, "footprint_fraction"] = 0.0


def regions(change: Callable[[pd.DataFrame, Any], pd.DataFrame | None]) -> Callable[[Store], None]:
    return lambda store: store.edit("regions", lambda table: change(table, table["aoi"] == AOI))


def split_in_two(start: int) -> Callable[[Store], None]:
    """An area far from others trains on its left and is tested on its right, from ``start`` on."""

    def damage(store: Store) -> None:
        def change(table: pd.DataFrame) -> pd.DataFrame:
            mine = table["aoi"] == OTHER
            left = table[mine].assign(split="train", fold=0, col_stop=40)
            right = table[mine].assign(split="test", fold=0, col_start=start)
            return pd.concat([table[~mine], left, right], ignore_index=True)

        def home(tiles: pd.DataFrame) -> pd.DataFrame:
            kept = tiles[(tiles["aoi"] != OTHER) | (tiles["col"] != 32)].copy()
            mine = kept["aoi"] == OTHER
            kept.loc[mine, "fold"] = 0
            kept.loc[mine, "split"] = np.where(kept.loc[mine, "col"] == 0, "train", "test")
            return kept

        store.edit("regions", change)
        store.edit("tiles", home)

    return damage


def in_another_split(store: Store) -> None:
    """The area leaves its neighbour's split."""

    def change(table: pd.DataFrame) -> None:
        mine = table["aoi"] == AOI
        split = next(it for it in ("test", "train") if it not in set(table.loc[mine, "split"]))
        table.loc[mine, "split"] = split
        table.loc[mine, "fold"] = 0

    store.edit("regions", change)
    store.edit("tiles", change)


def narrower(table: pd.DataFrame, mine: Any) -> None:
    table.loc[mine, "col_stop"] = 80


CHANGED_MASK = "masks are as they were written"
FITS = "masks are their images enlarged 3 times"
AREA = "the area of masks is within 0.2 of that of their polygons"
READ = "images and masks can be read to the end"
APART = "AOIs of one group are in one split or fold"
GAP = "8 columns lie between two splits or folds of an AOI"
ALL = ("2018-01", "2018-02", "2018-03", "2018-04")
WHOLE = ("",)

OF_TILES = (
    Damage("half of the masks", READ, lambda store: truncate(store.shard("masks")), ALL, stops=True),
    Damage("no images", READ, lambda store: store.shard("images").unlink(), ALL, stops=True),
    Damage("masks of fewer months", READ, redrawn(lambda bands: bands[:2], honest=False), ALL[2:], stops=True),
    Damage("masks that lack a column", FITS, redrawn(lambda bands: bands[:, :, :-1]), ALL, stops=True),
    # Masks of half the size are no whole multiple of the image either.
    Damage("masks of another enlargement", "masks have 3 pixels per image pixel",
           redrawn(lambda bands: bands.repeat(2, axis=1).repeat(2, axis=2)), ALL, stops=True),
    Damage("an image overwritten", "images are as they were written", with_other_pixels, stops=True),
    Damage("a few mask pixels turned", CHANGED_MASK, redrawn(second(one_more), honest=False), stops=True),
    Damage("a bit that nobody knows", "mask pixels have known bits only",
           redrawn(second(with_strange_bit)), stops=True),
    Damage("masks without buildings", AREA, redrawn(second(without_buildings)), stops=True),
    Damage("masks drawn too large", AREA, redrawn(second(grown)), stops=True),
    Damage("a mask that is all building", AREA, redrawn(second(lambda mask: mask | 1)), stops=True),
    Damage("a tile below the image", "tiles lie inside their image", set_tiles("row", 80), stops=True),
    Damage("a tile under cloud", "tiles are at least 0.5 usable", set_tiles("usable_fraction", 0.1), stops=True),
    Damage("a frame without tiles", "frames have tiles", tiles(lambda table, mine: table[~mine])),
)  # fmt: skip

OF_REGIONS = (
    Damage("two splits three columns apart", GAP, split_in_two(43), WHOLE, OTHER, stops=True),
    Damage("two splits that overlap", GAP, split_in_two(30), WHOLE, OTHER, stops=True),
    Damage("neighbours in two splits", APART, in_another_split, WHOLE, stops=True),
    Damage("the same frames in two splits", "no frame lies in two splits or folds", of_two_splits, WHOLE, stops=True),
    Damage("tiles in another split's columns", "tiles lie inside the columns of their split",
           regions(narrower), WHOLE, stops=True),
    Damage("a region without tiles", "every region has tiles",
           lambda store: store.edit("tiles", lambda table: table[table["aoi"] != AOI]), WHOLE),
    Damage("tiles without a building", "every region has tiles with buildings",
           lambda store: store.edit("tiles", no_buildings), WHOLE),
)  # fmt: skip
