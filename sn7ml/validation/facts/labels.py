"""What is true of every label file of a data set: read once per file, damaged files included, judged elsewhere."""

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sn7ml.core.errors import GridError, LabelError, RasterError
from sn7ml.core.geo.grid import WEB_MERCATOR, Grid
from sn7ml.core.runtime.parallel import map_items
from sn7ml.core.schemas import Table
from sn7ml.scenes.images import BANDS, grid_of, read_mask
from sn7ml.scenes.labels import clean_polygons, whole_ids
from sn7ml.scenes.layouts import Layout
from sn7ml.scenes.layouts.layout import Source
from sn7ml.scenes.rasters import open_geotiff
from sn7ml.scenes.row_errors import not_in_pixels
from sn7ml.validation.facts.fact_tables import as_table, fault_of
from sn7ml.validation.facts.frames import MOST_MEASURED_PX
from sn7ml.validation.facts.identities import IDENTITY_FACTS, LabelledMonth, follow
from sn7ml.validation.facts.outlines import Buildings, duplicates, hidden, oddities, overlaps, sizes

LABEL_FACTS = Table(
    "label facts",
    {
        "aoi": "text", "time": "text", "file": "text", "readable": "bool", "fault": "text", "n": "int",
        "n_duplicate_ids": "int", "duplicate_id": "text", "n_invalid": "int", "invalid_id": "text",
        "n_not_polygon": "int", "n_null": "int", "n_empty": "int", "n_without_shape": "int",
        "n_negative_ids": "int", "n_negative_with_shape": "int",
        "n_outside": "int", "outside_px": "float", "outside_id": "text", "small_fraction": "float",
        "n_features": "int", "n_multi": "int", "multi_id": "text", "n_z": "int", "n_holes": "int", "crs": "text",
        "crs_ok": "bool", "n_other_image": "int", "other_image": "text",
        "area_p05_px2": "float", "area_p50_px2": "float", "area_p95_px2": "float",
        "max_area_px2": "float", "largest_id": "text",
        "n_overlaps": "int", "overlap_fraction": "float", "overlap_id": "text",
        "n_hidden": "int", "hidden_fraction": "float", "hidden_id": "text", "density_per_mpx": "float",
        "shapes_digest": "text", "duplicate_of": "text",
    },
    key=("aoi", "time"),
)  # fmt: skip
"""One row per frame that has both an image and labels.

All facts but the first five are missing of a file that is not readable.

readable, fault: Whether it is a GeoJSON FeatureCollection whose features all have an integer ``Id`` and a geometry
    (null is one); if not, what is wrong. A geometry with coordinates that are no numbers, or infinite, is none.
n: Buildings: rows with an id from 0 on and a polygon. The other counts are of rows, unless said otherwise.
n_duplicate_ids, duplicate_id: Number of ids that more than one building has, and the lowest of them.
n_invalid, invalid_id: Outlines that cross themselves; the lowest id of one.
n_not_polygon: Lines and points.
n_null, n_empty, n_without_shape: Geometries that are null, or empty; rows of either kind whose id names a building.
n_negative_ids, n_negative_with_shape: SpaceNet 7 marks a frame without buildings by a negative id without shape; rows
    with a negative id and a polygon.
n_outside: Buildings wholly off the image.
outside_px, outside_id: The farthest that a building sticks out of the image (0 if none does), and its id.
small_fraction: Share of the buildings under 4 px²; 0 if there are none.
n_features: Rows of any kind.
n_multi, multi_id: Rows of several polygons, and the lowest id of one.
n_z, n_holes: Rows with heights, which are dropped on loading; rows with holes.
crs, crs_ok: The CRS that the file declares, "" for none; whether that is none or, unless in pixels, EPSG:3857.
n_other_image, other_image: Rows whose ``image_fname`` is not the name of their image, and the first such name.
area_p05_px2 … max_area_px2, largest_id: Quantiles of the buildings' areas, the largest of them, and its id.
n_overlaps, overlap_fraction, overlap_id: Buildings that share over half of the smaller one, their share, the lowest id.
n_hidden, hidden_fraction, hidden_id: Buildings half or more unusable (alpha 0 or UDM), their share, the lowest id.
density_per_mpx: Buildings not hidden per million usable pixels.
shapes_digest: 16 hexadecimal digits of ids and outlines.
duplicate_of: The first file of *another* AOI with the same buildings, "" for none or no buildings.
"""


def label_and_identity_facts(root: Path, sources: pd.DataFrame, layout: Layout) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read every label file of a ``SOURCES`` table once, AOIs in parallel.

    Returns ``LABEL_FACTS`` and ``IDENTITY_FACTS``, both in order of AOI and month; empty if no frame has labels. A
    damaged file gives a row that says so and hinders no other.
    """
    labelled = sources[sources["labels"] != ""].sort_values(["aoi", "time"])
    jobs = {str(aoi): rows.to_dict("records") for aoi, rows in labelled.groupby("aoi")}
    found = map_items(partial(_facts_of_area, root, layout), jobs).values()
    labels = as_table([row for rows, _ in found for row in rows], LABEL_FACTS)
    built = labels[labels["n"].fillna(0) > 0]
    first = built.groupby("shapes_digest")[["aoi", "file"]].transform("first")
    copied = first["file"].where(first["aoi"] != built["aoi"], "")
    labels["duplicate_of"] = (
        copied.reindex(labels.index).fillna("").where(labels["readable"].fillna(False)).astype("str")
    )
    identity = as_table([row for _, rows in found for row in rows], IDENTITY_FACTS)
    return labels, identity


def flawed_buildings(root: Path, row: Source, layout: Layout) -> Buildings | None:
    """Read the buildings of a row of ``SOURCES`` for a picture, faults and all; None if there are none to be read.

    Of images that have to be converted first, there is no picture.
    """
    return _facts_of_labels(root, layout, row)[1] if row["labels"] and not layout.open_image else None


def _facts_of_area(root: Path, layout: Layout, rows: list[Source]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of both tables of one AOI, whose frames are in order."""
    of_files, seen = [], []
    for row in rows:
        facts, buildings, unusable = _facts_of_labels(root, layout, row)
        of_files.append(facts)
        if buildings is not None:
            placed = facts.get("outside_px") is not None
            seen.append(LabelledMonth(row["aoi"], row["time"], row["labels"], buildings, placed, unusable))
    return of_files, follow(seen)


def _facts_of_labels(
    root: Path, layout: Layout, row: Source
) -> tuple[dict[str, Any], Buildings | None, NDArray[np.bool_] | None]:
    """Return all facts but copies, the buildings (None if the file cannot be read) and the unusable ground."""
    file = row["labels"]
    facts: dict[str, Any] = {"aoi": row["aoi"], "time": row["time"], "file": file}
    try:
        raw = layout.read_labels(root, row)
        numbers = whole_ids(raw)
        if too_large := [place for place, number in enumerate(numbers) if abs(number) >= 2**63]:
            needs = "needs an integer 'Id' of less than 64 bits"
            raise LabelError("labels.bad-feature", f"{raw.path}: feature {too_large[0]} {needs}")
        ids, polygons = numbers.astype(np.int64), clean_polygons(raw)
    except LabelError as error:
        return facts | {"readable": False, "fault": fault_of(error, root, file)}, None, None
    building = ~shapely.is_missing(polygons) & (ids >= 0)
    ids_of, shapes = ids[building], polygons[building]
    digest = hashlib.sha256(ids_of.tobytes() + b"".join(shapely.to_wkb(shapes).tolist())).hexdigest()
    facts |= {"readable": True, "fault": "", "n": len(ids_of), "shapes_digest": digest[:16]}
    facts |= oddities(ids, raw.geometries) | duplicates(ids_of)
    # Repaired copies declare pixels as LOCAL_CS.
    suits = raw.crs.startswith("LOCAL_CS") if raw.in_pixels else raw.crs.endswith(f":{WEB_MERCATOR}")
    strange = {name for name in set(raw.images) if Path(name).stem != Path(row["image"]).stem}
    others = [name for name in raw.images if name in strange]
    facts |= {"crs": raw.crs[:100], "crs_ok": not raw.crs or suits}
    facts |= {"n_other_image": len(others), "other_image": others[0][:100] if others else ""}
    grid, unusable = _ground(root, row)
    if grid is None:
        return facts, Buildings(ids_of, shapes), None
    if not raw.in_pixels:
        shapes = grid.to_pixels(shapes)
    facts |= sizes(Buildings(ids_of, shapes), grid.shape)
    near = ~not_in_pixels(shapes)  # GEOS fails on intersections of absurd ones; those show in outside_px
    found = Buildings(ids_of[near], shapes[near])
    facts |= overlaps(found) | (hidden(found, unusable) if unusable is not None else {})
    return facts, found, unusable


def _ground(root: Path, row: Source) -> tuple[Grid | None, NDArray[np.bool_] | None]:
    """Return the image's grid and where it is unusable; None for what cannot be known: the frame's facts say why."""
    grid = None
    try:
        with open_geotiff(root / row["image"]) as source:
            grid = grid_of(source, root / row["image"])
            if grid.shape[0] * grid.shape[1] > MOST_MEASURED_PX or set(source.dtypes) != {"uint8"}:
                return grid, None
            unusable = source.read(BANDS) == 0 if source.count == BANDS else np.zeros(grid.shape, np.bool_)
        if row["mask"]:
            unusable |= read_mask(root / row["mask"], grid)
    except GridError:  # a mask of another place says nothing of this one
        return grid, unusable
    except RasterError:
        return grid, None
    return grid, unusable
