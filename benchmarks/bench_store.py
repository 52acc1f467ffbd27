"""Many single images in the tile store: how many files they are, and how fast one tile is read at random.

Run as ``python -m benchmarks.bench_store [--images 10000]`` (a tenth of a second an image). Each is a GeoTIFF of 256 px
with four houses beside it in a GeoJSON: one tile. A read from the store is set against opening a file for each tile.
"""

import argparse
import json
import random
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from shapely.geometry import box, mapping

from benchmarks.bench_tile import peak_mb
from sn7ml.core.geo.grid import Grid
from sn7ml.params import load_params
from sn7ml.scenes.ingest import ingest
from sn7ml.scenes.layouts.pairs import PAIRS
from sn7ml.scenes.store import TileStore
from sn7ml.scenes.tiling import write_tiles
from sn7ml.targets import target_of

SIDE = 256
READS = 1000
GOAL_FILES, GOAL_MS = 100, 1.0


def main() -> None:
    """Print one line of measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    count = parser.parse_args().images
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw(folder / "data", count)
        start = time.perf_counter()
        store = tiled(folder / "data", folder)
        seconds = time.perf_counter() - start
        files = sum(path.is_file() for path in store.folder.rglob("*"))
        own, opened = read_at_random(store), open_at_random(folder / "data", count)
    print(
        f"{count:,} images, {len(store.tiles):,} tiles: ingested and tiled in {seconds:.0f} s, {files} files (goal "
        f"{GOAL_FILES}), peak {peak_mb():,.0f} MB; a tile at random {own:.2f} ms (goal {GOAL_MS:.0f}), "
        f"{own / opened:.2f} of the time of opening a file for each"
    )


def draw(root: Path, count: int) -> None:
    """Write images 150 m apart: no two of them touch."""
    root.mkdir()
    rng = np.random.default_rng(7)
    ground = rng.integers(5, 240, (3, 66, 66)).repeat(4, 1).repeat(4, 2) + rng.integers(0, 12, (3, 264, 264))
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32636"}}
    for number in range(count):
        across, down = number % 1000, number // 1000
        grid = Grid(32636, Affine(0.5, 0, 2e5 + 150 * across, 0, -0.5, 4e6 - 150 * down), (SIDE, SIDE))
        options = {"count": 3, "height": SIDE, "width": SIDE, "dtype": "uint8", "crs": "EPSG:32636"}
        path = root / f"scene{number:05}.tif"
        with rasterio.open(path, "w", driver="GTiff", transform=grid.transform, **options) as image:
            image.write(np.roll(ground, number, axis=2)[:, :SIDE, :SIDE].astype(np.uint8))
        houses = [mapping(grid.to_crs(box(20 + 60 * k, 20, 60 + 60 * k, 60 + number % 50))) for k in range(4)]
        features = [{"type": "Feature", "properties": None, "geometry": house} for house in houses]
        path.with_suffix(".geojson").write_text(
            json.dumps({"type": "FeatureCollection", "crs": crs, "features": features})
        )


def tiled(root: Path, out: Path) -> TileStore:
    """Ingest and tile, with one tile an image."""
    params = load_params(Path("configs/buildings.yaml"))
    split = params.split.model_copy(update={"test_aois": None, "validation_by": "aois", "neighbour_m": 0.0})
    tiling = params.tiling.model_copy(update={"size_px": SIDE, "overlap_px": 0})
    scenes = ingest(root, PAIRS.sources(root), PAIRS, split, out / "scenes")
    write_tiles(scenes.images_in(root), scenes, split, tiling, target_of(params.target), out / "tiles")
    return TileStore(out / "tiles")


def read_at_random(store: TileStore) -> float:
    """Return milliseconds of processor time for the pixels of a tile."""
    rows = random.Random(7).choices(store.tiles.to_dict("records"), k=READS)
    store.read_pixels(rows[0]["aoi"], rows[0]["time"], (0, 0), SIDE)
    start = time.process_time()
    for row in rows:
        store.read_pixels(row["aoi"], row["time"], (row["row"], row["col"]), SIDE)
    return (time.process_time() - start) / READS * 1000


def open_at_random(root: Path, count: int) -> float:
    """Return milliseconds of processor time for a file of its own."""
    paths = [root / f"scene{number:05}.tif" for number in random.Random(7).choices(range(count), k=READS)]
    start = time.process_time()
    for path in paths:
        with rasterio.open(path) as image:
            image.read()
    return (time.process_time() - start) / READS * 1000


if __name__ == "__main__":
    main()
