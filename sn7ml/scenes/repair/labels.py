"""What is wrong in a label file and can be mended without a decision about what stands on the ground.

A mended file trains the same model: of every row it holds what the loader (``sn7ml.scenes.labels``) makes of it. What
the loader refuses, or what somebody who knows the place must decide, stays as it is and is told.
"""

import codecs
import json
import math
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.polygons import clean_polygon
from sn7ml.core.runtime.files import write_text
from sn7ml.core.safe_files import MOST_JSON_BYTES, open_regular, parse_json
from sn7ml.scenes.labels import EXPECTED, FEATURE_FAULTS, building_id, declared_crs, has_features, read_geometry
from sn7ml.scenes.layouts import spacenet7
from sn7ml.scenes.row_errors import clipped

MARGIN_PX = 100.0
"""Labels of an image reach at most this far out of it; farther, their coordinates are in another CRS."""

PIXELS = {"type": "name", "properties": {"name": 'LOCAL_CS["pixels"]'}}
"""A ``crs`` that leads nowhere on Earth. Without one, or with null, GDAL (3.12) takes coordinates for degrees."""

WHOLE_FILE = ""
"""In place of an id, where the file itself is meant."""

DROPPED = "row dropped"


@dataclass(frozen=True)
class Note:
    """One thing that was wrong."""

    outcome: Literal["mended", "left"]
    id: str
    """Of the building; ``WHOLE_FILE``, or "row N" from 0 where there is none."""

    what: str
    before: str
    after: str
    """What stands there now; for what was left, what to do."""


def mend_label_file(path: Path, kind: str, grid: Grid | None) -> list[Note]:
    """Mend one GeoJSON file in place, through a temporary name, if there is something to mend.

    If it is a hard link, the other names of it keep the former content. ``kind`` says what its coordinates are:
    "match_pix", or "match" for the CRS of ``grid``, that of the frame's image; None if that cannot be read.

    Notes come in the order of the file; none if nothing is wrong, one for a file that cannot be read.
    """
    try:
        with open_regular(path, MOST_JSON_BYTES) as file:
            raw = file.read()
        # UTF-8, -16 or -32, with a byte-order mark or without
        content = parse_json(raw.decode(json.detect_encoding(raw)))
    except (OSError, ValueError) as error:
        return [Note("left", WHOLE_FILE, "cannot be read", clipped(f"is not JSON ({error})"), "fetch the file again")]
    if not has_features(content):
        reason = clipped(f"has no list 'features'; {EXPECTED}")
        return [Note("left", WHOLE_FILE, "cannot be read", reason, "fetch the file again")]
    notes: list[Note] = []
    if raw.startswith(codecs.BOM_UTF8) or 0 in raw[:4] or raw[:1] > b"\x7f":
        start = f"starts with the bytes {raw[:4].hex(' ')}"
        notes.append(Note("mended", WHOLE_FILE, "not plain UTF-8", start, "UTF-8"))
    notes += _mend_crs(content, kind, grid)
    features, found = _mend_features(content.pop("features"))
    notes += found
    if any(note.outcome == "mended" for note in notes):
        # One feature per line, as in SpaceNet 7.
        members = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in content.items()]
        rows = ",\n".join(map(json.dumps, features))
        write_text(path, "{\n" + ",\n".join([*members, f'"features": [\n{rows}\n]']) + "\n}\n")
    return notes


def _mend_crs(content: dict[str, Any], kind: str, grid: Grid | None) -> list[Note]:
    """Let the file state what its coordinates are in: pixels, or the CRS of its image."""
    what = "wrong declared CRS"
    said = content.get("crs")
    name = json.dumps(said) if "crs" in content else "none, which readers take for longitude and latitude"
    if kind == spacenet7.PIXELS:
        if said == PIXELS:
            return []
        content["crs"] = PIXELS
        return [Note("mended", WHOLE_FILE, what, clipped(name), "pixels")]
    declared = declared_crs(content).upper()
    code = re.search(r"EPSG:[\d.]*:?(\d+)$|CRS84$", declared)  # OGC's CRS84 is 4326
    if grid is None or (code and int(code[1] or 4326) == grid.epsg):
        return []
    if not _lies_on(grid, content["features"]):
        advice = f"warp the labels to EPSG:{grid.epsg}"
        return [Note("left", WHOLE_FILE, "coordinates are not on the image", clipped(name), advice)]
    content["crs"] = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{grid.epsg}"}}
    return [Note("mended", WHOLE_FILE, what, clipped(name), f"EPSG:{grid.epsg}")]


def _lies_on(grid: Grid, features: list[Any]) -> bool:
    """Return True where all geometries, taken in the grid's CRS, lie on its image or next to it."""
    geometries = []
    for feature in features:
        with suppress(*FEATURE_FAULTS):
            geometries.append(_shape(feature))
    if all(geometry is None for geometry in geometries):
        return True
    extent = shapely.box(*shapely.total_bounds(np.array(geometries, dtype=object)))
    x_min, y_min, x_max, y_max = grid.to_pixels(extent).bounds
    rows, cols = grid.shape
    return bool(min(x_min, y_min) >= -MARGIN_PX and x_max <= cols + MARGIN_PX and y_max <= rows + MARGIN_PX)


def _shape(feature: Any) -> BaseGeometry | None:
    """Return the geometry of a feature as it stands, None for null; raises many kinds of errors for what is none."""
    geometry = read_geometry(feature["geometry"])
    if geometry is not None and not np.isfinite(shapely.get_coordinates(geometry)).all():
        raise ValueError("a coordinate is no finite number")
    return geometry


def _mend_features(features: list[Any]) -> tuple[list[Any], list[Note]]:
    kept: list[Any] = []
    notes: list[Note] = []
    seen: dict[int, list[BaseGeometry]] = {}
    for number, feature in enumerate(features):
        try:
            building, geometry = building_id(feature["properties"]["Id"]), _shape(feature)
            clean = clean_polygon(geometry)
        except FEATURE_FAULTS as error:
            what = "no integer Id, or a broken geometry"
            advice = "give the row an integer Id and a geometry of finite numbers, or remove it"
            notes.append(Note("left", f"row {number}", what, clipped(repr(error)), advice))
            kept.append(feature)
            continue
        note = _judge(building, geometry, clean, seen)
        if note is not None:
            notes.append(note)
        if note is None or note.outcome == "left":
            kept.append(_with_finite_properties(feature, building, notes))
        elif clean is not None and note.after != DROPPED:
            kept.append(_with_finite_properties(feature, building, notes) | {"geometry": mapping(clean)})
    return kept, notes


def _judge(
    building: int, geometry: BaseGeometry | None, clean: BaseGeometry | None, seen: dict[int, list[BaseGeometry]]
) -> Note | None:
    """Return what is wrong with a row, None for nothing; rows that stay are remembered in ``seen``."""
    name = str(building)
    if building < 0:  # stands for a frame without buildings
        advice = "give it an Id of its own"
        return Note("left", name, "negative Id with a shape", _said(geometry), advice) if clean is not None else None
    if clean is None:
        return _changed(name, geometry, clean)
    earlier = seen.setdefault(building, [])
    if any(clean.equals(other) for other in earlier):
        return Note("mended", name, "duplicate row", "the same Id and outline as before", DROPPED)
    earlier.append(clean)
    if len(earlier) > 1:
        return Note("left", name, "one Id, two outlines", _said(geometry), "give one of them another Id, or merge them")
    return _changed(name, geometry, clean)


def _changed(name: str, geometry: BaseGeometry | None, clean: BaseGeometry | None) -> Note | None:
    """Return what cleaning changes in a geometry, None for nothing."""
    before, after = _said(geometry), DROPPED if clean is None else _said(clean)
    if geometry is None or geometry.is_empty:
        return Note("mended", name, "no shape", "null" if geometry is None else "EMPTY", after)
    if clean is None and "Polygon" not in geometry.geom_type:
        return Note("left", name, "not a polygon", geometry.geom_type, "draw the building, or remove the row")
    if clean is None:
        what = "no area"
    elif not shapely.is_valid(geometry):
        what, before = "crossing outline", f"{shapely.is_valid_reason(geometry)}; {before}"
    elif geometry.has_z:
        what = "height (Z)"
    elif geometry.geom_type != clean.geom_type:
        what = "a collection"
    else:
        return None
    return Note("mended", name, what, before, after)


def _said(geometry: BaseGeometry | None) -> str:
    """Say a geometry in a few words; areas in the squared unit of the file's coordinates."""
    if geometry is None:
        return "null"
    parts = len(getattr(geometry, "geoms", [geometry]))
    more = f" of {parts} parts" if parts > 1 else ""
    return f"{geometry.geom_type}{more}, area {geometry.area:.2f}"


def _with_finite_properties(feature: dict[str, Any], building: int, notes: list[Note]) -> dict[str, Any]:
    """Return the feature with null for NaN and infinities among its properties: JSON knows none."""
    values: dict[str, Any] = feature["properties"]
    wrong = {name: it for name, it in values.items() if isinstance(it, float) and not math.isfinite(it)}
    notes += [Note("mended", str(building), f"property {name}", str(value), "null") for name, value in wrong.items()]
    return feature | {"properties": values | dict.fromkeys(wrong)}
