"""Folders of label files in pixels, read as they stand, without images: what the scorer takes in place of a CSV."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
from shapely.errors import ShapelyError

from sn7ml.core.errors import CatalogError, LabelError
from sn7ml.core.runtime.parallel import map_items
from sn7ml.core.schemas import POLYGONS
from sn7ml.scenes.labels import RawLabels, read_geojson
from sn7ml.scenes.layouts import spacenet7
from sn7ml.scenes.row_errors import clipped, listing, unusable, why_unusable

NO_BUILDING = "-1"
"""Id of the row that stands for a frame without buildings, as in SpaceNet 7's own files."""

Frame = tuple[str, str]
"""AOI and month."""


def read_label_folder(folder: Path) -> pd.DataFrame:
    """Read the label files of a folder, of an AOI's folder, or of all AOIs below ``train/`` or the data root.

    Unlike :func:`sn7ml.scenes.labels.buildings_of` this changes and drops nothing that the scorer has a rule for:
    missing, EMPTY, crossing and non-polygonal geometries stay, and so do several rows of one id. A row with a negative
    ``Id`` and no geometry only says that its frame has no building, and is left out, see :func:`empty_frames`.

    Returns ``POLYGONS`` without the key check, by AOI and month; rows in the order of their file. ``Id`` 7 and 7.0 are
    the text "7"; text stays as it is.

    Raises LabelError if there is no such file, or naming every file (the first twenty, and how many more) whose name is
    no stem or that cannot be read, each with its first feature at fault: without an ``Id``, with a broken geometry, or
    in other coordinates than pixels.
    """
    jobs: dict[str, dict[Frame, Path]] = {}
    for (aoi, time), path in _files_by_frame(folder).items():
        jobs.setdefault(aoi, {})[aoi, time] = path
    tables, faults = [POLYGONS.empty()], []
    for read, bad in map_items(_read_aoi, jobs).values():  # one AOI alone is read in this process, which is faster
        tables += read
        faults += bad
    if faults:
        raise _bad_files(folder, faults)
    return pd.concat(tables, ignore_index=True)


def empty_frames(folder: Path, polygons: pd.DataFrame) -> pd.DataFrame:
    """Return a row without geometry for every label file of which ``polygons`` (:func:`read_label_folder`) has no row.

    A file without a building says that there is none; without this row truth would seem not to know of its month.
    """
    known = set(zip(polygons["aoi"], polygons["time"], strict=True))
    rows = [(*frame, NO_BUILDING, None) for frame in _files_by_frame(folder) if frame not in known]
    return pd.DataFrame(rows, columns=list(POLYGONS.columns)).astype({"aoi": "str", "time": "str", "id": "str"})


def unlabelled_aois(folder: Path) -> list[str]:
    """Return the AOIs below ``folder`` that have no label file, where it is a folder of AOIs."""
    if spacenet7.labels_in(folder) or spacenet7.labels_by_kind(folder):
        return []
    with suppress(CatalogError):
        return [aoi.name for _, aoi in spacenet7.aoi_folders(folder) if not spacenet7.labels_by_kind(aoi)]
    return []


def _files_by_frame(folder: Path) -> dict[Frame, Path]:
    """Find the label files of a folder of them, of an AOI's folder, or of all AOIs below it, by AOI and month.

    Raises LabelError if there is none, or naming those whose name is no stem or that are of the same frame.
    """
    found = spacenet7.labels_in(folder)
    if not found:
        with suppress(CatalogError):  # told below, with what else was looked for
            aois = [folder] if spacenet7.labels_by_kind(folder) else [it for _, it in spacenet7.aoi_folders(folder)]
            found = [path for aoi in aois for path in next(iter(spacenet7.labels_by_kind(aoi).values()), [])]
    if not found:
        raise LabelError(
            "labels.none",
            f"{folder}: no {spacenet7.example_labels()} found; expected a folder of such files, the folder of an AOI "
            "with labels_match_pix, or a folder of AOI folders such as train/",
        )
    files: dict[Frame, Path] = {}
    faults: list[str] = []
    for path in found:
        frame = spacenet7.frame_of_labels(path)
        if frame is None:
            expected = spacenet7.example_labels(spacenet7.example_stem("AOI"))
            faults.append(f"{path}: expected a name such as {expected}")
        elif (earlier := files.setdefault(frame, path)) is not path:
            faults.append(f"{path}: {earlier} is of the same frame")
    if faults:
        raise _bad_files(folder, faults)
    return dict(sorted(files.items()))


def _bad_files(folder: Path, faults: Sequence[str]) -> LabelError:
    """Return the error that names files at fault, the first twenty and how many more."""
    head = f"{folder}: {len(faults):,} bad file{'s' * (len(faults) > 1)}"
    return LabelError("labels.bad-files", listing(head, [[fault] for fault in faults], len(faults)))


def _read_aoi(files: dict[Frame, Path]) -> tuple[list[pd.DataFrame], list[str]]:
    """Return the tables of the files that can be read, and what is wrong with the others."""
    tables: list[pd.DataFrame] = []
    faults: list[str] = []
    for (aoi, time), path in files.items():
        try:
            table = _polygons_of(read_geojson(path, in_pixels=True))
        except LabelError as fault:
            faults.append(str(fault))
        else:
            tables.append(table.assign(aoi=aoi, time=time)[list(POLYGONS.columns)])
    return tables, faults


def _polygons_of(raw: RawLabels) -> pd.DataFrame:
    """Return ids and geometries of the rows that say more than "no building". Raises LabelError for the first fault."""
    faults = {
        number: f"has a broken geometry ({clipped(str(error))})"
        if isinstance(error, ShapelyError)
        else f"needs an 'Id' and a GeoJSON geometry or null ({clipped(repr(error))})"
        for number, error in raw.faults.items()
    }
    kept = []
    for number, (name, geometry) in enumerate(zip(map(str, raw.ids), raw.geometries, strict=True)):
        nothing = (geometry is None or geometry.is_empty) and name.startswith("-") and name[1:].isdecimal()
        if number not in faults and not nothing:
            kept.append(number)
    geometries = raw.geometries[kept]
    for place in np.flatnonzero(unusable(geometries)):
        faults[kept[place]] = why_unusable(geometries[place])
    if faults:
        first = min(faults)
        more = f" ({len(faults) - 1:,} more at fault)" if len(faults) > 1 else ""
        raise LabelError("labels.bad-feature", f"{raw.path}: feature {first} {faults[first]}{more}")
    ids = pd.Series([str(building) for building in raw.ids[kept]], dtype="str")
    return pd.DataFrame({"id": ids, "geometry": pd.Series(geometries, dtype="object")})
