"""A data folder beside its tables, as Python users hold it, and its tiles. Loads no torch."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sn7ml.params import Params
from sn7ml.report.maps.overlays import Picture, overlay
from sn7ml.scenes import ingest as tables
from sn7ml.scenes.images import read_image
from sn7ml.scenes.layouts import layout_of
from sn7ml.scenes.store import TileStore
from sn7ml.scenes.tiling import write_tiles
from sn7ml.targets import target_of


@dataclass(frozen=True)
class Data:
    """A data folder and the tables that were read from it."""

    root: Path
    """Where the images lie."""

    scenes: tables.Scenes

    @property
    def images(self) -> Path:
        """Where images lie that paths of ``frames`` are relative to."""
        return self.scenes.images_in(self.root)

    @property
    def frames(self) -> pd.DataFrame:
        """``FRAMES``: a row per image, by AOI and time."""
        return self.scenes.frames

    @cached_property
    def labels(self) -> pd.DataFrame:
        """``LABELS``: a row per true building and time, outlines in pixels of the image (x = column, y = row)."""
        return self.scenes.labels_of(list(self.frames["aoi"].unique()))

    def read_image(self, aoi: str, time: str) -> NDArray[np.uint8]:
        """Read one image: uint8 (4, rows, cols), red, green, blue and alpha; alpha 0 is unusable."""
        images = self.frames.set_index(["aoi", "time"])["image"]
        if (aoi, time) not in images.index:
            raise ValueError(f"there is no frame of AOI {aoi!r} at {time!r}; data.frames lists them")
        return read_image(self.images / images[aoi, time]).pixels

    def draw(self, aoi: str, time: str, found: pd.DataFrame | None = None, zoom: int = 4) -> Picture:
        """Draw the true buildings (cyan) and, if given, found ones (orange) over an image.

        ``found`` is ``TRACKS``, such as the ``tracks`` of a prediction. The picture is uint8, (rows * zoom,
        cols * zoom, 3).
        """
        truth, proposals = (
            [] if table is None else list(table.loc[(table["aoi"] == aoi) & (table["time"] == time), "geometry"])
            for table in (self.labels, found)
        )
        return overlay(self.read_image(aoi, time), truth, proposals, zoom)


def ingest(root: Path | str, params: Params, scenes: Path | str) -> Data:
    """Read the names, grids and labels of a data folder into two tables.

    ``root`` is a folder in the layout that ``data.layout`` names; sections data and split of ``params`` are used.
    ``scenes`` is the folder for frames.parquet and labels.parquet; the same data gives the same bytes.

    Raises CatalogError if the folder is not laid out as expected, with all faults, and ItemsFailed, naming every frame
    whose image or labels cannot be read.
    """
    root, layout = Path(root), layout_of(params.data)
    return Data(
        root, tables.ingest(root, layout.sources(root), layout, params.split, Path(scenes), params.data.stretch)
    )


def open_data(root: Path | str = "data", scenes: Path | str = "build/scenes") -> Data:
    """Open a data folder whose tables :func:`ingest`, or the stage of that name, wrote into ``scenes``."""
    return Data(Path(root), tables.Scenes(Path(scenes)))


def cut_tiles(data: Data, params: Params, out: Path | str) -> TileStore:
    """Split AOIs into training, validation and test, cut labelled frames into tiles and draw their masks.

    Sections split, tiling and target of ``params`` are used. Raises ItemsFailed, naming every AOI that cannot be tiled.
    """
    write_tiles(data.images, data.scenes, params.split, params.tiling, target_of(params.target), Path(out))
    return TileStore(Path(out))


def open_tiles(folder: Path | str = "build/tiles") -> TileStore:
    """Open what :func:`cut_tiles`, or the stage tile, wrote. Raises TableError if ``folder`` holds something else."""
    return TileStore(Path(folder))
