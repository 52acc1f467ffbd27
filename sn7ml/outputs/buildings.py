"""Buildings in single images as an output: footprints with a confidence, and SpaceNet 2's submission."""

import csv
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from sn7ml.core.geo.burn import outlines
from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.probabilities import CERTAIN, Probabilities
from sn7ml.core.runtime.files import replacing
from sn7ml.core.schemas import FOUND
from sn7ml.outputs.footprints import read_footprints, read_outlines, write_footprints
from sn7ml.outputs.output import Extract, Output
from sn7ml.outputs.tracking.instances import find_instances
from sn7ml.params import InstanceParams

SUBMISSION = "submission.csv"
COLUMNS = ("ImageId", "BuildingId", "PolygonWKT_Pix", "PolygonWKT_Geo")
EMPTY = "POLYGON EMPTY"
PIXEL_DECIMALS, DEGREE_DECIMALS = 2, 9


def prepare(cube: Mapping[str, Probabilities], upsampling: int) -> Extract:
    """Return what finds the buildings of one AOI, image by image, by given params."""

    def extract(tables: Mapping[str, Probabilities], params: InstanceParams) -> pd.DataFrame:
        found = [find_buildings(one, upsampling, params).assign(time=time) for time, one in tables.items()]
        return pd.concat(
            [FOUND.empty().drop(columns="aoi"), *(table for table in found if len(table))], ignore_index=True
        )

    return lambda params: extract(cube, params.of_buildings().instances)


def find_buildings(frame: Probabilities, upsampling: int, params: InstanceParams) -> pd.DataFrame:
    """Return the buildings of one image, the surest first: id from 0, confidence, geometry in pixels of the image."""
    ids = find_instances(frame.channels, frame.usable, params, upsampling)
    found = outlines(ids, upsampling, params.simplify_px)
    pixels = ids > 0
    sums = np.bincount(ids[pixels], frame.channels[0][pixels], minlength=int(ids.max(initial=0)) + 1)
    mean = sums / np.maximum(np.bincount(ids[pixels], minlength=len(sums)), 1) / CERTAIN
    order = sorted(found, key=lambda number: (-mean[number], number))
    return pd.DataFrame(
        {
            "id": pd.Series([str(place) for place in range(len(order))], dtype="str"),
            "confidence": mean[order].astype(float),
            "geometry": pd.Series([found[number] for number in order], dtype="object"),
        }
    )


def write(folder: Path, found: pd.DataFrame, grids: Mapping[str, Grid]) -> None:
    """Write ``<AOI>.parquet`` for every AOI of ``grids``, and ``submission.csv`` of all."""
    write_footprints(folder, found, grids)
    write_submission(folder / SUBMISSION, found, grids)


def write_submission(path: Path, found: pd.DataFrame, grids: Mapping[str, Grid]) -> None:
    """Write SpaceNet 2's CSV: a row per building, the surest of an image first; an image without one has id -1.

    ``PolygonWKT_Pix`` counts pixels from the corner of the first one, ``PolygonWKT_Geo`` is in the CRS of the image.
    """
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for aoi, grid in grids.items():
            rows = found[(found["aoi"] == aoi) & ~shapely.is_empty(found["geometry"].to_numpy(dtype=object))]
            rows = rows.sort_values("confidence", ascending=False, kind="stable")
            shapes = rows["geometry"].to_numpy(dtype=object)
            pixels = shapely.to_wkt(shapes, rounding_precision=PIXEL_DECIMALS)
            ground = shapely.to_wkt(grid.to_crs(shapes), rounding_precision=DEGREE_DECIMALS)
            table.writerows(zip([aoi] * len(rows), range(1, len(rows) + 1), pixels, ground, strict=True))
            if rows.empty:
                table.writerow((aoi, -1, EMPTY, EMPTY))


BUILDINGS_OUTPUT = Output("buildings", FOUND, None, prepare, write, partial(read_footprints, kind=FOUND), read_outlines)
