"""SpaceNet 2's CSV of buildings, written and read: a row per building, and one for an image without any."""

import csv
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from sn7ml.core.errors import LabelError
from sn7ml.core.geo.grid import Grid
from sn7ml.core.runtime.files import replacing
from sn7ml.core.schemas import FOUND, UNDATED
from sn7ml.scenes.csv_rows import read_header, read_rows
from sn7ml.scenes.layouts.spacenet2 import BUILDING, CSV_COLUMNS, IMAGE, PIXELS
from sn7ml.scenes.row_errors import LISTED, listing, quoted, unusable, why_unusable
from sn7ml.scenes.wkt import read_wkt, why_no_wkt

CONFIDENCE = "Confidence"
"""A further column that proposals may have."""

EMPTY = "POLYGON EMPTY"
NO_BUILDING = -1
PIXEL_DECIMALS, DEGREE_DECIMALS = 2, 9


@dataclass(frozen=True)
class SceneTable:
    """What a CSV says of single images."""

    buildings: pd.DataFrame
    """``FOUND`` without the key check: a building may have several rows. Confidence is 0 where none is stated."""

    images: tuple[str, ...]
    """Those that it names, with or without a building."""


def write_submission(path: Path, found: pd.DataFrame, grids: Mapping[str, Grid]) -> None:
    """Write SpaceNet 2's CSV: a row per building, the surest of an image first; an image without one has id -1.

    ``PolygonWKT_Pix`` counts pixels from the corner of the first one, ``PolygonWKT_Geo`` is in the CRS of the image.
    """
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(CSV_COLUMNS)
        for aoi, grid in grids.items():
            rows = found[(found["aoi"] == aoi) & ~shapely.is_empty(found["geometry"].to_numpy(dtype=object))]
            rows = rows.sort_values("confidence", ascending=False, kind="stable")
            shapes = rows["geometry"].to_numpy(dtype=object)
            pixels = shapely.to_wkt(shapes, rounding_precision=PIXEL_DECIMALS)
            ground = shapely.to_wkt(grid.to_crs(shapes), rounding_precision=DEGREE_DECIMALS)
            table.writerows(zip([aoi] * len(rows), range(1, len(rows) + 1), pixels, ground, strict=True))
            if rows.empty:
                table.writerow((aoi, NO_BUILDING, EMPTY, EMPTY))


def is_spacenet2_csv(path: Path) -> bool:
    """Return True for a CSV whose header has SpaceNet 2's column of images; a file that cannot be read has none."""
    with suppress(LabelError):
        return path.is_file() and IMAGE in read_header(path)
    return False


def read_scenes(path: Path) -> SceneTable:
    """Read a submission or a truth; without column ``Confidence``, rows stand in order of confidence.

    Outlines are those in pixels. A row whose outline is EMPTY or missing says that its image has no building.

    Raises LabelError if the file is no such CSV, or naming every line at fault (the first twenty, and how many more).
    """
    told = CONFIDENCE in read_header(path)
    rows = read_rows(path, (*CSV_COLUMNS, CONFIDENCE) if told else CSV_COLUMNS)
    images, texts = rows.columns[IMAGE], rows.columns[PIXELS]
    geometries = read_wkt(texts)
    confidence = pd.to_numeric(pd.Series(rows.columns[CONFIDENCE] if told else [0.0] * len(texts)), errors="coerce")
    faults = {
        IMAGE: np.array([not image.strip() for image in images], dtype=bool),
        PIXELS: unusable(geometries)
        | (shapely.is_missing(geometries) & np.array([bool(it) for it in texts], dtype=bool)),
        CONFIDENCE: ~np.isfinite(confidence.to_numpy(dtype=float)),
    }
    bad = np.flatnonzero(np.any(list(faults.values()), axis=0))
    if total := len(rows.broken) + len(bad):
        lines = {line: [fault] for line, fault in rows.broken.items()}
        for row in bad[:LISTED]:
            wrong = [name for name, marked in faults.items() if marked[row]]
            lines[rows.lines[row]] = [
                f"line {rows.lines[row]}, column {name}: {quoted(rows.columns[name][row])} {_fault(name, texts[row])}"
                for name in wrong
            ]
        head = f"{path}: {total:,} bad line{'s' * (total > 1)}"
        raise LabelError("submission.bad-lines", listing(head, [lines[line] for line in sorted(lines)], total))
    table = pd.DataFrame(
        {
            "aoi": pd.Series(images, dtype="str"),
            "time": UNDATED,
            "id": pd.Series(rows.columns[BUILDING], dtype="str"),
            "confidence": confidence.astype(float),
            "geometry": pd.Series(geometries, dtype="object"),
        }
    )[list(FOUND.columns)]
    nothing = shapely.is_missing(geometries) | shapely.is_empty(geometries)
    return SceneTable(table[~nothing].reset_index(drop=True), tuple(dict.fromkeys(images)))


def _fault(column: str, text: str) -> str:
    match column:
        case "ImageId":
            return "is empty; expected the name of an image, such as AOI_2_Vegas_img225"
        case "Confidence":
            return "is no finite number"
        case _:
            geometry = read_wkt([text])[0]
            if geometry is not None:
                return why_unusable(geometry)
            return f"is no WKT ({why_no_wkt(text)}); expected POLYGON ((x y, ...)) in pixels"
