"""Synthetic scenes in SpaceNet 2's layout: 16 bits, in degrees, labelled twice; one is empty, one has no labels."""

import csv
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry import mapping

from sn7ml.scenes.layouts import spacenet2 as sn2
from sn7ml.synthetic.chance import between, stream
from sn7ml.synthetic.close_up import FIRST, CloseUp, close_up
from sn7ml.synthetic.truth import row_of, within, write_truth

TRAIN, TEST = "AOI_8_Sand", "AOI_9_Slate"
PLACES = {TRAIN: (-115.3, 36.2), TEST: (2.3, 48.9)}
"""City to longitude and latitude of its first scene."""

DEGREES = 2.7e-6
"""Side of a pixel: 0.3 m from north to south, and 0.243 or 0.198 m from west to east."""

APART_DEGREES = 0.01
MOST = 2_047
"""Of 11 bits."""

DARK, BRIGHT = 1.8, 6.0
"""Counts per grey level of the darkest and the brightest scene."""


def write_scenes(folder: Path, scenes: int, side_px: int, seed: int) -> None:
    """Write ``scenes`` labelled scenes, of which the last is empty, and one of another city that is not labelled.

    The second scene begins where the first ends in the east; the others lie far from each other.
    """
    truth: list[dict[str, object]] = []
    labels: dict[str, NDArray[np.object_]] = {}
    shape = (side_px, side_px)
    jobs = [(TRAIN, number) for number in range(1, scenes + 1)] + [(TEST, 1)]
    for index, (city, number) in enumerate(jobs):
        name, empty = f"{city}_img{number}", (city, number) == (TRAIN, scenes)
        drawn = close_up(seed, index, shape, built=not empty)
        west, north = PLACES[city]
        east = side_px * DEGREES if (city, number) == (TRAIN, 2) else (number - 1) * APART_DEGREES
        transform = Affine(DEGREES, 0, round(west + east, 9), 0, -DEGREES, north)
        root = folder / f"{city}_{'Train' if city == TRAIN else 'Test'}"
        images = root / sn2.IMAGE_FOLDERS[0]
        _write_image(images / f"{images.name}_{name}.tif", counts_of(drawn, seed, index), transform)
        seen = within(drawn.outlines, shape)
        if city == TRAIN:
            labels[name] = seen
            _write_geojson(root / sn2.LABEL_FOLDER / f"{sn2.LABEL_START}{name}{sn2.LABEL_ENDING}", seen, transform)
            _write_csv(root / sn2.CSV_FOLDER / f"{root.name}_Building_Solutions.csv", name, seen, transform)
        truth.append(row_of(name, seen, shape, partial(_moved, transform)))
    write_truth(folder, truth)


def counts_of(drawn: CloseUp, seed: int, index: int) -> NDArray[np.uint16]:
    """Return what the sensor counts, (3, rows, cols): scenes are up to three times as bright as others."""
    per_level = round(between(stream(seed, FIRST + index, "sky", 99), DARK, BRIGHT), 4)
    grey = np.round(drawn.colours.astype(np.float64) * 64) / 64
    return np.asarray(np.clip(np.floor(grey * per_level), 1, MOST), dtype=np.uint16)


def _moved(transform: Affine, xy: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y = transform @ (xy[:, 0], xy[:, 1])
    return np.column_stack([x, y])


def _write_image(path: Path, counts: NDArray[np.uint16], transform: Affine) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    bands, rows, cols = counts.shape
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint16", count=bands, height=rows, width=cols, crs="EPSG:4326",
        transform=transform, photometric="MINISBLACK", alpha="UNSPECIFIED", interleave="pixel", compress="LZW",
    ) as file:  # fmt: skip
        file.write(counts)


def _on_earth(outlines: NDArray[np.object_], transform: Affine) -> NDArray[np.object_]:
    """Return outlines in degrees, to the tenth of a millimetre, with heights of 0 as the real ones."""
    flat = shapely.transform(outlines, lambda xy: np.round(_moved(transform, xy), 9))
    return np.asarray(shapely.force_3d(flat), dtype=object)


def _write_geojson(path: Path, outlines: NDArray[np.object_], transform: Affine) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    features: list[dict[str, Any]] = [
        {"type": "Feature", "properties": {"partialBuilding": 0.0, "partialDec": 1.0}, "geometry": mapping(each)}
        for each in _on_earth(outlines, transform)
    ]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}), encoding="utf-8")


def _write_csv(path: Path, scene: str, outlines: NDArray[np.object_], transform: Affine) -> None:
    """Add the rows of one scene: a row per polygon, or one that says that there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = shapely.get_parts(outlines)
    pixels = shapely.to_wkt(shapely.force_3d(parts), rounding_precision=2)
    ground = shapely.to_wkt(_on_earth(parts, transform), rounding_precision=9)
    rows = [(scene, number, *texts) for number, texts in enumerate(zip(pixels, ground, strict=True), start=1)]
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        if new:
            table.writerow(sn2.CSV_COLUMNS)
        table.writerows(rows or [(scene, -1, "POLYGON EMPTY", "POLYGON EMPTY")])
