"""What is wrong in a label file and can be mended without a decision about what stands on the ground.

A mended file trains the same model: of every row it holds what the loader (``sn7ml.scenes.labels``) makes of it. What the loader
refuses, or what somebody who knows the place must decide, stays as it is and is told.
"""

import codecs
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from sn7ml.core.errors import LabelError
from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.polygons import clean_polygon
from sn7ml.core.runtime.files import write_text
from sn7ml.core.safe_files import MOST_JSON_BYTES, open_regular, parse_json
from sn7ml.scenes.labels import FEATURE_FAULTS, building_id, declared_crs, read_geometry
from sn7ml.scenes.layouts import spacenet7
from sn7ml.scenes.row_errors import clipped

MARGIN_PX = 100.0
"""Labels of an image reach at most this far out of it; farther, their coordinates are in another CRS."""

PIXELS = {"type": "name", "properties": {"name": 'LOCAL_CS["pixels"]'}}
"""A ``crs`` that leads nowhere on Earth. Without one, or with null, GDAL (3.12) takes coordinates for longitude and latitude."""

WHOLE_FILE = ""
"""In place of an id, where the file itself is meant."""


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
    """Mend one file in place, through a temporary name, if there is something to mend.

    Parameters
    ----------
    path
        GeoJSON. If it is a hard link, the other names of it keep the former content.
    kind
        "match_pix" or "match": what its coordinates are.
    grid
        Of the frame's image, which says what CRS "match" is in; None if it cannot be read.

    Returns
    -------
    list of Note
        In the order of the file; empty if nothing is wrong. A file that cannot be read is told in one note.
    """
    try:
        raw, content = _read(path)
    except LabelError as error:
        return [Note("left", WHOLE_FILE, "cannot be read", clipped(str(error)), "fetch the file again")]
    notes = [_encoding(raw)] if raw.startswith(codecs.BOM_UTF8) or 0 in raw[:4] or raw[:1] > b"\x7f" else []
    notes += _mend_crs(content, kind, grid)
    content["features"], found = _mend_features(content["features"])
    notes += found
    if any(note.outcome == "mended" for note in notes):
        write_text(path, _as_text(content))
    return notes


def _read(path: Path) -> tuple[bytes, dict[str, Any]]:
    try:
        with open_regular(path, MOST_JSON_BYTES) as file:
            raw = file.read()
        content = parse_json(
            raw.decode(json.detect_encoding(raw))
        )  # UTF-8, -16 or -32, with a byte-order mark or without
    except (OSError, ValueError) as error:
        raise LabelError("labels.not-json", f"is not JSON ({error})") from None
    if not isinstance(content, dict) or not isinstance(content.get("features"), list):
        raise LabelError("labels.not-geojson", "has no list 'features'; expected a GeoJSON FeatureCollection")
    return raw, content


def _encoding(raw: bytes) -> Note:
    return Note("mended", WHOLE_FILE, "not plain UTF-8", f"starts with the bytes {raw[:4].hex(' ')}", "UTF-8")


def _as_text(content: Mapping[str, Any]) -> str:
    """Write a FeatureCollection with one feature per line, as SpaceNet 7 does."""
    members = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in content.items() if name != "features"]
    features = ",\n".join(json.dumps(feature) for feature in content["features"])
    return "{\n" + ",\n".join([*members, f'"features": [\n{features}\n]']) + "\n}\n"


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
    if grid is None or _epsg(declared_crs(content)) == grid.epsg:
        return []
    if not _lies_on(grid, content["features"]):
        advice = f"warp the labels to EPSG:{grid.epsg}"
        return [Note("left", WHOLE_FILE, "coordinates are not on the image", clipped(name), advice)]
    content["crs"] = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{grid.epsg}"}}
    return [Note("mended", WHOLE_FILE, what, clipped(name), f"EPSG:{grid.epsg}")]


def _epsg(name: str) -> int | None:
    """Return the code in the name of a CRS, 4326 for OGC's CRS84; None for none."""
    code = re.search(r"EPSG:[\d.]*:?(\d+)$", name, re.IGNORECASE)
    return int(code[1]) if code else 4326 if name.upper().endswith("CRS84") else None


def _lies_on(grid: Grid, features: list[Any]) -> bool:
    """Return whether all geometries, taken in the grid's CRS, lie on its image or next to it."""
    geometries = [geometry for feature in features if (geometry := _geometry(feature)) is not None]
    if not geometries:
        return True
    extent = shapely.box(*shapely.total_bounds(np.array(geometries, dtype=object)))
    x_min, y_min, x_max, y_max = grid.to_pixels(extent).bounds
    rows, cols = grid.shape
    return bool(min(x_min, y_min) >= -MARGIN_PX and x_max <= cols + MARGIN_PX and y_max <= rows + MARGIN_PX)


def _geometry(feature: Any) -> BaseGeometry | None:
    try:
        return _shape(feature)
    except FEATURE_FAULTS:
        return None


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
            advice = "give the row an integer Id and a geometry of finite numbers, or remove it"
            notes.append(
                Note("left", f"row {number}", "no integer Id, or a broken geometry", clipped(repr(error)), advice)
            )
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


DROPPED = "row dropped"


def _judge(
    building: int, geometry: BaseGeometry | None, clean: BaseGeometry | None, seen: dict[int, list[BaseGeometry]]
) -> Note | None:
    """Return what is wrong with a row, None for nothing; rows that stay are remembered in ``seen``."""
    name = str(building)
    if building < 0:  # stands for a frame without buildings
        advice = "give it an Id of its own"
        return Note("left", name, "negative Id with a shape", _said(geometry), advice) if clean is not None else None
    if geometry is None or clean is None:
        return _shapeless(name, geometry)
    earlier = seen.setdefault(building, [])
    if any(clean.equals(other) for other in earlier):
        return Note("mended", name, "duplicate row", "the same Id and outline as before", DROPPED)
    earlier.append(clean)
    if len(earlier) > 1:
        return Note("left", name, "one Id, two outlines", _said(geometry), "give one of them another Id, or merge them")
    return _reshaped(name, geometry, clean)


def _shapeless(name: str, geometry: BaseGeometry | None) -> Note:
    if geometry is None or geometry.is_empty:
        return Note("mended", name, "no shape", "null" if geometry is None else "EMPTY", DROPPED)
    if "Polygon" in geometry.geom_type:
        return Note("mended", name, "no area", _said(geometry), DROPPED)
    return Note("left", name, "not a polygon", geometry.geom_type, "draw the building, or remove the row")


def _reshaped(name: str, geometry: BaseGeometry, clean: BaseGeometry) -> Note | None:
    if not shapely.is_valid(geometry):
        return Note(
            "mended", name, "crossing outline", f"{shapely.is_valid_reason(geometry)}; {_said(geometry)}", _said(clean)
        )
    if geometry.has_z:
        return Note("mended", name, "height (Z)", _said(geometry), _said(clean))
    if geometry.geom_type != clean.geom_type:
        return Note("mended", name, "a collection", _said(geometry), _said(clean))
    return None


def _said(geometry: BaseGeometry | None) -> str:
    """Say a geometry in a few words; areas in the squared unit of the file's coordinates."""
    if geometry is None:
        return "null"
    parts = len(getattr(geometry, "geoms", [geometry]))
    more = f" of {parts} parts" if parts > 1 else ""
    return f"{geometry.geom_type}{more}, area {geometry.area:.2f}"


def _with_finite_properties(feature: dict[str, Any], building: int, notes: list[Note]) -> dict[str, Any]:
    """Return the feature with null for NaN and infinities among its properties: JSON knows none."""
    wrong = {
        name: value
        for name, value in feature["properties"].items()
        if isinstance(value, float) and not math.isfinite(value)
    }
    if not wrong:
        return feature
    notes += [Note("mended", str(building), f"property {name}", str(value), "null") for name, value in wrong.items()]
    return feature | {"properties": feature["properties"] | dict.fromkeys(wrong)}
