"""Facts about the buildings that the pipeline found: their files, their outlines, and their number."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from sn7ml.core.errors import TableError
from sn7ml.core.geo.grid import Grid
from sn7ml.core.schemas import TRACKS, Table
from sn7ml.outputs.footprints import read_geoparquet
from sn7ml.params import Split
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.row_errors import not_finite
from sn7ml.scenes.scored_columns import inside
from sn7ml.scenes.store import TileStore
from sn7ml.validation.facts.fact_tables import as_table, fault_of
from sn7ml.validation.facts.outlines import MILLION, lowest, valid_polygons

TRACK_FACTS = Table(
    "track facts",
    {
        "aoi": "text", "time": "text", "file": "text", "readable": "bool", "fault": "text",
        "epsg": "int", "crs_ok": "bool", "n": "int", "n_ids": "int",
        "n_duplicates": "int", "duplicate_id": "text", "n_reshaped": "int", "reshaped_id": "text",
        "n_births_disagree": "int", "birth_id": "text", "n_gaps": "int",
    },
    key=("aoi",),
)  # fmt: skip
"""One row per AOI that was predicted; ``time`` is always "".

readable, fault: Whether its file is GeoParquet with the columns of ``TRACKS``; if not, why, and all else is missing.
epsg, crs_ok: Code of its CRS (0 if none), and whether that is the images'.
n, n_ids: Footprints, and different ids.
n_duplicates, duplicate_id: Pairs of month and id that more than one row has; the lowest id of one.
n_reshaped, reshaped_id: Ids whose outline is not the same in all months; the lowest.
n_births_disagree, birth_id: Ids with several birth months, or seen before their birth; the lowest.
n_gaps: Ids that are missing in a frame between their first and their last.
"""

FOOTPRINT_FACTS = Table(
    "footprint facts",
    {
        "number": "int", "aoi": "text", "time": "text", "file": "text", "id": "text", "geometry": "geometry",
        "valid": "bool", "month_known": "bool", "outside_px": "float",
        "confidence": "float", "birth_probability": "float",
    },
    key=("number",),
)  # fmt: skip
"""One row per footprint in a readable file, numbered.

geometry: In pixels of the image, as it was written; None if missing, or with a coordinate that is no finite number.
valid: See :func:`valid_polygons`; missing where the geometry is.
month_known: The AOI has an image of this month.
outside_px: How far it sticks out of what was predicted: all rows, and the columns from the first to the last one.
"""

COUNT_FACTS = Table(
    "count facts",
    {
        "aoi": "text", "time": "text", "file": "text", "n": "int", "density_per_mpx": "float", "area_p50_px2": "float",
        "training_low": "float", "training_high": "float", "training_p50_px2": "float",
        "density_ratio": "float", "area_ratio": "float",
    },
    key=("aoi", "time"),
)  # fmt: skip
"""One row per frame that was predicted and whose file can be read.

density_per_mpx, area_p50_px2: Footprints per million predicted pixels, and the median of their areas.
training_low, training_high: Lowest and highest density of an AOI that was learned from.
training_p50_px2: Median area of the buildings that were learned from.
density_ratio: 1 between these two; above the highest, or below the lowest, over that.
area_ratio: Median area over that of the training data.
"""


def found_facts(
    scenes: Scenes, store: TileStore, footprints: Path, splits: Sequence[Split], kind: Table = TRACKS
) -> dict[str, pd.DataFrame]:
    """Read ``<AOI>.parquet`` of all AOIs of the predicted splits, and compare their number with what was learned from.

    ``kind`` is what the files hold: ``TRACKS``, or ``FOUND``, whose buildings are born in the month of their image.

    Returns "tracks": ``TRACK_FACTS``; "footprints": ``FOOTPRINT_FACTS``; "counts": ``COUNT_FACTS``.
    """
    stretches = store.stretches(splits)
    files, polygons, counts = [], [FOOTPRINT_FACTS.empty()], []
    training = _training(scenes, store)
    for aoi, grid in scenes.grids_of(stretches).items():
        table, facts = _read(footprints, aoi, grid, kind)
        files.append(facts)
        if table is None:
            continue
        months = list(scenes.frames_of([aoi])["time"])
        facts |= _through_time(table, months)
        rows, west, east = grid.shape[0], stretches[aoi][0].start, stretches[aoi][-1].stop
        shapes = table["geometry"].to_numpy(dtype=object)
        left, top, right, bottom = shapely.bounds(shapes).T
        sticks_out = np.max([west - left, 0 - top, right - east, bottom - rows], axis=0)
        polygons.append(
            table.assign(
                valid=pd.Series(valid_polygons(shapes), table.index, "boolean").mask(table["geometry"].isna()),
                month_known=table["time"].isin(months),
                outside_px=np.maximum(sticks_out, 0).round(3),
            )
        )
        per_month = _counts(table, months, (east - west) * rows / MILLION, training)
        counts += [{"aoi": aoi, "file": facts["file"], **row} for row in per_month]
    found = pd.concat([table for table in polygons if len(table)] or polygons, ignore_index=True)
    return {
        "tracks": as_table(files, TRACK_FACTS),
        "footprints": as_table(found.assign(number=range(len(found))), FOOTPRINT_FACTS),
        "counts": as_table(counts, COUNT_FACTS),
    }


def _read(folder: Path, aoi: str, grid: Grid, kind: Table) -> tuple[pd.DataFrame | None, dict[str, Any]]:
    """Return the rows of one file in pixel coordinates, None if it cannot be read; and the facts of the file."""
    file = f"{aoi}.parquet"
    facts: dict[str, Any] = {"aoi": aoi, "time": "", "file": file, "readable": False}
    if not (folder / file).exists():
        return None, facts | {"fault": "no such file"}
    try:
        found = read_geoparquet(folder / file)
        # That month and id are unique is a fact to judge here, not a condition for reading.
        rows = replace(kind, columns={"number": "int", **kind.columns}, key=("number",))
        table = rows.check(pd.DataFrame(found).assign(aoi=aoi, number=range(len(found)))).assign(file=file)
    except TableError as error:
        return None, facts | {"fault": fault_of(error, folder, file)}
    if "birth_month" not in table:
        table = table.assign(birth_month=table["time"], birth_probability=np.nan)
    table = table.astype({name: "str" for name, what in TRACKS.columns.items() if what == "text"})
    epsg = (found.crs.to_epsg() if found.crs else None) or 0
    shapes = table["geometry"].to_numpy(dtype=object, copy=True)
    shapes[not_finite(shapes)] = None  # GEOS would fail on these
    table["geometry"] = pd.Series(grid.to_pixels(shapes), dtype="object", index=table.index)
    facts |= {"readable": True, "fault": "", "epsg": epsg, "crs_ok": epsg == grid.epsg, "n": len(table)}
    return table, facts


def _through_time(table: pd.DataFrame, months: Sequence[str]) -> dict[str, Any]:
    twice = table.loc[table.duplicated(["time", "id"]), "id"]
    wkb = pd.Series(shapely.to_wkb(table["geometry"].to_numpy(dtype=object)), index=table.index)
    shapes = wkb.groupby(table["id"]).nunique()
    births = table.groupby("id")["birth_month"].nunique()
    early = table.loc[table["time"] < table["birth_month"], "id"]
    disagree = {*births.index[births > 1], *early}
    number = table["time"].map({month: place for place, month in enumerate(months)}).astype("float64")
    seen = number.groupby(table["id"]).agg(["min", "max", "nunique"])
    return {
        "n_ids": int(table["id"].nunique()),
        "n_duplicates": len(twice.unique()),
        "duplicate_id": _first(twice),
        "n_reshaped": int((shapes > 1).sum()),
        "reshaped_id": _first(shapes.index[shapes > 1]),
        "n_births_disagree": len(disagree),
        "birth_id": _first(disagree),
        "n_gaps": int((seen["max"] - seen["min"] + 1 > seen["nunique"]).sum()),
    }


def _first(ids: Any) -> str:
    """Return the lowest id, by number where all are numbers."""
    texts = [str(it) for it in ids]
    if texts and all(text.isdecimal() for text in texts):
        return lowest(np.array([int(text) for text in texts], dtype=np.int64))
    return min(texts, default="")


def _counts(
    table: pd.DataFrame, months: Sequence[str], predicted_mpx: float, training: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Count per month; the caller names AOI and file."""
    rows = []
    for month in months:
        areas = shapely.area(table.loc[table["time"] == month, "geometry"].to_numpy(dtype=object))
        density = len(areas) / predicted_mpx
        middle = round(float(np.median(areas)), 3) if len(areas) else None
        row: dict[str, Any] = {"time": month, "n": len(areas), **training}
        row |= {"density_per_mpx": round(density, 3), "area_p50_px2": middle}
        if training:
            nearest = min(max(density, training["training_low"]), training["training_high"])
            row["density_ratio"] = round(density / nearest, 4) if density != nearest else 1.0
            row["area_ratio"] = round(middle / training["training_p50_px2"], 4) if middle is not None else None
        rows.append(row)
    return rows


def _training(scenes: Scenes, store: TileStore) -> dict[str, float]:
    """Return density and size of the training buildings; {} if there are none.

    The first and last labelled month of each AOI are enough: labels change little between the two.
    """
    columns = store.columns(("train", "validation"))
    frames = scenes.frames_of(columns)
    labelled = frames[frames["labelled"]].groupby("aoi")["time"].agg(["min", "max"])
    labels = scenes.labels_of(columns)
    first, last = (labels["time"] == labels["aoi"].map(labelled[end]) for end in ("min", "max"))
    buildings = inside(labels[first | last], columns)
    rows = store.frames.groupby("aoi")["rows"].first()
    counts = buildings.groupby(["aoi", "time"], as_index=False).size()
    densities = [
        number / (sum(stop - start for start, stop in columns[str(aoi)]) * rows[aoi] / MILLION)
        for aoi, number in zip(counts["aoi"], counts["size"], strict=True)
    ]
    if not densities:
        return {}
    middle = float(np.median(shapely.area(buildings["geometry"].to_numpy(dtype=object))))
    return {
        "training_low": round(min(densities), 3),
        "training_high": round(max(densities), 3),
        "training_p50_px2": round(middle, 3),
    }
