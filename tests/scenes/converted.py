"""The toy world as images of 16 bits in degrees, which ingest has to convert: one, or as many as are asked for."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from shapely.geometry import mapping

from sn7ml.core.geo.grid import Grid
from sn7ml.params import TargetParams
from sn7ml.scenes.ingest import Scenes, ingest
from sn7ml.scenes.layouts.pairs import PAIRS
from sn7ml.scenes.store import TileStore
from sn7ml.scenes.tiling import write_tiles
from sn7ml.targets import target_of
from tests.learn.toy import SHAPE, SPLIT, TILING, picture_of, squares

AOI = "harbour"
GRID = Grid(4326, Affine(2.7e-6, 0, -115.2, 0, -2.7e-6, 36.2), SHAPE)
ONE_SCENE = {AOI: GRID}


def write_scene(data: Path, aoi: str, grid: Grid) -> None:
    """Write an image and its labels."""
    buildings = squares(grid.shape)
    pixels = picture_of(grid.shape, buildings)[:3].astype(np.uint16) * 40
    options = {"count": 3, "height": grid.shape[0], "width": grid.shape[1], "dtype": "uint16"}
    with rasterio.open(
        data / f"{aoi}.tif", "w", driver="GTiff", crs="EPSG:4326", transform=grid.transform, **options
    ) as image:
        image.write(pixels)
    outlines = [mapping(grid.to_crs(building)) for building in buildings.values()]
    features = [{"type": "Feature", "properties": None, "geometry": outline} for outline in outlines]
    (data / f"{aoi}.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def write_converted(
    root: Path, target: TargetParams, grids: Mapping[str, Grid] = ONE_SCENE
) -> tuple[Path, Scenes, TileStore]:
    """Write images and their labels, ingest and tile them; return data folder, tables and tiles."""
    data = root / "data"
    data.mkdir()
    for aoi, grid in grids.items():
        write_scene(data, aoi, grid)
    scenes = ingest(data, PAIRS.sources(data), PAIRS, SPLIT, root / "scenes")
    write_tiles(scenes.images_in(data), scenes, SPLIT, TILING, target_of(target), root / "tiles")
    return data, scenes, TileStore(root / "tiles")
