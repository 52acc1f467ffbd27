"""The tile store: images and masks of every AOI in a few files, and an index of the tiles worth training on.

::

    tiles/
      <AOI>/images.tif     bands "2018-01 red", … "2018-01 alpha", "2018-02 red", …
      <AOI>/masks.tif      one band of planes per month (sn7ml.targets), up-sampled
      frames.parquet       aoi, month, size, brightness, digests
      regions.parquet      which columns train, validate, test
      tiles.parquet        windows, their split and their usable and built-up share
      images.json          only of converted images: their stretch and the size of their pixels, for the model package
      shards.parquet       only of many single images: these lie in strip-0001/images.tif and so on (shards.py)

A tile is a window of a shard, read at random: a million small files would drown DVC and the file system. Shards are
opened once per process.
"""

import hashlib
import os
from collections.abc import Collection, Mapping
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from sn7ml.core.errors import RasterError, TableError
from sn7ml.core.runtime.files import read_output
from sn7ml.core.safe_files import plain_name
from sn7ml.core.schemas import REGIONS, TILES, Table
from sn7ml.params import ModelImages, parse
from sn7ml.scenes.images import BAND_NAMES, BANDS
from sn7ml.scenes.parquet import require_small
from sn7ml.scenes.rasters import explained, opened
from sn7ml.scenes.scored_columns import Stretch
from sn7ml.scenes.shards import SHARDS, Place

COLOURS = BAND_NAMES[:3]
IMAGES_FILE = "images.json"
IMAGES, MASKS, SHARDS_FILE = "images.tif", "masks.tif", "shards.parquet"
TABLES = ("frames", "regions", "tiles")

MOST_TABLE_BYTES = 2**30

FRAME_ROWS = Table(
    "frames",
    {
        "aoi": "text", "time": "text", "rows": "int", "cols": "int", "tile_px": "int", "labelled": "bool",
        "pixels_digest": "text", "masks_digest": "text",
        "mean_red": "float", "mean_green": "float", "mean_blue": "float",
        "std_red": "float", "std_green": "float", "std_blue": "float",
    },
    key=("aoi", "time"),
)  # fmt: skip
"""The frames of a tile store, with their sizes in pixels and the brightness of each colour."""


class TileStore:
    """Random access to what :func:`sn7ml.scenes.tiling.write_tiles` wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        missing = [name for name in TABLES if not (folder / f"{name}.parquet").is_file()]
        if missing:
            raise TableError("tiles.no-store", f"{folder} is no tile store: it lacks {missing}; run `dvc repro tile`")

    @cached_property
    def frames(self) -> pd.DataFrame:
        """``FRAME_ROWS``: at least one, each with a size, and AOIs that can be names of folders."""
        path = self.folder / "frames.parquet"
        table = _read_table(path, FRAME_ROWS)
        if table.empty or (table[["rows", "cols", "tile_px"]] < 1).any(axis=None):
            raise TableError("tiles.no-frames", f"{path}: has no frame, or one without size; run `dvc repro tile`")
        for aoi in table["aoi"].unique():
            _folder_name(path, aoi)
        return table

    @cached_property
    def regions(self) -> pd.DataFrame:
        """``REGIONS``."""
        return _read_table(self.folder / "regions.parquet", REGIONS)

    @cached_property
    def tiles(self) -> pd.DataFrame:
        """``TILES``."""
        return _read_table(self.folder / "tiles.parquet", TILES)

    @cached_property
    def upsampling(self) -> int:
        """Mask pixels per image pixel along each axis."""
        aoi = str(self.frames["aoi"].iloc[0])
        images, masks = (_open(self._file(aoi, name), os.getpid()).height for name in (IMAGES, MASKS))
        if images < (needed := self.places[aoi].row + self._shapes[aoi][0]):
            path = self._file(aoi, IMAGES)
            raise RasterError("tiles.shard", f"{path}: has {images} rows, not {needed}; run `dvc repro tile`")
        return int(masks // images)

    @cached_property
    def tile_px(self) -> int:
        """Side of a tile, pixels of the original image."""
        return int(self.frames["tile_px"].iloc[0])

    @cached_property
    def statistics(self) -> Mapping[tuple[str, str], tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """(aoi, month) to mean and deviation of red, green and blue, see ``band_statistics``."""
        means, stds = (
            self.frames[[f"{kind}_{name}" for name in COLOURS]].to_numpy(np.float32, copy=True)
            for kind in ("mean", "std")
        )
        keys = zip(self.frames["aoi"], self.frames["time"], strict=True)
        return dict(zip(keys, zip(means, stds, strict=True), strict=True))

    @cached_property
    def images(self) -> ModelImages | None:
        """What a package says of the images; None where none was converted."""
        path = self.folder / IMAGES_FILE
        return parse(ModelImages, read_output(path), str(path)) if path.exists() else None

    @cached_property
    def folds(self) -> int:
        """Number of folds, counted from 1: parts of the tiles that are not for tests, held from one network each."""
        return int(self.regions["fold"].max())

    def fold_of(self, network: int) -> int:
        """Return the fold that network number ``network``, from 1, has not seen; they take the folds in turn."""
        return (network - 1) % self.folds + 1

    def learned_by(self, fold: int) -> pd.DataFrame:
        """Return the labelled ``TILES`` that networks learn on from which ``fold`` is held."""
        return learned(self.tiles, fold)

    def held_from(self, fold: int) -> pd.DataFrame:
        """Return the labelled ``TILES`` that networks are validated on from which ``fold`` is held."""
        tiles = self.tiles
        return tiles[tiles["labelled"] & (tiles["fold"] == fold)]

    def columns(self, splits: Collection[str], fold: int | None = None) -> dict[str, list[tuple[int, int]]]:
        """Return AOI → (start, stop) of the columns that belong to any of these splits, or to one fold of them."""
        chosen = self.regions[self.regions["split"].isin(splits)]
        if fold is not None:
            chosen = chosen[chosen["fold"] == fold]
        return {
            str(aoi): list(zip(rows["col_start"], rows["col_stop"], strict=True)) for aoi, rows in chosen.groupby("aoi")
        }

    def stretches(self, splits: Collection[str]) -> dict[str, list[Stretch]]:
        """Return AOI → what is predicted of it, from left to right, where possible by a network that has not seen it.

        Gaps between these columns belong to them too, half to either side, so that no building is cut.
        """
        plans = {}
        for aoi, rows in self.regions[self.regions["split"].isin(splits)].sort_values("col_start").groupby("aoi"):
            starts, stops = rows["col_start"].tolist(), rows["col_stop"].tolist()
            middles = [(stop + start) // 2 for stop, start in zip(stops, starts[1:], strict=False)]
            ends = [starts[0], *middles, stops[-1]]
            plans[str(aoi)] = [
                Stretch(start, stop, int(fold)) for start, stop, fold in zip(ends, ends[1:], rows["fold"], strict=False)
            ]
        return plans

    def extent(self) -> pd.DataFrame:
        """Return the use of each AOI: split, aoi, columns ("0 to 633, 768 to 1022", inclusive), labelled months."""
        labelled = self.frames[self.frames["labelled"]].groupby("aoi").size()
        rows = []
        for (split, aoi), parts in self.regions.sort_values(["split", "aoi", "col_start"]).groupby(["split", "aoi"]):
            spans = zip(parts["col_start"], parts["col_stop"], strict=True)
            columns = ", ".join(f"{start} to {stop - 1}" for start, stop in spans)
            rows.append((str(split), str(aoi), columns, int(labelled.get(aoi, 0))))
        return pd.DataFrame(rows, columns=["split", "aoi", "columns", "labelled months"])

    def months(self, aoi: str) -> list[str]:
        """Return the months of an AOI, by date."""
        return sorted(self.frames.loc[self.frames["aoi"] == aoi, "time"])

    def read_pixels(self, aoi: str, month: str, corner: tuple[int, int], size_px: int) -> NDArray[np.uint8]:
        """Read a window of a frame: uint8 (4, size_px, size_px)."""
        first = BANDS * self._position[aoi, month] + 1
        window = self._window(aoi, corner, (size_px, size_px))
        return _read_window(self._file(aoi, IMAGES), range(first, first + BANDS), window)

    def read_flags(self, aoi: str, month: str, corner: tuple[int, int], shape: tuple[int, int]) -> NDArray[np.uint8]:
        """Read the mask bits under a window of (rows, cols) image pixels: uint8, ``upsampling`` times as large."""
        band = self._position[aoi, month] + 1
        window = self._window(aoi, corner, shape, self.upsampling)
        flags: NDArray[np.uint8] = _read_window(self._file(aoi, MASKS), range(band, band + 1), window)[0]
        return flags

    def digest(self) -> str:
        """Return 16 hexadecimal digits that name the content: every pixel, mask and table."""
        content = b"".join((self.folder / f"{name}.parquet").read_bytes() for name in TABLES)
        return hashlib.sha256(content).hexdigest()[:16]

    @cached_property
    def places(self) -> Mapping[str, Place]:
        """Where the images of each AOI lie."""
        path = self.folder / SHARDS_FILE
        if not path.exists():
            return {str(aoi): Place(str(aoi)) for aoi in self.frames["aoi"].unique()}
        table = _read_table(path, SHARDS)
        if set(table["aoi"]) != set(self.frames["aoi"]) or (table["row"] < 0).any():
            raise TableError("tiles.shards", f"{path}: does not say where each AOI lies; run `dvc repro tile`")
        return {
            str(aoi): Place(_folder_name(path, shard), int(row)) for aoi, shard, row in table.itertuples(index=False)
        }

    def _file(self, aoi: str, name: str) -> Path:
        return self.folder / self.places[aoi].shard / name

    def _window(self, aoi: str, corner: tuple[int, int], shape: tuple[int, int], scale: int = 1) -> Window:
        """Return a window of an AOI in its shard, ``scale`` times up-sampled. Raises RasterError if it leaves the AOI.

        What is outside of a file is refused where it is read; in a strip the next AOI follows.
        """
        row, col = corner
        place, (rows, cols) = self.places[aoi], self._shapes[aoi]
        if min(row, col) < 0 or row + shape[0] > rows or col + shape[1] > cols:
            wanted = f"{shape[0]} x {shape[1]} pixels from {row}, {col}"
            path = self._file(aoi, IMAGES)
            raise RasterError("tiles.shard", f"{path}: {aoi} has no {wanted}, it has {rows} x {cols}")
        return Window(col * scale, (place.row + row) * scale, shape[1] * scale, shape[0] * scale)

    @cached_property
    def _shapes(self) -> Mapping[str, tuple[int, int]]:
        sizes = self.frames.drop_duplicates("aoi")[["aoi", "rows", "cols"]]
        return {str(aoi): (int(rows), int(cols)) for aoi, rows, cols in sizes.itertuples(index=False)}

    @cached_property
    def _position(self) -> Mapping[tuple[str, str], int]:
        by_date = self.frames[["aoi", "time"]].sort_values(["aoi", "time"])
        return dict(zip(by_date.itertuples(index=False, name=None), by_date.groupby("aoi").cumcount(), strict=True))


def _folder_name(path: Path, name: str) -> str:
    try:
        return plain_name(name)
    except ValueError as error:
        raise TableError("tiles.aoi-name", f"{path}: AOI {error}") from None


def _read_table(path: Path, table: Table) -> pd.DataFrame:
    """Read a table of the store. Raises TableError if the file is damaged, or holds another table."""
    try:
        require_small(path, MOST_TABLE_BYTES)
        return table.check(pd.read_parquet(path))
    except (OSError, ValueError, pyarrow.ArrowException) as error:  # pyarrow's own are of all three
        raise TableError(
            "tiles.unreadable", f"{path}: is no table of a tile store ({error!s:.200}); run `dvc repro tile`"
        ) from None
    except TableError as error:
        raise TableError(error.code, f"{path}: {error}; run `dvc repro tile`") from None


def _read_window(path: Path, bands: range, window: Window) -> NDArray[np.uint8]:
    """Read a window of some bands: uint8 (band, row, col). Raises RasterError if the shard is damaged or lacks them."""
    source = _open(path, os.getpid())
    inside = min(window.col_off, window.row_off) >= 0
    inside &= window.col_off + window.width <= source.width and window.row_off + window.height <= source.height
    if not inside or bands.stop > source.count + 1 or source.dtypes[0] != "uint8":
        found = f"{source.count} bands of {source.dtypes[0]}, {source.height} x {source.width}"
        wanted = f"bands {bands.start} to {bands.stop - 1} of uint8 with {window}"
        raise RasterError("tiles.shard", f"{path}: has {found}, where {wanted} are asked for; run `dvc repro tile`")
    with explained(path):
        return np.asarray(source.read(list(bands), window=window))


@lru_cache(maxsize=256)
def _open(path: Path, process: int) -> rasterio.DatasetReader:
    # A file opened before a fork shares its position with the child (a torch loader's worker): each process its own.
    return opened(path)


def learned(tiles: pd.DataFrame, fold: int) -> pd.DataFrame:
    """Keep the labelled ``TILES`` that networks learn on from which ``fold`` is held."""
    return tiles[tiles["labelled"] & (tiles["split"] != "test") & (tiles["fold"] != fold)]
