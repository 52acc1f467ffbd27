"""A toy world that a small network learns in seconds: bright squares are buildings, everything else is dim noise."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from shapely.geometry import Polygon, box

from sn7ml.params import (
    AugmentationParams,
    LossParams,
    ModelParams,
    OptimiserParams,
    PredictParams,
    Recipe,
    RimsParams,
    SplitParams,
    TargetParams,
    TilingParams,
    TrainParams,
)
from sn7ml.scenes.ingest import ingest
from sn7ml.scenes.layouts.spacenet7 import SPACENET7, scan
from sn7ml.scenes.store import TileStore
from sn7ml.scenes.tiling import write_tiles
from sn7ml.targets import Target, target_of
from tests.sn7_folder import AOI, grid_of, stem, write_image, write_labels

SHAPE = (64, 320)
MONTHS = ("2018-01", "2018-02")
NOTHING = AugmentationParams(
    flips=False,
    quarter_turns=False,
    brightness=0.0,
    contrast=0.0,
    saturation=0.0,
    gain=0.0,
    offset=0.0,
    months_around=0,
    noise=0.0,
    blur=0.0,
)
EVERYTHING = AugmentationParams(
    flips=True,
    quarter_turns=True,
    brightness=0.2,
    contrast=0.2,
    saturation=0.2,
    gain=0.1,
    offset=0.2,
    months_around=1,
    noise=0.1,
    blur=1.0,
)
CHANNELS = {"footprint": 1.0, "boundary": 0.3, "contact": 0.3}
LOSS = LossParams(bce=1.0, dice=1.0, focal=0.0, jaccard=0.0, channels=CHANNELS)
RECIPE = Recipe(
    model=ModelParams(architecture="Unet", encoder="resnet18", weights=None),
    loss=LOSS,
    augmentation=EVERYTHING,
    optimiser=OptimiserParams(learning_rate=0.003, weight_decay=0.01),
)
SPLIT = SplitParams(folds=1, validation_fraction=0.2, test_fraction=0.3, gap_px=8, neighbour_tiles=8, seed=7)


def training(**changes: Any) -> TrainParams:
    """Two short epochs, or what ``changes`` make of them."""
    values: dict[str, Any] = {
        "epochs": 2, "tiles_per_epoch": 8, "validation_tiles": 4, "batch_size": 4, "patience": 10,
        "precision": "32-true", "built_up_power": 0.5, "loader_workers": 0, "seed": 7,
    }  # fmt: skip
    return TrainParams(**(values | changes))


def windows(**changes: Any) -> PredictParams:
    """Windows of 32 pixels that share 8."""
    values: dict[str, Any] = {
        "splits": ("test",), "tile_px": 32, "overlap_px": 8, "batch_size": 3, "flips": False,
        "adaptation": 0.0, "precision": "32-true",
    }  # fmt: skip
    return PredictParams(**(values | changes))


def squares(shape: tuple[int, int], seed: int = 7) -> dict[int, Polygon]:
    """One building of 3 to 6 pixels a side in most cells of a 12-pixel raster."""
    rng = np.random.default_rng(seed)
    found: dict[int, Polygon] = {}
    for row in range(1, shape[0] - 11, 12):
        for col in range(1, shape[1] - 11, 12):
            height, width, down, right = rng.integers((3, 3, 0, 0), (7, 7, 5, 5))
            if rng.random() < 0.8:
                found[len(found)] = box(col + right, row + down, col + right + width, row + down + height)
    return found


def picture_of(shape: tuple[int, int], buildings: Mapping[int, Polygon], seed: int = 7) -> NDArray[np.uint8]:
    """RGBA (4, rows, cols): ground near 80, buildings near 180; the north-west corner of 4 x 4 pixels is unusable."""
    noise = np.random.default_rng(seed).integers(-15, 16, (4, *shape))
    pixels = 80 + noise
    for polygon in buildings.values():
        left, top, right, bottom = (int(edge) for edge in polygon.bounds)
        pixels[:, top:bottom, left:right] += 100
    pixels[3] = 255
    pixels[:, :4, :4] = 0
    return pixels.astype(np.uint8)


def write_world(root: Path, shape: tuple[int, int] = SHAPE) -> Path:
    """Write one area in the layout of SpaceNet 7; return the data folder."""
    folder, grid, buildings = root / "train" / AOI, grid_of(AOI, shape), squares(shape)
    for number, month in enumerate(MONTHS):
        pixels = picture_of(shape, buildings, number)
        write_image(folder / "images_masked" / f"{stem(AOI, month)}.tif", pixels, grid)
        write_labels(folder / "labels_match_pix" / f"{stem(AOI, month)}_Buildings.geojson", buildings)
    return root


TILING = TilingParams(size_px=32, overlap_px=0, upsampling=1, min_usable_fraction=0.5)
TARGET = target_of(TargetParams(kind="rims", rims=RimsParams(boundary_px=1, contact_px=1)))
OUTPUT = (TARGET.channels, TARGET.activation)


def write_store(root: Path, out: Path, folds: int = 1, target: Target = TARGET, **changes: Any) -> TileStore:
    """Cut a data folder into tiles of 32 pixels, without up-sampling unless ``changes`` say so."""
    split, tiling = SPLIT.model_copy(update={"folds": folds}), TILING.model_copy(update=changes)
    return few_tiles(root, out, split, tiling, target)


def few_tiles(root: Path, out: Path, split: SplitParams, tiling: TilingParams, target: Target) -> TileStore:
    """Cut the first two months of the first labelled area into tiles, in this process."""
    sources = scan(root)
    sources = sources[sources["labels"] != ""]
    sources = sources[sources["aoi"] == sources["aoi"].iloc[0]].head(2)
    out.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SN7ML_EXECUTOR", "serial")
        scenes = ingest(root, sources, SPACENET7, split, out.with_name(f"{out.name}-scenes"))
        write_tiles(root, scenes, split, tiling, target, out)
    return TileStore(out)
