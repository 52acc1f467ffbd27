"""A drawn town in map tiles, and a model that finds what is bright in it.

``python -m tests.areas.town ARGUMENT…`` is ``sn7ml ARGUMENT…`` with that model, in all its processes.
"""

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import torch
from morecantile import Tile
from numpy.typing import NDArray
from PIL import Image
from pyproj import Geod
from shapely.geometry import Polygon, box
from torch import Tensor, nn
from typer.testing import CliRunner

from sn7ml import cli
from sn7ml.areas.cover import TILES
from sn7ml.areas.jobs import LocalJobs
from sn7ml.learn.package import Package, save_package
from sn7ml.learn.predict import Predictor
from sn7ml.package_files import write_usage
from sn7ml.params import InstanceParams, ModelImages, OutputParams, PredictParams, Usage
from sn7ml.params.outcome import BuildingsParams
from tests.learn.toy import RECIPE, windows

SIDE = 64
"""Pixels of a tile."""

ZOOM = 18
WEST, NORTH = 154_880, 130_816
"""The first tile of the town, near Kampala; a multiple of 64, so that blocks begin there."""

INSTANCES = InstanceParams(
    boundary_weight=0.0, contact_weight=0.0, min_area_px2=4.0, simplify_px=0.0, seed_threshold=0.5, flood_threshold=0.5
)
Weights = Mapping[str, Tensor]
Rectangle = tuple[int, int, int, int]
"""Row, column, height and width, pixels from the north-west corner of the town."""


class Bright(nn.Module):
    """Certain of pixels one deviation brighter than the mean."""

    def forward(self, image: Tensor) -> Tensor:
        return 99 * (image.mean(dim=1, keepdim=True) - 1)


class Everything(nn.Module):
    """Takes everything for a building."""

    def forward(self, image: Tensor) -> Tensor:
        return torch.full_like(image[:, :1], 9.0)


def predictor(network: nn.Module, params: PredictParams, upsampling: int = 1) -> Predictor:
    class Made(Package):
        def networks(self) -> list[nn.Module]:
            return [network]

    return Predictor(Made(RECIPE, ("footprint",), "sigmoid", upsampling, ({},)), params)


def use(patch: pytest.MonkeyPatch, network: nn.Module, upsampling: int = 1) -> None:
    """Let any model be this network."""
    patch.setattr("sn7ml.learn.predict.load_predictor", lambda _folder, params: predictor(network, params, upsampling))


NO_WEIGHTS = {"0": torch.zeros(1)}
WINDOWS = windows(tile_px=SIDE)


def write_model(
    folder: Path,
    task: str = "buildings",
    predict: PredictParams = WINDOWS,
    weights: Weights = NO_WEIGHTS,
    upsampling: int = 1,
    images: ModelImages | None = None,
    **changes: Any,
) -> Path:
    """Write a package with a digest and a usage; its network is looked at only if ``weights`` are given."""
    save_package(folder, Package(RECIPE, ("footprint",), "sigmoid", upsampling, (dict(weights),), images=images))
    output = OutputParams(buildings=BuildingsParams(instances=INSTANCES.model_copy(update=changes)))
    write_usage(folder, Usage.model_validate({"task": task, "predict": predict, "output": output}))
    return folder


@dataclass(frozen=True)
class Town:
    """Bright rectangles on dim ground."""

    rows: int
    cols: int
    """Tiles."""

    buildings: tuple[Rectangle, ...]
    west: int = WEST
    north: int = NORTH
    zoom: int = ZOOM
    side_px: int = SIDE
    """Of a tile."""

    @property
    def tiles(self) -> list[Tile]:
        return [Tile(self.west + x, self.north + y, self.zoom) for y in range(self.rows) for x in range(self.cols)]

    def built(self) -> NDArray[np.bool_]:
        """(rows, cols) pixels."""
        drawn = np.zeros((self.rows * self.side_px, self.cols * self.side_px), np.bool_)
        for row, col, height, width in self.buildings:
            drawn[row : row + height, col : col + width] = True
        return drawn

    def pixels(self) -> NDArray[np.uint8]:
        """(rows, cols, 3): ground near 80, buildings near 180."""
        drawn = self.built()
        noise = np.random.default_rng(7).integers(-15, 16, (*drawn.shape, 3))
        return (80 + noise + 100 * drawn[..., None]).astype(np.uint8)

    def encoded(self) -> dict[Tile, bytes]:
        """Tile to PNG."""
        pixels, found = self.pixels(), {}
        for tile in self.tiles:
            row, col = (tile.y - self.north) * self.side_px, (tile.x - self.west) * self.side_px
            target = io.BytesIO()
            Image.fromarray(pixels[row : row + self.side_px, col : col + self.side_px]).save(target, "PNG")
            found[tile] = target.getvalue()
        return found

    def write(self, folder: Path) -> Path:
        """Write a tree of tiles."""
        for tile, content in self.encoded().items():
            path = folder / f"{tile.z}" / f"{tile.x}" / f"{tile.y}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder

    def degrees(self, row: float, col: float) -> tuple[float, float]:
        """Longitude and latitude of a place in pixels."""
        world = self.side_px * 2**self.zoom
        x, y = (self.west * self.side_px + col) / world, (self.north * self.side_px + row) / world
        return 360 * x - 180, float(np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * y)))))

    def area_m2(self, rectangle: Rectangle) -> float:
        """Geodesic area, cut into strips of a pixel: the sides of a pixel are no geodesics."""
        row, col, height, width = rectangle
        total = 0.0
        for top in range(row, row + height):
            corners = [
                self.degrees(*place)
                for place in ((top, col), (top, col + width), (top + 1, col + width), (top + 1, col))
            ]
            total += abs(Geod(ellps="WGS84").geometry_area_perimeter(Polygon(corners))[0])
        return total


def write_boundary(path: Path, *tiles: Tile) -> Path:
    """Write the area of tiles, each a little smaller than it is."""
    bounds = [TILES.bounds(tile) for tile in tiles]
    shapes = [box(it.left, it.bottom, it.right, it.top).buffer(-1e-6) for it in bounds]
    geopandas.GeoDataFrame(geometry=shapes, crs=4326).to_file(path)
    return path


def run(*arguments: object) -> str:
    """Run ``sn7ml``; an error is raised as it is."""
    done = CliRunner().invoke(cli.app, [*map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def read_areas(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "areas.csv", dtype={"buildings": "Int64"})


def results(out: Path) -> dict[str, bytes]:
    """Name to content of what a campaign leaves, but for its queue, lock and cache."""
    left_out = {".areas.lock", "queue.sqlite"}
    paths = [path for path in sorted(out.rglob("*")) if path.is_file() and path.name not in left_out]
    return {str(path.relative_to(out)): path.read_bytes() for path in paths if "cache" not in path.parts}


class Slow(Bright):
    """Takes a while for each batch, so that there is time to be killed."""

    def forward(self, image: Tensor) -> Tensor:
        time.sleep(0.05)
        return super().forward(image)


LEASE_S = 3.0
"""After which the job of a worker that was killed is handed to another."""

if __name__ in ("__main__", "__mp_main__"):
    changed = pytest.MonkeyPatch()
    use(changed, Slow())
    changed.setattr("sn7ml.areas.jobs.LocalJobs", partial(LocalJobs, lease_s=LEASE_S))
    changed.setattr("sn7ml.areas.worker.LEASE_S", LEASE_S)
if __name__ == "__main__":
    cli.main()
