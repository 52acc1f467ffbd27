"""Class maps beside their truth: image, truth, found and errors, in the colours of the classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image as Pillow

from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.probabilities import rescaled
from sn7ml.outputs.class_map import class_map
from sn7ml.outputs.class_map_files import class_colours, picture
from sn7ml.outputs.probabilities import ProbabilityCube
from sn7ml.params import LandUseParams
from sn7ml.report.maps.overlays import Picture
from sn7ml.report.maps.scene_panels import PANEL_PX, ScenePicture
from sn7ml.scenes.images import read_image
from sn7ml.scenes.scored_columns import Columns, spanned
from sn7ml.scenes.store import TileStore
from sn7ml.targets import Target
from sn7ml.targets.classes import UNKNOWN

WRONG_RGB = (230, 40, 40)
"""Pixels that were taken for another class, over a grey image."""

GREY = 0.5
"""How much of its brightness the image keeps beneath errors."""


@dataclass(frozen=True)
class ScoredMaps:
    """Class maps that were scored, and where their truth lies."""

    images: Path
    frames: pd.DataFrame
    """``FRAMES``, images relative to ``images``."""

    probabilities: Path
    """``<AOI>/<time>.tif``."""

    tiles: TileStore
    target: Target
    grids: Mapping[str, Grid]
    columns: Columns
    params: LandUseParams

    @property
    def colours(self) -> dict[str, str]:
        """Class to its colour, in the order of the target's channels."""
        return class_colours(self.target.channels, self.params)

    def read(self, aoi: str, time: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return found and true classes of a frame on the grid of its image; ``UNKNOWN`` where there is none."""
        grid, fine = self.grids[aoi], self.tiles.upsampling
        cube = ProbabilityCube(self.probabilities / aoi, grid, self.target.channels)
        found = class_map(rescaled(cube[time], cube.upsampling, 1), 1, self.params)
        planes = self.tiles.read_flags(aoi, time, (0, 0), grid.shape)
        return found, planes[fine // 2 :: fine, fine // 2 :: fine]


def draw_class_scenes(maps: ScoredMaps, ranks: Mapping[str, str]) -> list[ScenePicture]:
    """Draw AOIs at their first labelled time, each as far as it is scored; AOIs without labels are left out."""
    drawn = []
    frames = maps.frames[maps.frames["labelled"]].sort_values("time").drop_duplicates("aoi").set_index("aoi")
    for aoi, rank in ranks.items():
        if aoi not in frames.index:
            continue
        time = str(frames.loc[aoi, "time"])
        found, true = maps.read(aoi, time)
        pixels = read_image(maps.images / str(frames.loc[aoi, "image"])).pixels[:3]
        shown = slice(spanned(maps.columns)[aoi][0].start, spanned(maps.columns)[aoi][0].stop)
        panels = class_panels(pixels[:, :, shown], true[:, shown], found[:, shown], maps.colours)
        drawn.append(ScenePicture(aoi, time, rank, panels))
    return drawn


def class_panels(
    pixels: NDArray[np.uint8], true: NDArray[np.uint8], found: NDArray[np.uint8], colours: Mapping[str, str]
) -> dict[str, Picture]:
    """Draw an image (3, rows, cols) and its class maps (rows, cols) at the size of a panel.

    What is not known is black, and counts as no error.
    """
    image = np.moveaxis(pixels, 0, 2)
    wrong = (true != found) & (true != UNKNOWN) & (found != UNKNOWN)
    grey = image.mean(axis=2, keepdims=True).repeat(3, axis=2) * GREY
    errors = np.where(wrong[..., None], np.array(WRONG_RGB), grey).astype(np.uint8)
    maps = {name: np.asarray(picture(it, colours).convert("RGB")) for name, it in (("truth", true), ("found", found))}
    return {
        "image": _fitted(image, Pillow.Resampling.BOX),
        **{name: _fitted(it, Pillow.Resampling.NEAREST) for name, it in maps.items()},
        "errors": _fitted(errors, Pillow.Resampling.BOX),
    }


def _fitted(picture: Picture, how: Pillow.Resampling) -> Picture:
    """Return a picture whose longest side is that of a panel."""
    rows, cols = picture.shape[:2]
    scale = PANEL_PX / max(rows, cols)
    size = max(round(cols * scale), 1), max(round(rows * scale), 1)
    return np.asarray(Pillow.fromarray(picture).resize(size, how))
