"""Defects of the systems that tasks ``buildings`` and ``building_distance`` follow: none of them is here.

Looking Glass has its letters; what its queue did wrong is tested in ``tests/areas``.
"""

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
import yaml
from affine import Affine
from morecantile import Tile
from numpy.typing import NDArray
from PIL import Image
from pyproj import Geod, Transformer
from shapely.geometry import box, mapping

from sn7ml.areas.cover import TILES
from sn7ml.core.errors import ParamsError
from sn7ml.core.geo.burn import burn_ids
from sn7ml.core.geo.grid import Grid
from sn7ml.metrics.scene_buildings import evaluate_buildings
from sn7ml.outputs.spacenet2_csv import write_submission
from sn7ml.params import (
    DataParams,
    EvaluateParams,
    Params,
    SplitParams,
    StretchParams,
    TargetParams,
    TilingParams,
    parse,
)
from sn7ml.scenes.images import read_image
from sn7ml.scenes.ingest import Scenes, ingest
from sn7ml.scenes.layouts import layout_of
from sn7ml.scenes.raw_images import raw_geotiff
from sn7ml.scenes.splits import assign_regions
from sn7ml.scenes.store import TileStore
from sn7ml.scenes.tiling import write_tiles
from sn7ml.targets import FrameLabels, target_of
from sn7ml.targets.pixels import PixelCounts, count_pixels
from sn7ml.targets.signed_distance import to_ratio
from tests.raising import raises
from tests.real import real

pytestmark = pytest.mark.usefixtures("serial")

ROOT = Path(__file__).resolve().parents[2]
SIDE = 64
X, Y, Z = 1_238_424, 720_208, 21
"""A tile at 49° north, where a pixel of Web Mercator is two thirds as wide as it says."""

SPLIT = SplitParams(folds=1, validation_fraction=0.2, test_fraction=0.34, gap_px=16, neighbour_tiles=8, seed=7)
DISTANCE = target_of(TargetParams(kind="distance"))
FOOTPRINT = target_of(TargetParams(kind="footprint"))
XYZ, SPACENET2 = layout_of(DataParams(layout="xyz", zoom=Z)), layout_of(DataParams(layout="spacenet2"))
VEGAS = Grid(4326, Affine(2.7e-6, 0, -115.3, 0, -2.7e-6, 36.2), (SIDE, SIDE))


def write_place(folder: Path, cols: int, rows: int, black: tuple[int, int] | None = None) -> None:
    folder.mkdir(parents=True)
    for row in range(rows):
        for col in range(cols):
            colour = (0, 0, 0) if (col, row) == black else (90 + row, 80 + col, 70)
            Image.new("RGB", (SIDE, SIDE), colour).save(folder / f"{Z}-{X + col}-{Y + row}.png")
    within = box(*TILES.bounds(Tile(X, Y, Z))).buffer(-2e-5)
    features = [{"type": "Feature", "properties": {}, "geometry": mapping(within)}]
    (folder / "labels.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def store_of(root: Path, out: Path, least_usable: float = 0.5, size_px: int = 32) -> TileStore:
    scenes = ingest(root, XYZ.sources(root), XYZ, SPLIT, out / "scenes")
    tiling = TilingParams(size_px=size_px, overlap_px=0, upsampling=1, min_usable_fraction=least_usable)
    write_tiles(scenes.images_in(root), scenes, SPLIT, tiling, FOOTPRINT, out / "tiles")
    return TileStore(out / "tiles")


def test_e_a_black_crop_of_a_bright_image_is_not_learned_from(tmp_path: Path) -> None:
    write_place(tmp_path / "data", 8, 2, black=(1, 0))
    tiles = store_of(tmp_path / "data", tmp_path).tiles
    black = (tiles["row"] < SIDE) & tiles["col"].between(SIDE, 2 * SIDE - 1)
    assert not black.any()
    assert len(tiles) > 20
    kept = store_of(tmp_path / "data", tmp_path / "all", least_usable=0.0).tiles  # 0 keeps all, and loses none
    black = (kept["row"] < SIDE) & kept["col"].between(SIDE, 2 * SIDE - 1)
    assert black.sum() == 4
    assert (kept.loc[black, "usable_fraction"] == 0).all()


def distance_params(**changes: dict[str, object]) -> Params:
    content = yaml.safe_load((ROOT / "configs" / "building-distance.yaml").read_text())
    for section, values in changes.items():
        content[section] |= values
    return parse(Params, content, "building-distance.yaml")


def test_g_a_loss_or_channels_that_do_not_fit_the_distance_are_refused_before_anything_runs() -> None:
    assert distance_params().target.kind == "distance"
    with raises(ParamsError, "params.invalid", "bce", "smooth_l1"):
        distance_params(loss={"bce": 1.0, "smooth_l1": 0.0})
    with raises(ParamsError, "params.invalid", "distance", "footprint"):
        distance_params(loss={"channels": {"footprint": 1.0}})


@pytest.mark.parametrize("clip_m", [4.0, 16.0, 128.0])
def test_g_what_is_learned_lies_within_the_range_of_the_network(clip_m: float) -> None:
    target = target_of(TargetParams.model_validate({"kind": "distance", "distance": {"clip_m": clip_m}}))
    planes = target.draw(FrameLabels([box(10, 10, 12, 12)]), np.zeros((SIDE, SIDE), np.bool_), 1, VEGAS)
    (truth,) = target.truth(planes)
    assert -1 <= truth.min() < truth.max() <= 1
    assert target.unit_m == clip_m


def test_h_a_perfect_distance_scores_1_and_its_negative_0() -> None:
    planes = DISTANCE.draw(FrameLabels([box(10, 10, 40, 40)]), np.zeros((SIDE, SIDE), np.bool_), 1, VEGAS)[None]
    perfect = to_ratio(planes.astype(np.float32))[:, None]
    assert DISTANCE.count(perfect, planes).iou == 1.0
    assert DISTANCE.count(-perfect, planes).iou == 0.0


def test_i_a_pixel_that_is_unlikely_is_no_building() -> None:
    planes = np.zeros((1, 4, 4), np.uint8)
    planes[0, 0, 0] = 1
    unlikely = np.full((1, 1, 4, 4), -1.0, np.float32)  # as logits: a probability of 0.27 all over
    assert FOOTPRINT.count(unlikely, planes) == PixelCounts(tp=0, fp=0, fn=1, tn=15)


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ("evaluate", "pixel_threshold"),
        ("output.buildings.instances", "seed_threshold"),
        ("output.buildings.instances", "flood_threshold"),
    ],
)
def test_i_a_threshold_by_which_everything_is_a_building_is_refused(section: str, name: str) -> None:
    content = yaml.safe_load((ROOT / "configs" / "buildings.yaml").read_text())
    place = content
    for part in section.split("."):
        place = place[part]
    place[name] = 0.0
    with raises(ParamsError, "params.invalid", f"{section}.{name}"):
        parse(Params, content, "buildings.yaml")


def test_j_distances_are_metres_along_both_axes_of_degrees() -> None:
    planes = DISTANCE.draw(FrameLabels([box(32, -500, 600, 600)]), np.zeros((SIDE, SIDE), np.bool_), 1, VEGAS)
    east = to_ratio(planes.astype(float))[32] * 16
    planes = DISTANCE.draw(FrameLabels([box(-500, 32, 600, 600)]), np.zeros((SIDE, SIDE), np.bool_), 1, VEGAS)
    south = to_ratio(planes.astype(float))[:, 32] * 16
    step_m = 16 / 127
    assert east[52] == pytest.approx(20.5 * 0.243, abs=0.25)  # of 0.31 m a pixel it would be 6.4 m
    assert south[52] == pytest.approx(20.5 * 0.300, abs=0.25)
    assert abs(south[52] - east[52]) > 1.0 - 2 * step_m


def test_j_distances_cross_the_borders_of_map_tiles(tmp_path: Path) -> None:
    write_place(tmp_path / "data", 8, 2)
    scenes = ingest(tmp_path / "data", XYZ.sources(tmp_path / "data"), XYZ, SPLIT, tmp_path / "scenes")
    (aoi,) = scenes.frames["aoi"]
    grid = scenes.grids_of([aoi])[aoi]
    house = box(SIDE - 20, 10, SIDE - 2, 30)  # ends two pixels before the border of its tile
    whole = DISTANCE.draw(FrameLabels([house]), np.zeros(grid.shape, np.bool_), 1, grid)
    x, y = grid.transform @ (np.array([SIDE - 2, SIDE + 8.5]), np.array([20.5, 20.5]))
    east, north = Transformer.from_crs(3857, 4326, always_xy=True).transform(x, y)
    _, _, away_m = Geod(ellps="WGS84").inv(east[0], north[0], east[1], north[1])
    assert north[0] == pytest.approx(49, abs=0.5)
    assert away_m == pytest.approx(10.5 * 0.196, abs=0.01)  # of 0.299 m a pixel it would be 3.1 m
    found_m = float(to_ratio(whole[20, SIDE + 8].astype(float)) * 16)
    assert found_m == pytest.approx(-away_m, abs=16 / 127)


def test_k_no_pixel_is_both_learned_from_and_scored_and_zooms_are_not_mixed(tmp_path: Path) -> None:
    write_place(tmp_path / "data", 8, 2)
    Image.new("RGB", (SIDE, SIDE), (50, 50, 50)).save(tmp_path / "data" / f"{Z - 1}-{X // 2}-{Y // 2}.png")
    store = store_of(tmp_path / "data", tmp_path)
    assert store.frames["aoi"].tolist() == [f"z{Z}-{X}-{Y}"]
    seen: dict[str, NDArray[np.bool_]] = {}
    for split, rows in store.tiles.groupby("split"):
        cols = np.zeros(8 * SIDE, np.bool_)
        for col in rows["col"]:
            cols[col : col + store.tile_px] = True
        seen[str(split)] = cols
    assert set(seen) == {"train", "validation", "test"}
    places = [np.flatnonzero(seen[split]) for split in ("train", "validation", "test")]
    for one, other in itertools.pairwise(places):
        assert other[0] - one[-1] - 1 >= SPLIT.gap_px


# SpaceNet 2


def write_scene(root: Path, number: int, counts: NDArray[np.float64], labelled: bool = True) -> None:
    images = root / "AOI_2_Vegas_Train" / "RGB-PanSharpen"
    labels = root / "AOI_2_Vegas_Train" / "geojson" / "buildings"
    for folder in (images, labels):
        folder.mkdir(parents=True, exist_ok=True)
    transform = VEGAS.transform @ Affine.translation(number * 5_000, 0)
    options = {"driver": "GTiff", "dtype": "uint16", "count": 3, "height": SIDE, "width": SIDE}
    name = f"AOI_2_Vegas_img{number}"
    with rasterio.open(
        images / f"RGB-PanSharpen_{name}.tif", "w", **options, crs="EPSG:4326", transform=transform
    ) as file:
        file.write(np.broadcast_to(counts, (3, SIDE, SIDE)).astype(np.uint16))
    grid = Grid(4326, transform, (SIDE, SIDE))
    features = [{"type": "Feature", "properties": {}, "geometry": mapping(grid.to_crs(box(9, 9, 30, 30)))}]
    content = {"type": "FeatureCollection", "features": features if labelled else []}
    (labels / f"buildings_{name}.geojson").write_text(json.dumps(content))


RAMP = np.linspace(100, 1_900, SIDE * SIDE).reshape(SIDE, SIDE)


@pytest.fixture
def city(tmp_path: Path) -> Path:
    """Four scenes with a house, of which the fourth is four times as dark, and one without any."""
    for number in (1, 2, 3):
        write_scene(tmp_path / "data", number, RAMP + number)
    write_scene(tmp_path / "data", 4, RAMP / 4)
    write_scene(tmp_path / "data", 5, RAMP + 5, labelled=False)
    return tmp_path / "data"


def scenes_of(city: Path, out: Path) -> Scenes:
    return ingest(city, SPACENET2.sources(city), SPACENET2, SPLIT, out, StretchParams())


def test_a_dark_scene_stays_dark_and_no_value_wraps(city: Path, tmp_path: Path) -> None:
    scenes = scenes_of(city, tmp_path / "scenes")
    images = {row["aoi"]: read_image(scenes.folder / row["image"]).pixels for row in scenes.frames.to_dict("records")}
    bright, dark = (images[f"AOI_2_Vegas_img{number}"][0].astype(int) for number in (1, 4))
    assert dark.mean() < 0.4 * bright.mean()
    assert (np.diff(bright.ravel()) >= 0).all()  # what was brighter is brighter; a cast to bytes would begin anew
    assert bright.min() >= 1
    assert bright.max() == 255


def test_an_empty_scene_is_cut_into_tiles_and_counted(city: Path, tmp_path: Path) -> None:
    scenes = scenes_of(city, tmp_path / "scenes")
    tiling = TilingParams(size_px=32, overlap_px=0, upsampling=1, min_usable_fraction=0.5)
    write_tiles(scenes.folder, scenes, SPLIT, tiling, FOOTPRINT, tmp_path / "tiles")
    empty = TileStore(tmp_path / "tiles").tiles.query("aoi == 'AOI_2_Vegas_img5'")
    assert len(empty) == 4
    assert empty["labelled"].all()
    assert (empty["footprint_fraction"] == 0).all()


def test_masks_of_16_bit_scenes_are_not_black(city: Path, tmp_path: Path) -> None:
    scenes = scenes_of(city, tmp_path / "scenes")
    tiling = TilingParams(size_px=32, overlap_px=0, upsampling=1, min_usable_fraction=0.5)
    write_tiles(scenes.folder, scenes, SPLIT, tiling, FOOTPRINT, tmp_path / "tiles")
    flags = TileStore(tmp_path / "tiles").read_flags("AOI_2_Vegas_img1", "undated", (0, 0), (SIDE, SIDE))
    assert (flags & 1).sum() == 21 * 21


def test_neighbouring_scenes_are_on_one_side_of_the_split(city: Path, tmp_path: Path) -> None:
    beside = city / "AOI_2_Vegas_Train" / "RGB-PanSharpen" / "RGB-PanSharpen_AOI_2_Vegas_img2.tif"
    with rasterio.open(beside, "r+") as file:
        file.transform = VEGAS.transform @ Affine.translation(5_000 + SIDE, 0)  # where img1 ends
    labels = city / "AOI_2_Vegas_Train" / "geojson" / "buildings" / "buildings_AOI_2_Vegas_img2.geojson"
    labels.write_text('{"type": "FeatureCollection", "features": []}')
    frames = scenes_of(city, tmp_path / "scenes").frames
    assert frames["group"].nunique() == 4
    for seed in range(20):
        regions = assign_regions(frames, SPLIT.model_copy(update={"seed": seed})).set_index("aoi")["split"]
        assert regions["AOI_2_Vegas_img1"] == regions["AOI_2_Vegas_img2"]
        assert set(regions) == {"train", "validation", "test"}


def test_pixels_that_are_right_and_buildings_that_are_merged_are_told_apart() -> None:
    houses = [box(10 * place, 0, 10 * place + 9.5, 10) for place in range(6)]
    truth = pd.DataFrame({"aoi": "a", "time": "undated", "id": [str(it) for it in range(6)], "geometry": houses})
    merged = truth.iloc[:1].assign(geometry=[box(0, 0, 60, 10)], confidence=0.9)
    shape = (10, 60)
    drawn = burn_ids(houses, shape, 2) > 0
    pixels = {"a": count_pixels(np.ones_like(drawn), drawn, np.ones_like(drawn))}
    params = EvaluateParams(splits=("test",), iou_thresholds=(0.5,), pixel_threshold=0.5)
    scores = evaluate_buildings(truth, merged, pixels, params).overall
    assert scores["iou"] == pytest.approx(0.95, abs=0.01)
    assert scores["f1"] == 0.0


def offset_px(pixels: list[str], ground: list[str], grid: Grid) -> NDArray[np.float64]:
    """Median of how far pixel coordinates are from those of the ground, counted from the outer corner: (x, y)."""
    counted, placed = (shapely.get_coordinates(shapely.from_wkt(texts)) for texts in (pixels, ground))
    x, y = ~grid.transform @ (placed[:, 0], placed[:, 1])
    return np.asarray(np.median(counted - np.column_stack([x, y]), axis=0))


def test_pixels_of_the_submission_are_counted_from_the_outer_corner(tmp_path: Path) -> None:
    found = pd.DataFrame(
        {"aoi": "a", "time": "undated", "id": ["0"], "confidence": [0.9], "geometry": [box(0, 0, 20, 30)]}
    )
    write_submission(tmp_path / "submission.csv", found, {"a": VEGAS})
    table = pd.read_csv(tmp_path / "submission.csv")
    assert np.abs(offset_px(table["PolygonWKT_Pix"].tolist(), table["PolygonWKT_Geo"].tolist(), VEGAS)).max() < 0.01


def test_pixels_of_the_real_csv_are_counted_from_the_outer_corner() -> None:
    city = real("spacenet2") / "AOI_2_Vegas_Train"
    table = pd.read_csv(next(city.glob("summaryData/*.csv")))
    for image in sorted(city.glob("RGB-PanSharpen/*.tif")):
        rows = table[(table["ImageId"] == image.stem.removeprefix("RGB-PanSharpen_")) & (table["BuildingId"] > 0)]
        if len(rows):
            grid = raw_geotiff(image).grid
            off = offset_px(rows["PolygonWKT_Pix"].tolist(), rows["PolygonWKT_Geo"].tolist(), grid)
            assert np.abs(off).max() < 0.01
