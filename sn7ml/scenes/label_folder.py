"""Folders of ``*_Buildings.geojson`` in pixels, read as they stand: what the scorer takes in place of a CSV."""

from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from sn7ml.core.errors import CatalogError, LabelError
from sn7ml.core.runtime.parallel import map_items
from sn7ml.core.schemas import POLYGONS
from sn7ml.scenes.labels import FEATURE_FAULTS, building_id, read_features, read_geometry
from sn7ml.scenes.layouts.spacenet7 import LABEL_ENDING, LABEL_FOLDERS, STEM_PATTERN, aoi_folders
from sn7ml.scenes.row_errors import clipped, listing, unusable, why_unusable

NO_BUILDING = "-1"
"""Id of the row that stands for a frame without buildings, as in SpaceNet 7's own files."""

Frame: TypeAlias = tuple[str, str, Path]
"""AOI, month, label file."""


def read_label_folder(folder: Path) -> pd.DataFrame:
    """Read the label files of a folder, of an AOI's folder, or of all AOIs below ``train/`` or the data root.

    Unlike :func:`sn7ml.scenes.labels.read_labels` this changes and drops nothing that the scorer has a rule for: missing,
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
    areas: dict[str, list[Frame]] = {}
    for frame in _frames(folder, _label_files(folder)):
        areas.setdefault(frame[0], []).append(frame)
    tables, faults = [POLYGONS.empty()], []
    for read, bad in map_items(_read_area, areas).values():  # one area alone is read in this process, which is faster
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
    frames = [frame[:2] for frame in _frames(folder, _label_files(folder)) if frame[:2] not in known]
    rows = [{"aoi": aoi, "time": month, "id": NO_BUILDING, "geometry": None} for aoi, month in frames]
    return pd.DataFrame(rows, columns=list(POLYGONS.columns)).astype({"aoi": "str", "time": "str", "id": "str"})


def unlabelled_aois(folder: Path) -> list[str]:
    """Return the AOIs below ``folder`` that have no label file, where it is a folder of AOIs."""
    if _files_in(folder) or _files_of_aoi(folder):
        return []
    with suppress(CatalogError):
        return [aoi.name for _, aoi in aoi_folders(folder) if not _files_of_aoi(aoi)]
    return []


def _label_files(folder: Path) -> list[Path]:
    found = _files_in(folder) or _files_of_aoi(folder)
    if not found:
        with suppress(CatalogError):  # told below, with what else was looked for
            found = [path for _, aoi in aoi_folders(folder) for path in _files_of_aoi(aoi)]
    if not found:
        raise LabelError(
            "labels.none",
            f"{folder}: no *{LABEL_ENDING} found; expected a folder of such files, the folder of an AOI with "
            "labels_match_pix, or a folder of AOI folders such as train/",
        )
    return found


def _files_of_aoi(folder: Path) -> list[Path]:
    return next((found for name in LABEL_FOLDERS.values() if (found := _files_in(folder / name))), [])


def _files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"*{LABEL_ENDING}") if not path.name.startswith("."))


def _frames(folder: Path, paths: list[Path]) -> list[Frame]:
    frames: dict[tuple[str, str], Frame] = {}
    faults: list[str] = []
    for path in paths:
        stem = STEM_PATTERN.fullmatch(path.name.removesuffix(LABEL_ENDING))
        if stem is None:
            faults.append(f"{path}: expected a name such as global_monthly_YYYY_MM_mosaic_AOI{LABEL_ENDING}")
            continue
        frame = (stem["aoi"], f"{stem['year']}-{stem['month']}", path)
        earlier = frames.setdefault(frame[:2], frame)
        if earlier is not frame:
            faults.append(f"{path}: {earlier[2]} is of the same frame")
    if faults:
        raise _bad_files(folder, faults)
    return sorted(frames.values())


def _bad_files(folder: Path, faults: list[str]) -> LabelError:
    head = f"{folder}: {len(faults):,} bad file{'s' * (len(faults) > 1)}"
    return LabelError("labels.bad-files", listing(head, [[fault] for fault in faults], len(faults)))


def _read_area(frames: list[Frame]) -> tuple[list[pd.DataFrame], list[str]]:
    """Return the tables of the files that can be read, and what is wrong with the others."""
    tables: list[pd.DataFrame] = []
    faults: list[str] = []
    for frame in frames:
        try:
            tables.append(_read_frame(frame))
        except LabelError as fault:
            faults.append(str(fault))
    return tables, faults


def _read_frame(frame: Frame) -> pd.DataFrame:
    aoi, month, path = frame
    features: dict[int, tuple[str, BaseGeometry | None]] = {}
    faults: dict[int, str] = {}
    for number, feature in enumerate(read_features(path)):
        try:
            features[number] = (_id_text(feature["properties"]["Id"]), read_geometry(feature["geometry"]))
        except ShapelyError as error:
            faults[number] = f"has a broken geometry ({clipped(str(error))})"
        except FEATURE_FAULTS as error:
            faults[number] = f"needs an 'Id' and a GeoJSON geometry or null ({clipped(repr(error))})"
    features = {number: read for number, read in features.items() if not _says_no_building(*read)}
    ids = [building for building, _ in features.values()]
    geometries = [geometry for _, geometry in features.values()]
    marked = unusable(np.array(geometries, dtype=object))
    for number, geometry, bad in zip(features, geometries, marked, strict=True):
        if bad and geometry is not None:
            faults[number] = why_unusable(geometry)
    if faults:
        first = min(faults)
        more = f" ({len(faults) - 1:,} more at fault)" if len(faults) > 1 else ""
        raise LabelError("labels.bad-feature", f"{path}: feature {first} {faults[first]}{more}")
    columns = {"id": pd.Series(ids, dtype="str"), "geometry": pd.Series(geometries, dtype="object")}
    return pd.DataFrame(columns).assign(aoi=aoi, time=month)[list(POLYGONS.columns)]


def _id_text(value: Any) -> str:
    if not isinstance(value, str):
        return str(building_id(value))
    if not value.strip():
        raise ValueError(f"Id is {value!r}")
    return value


def _says_no_building(building: str, geometry: BaseGeometry | None) -> bool:
    return building.startswith("-") and building[1:].isdecimal() and (geometry is None or geometry.is_empty)
