"""The challenge's CSV of polygons, written and read; and whatever else the scorer takes polygons from."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from sn7ml.core.errors import LabelError
from sn7ml.core.runtime.files import replacing
from sn7ml.core.schemas import POLYGONS
from sn7ml.scenes.csv_rows import read_rows
from sn7ml.scenes.label_folder import empty_frames, read_label_folder
from sn7ml.scenes.layouts.spacenet7 import example_labels, example_stem, frame_of, stem_of
from sn7ml.scenes.row_errors import LISTED, listing, quoted, unusable, why_unusable
from sn7ml.scenes.wkt import read_wkt, why_no_wkt

COLUMNS = ("filename", "id", "geometry")
PIXEL_DECIMALS = 2


def write_submission(path: Path, tracks: pd.DataFrame) -> None:
    """Write the challenge's CSV: filename, id, geometry (WKT in pixels of the original image, 2 decimals).

    Frames without a building get no row, nor does an empty polygon, which the scorer would count as a false positive.
    """
    rows = tracks[~shapely.is_empty(tracks["geometry"].to_numpy())]
    rows = rows.sort_values(["aoi", "time", "id"], key=_numbers_as_numbers, ignore_index=True)
    polygons = shapely.to_wkt(rows["geometry"].to_numpy(), rounding_precision=PIXEL_DECIMALS)
    names = [stem_of(aoi, month) for aoi, month in zip(rows["aoi"], rows["time"], strict=True)]
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(zip(names, rows["id"], polygons, strict=True))


def _numbers_as_numbers(column: pd.Series) -> pd.Series:
    return pd.to_numeric(column) if column.name == "id" and column.str.isdigit().all() else column


def read_truth_polygons(path: Path) -> pd.DataFrame:
    """Read as :func:`read_polygons`, with a row for every label file without a building: see ``empty_frames``."""
    polygons = read_polygons(path)
    return pd.concat([polygons, empty_frames(path, polygons)], ignore_index=True) if path.is_dir() else polygons


def read_polygons(path: Path) -> pd.DataFrame:
    """Read the polygons of a folder of label files (``label_folder.read_label_folder``) or of a CSV."""
    if path.is_dir():
        return read_label_folder(path)
    if path.name.endswith(".geojson"):
        raise LabelError(
            "labels.single-file",
            f"{path}: is one GeoJSON file; expected the folder with all {example_labels()}, or a CSV",
        )
    return read_submission(path)


def read_submission(path: Path) -> pd.DataFrame:
    """Read a submission or truth CSV as it stands.

    The columns filename, id and geometry may come in any order, among others. Text after the stem in filename does no
    harm. An empty geometry is a missing one; EMPTY, crossing and non-polygonal ones stay, as do several rows of one id
    in a frame: the scorer has a rule for each. Gives ``POLYGONS`` without the key check, in the order of the file; ids
    as they are written.

    Raises LabelError if the file as a whole is not such a CSV; or naming every line at fault (the first twenty, and how
    many more) with the column, the value, and what was expected. A row of several lines goes by its first.
    """
    rows = read_rows(path, COLUMNS)
    names, ids, texts = (rows.columns[name] for name in COLUMNS)
    frames = {name: frame for name in set(names) if (frame := frame_of(name))}
    geometries = read_wkt(texts)
    bad = unusable(geometries)
    bad |= shapely.is_missing(geometries) & np.array([text != "" for text in texts], dtype=bool)
    bad |= np.array([name not in frames for name in names], dtype=bool)
    bad |= np.array([not building.strip() for building in ids], dtype=bool)
    if total := len(rows.broken) + int(bad.sum()):
        told = {line: [fault] for line, fault in rows.broken.items()}
        for row in np.flatnonzero(bad)[:LISTED]:
            values = {name: rows.columns[name][row] for name in COLUMNS}
            told[rows.lines[row]] = _faults(rows.lines[row], values, geometries[row])
        head = f"{path}: {total:,} bad line{'s' * (total > 1)}"
        raise LabelError("submission.bad-lines", listing(head, [told[line] for line in sorted(told)], total))
    columns = {"aoi": [frames[name][0] for name in names], "time": [frames[name][1] for name in names], "id": ids}
    table = {name: pd.Series(values, dtype="str") for name, values in columns.items()}
    return pd.DataFrame(table | {"geometry": pd.Series(geometries, dtype="object")})[list(POLYGONS.columns)]


def _faults(line: int, values: Mapping[str, str], geometry: BaseGeometry | None) -> list[str]:
    """Return a sentence for every field of one row that is wrong."""
    wrong: dict[str, str] = {}
    if frame_of(values["filename"]) is None:
        wrong["filename"] = f"is no SpaceNet 7 stem; expected {example_stem()}"
    if not values["id"].strip():
        wrong["id"] = "is empty; expected what tells this building from others, the same in every month"
    if geometry is not None and unusable(np.array([geometry])).any():
        wrong["geometry"] = why_unusable(geometry)
    if geometry is None and values["geometry"]:
        reason = why_no_wkt(values["geometry"])
        wrong["geometry"] = f"is no WKT ({reason}); expected POLYGON ((x y, ...)) in pixels"
    return [f"line {line}, column {name}: {quoted(values[name])} {fault}" for name, fault in wrong.items()]
