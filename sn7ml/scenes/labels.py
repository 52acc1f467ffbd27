"""Building labels: SpaceNet 7's GeoJSON in, clean polygons in pixel coordinates out."""

from collections.abc import Hashable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

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
from sn7ml.core.runtime.parallel import map_items
from sn7ml.core.safe_files import read_json
from sn7ml.core.schemas import POLYGONS
from sn7ml.scenes.images import read_grid
from sn7ml.scenes.row_errors import FARTHEST_PX, clipped, not_finite, not_in_pixels

FEATURE_FAULTS = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    IndexError,
    OverflowError,
    RecursionError,
    ShapelyError,
)
"""What the parts of a feature raise that are not what they should be."""


def read_collection(path: Path) -> dict[str, Any]:
    """Read a GeoJSON file with a list of ``features`` as it stands.

    Raises
    ------
    LabelError
        If the file cannot be read, is larger than ``MOST_JSON_BYTES``, not JSON, or has no such list.
    """
    try:
        content = read_json(path)
    except ValueError as error:
        raise LabelError(
            "labels.not-json", f"{path}: is not JSON ({error}); expected a GeoJSON FeatureCollection"
        ) from None
    except OSError as error:
        raise LabelError(
            "labels.cannot-read", f"{path}: cannot be read ({error.strerror}); expected a GeoJSON FeatureCollection"
        ) from None
    if not isinstance(content, dict) or not isinstance(content.get("features"), list):
        raise LabelError("labels.not-geojson", f"{path}: has no list 'features'; expected a GeoJSON FeatureCollection")
    return content


def read_features(path: Path) -> list[dict[str, Any]]:
    """Read the features of a GeoJSON file as they stand. Raises LabelError as :func:`read_collection`."""
    features: list[dict[str, Any]] = read_collection(path)["features"]
    return features


def declared_crs(content: Mapping[str, Any]) -> str:
    """Return the name of the CRS that a FeatureCollection declares, as GeoJSON of 2008 has it; "" for none."""
    try:
        name = content["crs"]["properties"]["name"]
    except (KeyError, TypeError):
        return ""
    return name if isinstance(name, str) else ""


def read_labels(path: Path, grid: Grid, kind: str) -> pd.DataFrame:
    """Read the buildings of one frame.

    Dropped without a word, since SpaceNet 7 has them: null, EMPTY and non-polygonal geometries, and rows with a
    negative ``Id``, which stand for a frame without buildings. Self-crossing outlines are repaired. Properties other
    than ``Id`` are not looked at: they differ from month to month.

    Parameters
    ----------
    path
        GeoJSON with a property ``Id``.
    grid
        Of the frame's image.
    kind
        "match_pix": coordinates are pixels (whatever CRS a reader may report); "match": coordinates are in the
        grid's CRS.

    Returns
    -------
    pd.DataFrame
        Columns id (text) and geometry (pixel coordinates, may stick out of the image). May be empty.

    Raises
    ------
    LabelError
        If the file cannot be read, an id occurs twice, or a feature has no integer ``Id``, or a geometry that is broken,
        crosses itself in too many places to be repaired, or lies far from the image.
    """
    ids, geometries = parse_features(path, read_features(path))
    polygons = clean_polygons(path, geometries)
    kept = (ids >= 0) & ~shapely.is_missing(polygons)
    if kind != "match_pix":
        polygons[kept] = grid.to_pixels(polygons[kept])
    _refuse_far(path, np.flatnonzero(kept & not_in_pixels(polygons)), grid, kind)
    table = pd.DataFrame(
        {
            "id": pd.Series([str(building) for building in ids[kept]], dtype="str"),
            "geometry": pd.Series(polygons[kept], dtype="object"),
        }
    )
    twice = sorted(set(table["id"][table["id"].duplicated()]), key=int)
    if twice:
        raise LabelError(
            "labels.duplicate-id", f"{path}: Id {twice[:5]} occur(s) more than once; ids must be unique in a frame"
        )
    return table


def parse_features(path: Path, features: list[Any]) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Return the ids, ints of any size, and the geometries of all features as they stand, None for null.

    Coordinates are finite: what is no number must not get as far as GEOS's repair. Raises LabelError.
    """
    ids, geometries = np.empty((2, len(features)), dtype=object)
    for number, feature in enumerate(features):
        try:
            ids[number] = building_id(feature["properties"]["Id"])
            geometries[number] = read_geometry(feature["geometry"])
        except FEATURE_FAULTS as error:
            raise LabelError(
                "labels.bad-feature",
                f"{path}: feature {number} needs an integer 'Id' and a geometry ({clipped(repr(error))})",
            ) from None
    for place in np.flatnonzero(not_finite(geometries)):
        raise LabelError("labels.coordinate", f"{path}: feature {place} has a coordinate that is no finite number")
    return ids, geometries


def clean_polygons(path: Path, geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return what ``clean_polygon`` makes of each: flat, valid polygons, None where there is none. Raises LabelError."""
    polygons = np.full(len(geometries), None, dtype=object)
    plain = sound(geometries)  # nearly all: those are cleaned at once, which takes a tenth of the time
    polygons[plain] = shapely.force_2d(geometries[plain])
    for place in np.flatnonzero(~plain).tolist():
        try:
            polygons[place] = clean_polygon(geometries[place])
        except (ValueError, ShapelyError) as error:
            raise LabelError(
                "labels.geometry", f"{path}: feature {place} has a broken geometry ({error!s:.200})"
            ) from None
    return polygons


def _refuse_far(path: Path, far: NDArray[np.intp], grid: Grid, kind: str) -> None:
    if len(far):
        expected = "pixels" if kind == "match_pix" else f"coordinates in EPSG:{grid.epsg}"
        raise LabelError(
            "labels.far-away",
            f"{path}: {len(far):,} feature(s), the first being {far[0]}, lie more than {FARTHEST_PX:,} px from the image "
            f"or have no size; expected {expected}",
        )


def read_geometry(value: Any) -> BaseGeometry | None:
    """Return a GeoJSON geometry as it stands; null is None. Raises one of ``FEATURE_FAULTS``."""
    with np.errstate(all="ignore"):  # NaN is found later, with its feature's number
        found = None if value is None else shape(value)
    if found is not None and found.is_empty and _holds_something(value.get("coordinates", [])):
        raise ValueError(
            f"its coordinates {value['coordinates']!r:.40} are no outline"
        )  # shapely makes POLYGON EMPTY of [null]
    return found


def _holds_something(coordinates: Any) -> bool:
    return any(map(_holds_something, coordinates)) if isinstance(coordinates, list) else True


def building_id(value: Any) -> int:
    """Return an ``Id`` as an int; 7, 7.0 and "7" are one, 7.5 and true are none (ValueError or TypeError)."""
    if isinstance(value, bool) or int(value) != float(value):
        raise ValueError(f"Id is {value!r}")
    return int(value)


def read_truth(root: Path, frames: pd.DataFrame) -> pd.DataFrame:
    """Read the labels of all labelled frames of a ``FRAMES`` table, in parallel.

    Returns
    -------
    pd.DataFrame
        ``POLYGONS``, in the order of ``frames``; empty if none is labelled.

    Raises
    ------
    ItemsFailed
        Naming every file that cannot be read.
    """
    labelled = frames[frames["labels"] != ""]
    jobs = {f"{row['aoi']} {row['time']}": row for row in labelled.to_dict("records")}
    tables = map_items(partial(_read_frame_labels, root), jobs)
    return pd.concat([POLYGONS.empty(), *tables.values()], ignore_index=True)[list(POLYGONS.columns)]


def _read_frame_labels(root: Path, row: dict[Hashable, Any]) -> pd.DataFrame:
    grid = read_grid(root / row["image"])
    return read_labels(root / row["labels"], grid, row["labels_kind"]).assign(aoi=row["aoi"], time=row["time"])
