"""Building labels: SpaceNet 7's GeoJSON in, clean polygons in pixel coordinates out."""

import json
from collections.abc import Hashable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from shapely.errors import ShapelyError
from shapely.geometry import shape

from sn7ml.data.cubes import read_grid
from sn7ml.errors import LabelError
from sn7ml.geo.grid import Grid
from sn7ml.geo.polygons import clean_polygon
from sn7ml.runtime.parallel import map_items
from sn7ml.tables import POLYGONS


def read_features(path: Path) -> list[dict[str, Any]]:
    """Read the features of a GeoJSON file as they stand.

    Raises
    ------
    LabelError
        If the file is not JSON or no FeatureCollection.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise LabelError(f"{path}: is not JSON ({error}); expected a GeoJSON FeatureCollection") from None
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error})") from None
    features = content.get("features") if isinstance(content, dict) else None
    if not isinstance(features, list):
        raise LabelError(f"{path}: has no list 'features'; expected a GeoJSON FeatureCollection")
    return features


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
        If the file cannot be read, a feature has no integer ``Id`` or a broken geometry, or an id occurs twice.
    """
    ids: list[str] = []
    polygons = []
    for number, feature in enumerate(read_features(path)):
        try:
            building = building_id(feature["properties"]["Id"])
            geometry = clean_polygon(shape(feature["geometry"]) if feature["geometry"] else None)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, ShapelyError) as error:
            raise LabelError(f"{path}: feature {number} needs an integer 'Id' and a geometry ({error!r})") from None
        if geometry is not None and building >= 0:
            ids.append(str(building))
            polygons.append(geometry if kind == "match_pix" else grid.to_pixels(geometry))
    table = pd.DataFrame({"id": pd.Series(ids, dtype="str"), "geometry": pd.Series(polygons, dtype="object")})
    twice = sorted(set(table["id"][table["id"].duplicated()]), key=int)
    if twice:
        raise LabelError(f"{path}: Id {twice[:5]} occur(s) more than once; ids must be unique in a frame")
    return table


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
    jobs = {f"{row['aoi']} {row['month']}": row for row in labelled.to_dict("records")}
    tables = map_items(partial(_read_frame_labels, root), jobs)
    return pd.concat([POLYGONS.empty(), *tables.values()], ignore_index=True)[list(POLYGONS.columns)]


def _read_frame_labels(root: Path, row: dict[Hashable, Any]) -> pd.DataFrame:
    grid = read_grid(root / row["image"])
    return read_labels(root / row["labels"], grid, row["labels_kind"]).assign(aoi=row["aoi"], month=row["month"])
