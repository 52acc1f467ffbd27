"""What is true of the class maps that were made."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sn7ml.core.errors import TableError
from sn7ml.core.schemas import Table
from sn7ml.outputs.class_map import COUNTS, UNKNOWN_NAME, read
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.store import TileStore
from sn7ml.validation.facts.fact_tables import as_table

CLASS_COUNT_FACTS = Table(
    "class count facts",
    {
        "aoi": "text", "time": "text", "file": "text", "readable": "bool", "fault": "text",
        "n_pixels": "int", "pixels_off": "int", "n_classes": "int", "unknown_fraction": "float",
        "largest_class": "text", "largest_fraction": "float",
    },
    key=("aoi", "time"),
)  # fmt: skip
"""One row per predicted image.

n_pixels, pixels_off: Pixels of all classes and of unknown together; how far that is from rows × columns.
n_classes, unknown_fraction: Classes with a pixel; share of pixels without a class.
largest_class, largest_fraction: The commonest class, and its share of the pixels that have one.
"""


def class_count_facts(scenes: Scenes, tiles: TileStore, folder: Path, splits: Sequence[str]) -> pd.DataFrame:
    """Compare the counts in ``folder`` with the images that were to be predicted: ``CLASS_COUNT_FACTS``."""
    frames = scenes.frames_of(tiles.columns(splits))
    grids = scenes.grids_of(frames["aoi"].unique())
    base = [{"aoi": row["aoi"], "time": row["time"], "file": COUNTS} for row in frames.to_dict("records")]
    try:
        counts = read(folder, grids)
    except TableError as error:
        return as_table([facts | {"readable": False, "fault": f"{error!s:.200}"} for facts in base], CLASS_COUNT_FACTS)
    found = []
    for facts in base:
        rows = counts[(counts["aoi"] == facts["aoi"]) & (counts["time"] == facts["time"])]
        total, (height, width) = int(rows["pixels"].sum()), grids[str(facts["aoi"])].shape
        known = rows[rows["class"] != UNKNOWN_NAME]
        largest = known.loc[known["pixels"].idxmax()] if known["pixels"].sum() else None
        found.append(
            facts
            | {
                "readable": True,
                "fault": "",
                "n_pixels": total,
                "pixels_off": abs(total - height * width),
                "n_classes": int((known["pixels"] > 0).sum()),
                "unknown_fraction": round(1 - int(known["pixels"].sum()) / (height * width), 6),
                "largest_class": "" if largest is None else str(largest["class"]),
                "largest_fraction": 0.0 if largest is None else float(largest["share"]),
            }
        )
    return as_table(found, CLASS_COUNT_FACTS)
