"""A drawn set that the tests share, its truth, and ways to look into its folders."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio import features

from sn7ml.synthetic.place import place_of
from sn7ml.synthetic.town import NEVER, build_town, draw_lives

AREAS, MONTHS, SIZE, SEED = 4, 8, 128, 3


STEM = re.compile(r"global_monthly_(\d{4}_\d{2})_mosaic_(L15-(\d{4})E-(\d{4})N_(\d+)_(\d+)_13)")


CALENDAR = [f"2018-{month:02d}" for month in range(1, MONTHS + 1)]


def folder(cubes: Path, index: int) -> Path:
    return cubes / "train" / place_of(index, MONTHS, SIZE, SEED).aoi


def town_truth(aoi_index: int, months: int, size_px: int, seed: int) -> pd.DataFrame:
    """Every building that ever stands in an AOI of a synthetic set, under clouds or not.

    Columns: ``id`` (int, as ``Id`` in the labels, from 0 and without gaps), ``birth`` (first month in which it stands,
    such as "2018-05"; the first of the calendar for all that stood before), ``end`` (first month in which it is gone,
    or None), ``polygon`` (shapely, pixels).
    """
    place = place_of(aoi_index, months, size_px, seed)
    lives = draw_lives(build_town(place), place)
    return pd.DataFrame(
        {
            "id": range(len(lives.buildings)),
            "birth": [place.calendar[month] for month in lives.birth],
            "end": pd.Series([None if end == NEVER else place.calendar[end] for end in lives.end], dtype=object),
            "polygon": pd.Series([building.outline for building in lives.buildings], dtype=object),
        }
    )


def digest(root: Path) -> str:
    """Hash of every file with its path."""
    total = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        total.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return total.hexdigest()


def month_of(path: Path) -> str:
    return path.name[15:22].replace("_", "-")


def pixel_labels(area: Path) -> dict[str, list[dict[str, Any]]]:
    """Features by month, in order."""
    found = sorted((area / "labels_match_pix").glob("*.geojson"))
    return {month_of(path): json.loads(path.read_text())["features"] for path in found}


def ids_by_month(area: Path) -> dict[str, set[int]]:
    return {month: {row["properties"]["Id"] for row in rows} for month, rows in pixel_labels(area).items()}


def masked_image(area: Path, month: str) -> NDArray[np.uint8]:
    path = area / "images_masked" / f"global_monthly_{month.replace('-', '_')}_mosaic_{area.name}.tif"
    with rasterio.open(path) as file:
        bands: NDArray[np.uint8] = file.read()
    return bands


def hidden_share(polygon: shapely.Polygon, unusable: NDArray[np.bool_]) -> float:
    """Part of a polygon over unusable pixels, by its pixels at 16 times the resolution."""
    x, y = (int(np.floor(each)) for each in polygon.bounds[:2])
    moved = shapely.transform(polygon, lambda corners: (corners - [x, y]) * 16)
    side = int(max(moved.bounds[2:])) + 1
    inside = features.rasterize([moved], out_shape=(side, side)) > 0
    rows, cols = np.nonzero(inside)
    rows, cols = rows // 16 + y, cols // 16 + x
    within = (rows >= 0) & (cols >= 0) & (rows < unusable.shape[0]) & (cols < unusable.shape[1])
    return float(unusable[rows[within], cols[within]].sum() / len(rows))
