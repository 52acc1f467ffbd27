"""What is true of every image that stage ingest will convert, as it was given: single scenes, stitched map tiles."""

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from sn7ml.core.errors import GridError, RasterError
from sn7ml.core.geo.ground import pixel_size_m
from sn7ml.core.runtime.parallel import map_items
from sn7ml.core.schemas import Table
from sn7ml.scenes.layouts.layout import Layout, NameFacts
from sn7ml.scenes.raw_images import OpenImage
from sn7ml.validation.facts.fact_tables import as_table, fault_of
from sn7ml.validation.facts.frames import MOST_MEASURED_PX

IMAGE_FACTS = Table(
    "image facts",
    {
        "aoi": "text", "time": "text", "file": "text", "has_image": "bool", "has_labels": "bool",
        "readable": "bool", "fault": "text", "dtype": "text", "usual_dtype": "text",
        "rows": "int", "cols": "int", "pixel_height_m": "float", "pixel_width_m": "float", "pixel_ratio": "float",
        "usable_fraction": "float", "border_fraction": "float", "black_fraction": "float", "variation": "float",
        "pixels_digest": "text", "duplicate_of": "text",
        "tiles": "int", "missing_tiles": "int", "black_tiles": "int", "zooms": "text", "n_zooms": "int",
    },
    key=("aoi", "time"),
)  # fmt: skip
"""One row per image, and per label file without one. A fact that does not apply, or cannot be known, is missing.

file: The image, or the folder of its tiles, relative to the data root; the label file where there is no image.
readable, fault: Whether it opens and can be read to its end, in bands and of a type that ingest takes; if not, why.
dtype, usual_dtype: Type of its pixels, and that of most images of its part of the data folder.
pixel_height_m, pixel_width_m: Of the middle pixel on the ground: from north to south, and from west to east; missing
    where the image does not say where it lies.
pixel_ratio: Side of a square as large as that pixel, over the median of all images.
usable_fraction: Share of the pixels that are not under alpha 0, a mask, nodata, or a black margin.
border_fraction: Share that is not usable and hangs together with the edge of the image.
black_fraction: Share of the usable pixels that are 0 in all three colours.
variation: Standard deviation of the usable pixels over their mean; mean over colours.
pixels_digest, duplicate_of: 16 hexadecimal digits; the first image with the same pixels, "" for that itself.
tiles, missing_tiles, black_tiles: Map tiles of the image; those that it lacks to be a rectangle; those that are black
    or clear all over.
zooms, n_zooms: Zooms of which the folder holds tiles, as text, and their number.
"""

Row = Mapping[Any, Any]


def image_facts(root: Path, sources: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """Read every image of a ``SOURCES`` table once, in parallel: ``IMAGE_FACTS``, in order of AOI.

    A damaged file gives a row that says so and hinders no other.
    """
    assert layout.open_image is not None
    named = {f"{facts['aoi']} {facts['time']}": facts for facts in layout.name_facts(root, sources)}
    rows = {f"{row['aoi']} {row['time']}": row for row in sources.to_dict("records")}
    jobs = {frame: (named[frame], row) for frame, row in rows.items()}
    found = named | map_items(partial(_facts_of_image, root, layout.open_image), jobs)
    part_of = {name: row["part"] for name, row in rows.items()}
    table = pd.DataFrame(list(found.values())).assign(part=[part_of.get(name, "") for name in found])
    table = table.reindex(columns=[*IMAGE_FACTS.columns, "part"]).sort_values(["aoi", "time"], ignore_index=True)
    known = table[table["dtype"].notna()]
    table["usual_dtype"] = known.groupby("part")["dtype"].transform(lambda types: types.mode().iloc[0])
    side_m = (table["pixel_height_m"] * table["pixel_width_m"]).astype("float64") ** 0.5
    table["pixel_ratio"] = (side_m / side_m.median()).round(4)
    whole = table[table["pixels_digest"].notna()]
    first = whole.groupby("pixels_digest")["file"].transform("first")
    table["duplicate_of"] = first.where(first != whole["file"], "")
    return as_table(table, IMAGE_FACTS)


def _facts_of_image(root: Path, open_image: OpenImage, job: tuple[NameFacts, Row]) -> dict[str, Any]:
    named, row = job
    facts: dict[str, Any] = {**named, "readable": True, "fault": ""}
    try:
        image = open_image(root, row)
        rows, cols = image.grid.shape
        facts |= {"dtype": image.dtype, "rows": rows, "cols": cols}
        if image.grid.placed:
            height_m, width_m = pixel_size_m(image.grid)
            facts |= {"pixel_height_m": round(height_m, 4), "pixel_width_m": round(width_m, 4)}
        if rows * cols > MOST_MEASURED_PX:
            return facts
        colours, usable = image.read()
    except (RasterError, GridError) as error:
        return facts | {"readable": False, "fault": fault_of(error, root, named["file"])}
    return facts | pixel_facts(colours, usable) | _black_tiles(named, usable)


def pixel_facts(colours: NDArray[np.generic], usable: NDArray[np.bool_]) -> dict[str, Any]:
    """Return those of ``IMAGE_FACTS`` that pixels tell: of (3, rows, cols), and (rows, cols)."""
    digest = hashlib.sha256(f"{colours.shape}".encode() + colours.tobytes() + usable.tobytes()).hexdigest()
    facts: dict[str, Any] = {"pixels_digest": digest[:16], "usable_fraction": round(float(usable.mean()), 6)}
    parts, _ = ndimage.label(~usable)
    at_edge = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    facts["border_fraction"] = round(float(np.isin(parts, at_edge[at_edge > 0]).mean()), 6)
    if not usable.any():
        return facts
    seen = colours[:, usable].astype(np.float64)
    facts["black_fraction"] = round(float((~seen.any(axis=0)).mean()), 6)
    mean = seen.mean(axis=1)
    facts["variation"] = round(float(np.mean(seen.std(axis=1) / np.where(mean > 0, mean, 1))), 6)
    return facts


def _black_tiles(named: NameFacts, usable: NDArray[np.bool_]) -> dict[str, int]:
    """Count the tiles of a stitched image of which nothing is usable, but for those that are missing."""
    if "tile_rows" not in named:
        return {}
    rows, cols = named["tile_rows"], named["tile_cols"]
    tiles = usable.reshape(rows, usable.shape[0] // rows, cols, usable.shape[1] // cols)
    return {"black_tiles": int((~tiles.any(axis=(1, 3))).sum()) - named["missing_tiles"]}
