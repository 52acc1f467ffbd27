"""Synthetic map tiles: trees of z/x/y.png at two zooms, one GeoJSON of outlines, a large place and small ones."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from pyproj import Transformer
from shapely.geometry import mapping

from sn7ml.core.geo.grid import TILE_PX, WEB_MERCATOR, tile_transform
from sn7ml.synthetic.chance import stream
from sn7ml.synthetic.close_up import FIRST, CloseUp, close_up
from sn7ml.synthetic.truth import row_of, within, write_truth

ZOOM = 19
SIDE_PX = 256
LARGE, SMALL = 4, 2
"""Tiles along a side."""

CORNER = (141_136, 193_876)
"""``(x, y)`` at ``ZOOM`` of the first place: 42.3° north, where a pixel is 0.221 m wide and not 0.299."""

APART = 64
"""Tiles from one place to the next, at least."""

OUTLINES = "labels.geojson"
TO_DEGREES = Transformer.from_crs(WEB_MERCATOR, 4326, always_xy=True)


def write_map_tiles(folder: Path, places: int, seed: int) -> None:
    """Write ``places`` folders ``large``, ``small1``, …; each holds tiles of ``ZOOM`` and of the zoom below.

    Tiles are RGB and RGBA in turns.
    """
    truth = []
    for index in range(places):
        tiles, name = (SMALL, f"small{index}") if index else (LARGE, "large")
        rng = stream(seed, FIRST + index, "place")
        x = CORNER[0] + index * (APART + LARGE) + 2 * int(rng.integers(0, 8))  # even: whole tiles of the zoom below
        y = CORNER[1] + 2 * int(rng.integers(0, 8))
        shape = (tiles * SIDE_PX, tiles * SIDE_PX)
        drawn = close_up(seed, index, shape)
        image = pixels_of(drawn)
        for zoom, shrink in ((ZOOM, 1), (ZOOM - 1, 2)):
            _write_tiles(folder / name / str(zoom), shrunk(image, shrink), (x // shrink, y // shrink))
        transform = tile_transform(x, y, ZOOM) @ Affine.scale(TILE_PX / SIDE_PX)
        _write_outlines(folder / name / OUTLINES, drawn.outlines, transform)
        seen = within(drawn.outlines, shape)
        truth.append(row_of(f"{name}-z{ZOOM}-{x}-{y}", seen, shape, partial(_in_degrees, transform)))
    write_truth(folder, truth)


def pixels_of(drawn: CloseUp) -> NDArray[np.uint8]:
    """Return the image in bytes, (rows, cols, 3)."""
    grey = np.floor(np.round(drawn.colours * 64) / 64 + 0.5)
    return np.moveaxis(np.clip(grey, 1, 255).astype(np.uint8), 0, 2)


def shrunk(image: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Return the mean of each ``factor`` x ``factor`` pixels of an image (rows, cols, 3)."""
    rows, cols, bands = image.shape
    blocks = image.reshape(rows // factor, factor, cols // factor, factor, bands).astype(np.uint32)
    return np.asarray(blocks.sum(axis=(1, 3)) // factor**2, dtype=np.uint8)


def _write_tiles(folder: Path, image: NDArray[np.uint8], corner: tuple[int, int]) -> None:
    rows, cols = (side // SIDE_PX for side in image.shape[:2])
    for row in range(rows):
        for col in range(cols):
            pixels = image[row * SIDE_PX : (row + 1) * SIDE_PX, col * SIDE_PX : (col + 1) * SIDE_PX]
            path = folder / str(corner[0] + col) / f"{corner[1] + row}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).convert("RGBA" if (row + col) % 2 else "RGB").save(path)


def _in_degrees(transform: Affine, xy: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack(TO_DEGREES.transform(*(transform @ (xy[:, 0], xy[:, 1]))))


def _write_outlines(path: Path, outlines: NDArray[np.object_], transform: Affine) -> None:
    on_earth = shapely.transform(outlines, lambda xy: np.round(_in_degrees(transform, xy), 9))
    features: list[dict[str, Any]] = [
        {"type": "Feature", "geometry": mapping(each), "properties": {"osm_id": number}}
        for number, each in enumerate(on_earth)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
