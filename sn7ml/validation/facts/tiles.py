"""Facts about a tile store: masks fit images and labels, and no split can see another."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from rasterio.windows import Window

from sn7ml.core.errors import Sn7Error
from sn7ml.core.geo.burn import burn_ids
from sn7ml.core.runtime.parallel import map_items
from sn7ml.core.schemas import Table
from sn7ml.scenes.images import BANDS
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.rasters import open_geotiff
from sn7ml.scenes.shards import Place
from sn7ml.scenes.store import IMAGES, MASKS, TileStore
from sn7ml.scenes.tiling import digest_of
from sn7ml.targets import Target
from sn7ml.validation.facts.fact_tables import as_table, in_a_line

Row = Mapping[Any, Any]

LEAST_PX2 = 50.0
"""Under a smaller area of all buildings, mask and polygons differ by whole pixels, and their ratio says nothing."""

TILE_FACTS = Table(
    "tile facts",
    {
        "aoi": "text", "time": "text", "file": "text", "readable": "bool", "fault": "text",
        "rows": "int", "cols": "int", "mask_size": "text", "upsampling": "float", "mask_fits": "bool",
        "pixels_as_written": "bool", "masks_as_written": "bool", "n_unknown_bits": "int", "unknown_fraction": "float",
        "mask_px2": "float", "polygon_px2": "float", "mask_error": "float",
        "n_tiles": "int", "n_off_image": "int", "least_usable_fraction": "float", "built_fraction": "float",
    },
    key=("aoi", "time"),
)  # fmt: skip
"""One row per frame of the store.

readable, fault: Whether its images and masks can be read to the end; if not, why. Then what needs them is missing.
mask_size, upsampling: Size of the mask, as text, and its rows per row of the image.
mask_fits: Whether that is a whole number, and the same for columns.
pixels_as_written, masks_as_written: Whether the content still has the digest that the tile stage recorded.
n_unknown_bits, unknown_fraction: Mask pixels with a bit that means nothing; share of the mask that is unknown.
mask_px2, polygon_px2: Area of the mask's footprint, and of the labels' polygons within the image, pixels of the image;
    of targets that draw no footprint where nothing is known, both are of the ground that is known.
mask_error: By what share the first differs from the second; missing where that is under ``LEAST_PX2``.
n_tiles, n_off_image: Tiles of the frame, and those that stick out of the image.
least_usable_fraction, built_fraction: Worst usable share of a tile, mean share of buildings; missing without tiles.
"""

REGION_FACTS = Table(
    "region facts",
    {
        "aoi": "text", "time": "text", "file": "text", "split": "text", "fold": "int",
        "col_start": "int", "col_stop": "int",
        "n_tiles": "int", "n_built_tiles": "int", "n_tiles_outside": "int", "gap_px": "int", "gap_to": "text",
        "n_group_elsewhere": "int", "group_elsewhere": "text", "n_shared_frames": "int", "shared_with": "text",
    },
    key=("aoi", "split", "fold"),
)  # fmt: skip
"""One row per region: the columns of an AOI that train, or validate one fold, or test. ``time`` is always "".

n_built_tiles, n_tiles_outside: Tiles that show a building, and those that reach beyond the region's columns.
gap_px, gap_to: Columns to the nearest region of the AOI that another network learns or is scored on, if there is one,
    and which; under 0 if they share columns.
n_group_elsewhere, group_elsewhere: AOIs of the same group (``FRAMES``) in another split or fold only, and the first.
n_shared_frames, shared_with: Frames with the very pixels of an AOI in another split or fold, and the first such AOI.
"""


def tile_facts(scenes: Scenes, store: TileStore, target: Target) -> pd.DataFrame:
    """Read all images and masks of a tile store, and the labels they were drawn from: ``TILE_FACTS``."""
    by_date = store.frames.sort_values(["aoi", "time"]).groupby("aoi")
    jobs: dict[str, list[Job]] = {}
    for aoi, rows in by_date:
        place = store.places[str(aoi)]
        jobs.setdefault(place.shard, []).append((place, rows.to_dict("records")))
    found = map_items(partial(_facts_of_shard, scenes, store.folder, target), jobs)
    table = as_table([row for rows in found.values() for row in rows], TILE_FACTS)
    tiles = store.tiles.merge(table[["aoi", "time", "rows", "cols"]], on=["aoi", "time"], how="left")
    tiles["off"] = (tiles["row"] + store.tile_px > tiles["rows"]) | (tiles["col"] + store.tile_px > tiles["cols"])
    keys = ["aoi", "time"]
    facts = tiles.groupby(keys).agg(
        n_tiles=("off", "size"),
        n_off_image=("off", "sum"),
        least_usable_fraction=("usable_fraction", "min"),
        built_fraction=("footprint_fraction", "mean"),
    )
    table = table.drop(columns=facts.columns).merge(facts, on=keys, how="left")
    return as_table(table.fillna({"n_tiles": 0, "n_off_image": 0}), TILE_FACTS)


Job: TypeAlias = tuple[Place, list[Any]]
"""Where an AOI lies, and its rows of the store's frames, by date."""


def _facts_of_shard(scenes: Scenes, store: Path, target: Target, jobs: list[Job]) -> list[dict[str, Any]]:
    """Return the facts of the AOIs of one shard, in their order."""
    aois = [rows[0]["aoi"] for _, rows in jobs]
    labels, frames = scenes.outlines_of(aois), scenes.frames_of(aois)
    outlines = {key: part.to_numpy(dtype=object) for key, part in labels.groupby(["aoi", "time"])["geometry"]}
    labelled = set(frames.loc[frames["labelled"], ["aoi", "time"]].itertuples(index=False, name=None))
    nothing = np.array([], dtype=object)
    return [
        _facts_of_frame(store, place, position, row, target, outlines.get(key, nothing) if key in labelled else None)
        for place, rows in jobs
        for position, row in enumerate(rows)
        for key in [(row["aoi"], row["time"])]
    ]


def _facts_of_frame(
    store: Path, place: Place, position: int, row: dict[str, Any], target: Target, outlines: NDArray[np.object_] | None
) -> dict[str, Any]:
    file = f"{place.shard}/{MASKS}"
    facts = {name: row[name] for name in ("aoi", "time", "rows", "cols")} | {"file": file}
    try:
        pixels, flags = _read_frame(store / place.shard, place, row, position)
    except (Sn7Error, IndexError) as error:
        return facts | {"readable": False, "fault": in_a_line(error, store, file).replace(f"{store}/", "")}
    mask_rows, mask_cols = flags.shape
    upsampling = mask_rows / row["rows"]
    unknown = ~target.known(flags)
    facts |= {
        "readable": True, "fault": "", "mask_size": f"{mask_rows} x {mask_cols}", "upsampling": upsampling,
        "mask_fits": upsampling.is_integer() and mask_cols == row["cols"] * upsampling,
        "pixels_as_written": digest_of(pixels) == row["pixels_digest"],
        "masks_as_written": digest_of(flags) == row["masks_digest"],
        "n_unknown_bits": int(np.count_nonzero(flags > _highest(target))),
        "unknown_fraction": round(float(unknown.mean()), 6),
    }  # fmt: skip
    mask_px2 = int(np.count_nonzero(target.built(flags))) / upsampling**2
    facts["mask_px2"] = round(mask_px2, 3)
    if outlines is None or target.activation == "softmax":
        return facts
    if len(outlines):
        outlines = shapely.intersection(outlines, shapely.box(0, 0, row["cols"], row["rows"]))
    # A union, since a mask pixel where buildings overlap is drawn once.
    polygon_px2 = float(shapely.area(shapely.union_all(outlines)))
    if target.activation == "distance" and facts["mask_fits"]:
        drawn = burn_ids(list(outlines), (row["rows"], row["cols"]), int(upsampling)) > 0
        polygon_px2 -= np.count_nonzero(drawn & unknown) / upsampling**2
    facts["polygon_px2"] = round(polygon_px2, 3)
    if polygon_px2 >= LEAST_PX2:
        facts["mask_error"] = round(abs(mask_px2 / polygon_px2 - 1), 6)
    return facts


def _read_frame(
    folder: Path, place: Place, row: dict[str, Any], position: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read a frame's pixels (band, row, col) and masks, at the size that the files have unless others share them."""
    first, shared = BANDS * position + 1, place.shard != row["aoi"]
    with open_geotiff(folder / IMAGES) as source:
        part = Window(0, place.row, row["cols"], row["rows"]) if shared else None
        pixels, height = source.read(list(range(first, first + BANDS)), window=part), source.height
    with open_geotiff(folder / MASKS) as source:
        s = source.height // height
        part = Window(0, place.row * s, row["cols"] * s, row["rows"] * s) if shared else None
        return pixels, source.read(position + 1, window=part)


def _highest(target: Target) -> int:
    """Return the highest byte that means something: of masks all bits, the unknown one included, of others any."""
    return 255 if target.activation in ("distance", "softmax") else (1 << (len(target.channels) + 1)) - 1


def region_facts(scenes: Scenes, store: TileStore) -> pd.DataFrame:
    """Compare the regions of a tile store with each other and with its tiles: ``REGION_FACTS``, in their order."""
    group_of = dict(zip(scenes.frames["aoi"], scenes.frames["group"], strict=True))
    regions = store.regions.to_dict("records")
    at_home: dict[str, list[Row]] = {}
    members: dict[str | None, list[str]] = {}
    for region in regions:
        if region["aoi"] not in at_home:
            members.setdefault(group_of.get(region["aoi"]), []).append(region["aoi"])
        at_home.setdefault(region["aoi"], []).append(region)
    sides = {aoi: {_side(it) for it in parts} for aoi, parts in at_home.items()}
    digests = {str(aoi): set(rows["pixels_digest"]) for aoi, rows in store.frames.groupby("aoi")}
    holders: dict[str, list[str]] = {}
    for aoi in at_home:
        for digest in digests.get(aoi, ()):
            holders.setdefault(digest, []).append(aoi)
    tiles = dict(iter(store.tiles.groupby(list(REGION_FACTS.key))))
    rows = []
    for region in regions:
        aoi, side = region["aoi"], _side(region)
        columns = f"columns {region['col_start']} to {region['col_stop']}"
        file = f"regions.parquet: {region['split']} {region['fold']}, {columns}"
        mine = tiles.get((aoi, *side), store.tiles.iloc[:0])
        outside = (mine["col"] < region["col_start"]) | (mine["col"] + store.tile_px > region["col_stop"])
        facts: dict[Any, Any] = {**region, "time": "", "file": file, "n_tiles": len(mine)}
        facts |= {"n_built_tiles": int((mine["footprint_fraction"] > 0).sum()), "n_tiles_outside": int(outside.sum())}
        if beside := [it for it in at_home[aoi] if _side(it) != side]:
            nearest = min(beside, key=lambda it: _columns_between(region, it))
            facts |= {"gap_px": _columns_between(region, nearest), "gap_to": f"{nearest['split']} {nearest['fold']}"}
        # Neighbours that are both divided by columns are on the same sides.
        torn = sorted(it for it in members.get(group_of.get(aoi, ""), ()) if it != aoi and side not in sides[it])
        facts |= {"n_group_elsewhere": len(torn), "group_elsewhere": torn[0] if torn else ""}
        shared = [it for digest in digests.get(aoi, ()) for it in holders[digest] if it != aoi and sides[it] - {side}]
        rows.append(facts | {"n_shared_frames": len(shared), "shared_with": min(shared, default="")})
    return as_table(rows, REGION_FACTS)


def _side(region: Row) -> tuple[str, int]:
    return region["split"], region["fold"]


def _columns_between(one: Row, other: Row) -> int:
    return int(max(one["col_start"] - other["col_stop"], other["col_start"] - one["col_stop"]))
