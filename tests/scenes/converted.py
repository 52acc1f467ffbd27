"""The toy world as a single image of 16 bits in degrees, which ingest has to convert."""

import json
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from shapely.geometry import mapping

from sn7ml.core.geo.grid import Grid
from sn7ml.params import TargetParams
from sn7ml.scenes.ingest import Scenes, ingest
from sn7ml.scenes.layouts.pairs import PAIRS
from sn7ml.scenes.store import TileStore, write_tiles
from sn7ml.targets import target_of
from tests.learn.toy import SHAPE, SPLIT, TILING, picture_of, squares

AOI = "harbour"
GRID = Grid(4326, Affine(2.7e-6, 0, -115.2, 0, -2.7e-6, 36.2), SHAPE)


def write_converted(root: Path, target: TargetParams) -> tuple[Path, Scenes, TileStore]:
    """Write the image and its labels, ingest and tile them; return data folder, tables and tiles."""
    buildings, data = squares(SHAPE), root / "data"
    data.mkdir()
    pixels = picture_of(SHAPE, buildings)[:3].astype(np.uint16) * 40
    options = {"count": 3, "height": SHAPE[0], "width": SHAPE[1], "dtype": "uint16", "transform": GRID.transform}
    with rasterio.open(data / f"{AOI}.tif", "w", driver="GTiff", crs="EPSG:4326", **options) as image:
        image.write(pixels)
    outlines = [mapping(GRID.to_crs(building)) for building in buildings.values()]
    features = [{"type": "Feature", "properties": None, "geometry": outline} for outline in outlines]
    (data / f"{AOI}.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    scenes = ingest(data, PAIRS.sources(data), PAIRS, SPLIT, root / "scenes")
    write_tiles(scenes.images_in(data), scenes, SPLIT, TILING, target_of(target), root / "tiles")
    return data, scenes, TileStore(root / "tiles")
