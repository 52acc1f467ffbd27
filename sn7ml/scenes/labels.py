"""Building labels: GeoJSON in, clean polygons in pixel coordinates out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from sn7ml.core.errors import LabelError
from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.polygons import clean_polygon, sound
from sn7ml.core.safe_files import read_json
from sn7ml.scenes.row_errors import FARTHEST_PX, clipped, not_finite, not_in_pixels

FEATURE_FAULTS = (
    KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError, ShapelyError
)  # fmt: skip
"""What reading a feature raises whose parts are not what they should be."""

EXPECTED = "expected a GeoJSON FeatureCollection"


def read_collection(path: Path) -> dict[str, Any]:
    """Read a GeoJSON file as it stands. Raises LabelError if it cannot be read, or has no list of ``features``."""
    try:
        content = read_json(path)
    except ValueError as error:
        raise LabelError("labels.not-json", f"{path}: is not JSON ({error}); {EXPECTED}") from None
    except OSError as error:
        raise LabelError("labels.cannot-read", f"{path}: cannot be read ({error.strerror}); {EXPECTED}") from None
    if not has_features(content):
        raise LabelError("labels.not-geojson", f"{path}: has no list 'features'; {EXPECTED}")
    return content


def has_features(content: Any) -> TypeGuard[dict[str, Any]]:
    """Return True for an object of JSON with a list of ``features``."""
    return isinstance(content, dict) and isinstance(content.get("features"), list)


def declared_crs(content: Mapping[str, Any]) -> str:
    """Return the name of the CRS that a FeatureCollection declares, as GeoJSON of 2008 has it; "" for none."""
    try:
        name = content["crs"]["properties"]["name"]
    except (KeyError, TypeError):
        return ""
    return name if isinstance(name, str) else ""


@dataclass(frozen=True)
class RawLabels:
    """The labels of one frame as they stand, a row each."""

    path: Path

    ids: NDArray[np.object_]
    """Whole numbers of any size, or texts as they are written; None in rows at fault."""

    geometries: NDArray[np.object_]
    """None for null, and in rows at fault."""

    faults: Mapping[int, Exception]
    """Number of a row, from 0, to the error that reading its id or geometry raised: one of ``FEATURE_FAULTS``."""

    in_pixels: bool
    """Whether coordinates are pixels, whatever CRS a reader may report; else they are in the CRS of the image."""

    crs: str = ""
    """Name of the CRS that the file declares, "" for none."""

    images: Sequence[str] = ()
    """Names of the image that rows state, as far as they do."""

    left_out: int = 0
    """Outlines of the file that do not meet the image, where one file is of several images."""


def no_labels(path: Path) -> RawLabels:
    """Return the labels of a file that holds no outline."""
    return RawLabels(path, np.empty(0, dtype=object), np.empty(0, dtype=object), {}, in_pixels=True)


def read_geojson(path: Path, *, in_pixels: bool, id_name: str | None = "Id") -> RawLabels:
    """Read a GeoJSON file: one feature per building, its id in a property, or its number from 0 where that is None.

    Raises LabelError as :func:`read_collection`; features at fault are listed in ``RawLabels.faults``.
    """
    content = read_collection(path)
    features: list[Any] = content["features"]
    ids, geometries = np.empty((2, len(features)), dtype=object)
    faults: dict[int, Exception] = {}
    for number, feature in enumerate(features):
        try:
            ids[number] = number if id_name is None else read_id(feature["properties"][id_name])
            geometries[number] = read_geometry(feature["geometry"])
        except FEATURE_FAULTS as error:
            ids[number], faults[number] = None, error
    whole = [feature.get("properties") or {} for number, feature in enumerate(features) if number not in faults]
    images = [str(name) for properties in whole if (name := properties.get("image_fname"))]
    return RawLabels(path, ids, geometries, faults, in_pixels, declared_crs(content), images)


def buildings_of(raw: RawLabels, grid: Grid) -> pd.DataFrame:
    """Return the buildings of one frame, whose image is on ``grid``.

    Dropped without a word, since SpaceNet 7 has them: null, EMPTY and non-polygonal geometries, and rows with a
    negative id, which stand for a frame without buildings. Self-crossing outlines are repaired.

    Returns columns id (text) and geometry (pixel coordinates, may stick out of the image); may be empty.

    Raises LabelError if an id occurs twice, or a row has no integer id, or a geometry that is broken, crosses itself
    too often to be repaired, or lies far from the image.
    """
    ids = whole_ids(raw)
    polygons = clean_polygons(raw)
    kept = (ids >= 0) & ~shapely.is_missing(polygons)
    if not raw.in_pixels:
        polygons[kept] = grid.to_pixels(polygons[kept])
    far = np.flatnonzero(kept & not_in_pixels(polygons))
    if len(far):
        expected = "pixels" if raw.in_pixels else f"coordinates in EPSG:{grid.epsg}"
        raise LabelError(
            "labels.far-away",
            f"{raw.path}: {len(far):,} feature(s), the first being {far[0]}, lie more than {FARTHEST_PX:,} px from the "
            f"image or have no size; expected {expected}",
        )
    names = pd.Series([str(building) for building in ids[kept]], dtype="str")
    twice = sorted(set(names[names.duplicated()]), key=int)
    if twice:
        raise LabelError(
            "labels.duplicate-id", f"{raw.path}: Id {twice[:5]} occur(s) more than once; ids must be unique in a frame"
        )
    return pd.DataFrame({"id": names, "geometry": pd.Series(polygons[kept], dtype="object")})


def whole_ids(raw: RawLabels) -> NDArray[np.object_]:
    """Return the ids of all rows as ints of any size.

    Raises LabelError naming the first row that has no integer id or no geometry (null is one), or a coordinate that is
    no finite number: it must not get as far as GEOS's repair.
    """
    ids, faults = raw.ids.copy(), dict(raw.faults)
    for number, value in enumerate(ids):
        try:
            ids[number] = building_id(value) if number not in faults else None
        except FEATURE_FAULTS as error:
            faults[number] = error
    if faults:
        first = min(faults)
        reason = clipped(repr(faults[first]))
        raise LabelError(
            "labels.bad-feature", f"{raw.path}: feature {first} needs an integer 'Id' and a geometry ({reason})"
        )
    for place in np.flatnonzero(not_finite(raw.geometries)):
        raise LabelError("labels.coordinate", f"{raw.path}: feature {place} has a coordinate that is no finite number")
    return ids


def clean_polygons(raw: RawLabels) -> NDArray[np.object_]:
    """Return what ``clean_polygon`` makes of each: a flat, valid polygon, or None. Raises LabelError."""
    geometries = raw.geometries
    polygons = np.full(len(geometries), None, dtype=object)
    plain = sound(geometries)  # nearly all: those are cleaned at once, which takes a tenth of the time
    polygons[plain] = shapely.force_2d(geometries[plain])
    for place in np.flatnonzero(~plain).tolist():
        try:
            polygons[place] = clean_polygon(geometries[place])
        except (ValueError, ShapelyError) as error:
            raise LabelError(
                "labels.geometry", f"{raw.path}: feature {place} has a broken geometry ({error!s:.200})"
            ) from None
    return polygons


def read_geometry(value: Any) -> BaseGeometry | None:
    """Return a GeoJSON geometry as it stands; null is None. Raises one of ``FEATURE_FAULTS``."""
    with np.errstate(all="ignore"):  # NaN is found later, with its feature's number
        found = None if value is None else shape(value)
    if found is not None and found.is_empty and _holds_something(value.get("coordinates", [])):
        # shapely makes POLYGON EMPTY of [null]
        raise ValueError(f"its coordinates {value['coordinates']!r:.40} are no outline")
    return found


def _holds_something(coordinates: Any) -> bool:
    return any(map(_holds_something, coordinates)) if isinstance(coordinates, list) else True


def read_id(value: Any) -> int | str:
    """Return an ``Id`` as a whole number or as the text that it is. Raises ValueError or TypeError."""
    if not isinstance(value, str):
        return building_id(value)
    if not value.strip():
        raise ValueError(f"Id is {value!r}")
    return value


def building_id(value: Any) -> int:
    """Return an ``Id`` as an int; 7, 7.0 and "7" are one, 7.5 and true are none (ValueError or TypeError)."""
    if isinstance(value, bool) or int(value) != float(value):
        raise ValueError(f"Id is {value!r}")
    return int(value)
