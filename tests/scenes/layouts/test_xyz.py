"""Map tiles: read in any naming, stitched where they touch, labels across their borders."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from morecantile import Tile
from PIL import Image
from pyproj import Transformer
from shapely.geometry import Polygon, box, mapping

from sn7ml.areas.cover import TILES
from sn7ml.core.errors import CatalogError, RasterError
from sn7ml.core.geo.burn import burn_ids
from sn7ml.core.geo.grid import Grid
from sn7ml.params import DistanceParams, SplitParams, TargetParams, TilingParams
from sn7ml.scenes.ingest import ingest
from sn7ml.scenes.labels import buildings_of
from sn7ml.scenes.layouts.xyz import MOST_SIDE_TILES, blocks, open_image, read_labels, scan, tiles_of, xyz
from sn7ml.scenes.tiling import write_tiles
from sn7ml.targets import FrameLabels, target_of
from tests.real import real

SPLIT = SplitParams(folds=1, validation_fraction=0.3, test_fraction=0.34, gap_px=4, neighbour_tiles=8, seed=7)
TILING = TilingParams(size_px=32, overlap_px=0, upsampling=1, min_usable_fraction=0.5)
X, Y, Z = 1_238_424, 1_046_544, 21
SIDE = 64


def colour(x: int, y: int) -> tuple[int, int, int]:
    return 10 + 20 * (x - X), 10 + 20 * (y - Y), 200


def write_tile(path: Path, x: int, y: int, mode: str = "RGB", side: int = SIDE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (side, side), colour(x, y))
    (image.quantize() if mode == "P" else image.convert(mode)).save(path)


def write_place(folder: Path, tiles: list[tuple[int, int]]) -> None:
    for x, y in tiles:
        write_tile(folder / f"OAM-{x}-{y}-{Z}.png", x, y)


def write_outlines(folder: Path, grid: Grid, *houses: Polygon) -> None:
    """Write rectangles, in pixels of a grid, in degrees."""
    to_degrees = Transformer.from_crs(3857, 4326, always_xy=True)
    shapes = [mapping(box(*to_degrees.transform_bounds(*grid.to_crs(house).bounds))) for house in houses]
    features = [{"type": "Feature", "properties": {"osm_id": None}, "geometry": shape} for shape in shapes]
    (folder / "labels.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))


BLOCK = [(X + col, Y + row) for row in range(2) for col in range(3)]


@pytest.mark.parametrize(
    "name", ["OAM-{x}-{y}-{z}.png", "{z}-{x}-{y}.png", "{z}_{x}_{y}.tif", "{z}/{x}/{y}.png", "{x}-{y}-{z}.webp"]
)
def test_tiles_are_known_by_their_numbers_in_every_naming(tmp_path: Path, name: str) -> None:
    for x, y in BLOCK:
        write_tile(tmp_path / name.format(x=x, y=y, z=Z), x, y)
    assert set(tiles_of(tmp_path)) == {Tile(x, y, Z) for x, y in BLOCK}


def test_numbers_that_can_be_meant_in_both_orders_are_zoom_first_unless_a_name_goes_before(tmp_path: Path) -> None:
    write_tile(tmp_path / "bare" / "3-2-4.png", X, Y)
    write_tile(tmp_path / "named" / "city-3-2-4.png", X, Y)
    assert set(tiles_of(tmp_path / "bare")) == {Tile(2, 4, 3)}
    assert set(tiles_of(tmp_path / "named")) == {Tile(3, 2, 4)}


def test_tiles_that_touch_become_one_image_and_others_do_not(tmp_path: Path) -> None:
    write_place(tmp_path, [*BLOCK, (X + 5, Y), (X + 3, Y + 2)])  # one apart, one that touches at a corner
    table = scan(None, tmp_path)
    assert table["aoi"].tolist() == [f"z21-{X}-{Y}", f"z21-{X + 3}-{Y + 2}", f"z21-{X + 5}-{Y}"]
    image = open_image(tmp_path, table.iloc[0].to_dict())
    colours, usable = image.read()
    assert colours.shape == (3, 2 * SIDE, 3 * SIDE)
    assert usable.all()
    for x, y in BLOCK:
        at = ((y - Y) * SIDE + 5, (x - X) * SIDE + 9)
        assert tuple(colours[:, at[0], at[1]]) == colour(x, y)


def test_the_image_lies_where_its_tiles_lie(tmp_path: Path) -> None:
    write_place(tmp_path, BLOCK)
    grid = open_image(tmp_path, scan(None, tmp_path).iloc[0].to_dict()).grid
    bounds = TILES.xy_bounds(Tile(X, Y, Z)), TILES.xy_bounds(Tile(X + 2, Y + 1, Z))
    assert grid.transform @ (0, 0) == pytest.approx((bounds[0].left, bounds[0].top))
    assert grid.transform @ (3 * SIDE, 2 * SIDE) == pytest.approx((bounds[1].right, bounds[1].bottom))


def test_modes_are_mixed_and_what_is_missing_black_or_clear_is_unusable(tmp_path: Path) -> None:
    modes = ("RGB", "RGBA", "P", "RGB", "RGB")
    for (x, y), mode in zip(BLOCK[:5], modes, strict=True):  # the sixth is missing
        write_tile(tmp_path / f"{Z}-{x}-{y}.png", x, y, mode)
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / f"{Z}-{X}-{Y + 1}.png")
    clear = Image.new("RGBA", (SIDE, SIDE), (9, 9, 9, 0))
    clear.save(tmp_path / f"{Z}-{X + 1}-{Y + 1}.png")
    _, usable = open_image(tmp_path, scan(None, tmp_path).iloc[0].to_dict()).read()
    assert usable[:SIDE].all()
    assert not usable[SIDE:].any()


def test_labels_cross_the_borders_of_tiles(tmp_path: Path) -> None:
    write_place(tmp_path, [*BLOCK, (X + 9, Y)])
    grid = open_image(tmp_path, scan(None, tmp_path).iloc[0].to_dict()).grid
    write_outlines(tmp_path, grid, box(50, 50, 90, 80), box(500, 10, 540, 20))  # over four tiles; on the other place
    first = scan(None, tmp_path).iloc[0].to_dict()
    labels = buildings_of(read_labels(tmp_path, first), grid)
    assert labels["id"].tolist() == ["0"]
    assert burn_ids(labels["geometry"].tolist(), grid.shape).sum() == 40 * 30


def test_a_place_that_is_too_large_is_cut_into_blocks_without_a_tile_lost() -> None:
    tiles = [Tile(X + col, Y + row, Z) for row in range(3) for col in range(2 * MOST_SIDE_TILES + 1)]
    found = blocks(tiles)
    assert [len(block) for block in found] == [3 * MOST_SIDE_TILES, 3 * MOST_SIDE_TILES, 3]
    assert sorted(tile for block in found for tile in block) == sorted(tiles)


def test_distances_are_those_of_the_whole_place_where_it_was_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_place(tmp_path / "data", [(X + col, Y) for col in range(4)])
    whole = open_image(tmp_path / "data", scan(None, tmp_path / "data").iloc[0].to_dict()).grid
    near, far, both = box(132, 20, 150, 40), box(230, 5, 240, 15), box(110, 45, 140, 60)
    write_outlines(tmp_path / "data", whole, near, far, both)  # the place is cut at column 128
    monkeypatch.setitem(blocks.__globals__, "MOST_SIDE_TILES", 2)
    monkeypatch.setenv("SN7ML_EXECUTOR", "serial")
    layout = xyz(None)
    scenes = ingest(tmp_path / "data", layout.sources(tmp_path / "data"), layout, SPLIT, tmp_path / "scenes")
    west, east = scenes.frames["aoi"]
    assert scenes.labels_of([west])["id"].tolist() == ["2"]  # what is scored there
    assert scenes.outlines_of([west])["id"].tolist() == ["2", "0"]  # the far one is more than a tile away
    assert scenes.outlines_of([east])["id"].tolist() == ["0", "1", "2"]
    target = target_of(TargetParams(kind="distance", distance=DistanceParams(clip_m=4.0)))
    drawn = target.draw(FrameLabels([near, far, both]), np.zeros(whole.shape, np.bool_), 1, whole)
    for aoi, columns in ((west, slice(0, 128)), (east, slice(128, 256))):
        grid = scenes.grids_of([aoi])[aoi]
        outlines = scenes.outlines_of([aoi])["geometry"].tolist()
        part = target.draw(FrameLabels(outlines), np.zeros(grid.shape, np.bool_), 1, grid)
        assert np.abs(part.astype(int) - drawn[:, columns]).max() <= 1  # of 254 steps
        split, tiles = SPLIT.model_copy(update={"aois": (aoi,)}), tmp_path / f"tiles-{aoi}"
        write_tiles(scenes.images_in(tmp_path / "data"), scenes, split, TILING, target, tiles)
        with rasterio.open(tiles / aoi / "masks.tif") as masks:
            assert (masks.read(1) == part).all()


def test_one_zoom_is_chosen(tmp_path: Path) -> None:
    write_tile(tmp_path / f"{Z}-{X}-{Y}.png", X, Y)
    write_tile(tmp_path / f"{Z - 1}-{X // 2}-{Y // 2}.png", X, Y)
    assert len(scan(20, tmp_path)) == 1
    for zoom in (None, 18):
        with pytest.raises(CatalogError) as caught:
            scan(zoom, tmp_path)
        assert caught.value.code == "data.zoom"


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ([], "data.no-tiles"),
        (["photo-of-1-2.png", "IMG-2030-11-30.jpg"], "data.tile-name"),
        ([f"{Z}-{X}-{Y}.png", f"{Z}-{X}-{Y}.tif"], "data.duplicate-tile"),
        ([f"{Z}-{X}-{Y}.png", "a.geojson", "b.geojson"], "data.bad-files"),
    ],
    ids=["none", "dates", "twice", "two label files"],
)
def test_a_folder_that_cannot_be_read_as_tiles_is_refused(tmp_path: Path, names: list[str], code: str) -> None:
    for name in names:
        (tmp_path / name).write_text("{}")
    with pytest.raises(CatalogError) as caught:
        scan(None, tmp_path)
    assert caught.value.code == code


def test_every_tile_of_another_size_and_every_one_that_is_damaged_is_named(tmp_path: Path) -> None:
    write_place(tmp_path, BLOCK)
    write_tile(tmp_path / f"OAM-{X + 1}-{Y}-{Z}.png", X + 1, Y, side=32)
    (tmp_path / f"OAM-{X + 2}-{Y}-{Z}.png").write_bytes(b"\x89PNG, so to speak")
    with pytest.raises(RasterError) as caught:
        open_image(tmp_path, scan(None, tmp_path).iloc[0].to_dict()).read()
    assert caught.value.code == "image.tile"
    assert f"OAM-{X + 1}-{Y}-{Z}.png" in str(caught.value)
    assert f"OAM-{X + 2}-{Y}-{Z}.png" in str(caught.value)


def test_kampala_is_as_its_description_says() -> None:
    root = real("xyz")
    built: dict[int, list[float]] = {}
    for zoom in (19, 20, 21):
        for source in scan(zoom, root).to_dict("records"):
            image = open_image(root, source)
            labels = buildings_of(read_labels(root, source), image.grid)
            _, usable = image.read()
            mask = burn_ids(labels["geometry"].tolist(), image.grid.shape) > 0
            built.setdefault(len(labels), []).append(float(mask[usable].mean()))
            assert usable.mean() > 0.99
    assert built == {98: pytest.approx([0.59] * 3, abs=0.01), 108: pytest.approx([0.24] * 3, abs=0.01)}
    assert len(tiles_of(root / "kampala")) == 147
