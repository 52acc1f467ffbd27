"""What is true of label images whose colours are classes."""

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sn7ml.core.errors import CatalogError, GridError, LabelError, RasterError
from sn7ml.core.runtime.parallel import map_items
from sn7ml.core.schemas import Table
from sn7ml.scenes.layouts.layout import Layout, Source
from sn7ml.scenes.legend import UNKNOWN, text_of
from sn7ml.validation.facts.fact_tables import as_table, fault_of

CLASS_FACTS = Table(
    "class facts",
    {
        "aoi": "text", "time": "text", "file": "text", "readable": "bool", "fault": "text",
        "size_fits": "bool", "size": "text", "n_colours": "int", "n_classes": "int", "unknown_fraction": "float",
        "foreign_colour": "text", "foreign_fraction": "float", "foreign_everywhere": "float",
        "largest_fraction": "float", "largest_class": "text", "maps_digest": "text", "duplicate_of": "text",
    },
    key=("aoi", "time"),
)  # fmt: skip
"""One row per labelled image; all facts but the first five are missing of a file that is not readable.

size, size_fits: Rows and columns, and whether they are those of the image.
n_colours, n_classes: Colours of the file, and classes that have a pixel in it.
unknown_fraction: Share of pixels whose colour is no class, or that are transparent.
foreign_colour, foreign_fraction: The commonest colour that is no class, "" for none, and its share of the image.
foreign_everywhere: The share of that colour in all label images together.
largest_class, largest_fraction: The commonest class, and its share of the pixels that have one.
maps_digest, duplicate_of: 16 hexadecimal digits of the class map, and the first other file with the same one.
"""


def class_facts(root: Path, sources: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """Read the label image of every labelled row of a ``SOURCES`` table: ``CLASS_FACTS``, in order of AOI.

    A damaged file gives a row that says so and hinders no other. A file of classes that cannot be read is the fault of
    every row.
    """
    labelled = sources[sources["labels"] != ""].sort_values(["aoi", "time"])
    jobs = {f"{row['aoi']} {row['time']}": row for row in labelled.to_dict("records")}
    found = list(map_items(partial(_facts_of_labels, root, layout), jobs).values())
    total = sum(facts.get("n_pixels", 0) for facts in found)
    everywhere: dict[str, int] = {}
    for facts in found:
        for colour, count in facts.pop("foreign", {}).items():
            everywhere[colour] = everywhere.get(colour, 0) + count
    table = pd.DataFrame(found).reindex(columns=[*CLASS_FACTS.columns])
    table["foreign_everywhere"] = [
        None if pd.isna(colour) else round(everywhere.get(colour, 0) / max(total, 1), 6)
        for colour in table["foreign_colour"]
    ]
    known = table[table["maps_digest"].notna()]
    first = known.groupby("maps_digest")["file"].transform("first")
    table["duplicate_of"] = first.where(first != known["file"], "")
    return as_table(table, CLASS_FACTS)


def _facts_of_labels(root: Path, layout: Layout, row: Source) -> dict[str, Any]:
    assert layout.class_maps is not None
    assert layout.open_image is not None
    facts: dict[str, Any] = {"aoi": row["aoi"], "time": row["time"], "file": row["labels"]}
    try:
        names = layout.class_maps.names(root)
        found = layout.class_maps.read(root, row)
    except (LabelError, CatalogError) as error:
        return facts | {"readable": False, "fault": fault_of(error, root, row["labels"])}
    rows, cols = found.classes.shape
    counts = np.bincount(found.classes.ravel(), minlength=256)
    of_class = counts[: len(names)]
    facts |= {
        "readable": True, "fault": "", "size": f"{rows} x {cols}", "n_colours": len(found.colours),
        "n_classes": int(np.count_nonzero(of_class)), "unknown_fraction": round(counts[UNKNOWN] / (rows * cols), 6),
        "largest_class": names[int(of_class.argmax())] if of_class.any() else "",
        "largest_fraction": round(float(of_class.max() / max(of_class.sum(), 1)), 6),
        "maps_digest": hashlib.sha256(f"{rows}".encode() + found.classes.tobytes()).hexdigest()[:16],
        "n_pixels": rows * cols,
    }  # fmt: skip
    foreign = {text_of(rgb): count for rgb, count in found.foreign.items()}
    worst = max(foreign, key=lambda colour: foreign[colour], default="")
    facts |= {"foreign": foreign, "foreign_colour": worst}
    facts["foreign_fraction"] = round(foreign.get(worst, 0) / rows / cols, 6)
    try:
        facts["size_fits"] = layout.open_image(root, row).grid.shape == (rows, cols)
    except (RasterError, GridError):  # of the image, whose facts speak of it
        return facts
    return facts
