"""The files of a synthetic AOI, named and laid out as in SpaceNet 7."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio import features
from shapely.geometry import Polygon
from shapely.geometry import shape as geometry_of
from shapely.geometry.base import BaseGeometry

from sn7ml.core.geo.grid import EARTH_RADIUS_M
from sn7ml.scenes.layouts.spacenet7 import (
    CLOUD_ENDING,
    CRS,
    IMAGE_ENDING,
    IMAGE_FOLDERS,
    LABEL_ENDING,
    LABEL_FOLDERS,
    MASK_ENDING,
    MASK_FOLDER,
    MASKED,
    PIXELS,
    UNMASKED,
    UNMATCHED,
)
from sn7ml.synthetic.place import PIXEL_M
from sn7ml.synthetic.scene import SyntheticAoi, SyntheticFrame, see

HIDDEN_SHARE = 0.5
"""A building with at least this unusable share has no label in that month."""

MERCATOR = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3857"}}
LON_LAT = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}

Point = tuple[float, float]
Feature = tuple[dict[str, Any], Polygon]
"""Properties, and the outline in pixels ``(x, y)``."""


def write_aoi(aoi: SyntheticAoi, folder: Path) -> None:
    """Write every frame of an AOI into its folder, which must not exist."""
    for name in (*IMAGE_FOLDERS, UNMATCHED, *LABEL_FOLDERS.values(), MASK_FOLDER):
        (folder / name).mkdir(parents=True)
    transform = aoi.place.transform
    for month in aoi.place.frames():
        frame, stem = see(aoi, month), aoi.place.stem(month)
        raw = np.concatenate([frame.rgb, np.full((1, *aoi.place.shape), 255, dtype=np.uint8)])
        masked = np.where(frame.unusable, np.uint8(0), raw)
        _write_tif(folder / UNMASKED / f"{stem}{IMAGE_ENDING}", raw, transform)
        _write_tif(folder / MASKED / f"{stem}{IMAGE_ENDING}", masked, transform)
        if frame.unusable.any():
            mask = frame.unusable[np.newaxis].astype(np.uint8) * np.uint8(255)
            _write_tif(folder / MASK_FOLDER / f"{stem}{MASK_ENDING}", mask, transform)
        _write_labels(aoi, month, frame, folder)


def _write_tif(path: Path, bands: NDArray[np.uint8], transform: Affine) -> None:
    count, rows, cols = bands.shape
    colours = {"photometric": "RGB", "alpha": "YES"} if count == 4 else {"photometric": "MINISBLACK"}
    layout = {"interleave": "pixel", "compress": "LZW", "tiled": False}
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=count, height=rows, width=cols, crs="EPSG:3857",
        transform=transform, **layout, **colours,
    ) as file:  # fmt: skip
        file.write(bands)


def _write_labels(aoi: SyntheticAoi, month: int, frame: SyntheticFrame, folder: Path) -> None:
    place, stem = aoi.place, aoi.place.stem(month)
    mask = frame.unusable
    clouds = [geometry_of(shape) for shape, _ in features.shapes(mask.astype(np.uint8), mask=mask, connectivity=4)]
    ids = visible_ids(aoi, month, clouds)
    outlines = [aoi.lives.buildings[each].outline for each in ids]
    matched = [_properties(aoi, month, each) for each in ids]
    # The real pixel labels come in another order than the georeferenced ones, name their image, and lack the score in
    # the first month.
    by_row = sorted(range(len(ids)), key=lambda k: (outlines[k].bounds[1], ids[k]))
    dropped = {"iou_score"} if month == place.frames()[0] else set()
    image = f"{stem}{IMAGE_ENDING}"
    named = [
        {key: value for key, value in matched[k].items() if key not in dropped} | {"image_fname": image} for k in by_row
    ]

    def pixel(x: float, y: float) -> Point:
        return x, y

    left, top = place.transform.c, place.transform.f

    def mercator(x: float, y: float) -> Point:
        return round(left + x * PIXEL_M, 6), round(top - y * PIXEL_M, 6)

    def lon_lat(x: float, y: float) -> Point:
        east, north = mercator(x, y)
        latitude = math.degrees(math.atan(math.sinh(north / EARTH_RADIUS_M)))
        return round(math.degrees(east / EARTH_RADIUS_M), 9), round(latitude, 9)

    files: tuple[tuple[str, str, Sequence[Feature], Callable[[float, float], Point], dict[str, Any] | None], ...] = (
        (UNMATCHED, LABEL_ENDING, [({}, outline) for outline in outlines], lon_lat, LON_LAT),
        (UNMATCHED, CLOUD_ENDING, [({}, outline) for outline in clouds], lon_lat, LON_LAT),
        (LABEL_FOLDERS[CRS], LABEL_ENDING, list(zip(matched, outlines, strict=True)), mercator, MERCATOR),
        (
            LABEL_FOLDERS[PIXELS],
            LABEL_ENDING,
            [(p, outlines[k]) for p, k in zip(named, by_row, strict=True)],
            pixel,
            None,
        ),
    )
    for kind, ending, rows, to_crs, crs in files:
        (folder / kind / f"{stem}{ending}").write_text(_collection(rows, to_crs, crs), encoding="utf-8")


def visible_ids(aoi: SyntheticAoi, month: int, clouds: list[Polygon]) -> list[int]:
    """Return the ids of the buildings that stand and are not under cloud."""
    standing = np.flatnonzero(aoi.lives.standing(month))
    outlines = np.array([aoi.lives.buildings[each].outline for each in standing], dtype=object)
    hidden = shapely.area(shapely.intersection(outlines, shapely.union_all(clouds))) / shapely.area(outlines)
    return [int(each) for each in standing[hidden < HIDDEN_SHARE]]


def _properties(aoi: SyntheticAoi, month: int, building: int) -> dict[str, Any]:
    """Return properties as in the real files: the first month scores 0 (an integer), a new building 0.0, others 1.0."""
    square_metres = round(aoi.lives.buildings[building].outline.area * PIXEL_M**2, 6)
    first = aoi.place.frames()[0]
    score: float = 0 if month == first else 1.0 if aoi.lives.birth[building] < month else 0.0
    return {"Id": building, "area": square_metres, "iou_score": score}


def _collection(rows: Sequence[Feature], to_crs: Callable[[float, float], Point], crs: dict[str, Any] | None) -> str:
    """Return a GeoJSON text with one feature per line."""

    def feature(properties: dict[str, Any], outline: BaseGeometry) -> dict[str, Any]:
        corners = [[list(to_crs(x, y)) for x, y in ring.coords] for ring in (outline.exterior, *outline.interiors)]
        return {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": corners}}

    head = ['"type": "FeatureCollection"'] + ([] if crs is None else [f'"crs": {json.dumps(crs)}'])
    lines = ",\n".join(json.dumps(feature(properties, outline)) for properties, outline in rows)
    return "{\n" + ",\n".join([*head, f'"features": [\n{lines}\n]']) + "\n}\n"
