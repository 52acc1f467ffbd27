"""Many single images lie in few files, and are read as if each had its own."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from shapely.geometry import box, mapping

from sn7ml.core.errors import RasterError, TableError
from sn7ml.core.geo.grid import Grid
from sn7ml.params import SplitParams, TargetParams, TilingParams
from sn7ml.scenes import shards
from sn7ml.scenes.ingest import Scenes, ingest
from sn7ml.scenes.layouts.pairs import PAIRS
from sn7ml.scenes.shards import Place, plan_shards
from sn7ml.scenes.store import TileStore
from sn7ml.scenes.tiling import write_tiles
from sn7ml.targets import target_of
from sn7ml.validation.facts.tiles import tile_facts
from tests.raising import items_fail, raises

pytestmark = pytest.mark.usefixtures("serial")

MANY = 45
SPLIT = SplitParams(folds=1, validation_fraction=0.3, test_fraction=0.3, gap_px=0, neighbour_tiles=8, seed=7)
TILING = TilingParams(size_px=32, overlap_px=0, upsampling=2, min_usable_fraction=0.1)
FOOTPRINT = target_of(TargetParams.model_validate({"kind": "footprint"}))
LEAST = 5
"""Of the pixels drawn: none is taken for black."""


def write_scenes(root: Path) -> Path:
    """Write images of three sizes a kilometre apart, each of noise of its own, with a house in a place of its own."""
    root.mkdir()
    for number in range(MANY):
        rows, cols = (64, 96) if number % 3 == 0 else (96, 64) if number % 3 == 1 else (300, 40)
        grid = Grid(32636, Affine(0.5, 0, 400_000 + 1000 * number, 0, -0.5, 4_000_000), (rows, cols))
        options = {"driver": "GTiff", "dtype": "uint8", "count": 3, "crs": "EPSG:32636", "transform": grid.transform}
        with rasterio.open(root / f"scene{number:02}.tif", "w", height=rows, width=cols, **options) as target:
            target.write(np.random.default_rng(number).integers(LEAST, 255, (3, rows, cols), np.uint8))
        house = mapping(grid.to_crs(box(4 + number % 7, 6, 30, 20 + number % 5)))
        crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32636"}}
        feature = {"type": "Feature", "properties": None, "geometry": house}
        outlines = {"type": "FeatureCollection", "crs": crs, "features": [feature]}
        (root / f"scene{number:02}.geojson").write_text(json.dumps(outlines))
    return root


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Scenes]:
    """Images, and their tables."""
    root = write_scenes(tmp_path_factory.mktemp("made") / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SN7ML_EXECUTOR", "serial")
        return root, ingest(root, PAIRS.sources(root), PAIRS, SPLIT, root.parent / "scenes")


@pytest.fixture(scope="module")
def store(made: tuple[Path, Scenes]) -> TileStore:
    """Tiles of them, as they are written: to be read only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SN7ML_EXECUTOR", "serial")
        return tiled(*made, made[0].parent / "tiles")


def tiled(root: Path, scenes: Scenes, out: Path) -> TileStore:
    write_tiles(scenes.images_in(root), scenes, SPLIT, TILING, FOOTPRINT, out)
    return TileStore(out)


def test_strips_hold_what_files_of_their_own_hold(
    made: tuple[Path, Scenes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, scenes = made
    monkeypatch.setattr(shards, "STRIP_PX", 2**20)
    packed = tiled(root, scenes, tmp_path / "packed")
    monkeypatch.setattr(shards, "ALONE", MANY)
    alone = tiled(root, scenes, tmp_path / "alone")
    assert len(list(alone.folder.rglob("*.tif"))) == 2 * MANY
    assert len(list(packed.folder.rglob("*.tif"))) == 2 * len({place.shard for place in packed.places.values()}) < 12
    for name in ("frames", "regions", "tiles"):
        pd.testing.assert_frame_equal(getattr(packed, name), getattr(alone, name))
    assert packed.upsampling == alone.upsampling == 2
    assert len(packed.tiles) > MANY
    for row in packed.tiles.to_dict("records"):
        place = (row["aoi"], row["time"], (row["row"], row["col"]))
        np.testing.assert_array_equal(packed.read_pixels(*place, 32), alone.read_pixels(*place, 32))
        np.testing.assert_array_equal(packed.read_flags(*place, (32, 32)), alone.read_flags(*place, (32, 32)))


def test_pixels_and_masks_in_a_strip_are_those_of_the_image(made: tuple[Path, Scenes], store: TileStore) -> None:
    root, _ = made
    number, aoi = 8, "scene08"  # 300 x 40
    with rasterio.open(root / f"{aoi}.tif") as source:
        image = source.read()
    time = store.months(aoi)[0]
    read = store.read_pixels(aoi, time, (260, 0), 40)
    np.testing.assert_array_equal(read[:3], image[:, 260:300])
    assert (read[3] == 255).all()
    drawn = store.read_flags(aoi, time, (0, 0), (300, 40)) == 1
    expected = np.zeros((600, 80), bool)
    expected[12 : 2 * (20 + number % 5), 2 * (4 + number % 7) : 60] = True
    np.testing.assert_array_equal(drawn, expected)


@pytest.mark.parametrize(("corner", "size"), [((270, 0), 32), ((-1, 0), 32), ((0, 9), 32), ((0, -1), 32)])
def test_a_window_does_not_reach_into_the_next_image(corner: tuple[int, int], size: int, store: TileStore) -> None:
    with raises(RasterError, "tiles.shard", "scene08"):
        store.read_pixels("scene08", store.months("scene08")[0], corner, size)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_facts_are_of_each_image_and_name_its_strip(
    made: tuple[Path, Scenes], store: TileStore, tmp_path: Path
) -> None:
    _, scenes = made
    store = TileStore(Path(shutil.copytree(store.folder, tmp_path / "tiles")))
    facts = tile_facts(scenes, store, FOOTPRINT).set_index("aoi")
    assert facts["mask_fits"].all()
    assert facts["pixels_as_written"].all()
    assert facts["masks_as_written"].all()
    assert facts["mask_error"].max() == pytest.approx(0, abs=1e-9)
    assert set(facts["file"]) == {"strip-0001/masks.tif"}
    with rasterio.open(store.folder / "strip-0001" / "images.tif", "r+") as file:
        row = store.places["scene08"].row
        pixels = file.read()
        pixels[0, row, 0] ^= 1
        file.write(pixels)
    assert tile_facts(scenes, store, FOOTPRINT).set_index("aoi")["pixels_as_written"].idxmin() == "scene08"


def test_every_image_that_fails_is_named(tmp_path: Path) -> None:
    root = write_scenes(tmp_path / "data")
    scenes = ingest(root, PAIRS.sources(root), PAIRS, SPLIT, tmp_path / "scenes")
    for name in ("scene03", "scene41"):
        image = str(scenes.frames.set_index("aoi").loc[name, "image"])
        (scenes.images_in(root) / image).write_bytes(b"no image")
    with items_fail({name: (RasterError, "image.not-geotiff") for name in ("scene03", "scene41")}):
        tiled(root, scenes, tmp_path / "tiles")


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.iloc[1:],
        lambda table: table.assign(row=-1),
        lambda table: table.assign(shard="../elsewhere"),
        lambda table: table.drop(columns="row"),
    ],
)
def test_a_table_of_shards_that_was_changed_is_refused(
    change: Callable[[pd.DataFrame], pd.DataFrame], store: TileStore, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(store.folder, tmp_path / "tiles"))
    path = folder / "shards.parquet"
    change(pd.read_parquet(path)).to_parquet(path, index=False)
    with pytest.raises(TableError):
        TileStore(folder).read_pixels("scene08", store.months("scene08")[0], (0, 0), 32)


def frames_of(count: int, shape: tuple[int, int], times: int = 1) -> pd.DataFrame:
    rows = [(f"a{n:05}", f"t{t}", *shape) for n in range(count) for t in range(times)]
    return pd.DataFrame(rows, columns=["aoi", "time", "rows", "cols"])


def test_ten_thousand_images_are_few_files() -> None:
    places = plan_shards(frames_of(10_000, (256, 256)), upsampling=1)
    assert 2 * len({place.shard for place in places.values()}) + 5 <= 100
    begins = [place.row for place in places.values() if place.shard == "strip-0001"]
    assert begins == [256 * n for n in range(len(begins))]
    assert len(begins) * 256 * 256 == 2**26


@pytest.mark.parametrize(("count", "times"), [(40, 1), (100, 2)])
def test_few_images_and_those_through_time_have_files_of_their_own(count: int, times: int) -> None:
    places = plan_shards(frames_of(count, (256, 256), times), upsampling=3)
    assert places == {f"a{n:05}": Place(f"a{n:05}") for n in range(count)}


def test_an_image_larger_than_a_strip_has_one_alone() -> None:
    places = plan_shards(frames_of(41, (4096, 4096)), upsampling=3)
    assert len({place.shard for place in places.values()}) == 41
