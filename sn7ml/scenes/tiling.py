"""Cut AOIs into tiles: what a tile store holds is drawn and written here; ``store`` says how it lies, and reads it."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sn7ml.core.errors import ItemsFailed, Sn7Error, TableError
from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.ground import pixel_size_m
from sn7ml.core.geo.radiometry import band_statistics
from sn7ml.core.geo.windows import plan_windows
from sn7ml.core.runtime.files import read_output, replacing, write_text
from sn7ml.core.runtime.parallel import map_items
from sn7ml.core.schemas import TILES
from sn7ml.params import ModelImages, SplitParams, TilingParams, parse
from sn7ml.scenes.conversion import STRETCH_FILE
from sn7ml.scenes.images import BAND_NAMES, BANDS, read_image, read_mask
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.rasters import refuse_upsampled, write_bands
from sn7ml.scenes.shards import plan_shards, strip, table_of
from sn7ml.scenes.splits import assign_regions
from sn7ml.scenes.store import COLOURS, IMAGES, IMAGES_FILE, MASKS, SHARDS_FILE, learned
from sn7ml.targets.target import FrameLabels, Target

IMAGE_BLOCK_PX, MASK_BLOCK_PX = 128, 256

Row: TypeAlias = dict[str, Any]
"""Of ``FRAMES``."""


@dataclass(frozen=True)
class Shard:
    """What is written to one folder."""

    name: str
    frames: dict[str, list[Row]]
    """Of each AOI: its ``FRAMES``."""
    begins: list[int]
    """The row of the images where each begins."""


def write_tiles(
    root: Path, scenes: Scenes, split: SplitParams, tiling: TilingParams, target: Target, out: Path
) -> None:
    """Write the tile store of all AOIs that have labels and take part, several AOIs at a time.

    Raises ItemsFailed naming every AOI that cannot be tiled, with the file at fault; CatalogError if AOIs cannot be
    split; TableError if there is no tile to train on.
    """
    _refuse_unknown_classes(scenes, target)
    labelled = scenes.frames_of(scenes.frames.loc[scenes.frames["labelled"], "aoi"].unique())
    regions = assign_regions(labelled, split)
    used = labelled[labelled["aoi"].isin(regions["aoi"])]
    jobs: dict[str, Any] = {str(aoi): table.to_dict("records") for aoi, table in used.groupby("aoi")}
    places = plan_shards(used.sort_values("aoi", kind="stable"), tiling.upsampling)
    shards: dict[str, Shard] = {}
    for aoi, place in places.items():
        shard = shards.setdefault(place.shard, Shard(place.shard, {}, []))
        shard.frames[aoi] = jobs[aoi]
        shard.begins.append(place.row)
    try:
        written = map_items(partial(_write_shard, root, scenes, regions, (tiling, target), out), shards)
    except ItemsFailed as error:
        raise _by_aoi(error, len(jobs)) from error.__cause__
    frames, tiles = (pd.concat(parts, ignore_index=True) for parts in zip(*written.values(), strict=True))
    if learned(tiles, fold=1).empty:
        raise TableError(
            "tiles.none",
            f"no labelled tile of {tiling.size_px} px that is {tiling.min_usable_fraction:.0%} usable fits the "
            "training region; make tiling.size_px, tiling.min_usable_fraction or split.gap_px smaller",
        )
    for name, table in {"frames": frames, "regions": regions, "tiles": TILES.check(tiles)}.items():
        with replacing(out / f"{name}.parquet") as temporary:
            table.to_parquet(temporary, index=False)
    if len(shards) < len(jobs):
        with replacing(out / SHARDS_FILE) as temporary:
            table_of(places).to_parquet(temporary, index=False)
    if (scenes.folder / STRETCH_FILE).exists():
        images = _images_of(scenes, list(jobs))
        write_text(out / IMAGES_FILE, images.model_dump_json(indent=1) + "\n")


def _refuse_unknown_classes(scenes: Scenes, target: Target) -> None:
    """Raise TableError if a target of classes names one that the file of classes does not have."""
    if target.activation == "softmax" and (unknown := sorted(set(target.channels) - set(scenes.class_names))):
        raise TableError(
            "tiles.unknown-class",
            f"target.classes.names: {unknown} are not in the file of classes, which has {list(scenes.class_names)}; "
            "write the names as they stand there",
        )


def _images_of(scenes: Scenes, aois: Collection[str]) -> ModelImages:
    placed = [pixel_size_m(grid) for grid in scenes.grids_of(aois).values() if grid.placed]
    heights, widths = zip(*placed, strict=True) if placed else ((), ())
    spans = {
        f"pixel_{side}_m": [round(min(sizes), 5), round(max(sizes), 5)] if sizes else None
        for side, sizes in (("height", heights), ("width", widths))
    }
    path = scenes.folder / STRETCH_FILE
    return parse(ModelImages, {"stretch": read_output(path), **spans}, str(path))


def _by_aoi(error: ItemsFailed, total: int) -> ItemsFailed:
    """Name each AOI that failed, where several are in one shard."""
    failures: dict[str, Exception] = {}
    for shard, failure in error.failures.items():
        failures |= failure.failures if isinstance(failure, ItemsFailed) else {shard: failure}
    return ItemsFailed(failures, total)


def _write_shard(
    root: Path, scenes: Scenes, regions: pd.DataFrame, how: tuple[TilingParams, Target], out: Path, shard: Shard
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write images.tif and masks.tif of the AOIs of one shard; return their rows of the frames and the tiles tables.

    Raises ItemsFailed naming every AOI that cannot be tiled.
    """
    tiling, target = how
    labels = scenes.outlines_of(list(shard.frames))
    drawn: list[_Drawn] = []
    failures: dict[str, Exception] = {}
    for aoi, frames in shard.frames.items():
        try:
            known = {
                frame["time"]: FrameLabels(
                    labels.loc[(labels["aoi"] == aoi) & (labels["time"] == frame["time"]), "geometry"].tolist(),
                    scenes.class_map_of(aoi, frame["time"]) if frame["labelled"] else None,
                    scenes.class_names,
                )
                for frame in frames
            }
            drawn.append(_draw(root, frames, known, regions, tiling, target))
        except (Sn7Error, OSError) as error:
            failures[aoi] = error
    if failures:
        raise ItemsFailed(failures, total=len(shard.frames))
    folder, first = out / shard.name, drawn[0]
    if len(drawn) == 1:
        names = [f"{time} {name}" for time in first.times for name in BAND_NAMES]
        write_bands(folder / IMAGES, first.pixels, names, first.grid, IMAGE_BLOCK_PX)
        write_bands(folder / MASKS, first.flags, first.times, first.grid.upsampled(tiling.upsampling), MASK_BLOCK_PX)
    else:
        bands = (strip(shard.begins, [one.pixels[band] for one in drawn]) for band in range(BANDS))
        write_bands(folder / IMAGES, bands, BAND_NAMES, None, IMAGE_BLOCK_PX)
        masks = strip([row * tiling.upsampling for row in shard.begins], [one.flags[0] for one in drawn])
        write_bands(folder / MASKS, [masks], ["masks"], None, MASK_BLOCK_PX)
    frame_rows = pd.DataFrame([row for one in drawn for row in one.rows])
    return frame_rows, pd.concat([one.tiles for one in drawn], ignore_index=True)


@dataclass
class _Drawn:
    """One AOI, frame by frame."""

    grid: Grid
    times: list[str]
    pixels: list[NDArray[np.uint8]]
    """The bands of a frame, (rows, cols) each, then those of the next."""
    flags: list[NDArray[np.uint8]]
    """The masks of each frame, up-sampled."""
    rows: list[Row]
    tiles: pd.DataFrame


def _draw(
    root: Path,
    frames: list[Row],
    labels: Mapping[str, FrameLabels],
    regions: pd.DataFrame,
    tiling: TilingParams,
    target: Target,
) -> _Drawn:
    pixels: list[NDArray[np.uint8]] = []
    flags: list[NDArray[np.uint8]] = []
    frame_rows, tile_tables = [], []
    for frame in frames:
        path = root / frame["image"]
        image = read_image(path)
        refuse_upsampled(path, image.grid, tiling.upsampling)
        unknown = ~image.usable
        if frame["mask"]:
            unknown |= read_mask(root / frame["mask"], image.grid)
        known = frame["labelled"]  # without labels nothing is known anywhere
        seen = unknown if known else np.ones_like(unknown)
        flags.append(target.draw(labels[frame["time"]], seen, tiling.upsampling, image.grid))
        pixels += list(image.pixels)
        rows, cols = image.grid.shape
        row = {"aoi": frame["aoi"], "time": frame["time"], "rows": rows, "cols": cols, "tile_px": tiling.size_px}
        row |= {"labelled": bool(known), "pixels_digest": digest_of(image.pixels), "masks_digest": digest_of(flags[-1])}
        for kind, values in zip(("mean", "std"), band_statistics(image.pixels), strict=True):
            row |= {f"{kind}_{name}": float(value) for name, value in zip(COLOURS, values, strict=True)}
        frame_rows.append(row)
        tile_tables.append(_tile_rows(frame, unknown, target.built(flags[-1]), regions, tiling))
    times = [frame["time"] for frame in frames]
    return _Drawn(image.grid, times, pixels, flags, frame_rows, pd.concat(tile_tables, ignore_index=True))


def digest_of(content: NDArray[np.uint8]) -> str:
    """Return 16 hexadecimal digits that name the values of an array."""
    return hashlib.sha256(content.tobytes()).hexdigest()[:16]


def _tile_rows(
    frame: Row, unknown: NDArray[np.bool_], built: NDArray[np.bool_], regions: pd.DataFrame, tiling: TilingParams
) -> pd.DataFrame:
    """Index the tiles of one frame: those wholly inside a region and usable enough.

    ``unknown`` (rows, cols) is of the image, ``built`` up-sampled: what a tile counts as built-up by.
    """
    s, size = tiling.upsampling, tiling.size_px
    rows = unknown.shape[0]
    found = []
    for region in regions[regions["aoi"] == frame["aoi"]].to_dict("records"):
        width = region["col_stop"] - region["col_start"]
        if rows < size or width < size:
            continue
        for row, offset in plan_windows((rows, width), size, tiling.overlap_px):
            col = region["col_start"] + offset
            tile = built[row * s : (row + size) * s, col * s : (col + size) * s]
            usable = 1.0 - float(np.mean(unknown[row : row + size, col : col + size]))
            place = (frame["aoi"], frame["time"], row, col, region["split"], region["fold"])
            found.append((*place, usable, float(np.mean(tile)), bool(frame["labelled"])))
    table = pd.DataFrame(found, columns=list(TILES.columns)) if found else TILES.empty()
    return table[table["usable_fraction"] >= tiling.min_usable_fraction]
