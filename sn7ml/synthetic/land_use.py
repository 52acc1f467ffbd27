"""Synthetic images with label images: each colour is a class, as in skynet-data, and the truth is known.

The traps of real sets are there: folders with a blank in their names, RGB and palettes mixed, an undocumented colour
along the edges of some label images, and JPEG beside PNG.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from sn7ml.synthetic.close_up import SURFACES, close_up
from sn7ml.synthetic.map_tiles import pixels_of
from sn7ml.synthetic.truth import TRUTH

COLOURS = {"open land": "#C8B464", "yard": "#D98C50", "road": "#505A64", "building": "#C83C3C"}
STRANGE = (0, 0, 0)
"""A colour that the file of classes does not name."""

STRANGE_PX = 2
PARTS = 2
"""Images of a folder."""

QUALITY = 95


def write_land_use(folder: Path, folders: int, side_px: int, seed: int) -> None:
    """Write ``Town 1/images/part_1.jpg``, ``Town 1/masks/part_1.png`` and so on, ``classes.json`` and ``truth.csv``."""
    rows = []
    for index in range(folders * PARTS):
        town, part = index // PARTS + 1, index % PARTS + 1
        drawn = close_up(seed, 100 + index, (side_px, side_px))
        root = folder / f"Town {town}"
        for name in ("images", "masks"):
            (root / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels_of(drawn)).save(root / "images" / f"part_{part}.jpg", quality=QUALITY, subsampling=0)
        label_image(drawn.surfaces, strange=part == PARTS, palette=index % 2 == 1).save(
            root / "masks" / f"part_{part}.png"
        )
        rows += truth_rows(f"Town_{town}-part_{part}", drawn.surfaces, strange=part == PARTS)
    classes = [{"name": name, "color": colour} for name, colour in COLOURS.items()]
    (folder / "classes.json").write_text(json.dumps(classes, indent=1) + "\n", encoding="utf-8")
    (folder / TRUTH).write_text(pd.DataFrame(rows).to_csv(index=False), encoding="utf-8")


def label_image(surfaces: NDArray[np.uint8], *, strange: bool, palette: bool) -> Image.Image:
    """Return the label image of a map of surfaces; ``strange`` adds an edge in a colour that is no class."""
    flat = np.array([tuple(bytes.fromhex(COLOURS[name][1:])) for name in SURFACES] + [STRANGE], np.uint8)
    shown = surfaces.copy()
    if strange:
        shown[:STRANGE_PX] = len(SURFACES)
    if not palette:
        return Image.fromarray(flat[shown])
    image = Image.fromarray(shown)
    image.putpalette(flat.ravel().tolist())
    return image


def truth_rows(aoi: str, surfaces: NDArray[np.uint8], *, strange: bool) -> list[dict[str, object]]:
    """Return the pixels of each class, and of none, in one image."""
    shown = surfaces[STRANGE_PX:] if strange else surfaces
    counts = np.bincount(shown.ravel(), minlength=len(SURFACES)).tolist()
    unknown = surfaces.size - shown.size
    return [
        {"aoi": aoi, "class": name, "pixels": count}
        for name, count in zip((*SURFACES, "unknown"), (*counts, unknown), strict=True)
    ]
