"""The files of a synthetic AOI, named and laid out as in SpaceNet 7."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio import features
from shapely.geometry import Polygon
from shapely.geometry import shape as geometry_of

from sn7ml.scenes.layouts import spacenet7 as sn7
from sn7ml.synthetic.place import PIXEL_M
from sn7ml.synthetic.scene import SyntheticAoi, see

HIDDEN_SHARE = 0.5
"""A building with at least this unusable share has no label in that month."""

MERCATOR, LON_LAT = "urn:ogc:def:crs:EPSG::3857", "urn:ogc:def:crs:OGC:1.3:CRS84"

Feature = tuple[dict[str, Any], Polygon]
"""Properties, and the outline in pixels ``(x, y)``."""

ToCrs = Callable[[float, float], tuple[float, float]]
"""Pixels ``(x, y)`` to the coordinates of a file."""


def write_aoi(aoi: SyntheticAoi, folder: Path) -> None:
    """Write every frame of an AOI into its folder, which must not exist."""
    for name in (*sn7.IMAGE_FOLDERS, sn7.UNMATCHED, *sn7.LABEL_FOLDERS.values(), sn7.MASK_FOLDER):
        (folder / name).mkdir(parents=True)
    for month in aoi.place.frames():
        (rgb, unusable), stem = see(aoi, month), aoi.place.stem(month)
        raw = np.concatenate([rgb, np.full((1, *aoi.place.shape), 255, dtype=np.uint8)])
        images = {
            f"{sn7.UNMASKED}/{stem}{sn7.IMAGE_ENDING}": raw,
            f"{sn7.MASKED}/{stem}{sn7.IMAGE_ENDING}": np.where(unusable, np.uint8(0), raw),
        }
        if unusable.any():
            images[f"{sn7.MASK_FOLDER}/{stem}{sn7.MASK_ENDING}"] = unusable[np.newaxis] * np.uint8(255)
        for name, bands in images.items():
            count, rows, cols = bands.shape
            colours = {"photometric": "RGB", "alpha": "YES"} if count == 4 else {"photometric": "MINISBLACK"}
            with rasterio.open(
                folder / name, "w", driver="GTiff", dtype="uint8", count=count, height=rows, width=cols,
                crs="EPSG:3857", transform=aoi.place.transform, interleave="pixel", compress="LZW", tiled=False,
                **colours,
            ) as file:  # fmt: skip
                file.write(bands)
        _write_labels(aoi, month, unusable, folder)


def _write_labels(aoi: SyntheticAoi, month: int, unusable: NDArray[np.bool_], folder: Path) -> None:
    place, lives, stem = aoi.place, aoi.lives, aoi.place.stem(month)
    shapes = features.shapes(unusable.astype(np.uint8), mask=unusable, connectivity=4)
    clouds = [geometry_of(shape) for shape, _ in shapes]
    standing = np.flatnonzero(lives.standing(month))
    outlines = np.array([lives.buildings[each].outline for each in standing], dtype=object)
    hidden = shapely.area(shapely.intersection(outlines, shapely.union_all(clouds))) / shapely.area(outlines)
    # As in the real files, the first month scores 0 (an integer), a new building 0.0, and all others 1.0.
    is_first = month == place.frames()[0]
    matched: list[Feature] = []
    for key in standing[hidden < HIDDEN_SHARE].tolist():
        outline = lives.buildings[key].outline
        score: float = 0 if is_first else 1.0 if lives.birth[key] < month else 0.0
        matched.append(({"Id": key, "area": round(outline.area * PIXEL_M**2, 6), "iou_score": score}, outline))
    # The real pixel labels come in another order than the georeferenced ones, name their image, and lack the score in
    # the first month.
    pixels = []
    for properties, outline in sorted(matched, key=lambda row: (row[1].bounds[1], row[0]["Id"])):
        kept = {name: value for name, value in properties.items() if not (is_first and name == "iou_score")}
        pixels.append((kept | {"image_fname": f"{stem}{sn7.IMAGE_ENDING}"}, outline))
    plain: list[Feature] = [({}, outline) for _, outline in matched]
    files = {
        f"{sn7.UNMATCHED}/{stem}{sn7.LABEL_ENDING}": geojson(plain, place.lon_lat, LON_LAT),
        f"{sn7.UNMATCHED}/{stem}{sn7.CLOUD_ENDING}": geojson([({}, cloud) for cloud in clouds], place.lon_lat, LON_LAT),
        f"{sn7.LABEL_FOLDERS[sn7.CRS]}/{stem}{sn7.LABEL_ENDING}": geojson(matched, place.mercator, MERCATOR),
        f"{sn7.LABEL_FOLDERS[sn7.PIXELS]}/{stem}{sn7.LABEL_ENDING}": geojson(pixels, lambda x, y: (x, y), None),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def geojson(rows: Iterable[Feature], to_crs: ToCrs, crs: str | None) -> str:
    """Return a GeoJSON text with one feature per line."""
    lines = []
    for properties, outline in rows:
        corners = [[to_crs(x, y) for x, y in ring.coords] for ring in (outline.exterior, *outline.interiors)]
        geometry = {"type": "Polygon", "coordinates": corners}
        lines.append(json.dumps({"type": "Feature", "properties": properties, "geometry": geometry}))
    named = {"type": "name", "properties": {"name": crs}}
    head = ['"type": "FeatureCollection"'] + ([f'"crs": {json.dumps(named)}'] if crs else [])
    return "{\n" + ",\n".join([*head, '"features": [\n' + ",\n".join(lines) + "\n]"]) + "\n}\n"
