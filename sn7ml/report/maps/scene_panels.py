"""Single scenes beside their truth: image, truth, found and errors, and for signed distances both maps.

The report, MLflow and the docs show these very pictures. The same input gives the same pictures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from PIL import Image as Pillow
from shapely.geometry.base import BaseGeometry

from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.probabilities import CERTAIN, rescaled
from sn7ml.metrics.scene_buildings import SPACENET2_IOU, match_by_confidence
from sn7ml.metrics.score import Score
from sn7ml.outputs.probabilities import ProbabilityCube
from sn7ml.report.maps.overlays import COLOURS, Picture, errors, panels_of, shapes_within, side_by_side, triptych
from sn7ml.report.maps.scored_overlays import densest
from sn7ml.scenes.images import read_image
from sn7ml.scenes.scored_columns import Columns, Stretch, spanned
from sn7ml.scenes.store import TileStore
from sn7ml.targets import Target

PANEL_PX = 400
"""Longest side of a panel; a smaller image is enlarged by a whole number."""

WINDOW_PX = 768
"""Longest side of what is shown of an image, pixels of the image: of a larger one, where most buildings are."""

DISTANCE_COLOURS = "PuOr_r"
"""Matplotlib's name of the colours of signed distances: purple outside of buildings, orange inside."""

UNKNOWN_RGB = (150, 150, 150)

EMPTY_SCENE = "without a building"
"""How the rank of a scene begins that is shown for what was found where nothing is."""

Window = tuple[slice, slice]
"""Rows and columns of an image."""


@dataclass(frozen=True)
class DistanceMaps:
    """Where signed distances are read from."""

    probabilities: Path
    """``<AOI>/<time>.tif``."""

    tiles: TileStore
    target: Target
    grids: Mapping[str, Grid]

    def read(self, aoi: str, time: str, window: Window) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return found and true distances from -1 to 1 on the grid of the tiles' masks, NaN where nothing is known."""
        grid, fine = self.grids[aoi], self.tiles.upsampling
        cube = ProbabilityCube(self.probabilities / aoi, grid, self.target.channels)
        rows, cols = (slice(side.start * fine, side.stop * fine) for side in window)
        found = rescaled(cube[time], cube.upsampling, fine)
        planes = self.tiles.read_flags(aoi, time, (0, 0), grid.shape)[rows, cols]
        ratio = found.channels[0][rows, cols] * (2 / CERTAIN) - 1
        if cube.unit_m and self.target.unit_m:  # a network may have learned another range than the tiles are drawn with
            ratio = np.clip(ratio * (cube.unit_m / self.target.unit_m), -1, 1)
        true = np.where(self.target.known(planes), self.target.truth(planes)[0], np.nan)
        return np.where(found.usable[rows, cols], ratio, np.nan), true


@dataclass(frozen=True)
class ScoredScenes:
    """Scenes that were scored, and what was found there."""

    images: Path
    """Where the images of ``frames`` lie."""

    frames: pd.DataFrame
    """``FRAMES``."""

    truth: pd.DataFrame
    """``POLYGONS``, and ``FOUND``, cut to what is scored."""

    found: pd.DataFrame
    columns: Columns

    distances: DistanceMaps | None = None
    """None where the target is no distance."""


@dataclass(frozen=True)
class ScenePicture:
    """One scene, and why it is shown."""

    aoi: str
    time: str

    rank: str
    """Such as "best of 7"."""

    panels: Mapping[str, Picture]
    """Heading to panel, in order; all of one size."""

    @property
    def picture(self) -> Picture:
        """The panels in a row."""
        return side_by_side(*self.panels.values())


def chosen_scenes(per_aoi: pd.DataFrame, scored: Sequence[str], score: Score, count: int) -> dict[str, str]:
    """Return AOI to its rank: the best by a score, the worst, and at even steps between them; the median for one.

    ``scored`` are the AOIs with a building; of those without, the one where most was found comes last.

    >>> per_aoi = pd.DataFrame({"aoi": list("abcd"), "f1": [0.2, 0.9, 0.5, 0.0], "found_px": [5, 9, 9, 3]})
    >>> chosen_scenes(per_aoi, ["a", "b", "c"], Score("f1", "F1", "footprints"), 3)
    {'b': 'best of 3', 'c': 'median of 3', 'a': 'worst of 3', 'd': 'without a building, the only one'}
    """
    values = per_aoi.set_index("aoi")[score.name]
    ranked = sorted(scored, key=lambda aoi: (-score.rank(float(values[aoi])), aoi))
    last, middle = len(ranked) - 1, (len(ranked) - 1) // 2
    places = np.linspace(0, last, min(count, len(ranked))).round().astype(int).tolist() if count > 1 else [middle]
    names = {middle: "median", 0: "best", last: "worst"} if last else {0: "only one"}
    chosen = {ranked[place]: f"{names.get(place, f'number {place + 1}')} of {last + 1}" for place in places if ranked}
    empty = per_aoi[~per_aoi["aoi"].isin(scored)]
    if len(empty) and "found_px" in empty:
        empty = empty.sort_values(["found_px", "aoi"], ascending=[False, True])
        which = "the only one" if len(empty) == 1 else f"of {len(empty)} the one where most was found"
        chosen[str(empty["aoi"].iloc[0])] = f"{EMPTY_SCENE}, {which}"
    return chosen


def draw_scenes(scenes: ScoredScenes, ranks: Mapping[str, str]) -> list[ScenePicture]:
    """Draw AOIs at their first labelled time, each as far as it is scored; AOIs without labels are left out."""
    drawn = []
    frames = scenes.frames[scenes.frames["labelled"]]
    for aoi, rank in ranks.items():
        rows = frames[frames["aoi"] == aoi].sort_values("time")
        if rows.empty:
            continue
        time = str(rows["time"].iloc[0])
        truth, found = (
            table[(table["aoi"] == aoi) & (table["time"] == time)] for table in (scenes.truth, scenes.found)
        )
        pixels = read_image(scenes.images / rows["image"].iloc[0]).pixels
        window = _window(truth, pixels.shape[1], spanned(scenes.columns)[aoi][0])
        panels = _panels(pixels, truth, found, window)
        if scenes.distances is not None:
            panels |= _distance_panels(scenes.distances.read(aoi, time, window), panels["image"].shape[:2])
        drawn.append(ScenePicture(aoi, time, rank, panels))
    return drawn


def _window(truth: pd.DataFrame, rows: int, stretch: Stretch) -> Window:
    """Return what is shown of the scored part of an image."""
    if max(rows, stretch.stop - stretch.start) <= WINDOW_PX:
        return slice(0, rows), slice(stretch.start, stretch.stop)
    row, col = densest(truth, rows, (stretch.start, stretch.stop), WINDOW_PX)
    return slice(row, min(row + WINDOW_PX, rows)), slice(col, min(col + WINDOW_PX, stretch.stop))


def _panels(pixels: NDArray[np.uint8], truth: pd.DataFrame, found: pd.DataFrame, window: Window) -> dict[str, Picture]:
    """Draw the window of an image (4, rows, cols) with outlines in its pixels, enlarged or reduced to a panel."""
    shown, scale = _fitted(pixels[:, *window])
    matched = match_by_confidence(truth, found, SPACENET2_IOU)

    def placed(table: pd.DataFrame) -> list[BaseGeometry]:
        near = shapes_within(table["geometry"].to_numpy(dtype=object), window[0].start, window[1].start, WINDOW_PX)
        return [shapely.transform(shape, lambda xy: xy * scale) for shape in near]

    true, proposed = placed(truth), placed(found)
    of_kind = (placed(found[matched.found]), placed(found[~matched.found]), placed(truth[~matched.truth]))
    image, with_truth, with_found = panels_of(triptych(shown, true, proposed, zoom=1))
    return {"image": image, "truth": with_truth, "found": with_found, "errors": errors(shown, *of_kind, zoom=1)}


def _distance_panels(
    distances: tuple[NDArray[np.float64], NDArray[np.float64]], shape: tuple[int, int]
) -> dict[str, Picture]:
    """Colour found and true distances, from -1 to 1, as pictures of a shape (rows, cols); unknown ones are grey."""
    panels = {}
    for name, distance in zip(("distance found", "true distance"), distances, strict=True):
        colours = (mpl.colormaps[DISTANCE_COLOURS]((np.nan_to_num(distance) + 1) / 2)[..., :3] * 255).round()
        colours[np.isnan(distance)] = UNKNOWN_RGB
        picture = Pillow.fromarray(colours.astype(np.uint8)).resize(shape[::-1], Pillow.Resampling.NEAREST)
        panels[name] = np.asarray(picture)
    return panels


def _fitted(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return an image of bands (4, rows, cols) at the size of a panel, and the factors of (x, y)."""
    rows, cols = pixels.shape[1:]
    longest = max(rows, cols)
    if longest <= PANEL_PX:
        zoom = PANEL_PX // longest
        return pixels.repeat(zoom, axis=1).repeat(zoom, axis=2), np.full(2, float(zoom))
    size = max(round(cols * PANEL_PX / longest), 1), max(round(rows * PANEL_PX / longest), 1)
    shown = np.stack([np.asarray(Pillow.fromarray(band).resize(size, Pillow.Resampling.BOX)) for band in pixels])
    shown[COLOURS] = np.where(shown[COLOURS] > 127, 255, 0)
    return shown, np.array([size[0] / cols, size[1] / rows])
