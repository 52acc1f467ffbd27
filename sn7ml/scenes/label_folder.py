"""Folders of label files in pixels, read as they stand: what the scorer takes in place of a CSV."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from sn7ml.core.errors import LabelError
from sn7ml.core.runtime.parallel import map_items
from sn7ml.core.schemas import POLYGONS
from sn7ml.scenes.layouts.layout import Source
from sn7ml.scenes.layouts.spacenet7 import read_labels
from sn7ml.scenes.layouts.spacenet7_labels import bad_files, label_sources
from sn7ml.scenes.row_errors import clipped, unusable, why_unusable

NO_BUILDING = "-1"
"""Id of the row that stands for a frame without buildings, as in SpaceNet 7's own files."""


def read_label_folder(folder: Path) -> pd.DataFrame:
    """Read the label files of a folder, of an AOI's folder, or of all AOIs below ``train/`` or the data root.

    Unlike :func:`sn7ml.scenes.labels.buildings_of` this changes and drops nothing that the scorer has a rule for: missing,
    EMPTY, crossing and non-polygonal geometries stay, and so do several rows of one id. A row with a negative ``Id``
    and no geometry only says that its frame has no building, and is left out; :func:`empty_frames` tells those frames.

    Returns
    -------
    pd.DataFrame
        ``POLYGONS`` without the key check, by AOI and month; rows in the order of their file. ``Id`` 7 and 7.0 are the
        text "7"; text stays as it is.

    Raises
    ------
    LabelError
        If there is no such file, or naming every file (the first twenty, and how many more) whose name is no stem or
        that cannot be read, each with its first feature at fault: without an ``Id``, with a broken geometry, or in
        other coordinates than pixels.
    """
    jobs: dict[str, tuple[Path, Sequence[Source]]]
    jobs = {str(aoi): (folder, rows.to_dict("records")) for aoi, rows in label_sources(folder).groupby("aoi")}
    tables, faults = [POLYGONS.empty()], []
    for read, bad in map_items(_read_aoi, jobs).values():  # one AOI alone is read in this process, which is faster
        tables += read
        faults += bad
    if faults:
        raise bad_files(folder, faults)
    return pd.concat(tables, ignore_index=True)


def empty_frames(folder: Path, polygons: pd.DataFrame) -> pd.DataFrame:
    """Return a row without geometry for every label file of which ``polygons`` (:func:`read_label_folder`) has no row.

    A file without a building says that there is none; without this row truth would seem not to know of its month.
    """
    known = pd.MultiIndex.from_frame(polygons[["aoi", "time"]])
    frames = label_sources(folder)[["aoi", "time"]]
    empty = frames[~pd.MultiIndex.from_frame(frames).isin(known)]
    rows = empty.assign(id=NO_BUILDING, geometry=None).astype({"aoi": "str", "time": "str", "id": "str"})
    return rows.reset_index(drop=True)[list(POLYGONS.columns)]


def _read_aoi(job: tuple[Path, Sequence[Source]]) -> tuple[list[pd.DataFrame], list[str]]:
    """Return the tables of the files that can be read, and what is wrong with the others."""
    folder, sources = job
    tables: list[pd.DataFrame] = []
    faults: list[str] = []
    for source in sources:
        try:
            tables.append(_read_frame(folder, source))
        except LabelError as fault:
            faults.append(str(fault))
    return tables, faults


def _read_frame(folder: Path, source: Source) -> pd.DataFrame:
    raw = read_labels(folder, source)
    faults = {number: _sentence(error) for number, error in raw.faults.items()}
    kept = [
        number
        for number, (building, geometry) in enumerate(zip(raw.ids, raw.geometries, strict=True))
        if number not in faults and not _says_no_building(str(building), geometry)
    ]
    ids, geometries = [str(building) for building in raw.ids[kept]], raw.geometries[kept]
    for place in np.flatnonzero(unusable(geometries)):
        faults[kept[place]] = why_unusable(geometries[place])
    if faults:
        first = min(faults)
        more = f" ({len(faults) - 1:,} more at fault)" if len(faults) > 1 else ""
        raise LabelError("labels.bad-feature", f"{raw.path}: feature {first} {faults[first]}{more}")
    columns = {"id": pd.Series(ids, dtype="str"), "geometry": pd.Series(geometries, dtype="object")}
    return pd.DataFrame(columns).assign(aoi=source["aoi"], time=source["time"])[list(POLYGONS.columns)]


def _sentence(error: Exception) -> str:
    if isinstance(error, ShapelyError):
        return f"has a broken geometry ({clipped(str(error))})"
    return f"needs an 'Id' and a GeoJSON geometry or null ({clipped(repr(error))})"


def _says_no_building(building: str, geometry: BaseGeometry | None) -> bool:
    return building.startswith("-") and building[1:].isdecimal() and (geometry is None or geometry.is_empty)
