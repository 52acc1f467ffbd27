"""The same towns seen from near: one image of a place, 0.3 m a pixel, without cloud, its labels where its roofs are."""

from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon

from sn7ml.synthetic.canvas import PAD_PX
from sn7ml.synthetic.chance import Floats, blurred
from sn7ml.synthetic.place import Place
from sn7ml.synthetic.scene import SHARPNESS_PX, SyntheticAoi, build_aoi, lit, noise, paint, sky_of
from sn7ml.synthetic.town import NEVER, SETTLED, WILD

FINE = 8
"""Pixels per pixel of the towns, whose houses are 3.4 px wide: 27 px, or 8 m at 0.3 m a pixel."""

LEAST_PX = 64 * FINE
"""A smaller image may show no building."""

SURFACES = ("open land", "yard", "road", "building")

FIRST = 10_000
"""Number of the first town: not those of SpaceNet 7's layout."""


@dataclass(frozen=True)
class CloseUp:
    """One image and what is true of it."""

    colours: Floats
    """Red, green, blue, (3, rows, cols), grey levels about 1 to 255, not rounded."""

    outlines: NDArray[np.object_]
    """Polygons in pixels ``(x, y)``, up to the last wall even where the image ends."""

    surfaces: NDArray[np.uint8]
    """(rows, cols): place in ``SURFACES`` of what is seen. Trees and things belong to the ground that they stand on."""


def close_up(seed: int, index: int, shape: tuple[int, int], *, built: bool = True) -> CloseUp:
    """Draw image number ``index``, of (rows, cols) that are multiples of ``FINE``; not ``built``: before its town was.

    It does not depend on others. The light is that of one of twelve months.
    """
    rows, cols = shape
    place = Place(seed, FIRST + index, (0, 0), (rows // FINE, cols // FINE), ("2018-01",), None, FINE)
    town, month = build_aoi(place), index % 12
    if not built:
        lives = town.lives
        birth, levelled, settled = (np.full_like(each, NEVER) for each in (lives.birth, lives.levelled, lives.settled))
        town = replace(town, lives=replace(lives, birth=birth, levelled=levelled, settled=settled))
    sky, edge = sky_of(place, month), PAD_PX * FINE
    image = lit(blurred(paint(town, sky, month), SHARPNESS_PX)[:, edge:-edge, edge:-edge], sky)
    outlines = [
        each.outline for each, stands in zip(town.lives.buildings, town.lives.standing(month), strict=True) if stands
    ]
    surfaces = surfaces_of(town, month)[edge:-edge, edge:-edge]
    return CloseUp(image + noise(place, month, shape), enlarged(outlines), surfaces)


def surfaces_of(town: SyntheticAoi, month: int) -> NDArray[np.uint8]:
    """Return what covers each pixel of the canvas in a month: places in ``SURFACES``."""
    state = np.concatenate([[WILD], town.lives.ground(month), [SETTLED]])  # as layers number the groups
    soil, _, streets, _ = town.ground.layers
    found = np.zeros(town.roofs.shape, np.uint8)
    found[state[soil.groups] >= soil.state] = SURFACES.index("yard")
    found[state[streets.groups] >= streets.state] = SURFACES.index("road")
    standing = np.concatenate([[False], town.lives.standing(month)])
    found[standing[town.roofs]] = SURFACES.index("building")
    return found


def enlarged(outlines: list[Polygon]) -> NDArray[np.object_]:
    """Return outlines in pixels of the image."""
    return np.asarray(shapely.transform(np.array(outlines, dtype=object), lambda xy: xy * FINE), dtype=object)
