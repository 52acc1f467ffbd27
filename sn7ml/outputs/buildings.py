"""Buildings in single images as an output: footprints with a confidence, SpaceNet 2's submission, and exports."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from sn7ml.core.geo.burn import outlines
from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.probabilities import CERTAIN, Probabilities
from sn7ml.core.schemas import FOUND
from sn7ml.outputs.exports import count_scenes, with_areas, write_counts, write_masks, write_outlines
from sn7ml.outputs.footprints import read_footprints, write_footprints
from sn7ml.outputs.output import Extract, Output
from sn7ml.outputs.probabilities import usable_pixels
from sn7ml.outputs.spacenet2_csv import write_submission
from sn7ml.outputs.tracking.instances import find_instances
from sn7ml.params import InstanceParams, OutputParams

SUBMISSION = "submission.csv"


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
    """Write ``<AOI>.parquet``, with ground areas, for every AOI of ``grids``."""
    write_footprints(folder, with_areas(found, grids), grids)


def export(
    folder: Path, found: pd.DataFrame, grids: Mapping[str, Grid], probabilities: Path, _params: OutputParams
) -> pd.DataFrame:
    """Write submission, outlines (``write_outlines``), ``masks/<AOI>/<time>.tif`` and ``buildings.csv``."""
    found = with_areas(found, grids)
    rasters = {aoi: sorted((probabilities / aoi).glob("[!.]*.tif")) for aoi in grids}
    usable = {(aoi, path.stem): usable_pixels(path, grids[aoi]) for aoi, paths in rasters.items() for path in paths}
    write_submission(folder / SUBMISSION, found, grids)
    write_outlines(folder, found, grids)
    write_masks(folder / "masks", found, grids, usable)
    counts = count_scenes(found, usable)
    write_counts(folder / "buildings.csv", counts)
    return counts


read = partial(read_footprints, kind=FOUND)


def said(found: pd.DataFrame) -> str:
    """Say how many buildings there are."""
    return f"{len(found)} building{'' if len(found) == 1 else 's'}"


def sums(found: pd.DataFrame) -> dict[str, int]:
    """Count buildings and footprints, which single images have alike."""
    return {"buildings": len(found), "footprints": len(found)}


BUILDINGS_OUTPUT = Output("buildings", FOUND, None, prepare, write, read, read, said, sums, export=export)
