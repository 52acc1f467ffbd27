"""What the stretch to bytes has left of each image that stage ingest converted."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sn7ml.core.geo.stretch import BRIGHTEST, DARKEST
from sn7ml.core.runtime.files import read_output
from sn7ml.core.runtime.parallel import map_items
from sn7ml.core.schemas import Table
from sn7ml.scenes.conversion import STRETCH_FILE
from sn7ml.scenes.images import read_image
from sn7ml.scenes.ingest import Scenes
from sn7ml.validation.facts.fact_tables import as_table

STRETCH_FACTS = Table(
    "stretch facts",
    {
        "aoi": "text", "time": "text", "file": "text",
        "brightness": "float", "contrast": "float", "black_clipped": "float", "white_clipped": "float",
    },
    key=("aoi", "time"),
)  # fmt: skip
"""One row per converted image, labelled or not; facts of pixels are missing where none is usable.

brightness, contrast: Mean and standard deviation of the usable pixels, grey levels; mean over colours.
black_clipped, white_clipped: Share of the usable pixels at either end of the stretch, in the colour where it is
    largest; missing where no stretch was measured: of bytes, and of images that are stretched each by itself.
"""


def stretch_facts(scenes: Scenes) -> pd.DataFrame:
    """Read every converted image: ``STRETCH_FACTS``, in order of AOI. Raises ItemsFailed naming damaged ones."""
    jobs = {f"{row['aoi']} {row['time']}": row for row in scenes.frames.to_dict("records")}
    stretched = bool(read_output(scenes.folder / STRETCH_FILE))
    rows = map_items(partial(_facts_of_image, scenes.folder, stretched), jobs)
    return as_table(list(rows.values()), STRETCH_FACTS).sort_values(["aoi", "time"], ignore_index=True)


def _facts_of_image(folder: Path, stretched: bool, row: dict[Any, Any]) -> dict[str, Any]:
    image = read_image(folder / row["image"])
    named = {"aoi": row["aoi"], "time": row["time"], "file": row["image"]}
    facts = grey_facts(image.pixels[:3, image.usable])
    return named | (facts if stretched else {name: facts[name] for name in ("brightness", "contrast") if facts})


def grey_facts(seen: NDArray[np.uint8]) -> dict[str, float]:
    """Return those of ``STRETCH_FACTS`` that the usable pixels (3, pixels) tell; {} without any."""
    if not seen.size:
        return {}
    return {
        "brightness": round(float(seen.mean()), 3),
        "contrast": round(float(seen.std(axis=1).mean()), 3),
        "black_clipped": round(float((seen == DARKEST).mean(axis=1).max()), 6),
        "white_clipped": round(float((seen == BRIGHTEST).mean(axis=1).max()), 6),
    }
