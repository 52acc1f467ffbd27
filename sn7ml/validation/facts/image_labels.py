"""What is true of the outlines of single scenes and of stitched map tiles."""

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sn7ml.core.errors import GridError, LabelError, RasterError
from sn7ml.core.geo.grid import Grid
from sn7ml.core.runtime.parallel import map_items
from sn7ml.core.schemas import Table
from sn7ml.scenes.labels import clean_polygons, whole_ids
from sn7ml.scenes.layouts.layout import Layout, Source
from sn7ml.scenes.row_errors import not_in_pixels
from sn7ml.validation.facts.fact_tables import as_table, fault_of
from sn7ml.validation.facts.frames import MOST_MEASURED_PX
from sn7ml.validation.facts.outlines import Buildings, hidden, lowest, oddities, overlaps, sizes

OUTLINE_FACTS = Table(
    "outline facts",
    {
        "aoi": "text", "time": "text", "file": "text", "readable": "bool", "fault": "text",
        "n": "int", "n_in_file": "int", "n_elsewhere": "int", "elsewhere_fraction": "float",
        "n_outside": "int", "outside_id": "text",
        "n_invalid": "int", "invalid_id": "text", "n_not_polygon": "int", "n_without_shape": "int",
        "n_multi": "int", "multi_id": "text", "n_twice": "int", "twice_id": "text",
        "n_overlaps": "int", "overlap_fraction": "float", "overlap_id": "text",
        "n_hidden": "int", "hidden_fraction": "float", "hidden_id": "text", "density_per_mpx": "float",
        "area_p05_px2": "float", "area_p50_px2": "float", "area_p95_px2": "float",
        "max_area_px2": "float", "largest_id": "text", "shapes_digest": "text", "duplicate_of": "text",
    },
    key=("aoi", "time"),
)  # fmt: skip
"""One row per labelled image; all facts but the first five are missing of a file that is not readable.

readable, fault: Whether the file is a GeoJSON, or a CSV of SpaceNet 2, whose outlines can be read; if not, why.
n: Buildings of the image: rows with a polygon. The other counts are of rows, unless said otherwise.
n_in_file: Outlines of the whole file, which may be of several images.
n_elsewhere, elsewhere_fraction: Those of them that lie on none of its images, and their share; 0 if there are none.
n_outside, outside_id: Buildings of the image that lie wholly off it, and the one that lies farthest.
n_twice, twice_id: Buildings whose very outline another one of the image has, and the lowest id of one.
shapes_digest: 16 hexadecimal digits of the outlines.
duplicate_of: The file of the first *other* image with the same outlines, "" for none or no buildings.

The others are as in ``LABEL_FACTS``.
"""


def outline_facts(root: Path, sources: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """Read the labels of every labelled image of a ``SOURCES`` table: ``OUTLINE_FACTS``, in order of AOI.

    A damaged file gives a row that says so and hinders no other.
    """
    labelled = sources[sources["labels"] != ""].sort_values(["aoi", "time"])
    jobs = {f"{row['aoi']} {row['time']}": row for row in labelled.to_dict("records")}
    found = list(map_items(partial(_facts_of_labels, root, layout), jobs).values())
    table = as_table(found, OUTLINE_FACTS)
    # A file of several images: an outline that is on two of them counts twice, so this is the least there can be.
    on_images = (table["n_in_file"] - table["n_elsewhere"]).groupby(table["file"]).transform("sum")
    table["n_elsewhere"] = (table["n_in_file"] - on_images).clip(lower=0)
    table["elsewhere_fraction"] = (table["n_elsewhere"] / table["n_in_file"].clip(lower=1)).astype("float64").round(6)
    built = table[table["n"].fillna(0) > 0]
    first = built.groupby("shapes_digest")[["aoi", "file"]].transform("first")
    copied = first["file"].where(first["aoi"] != built["aoi"], "").reindex(table.index).fillna("")
    table["duplicate_of"] = copied.where(table["readable"].fillna(False)).astype("str")
    return as_table(table, OUTLINE_FACTS)


def _facts_of_labels(root: Path, layout: Layout, row: Source) -> dict[str, Any]:
    """Return the facts of one image; n_elsewhere is of this image alone."""
    facts: dict[str, Any] = {"aoi": row["aoi"], "time": row["time"], "file": row["labels"]}
    try:
        raw = layout.read_labels(root, row)
        ids, polygons = whole_ids(raw), clean_polygons(raw)
    except LabelError as error:
        return facts | {"readable": False, "fault": fault_of(error, root, row["labels"])}
    except RasterError:  # of the image, whose facts speak of it
        return facts
    numbers = np.clip(ids, -1, 2**62).astype(np.int64)
    building = ~shapely.is_missing(polygons) & (ids >= 0)
    shapes = polygons[building]
    digest = hashlib.sha256(b"".join(shapely.to_wkb(shapely.normalize(shapes)).tolist())).hexdigest()
    facts |= {"readable": True, "fault": "", "n": len(shapes), "shapes_digest": digest[:16]}
    facts |= {"n_in_file": len(shapes) + raw.left_out, "n_elsewhere": raw.left_out}
    facts |= oddities(numbers, raw.geometries)
    grid, unusable = _ground(root, layout, row)
    if grid is None:
        return facts
    found = Buildings(numbers[building], grid.to_pixels(shapes))
    facts |= sizes(found, grid.shape)
    facts["n_elsewhere"] += facts["n_outside"]
    near = ~not_in_pixels(found.polygons)  # GEOS fails on intersections of absurd ones, which are elsewhere
    found = Buildings(found.ids[near], found.polygons[near])
    return facts | repeats(found) | overlaps(found) | (hidden(found, unusable) if unusable is not None else {})


def repeats(found: Buildings) -> dict[str, Any]:
    """Count buildings that have the very outline of another, wherever it begins."""
    texts = pd.Series(shapely.to_wkb(shapely.normalize(found.polygons)), dtype="object")
    twice = texts.duplicated(keep=False).to_numpy()
    return {"n_twice": int(twice.sum()), "twice_id": lowest(found.ids[twice])}


def _ground(root: Path, layout: Layout, row: Source) -> tuple[Grid | None, NDArray[np.bool_] | None]:
    """Return the image's grid and where it is unusable; None for what cannot be known: the image's facts say why."""
    assert layout.open_image is not None
    try:
        image = layout.open_image(root, row)
        if image.grid.shape[0] * image.grid.shape[1] > MOST_MEASURED_PX:
            return image.grid, None
        return image.grid, ~image.read()[1]
    except (RasterError, GridError):
        return None, None
