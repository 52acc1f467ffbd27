"""The files of a synthetic area, named and laid out as SpaceNet 7 has them."""

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

from sn7ml.synthetic.place import PIXEL_M, Place
from sn7ml.synthetic.scene import Area, Frame, see

EARTH_RADIUS_M = 6378137.0
HIDDEN_SHARE = 0.5
"""A building of which at least this part is unusable has no label in that month."""

MERCATOR = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3857"}}
LON_LAT = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}

Point = tuple[float, float]
Feature = tuple[dict[str, Any], Polygon]
"""Properties, and the outline in pixels ``(x, y)``."""


def write_area(area: Area, folder: Path) -> None:
    """Write every frame of an area into its folder, which must not exist."""
    for name in ("images", "images_masked", "labels", "labels_match", "labels_match_pix", "UDM_masks"):
        (folder / name).mkdir(parents=True)
    frames = area.place.frames()
    for month in frames:
        frame = see(area, month)
        _write_rasters(area.place, frame, folder, area.place.stem(month))
        _write_labels(area, month, frame, folder)


def _write_rasters(place: Place, frame: Frame, folder: Path, stem: str) -> None:
    alpha = np.full((1, *place.shape), 255, dtype=np.uint8)
    raw = np.concatenate([frame.rgb, alpha])
    _write_tif(folder / "images" / f"{stem}.tif", raw, place.transform)
    _write_tif(folder / "images_masked" / f"{stem}.tif", np.where(frame.unusable, np.uint8(0), raw), place.transform)
    if frame.unusable.any():
        mask = frame.unusable[np.newaxis].astype(np.uint8) * np.uint8(255)
        _write_tif(folder / "UDM_masks" / f"{stem}_UDM.tif", mask, place.transform)


def _write_tif(path: Path, bands: NDArray[np.uint8], transform: Affine) -> None:
    count, rows, cols = bands.shape
    colours = {"photometric": "RGB", "alpha": "YES"} if count == 4 else {"photometric": "MINISBLACK"}
    layout = {"interleave": "pixel", "compress": "LZW", "tiled": False}
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=count, height=rows, width=cols, crs="EPSG:3857",
        transform=transform, **layout, **colours,
    ) as file:  # fmt: skip
        file.write(bands)


def _write_labels(area: Area, month: int, frame: Frame, folder: Path) -> None:
    place, stem = area.place, area.place.stem(month)
    clouds = _outlines(frame.unusable)
    ids = visible_ids(area, month, clouds)
    outlines = [area.lives.buildings[each].outline for each in ids]
    matched = [_matched(area, month, each) for each in ids]
    # The real pixel labels come in another order than the georeferenced ones, and name their image.
    by_row = sorted(range(len(ids)), key=lambda k: (outlines[k].bounds[1], ids[k]))
    named = [_named(matched[k], f"{stem}.tif", month == place.frames()[0]) for k in by_row]
    pixel, mercator, lon_lat = _stay, _to_mercator(place), _to_lon_lat(place)
    files: tuple[tuple[str, str, Sequence[Feature], Callable[[float, float], Point], dict[str, Any] | None], ...] = (
        ("labels", "Buildings", [({}, outline) for outline in outlines], lon_lat, LON_LAT),
        ("labels", "UDM", [({}, outline) for outline in clouds], lon_lat, LON_LAT),
        ("labels_match", "Buildings", list(zip(matched, outlines, strict=True)), mercator, MERCATOR),
        ("labels_match_pix", "Buildings", [(p, outlines[k]) for p, k in zip(named, by_row, strict=True)], pixel, None),
    )
    for kind, ending, rows, to_crs, crs in files:
        (folder / kind / f"{stem}_{ending}.geojson").write_text(_collection(rows, to_crs, crs), encoding="utf-8")


def visible_ids(area: Area, month: int, clouds: list[Polygon]) -> list[int]:
    """Return the ids of the buildings that stand and are not under cloud."""
    standing = np.flatnonzero(area.lives.standing(month))
    outlines = np.array([area.lives.buildings[each].outline for each in standing], dtype=object)
    hidden = shapely.area(shapely.intersection(outlines, shapely.union_all(clouds))) / shapely.area(outlines)
    return [int(each) for each in standing[hidden < HIDDEN_SHARE]]


def _matched(area: Area, month: int, building: int) -> dict[str, Any]:
    """Properties as the real files have them: the first month scores 0 in integers, a new building 0.0, others 1.0."""
    square_metres = round(area.lives.buildings[building].outline.area * PIXEL_M**2, 6)
    first = area.place.frames()[0]
    score: float = 0 if month == first else 1.0 if area.lives.birth[building] < month else 0.0
    return {"Id": building, "area": square_metres, "iou_score": score}


def _named(properties: dict[str, Any], image: str, is_first: bool) -> dict[str, Any]:
    kept = {key: value for key, value in properties.items() if key != "iou_score" or not is_first}
    return {**kept, "image_fname": image}


def _outlines(mask: NDArray[np.bool_]) -> list[Polygon]:
    found = features.shapes(mask.astype(np.uint8), mask=mask, connectivity=4)
    return [geometry_of(outline) for outline, _ in found]


def _stay(x: float, y: float) -> Point:
    return x, y


def _to_mercator(place: Place) -> Callable[[float, float], Point]:
    left, top = place.transform.c, place.transform.f
    return lambda x, y: (round(left + x * PIXEL_M, 6), round(top - y * PIXEL_M, 6))


def _to_lon_lat(place: Place) -> Callable[[float, float], Point]:
    to_mercator = _to_mercator(place)

    def convert(x: float, y: float) -> Point:
        east, north = to_mercator(x, y)
        latitude = math.degrees(math.atan(math.sinh(north / EARTH_RADIUS_M)))
        return round(math.degrees(east / EARTH_RADIUS_M), 9), round(latitude, 9)

    return convert


def _collection(rows: Sequence[Feature], to_crs: Callable[[float, float], Point], crs: dict[str, Any] | None) -> str:
    """Write a GeoJSON text, a feature a line."""
    head = ['"type": "FeatureCollection"'] + ([] if crs is None else [f'"crs": {json.dumps(crs)}'])
    lines = ",\n".join(json.dumps(_feature(properties, outline, to_crs)) for properties, outline in rows)
    return "{\n" + ",\n".join([*head, f'"features": [\n{lines}\n]']) + "\n}\n"


def _feature(
    properties: dict[str, Any], outline: BaseGeometry, to_crs: Callable[[float, float], Point]
) -> dict[str, Any]:
    rings = [outline.exterior, *outline.interiors]
    corners = [[list(to_crs(x, y)) for x, y in ring.coords] for ring in rings]
    return {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": corners}}
