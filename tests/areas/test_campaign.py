"""`sn7ml areas`, as a person types it: areas, counts and outlines of a drawn town, whatever its tiles are like."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image
from pyproj import Geod
from shapely.geometry import Polygon, box
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from sn7ml.areas.cover import TILES
from sn7ml.areas.look import look_around
from sn7ml.areas.source import SourceOptions
from sn7ml.core.errors import AreasError, ModelError
from sn7ml.learn.package import load_package
from sn7ml.params import ModelImages
from tests.areas.town import (
    INSTANCES,
    NORTH,
    SIDE,
    WEST,
    ZOOM,
    Bright,
    Everything,
    Town,
    predictor,
    read_areas,
    results,
    run,
    use,
    write_boundary,
    write_model,
)
from tests.learn.toy import windows
from tests.raising import raises

ALONE = (10, 20, 12, 16)
OVER_TILES = (30, 50, 20, 40)
"""Reaches from the first tile into the second; its centre, in column 70, lies in the second."""

OVER_BLOCKS = (100, 110, 40, 30)
"""Around the corner of four tiles, which are four blocks of two tiles a side."""

LONG = (150, 40, 8, 200)
"""Much longer than the margin, over two blocks and more."""

PAIR = ((200, 100, 10, 50), (212, 100, 10, 50))
"""Side by side across the border of blocks, two pixels apart."""

BUILDINGS = Path(__file__).parents[2] / "configs" / "buildings.yaml"
TOWN = Town(4, 4, (ALONE, OVER_TILES, OVER_BLOCKS, LONG, *PAIR))
MARGIN = 24


@pytest.fixture(autouse=True)
def bright(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Bright())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def tiles(tmp_path: Path) -> Path:
    return TOWN.write(tmp_path / "tiles")


@pytest.fixture
def boundary(tmp_path: Path) -> Path:
    return write_boundary(tmp_path / "boundary.geojson", *TOWN.tiles)


def campaign(boundary: Path, tiles: Path | str, model: Path, out: Path, **options: object) -> str:
    given = {"zoom": ZOOM, "tiles": tiles, "model": model, "out": out, "tile_px": SIDE, "block": 2, "margin": MARGIN}
    words = [(f"--{name.replace('_', '-')}", value) for name, value in (given | options).items()]
    return run("areas", boundary, *(word for pair in words for word in pair))


def tile_of(areas: pd.DataFrame, x: int, y: int) -> "pd.Series[Any]":
    ((_, row),) = areas[(areas["x"] == WEST + x) & (areas["y"] == NORTH + y)].iterrows()
    return row


def inside(rectangle: tuple[int, int, int, int], x: int, y: int) -> tuple[int, int, int, int]:
    """Return what of a rectangle lies in a tile."""
    row, col, height, width = rectangle
    top, left = max(row, y * SIDE), max(col, x * SIDE)
    bottom, right = min(row + height, (y + 1) * SIDE), min(col + width, (x + 1) * SIDE)
    return top, left, max(bottom - top, 0), max(right - left, 0)


def test_areas_are_those_on_the_ground_and_buildings_count_where_their_centre_is(
    boundary: Path, tiles: Path, model: Path, tmp_path: Path
) -> None:
    told = campaign(boundary, tiles, model, tmp_path / "out")
    areas = read_areas(tmp_path / "out")
    assert list(areas.columns) == ["tile", "x", "y", "z", "area_m2", "buildings", "covered_fraction", "state"]
    assert [(row.x, row.y, row.z) for row in areas.itertuples()] == [tuple(tile) for tile in TOWN.tiles]
    assert areas["tile"][1] == f"{ZOOM}/{WEST + 1}/{NORTH}"
    assert set(areas["state"]) == {"ok"}
    for y in range(4):
        for x in range(4):
            true = sum(TOWN.area_m2(inside(it, x, y)) for it in TOWN.buildings)
            whole = TOWN.area_m2((y * SIDE, x * SIDE, SIDE, SIDE))
            row = tile_of(areas, x, y)
            assert row["area_m2"] == pytest.approx(true, rel=1e-4, abs=0.06)
            assert row["covered_fraction"] == pytest.approx(true / whole, abs=2e-5)
    counts = areas["buildings"].to_numpy().reshape(4, 4).tolist()
    assert counts == [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 2, 0, 0]]
    assert "16 tiles: 16 ok" in told
    assert "6 buildings" in told


def test_each_building_has_one_outline_across_tiles_and_blocks(
    boundary: Path, tiles: Path, model: Path, tmp_path: Path
) -> None:
    campaign(boundary, tiles, model, tmp_path / "out")
    package = geopandas.read_file(tmp_path / "out" / "buildings.gpkg")
    plain = geopandas.read_file(tmp_path / "out" / "buildings.geojson")
    drawn = []
    for row, col, height, width in TOWN.buildings:
        corners = (row, col), (row + height, col), (row + height, col + width), (row, col + width)
        drawn.append(Polygon([TOWN.degrees(*corner) for corner in corners]))
    for found in (package, plain):
        assert len(found) == len(drawn)
        for rectangle, shape in zip(TOWN.buildings, drawn, strict=True):
            (same,) = [n for n in range(len(found)) if found.geometry[n].intersects(shape.buffer(-1e-6))]
            overlap = found.geometry[same].intersection(shape).area / found.geometry[same].union(shape).area
            assert overlap > 0.999
            assert found["area_m2"][same] == pytest.approx(TOWN.area_m2(rectangle), rel=1e-4)
            assert found["confidence"][same] > 0.9
    assert package.crs.to_epsg() == 4326
    written = json.loads((tmp_path / "out" / "buildings.geojson").read_text())
    assert "crs" not in written  # RFC 7946, 4
    assert all(Polygon(it["geometry"]["coordinates"][0]).exterior.is_ccw for it in written["features"])  # 3.1.6


@pytest.mark.parametrize(("block", "margin"), [(1, 24), (4, 64), (3, 8), (2, 0)])
def test_how_the_cover_is_cut_into_blocks_changes_nothing(
    boundary: Path, tiles: Path, model: Path, tmp_path: Path, block: int, margin: int
) -> None:
    for name, options in {"out": {}, "other": {"block": block, "margin": margin}}.items():
        campaign(boundary, tiles, model, tmp_path / name, **options)
    one, other = (tmp_path / name / "areas.csv" for name in ("out", "other"))
    assert one.read_bytes() == other.read_bytes()


def test_a_building_counts_if_its_centre_lies_in_the_cover_and_its_area_as_far_as_it_does(
    tiles: Path, model: Path, tmp_path: Path
) -> None:
    (first,) = [tile for tile in TOWN.tiles if (tile.x, tile.y) == (WEST, NORTH)]
    campaign(write_boundary(tmp_path / "one.geojson", first), tiles, model, tmp_path / "out")
    (row,) = read_areas(tmp_path / "out").to_dict("records")
    assert row["buildings"] == 1  # ALONE, and not OVER_TILES
    assert row["area_m2"] == pytest.approx(TOWN.area_m2(ALONE) + TOWN.area_m2((30, 50, 20, 14)), abs=0.06)


class Wide(Bright):
    """Judges each pixel by the 33 × 33 pixels around it; beyond an image it sees ground."""

    def forward(self, image: Tensor) -> Tensor:
        down = avg_pool2d(image.mean(dim=1, keepdim=True), (33, 1), stride=1, padding=(16, 0))
        return super().forward(3 * avg_pool2d(down, (1, 33), stride=1, padding=(0, 16)))


def off_px(tmp_path: Path, block: int, margin: int) -> NDArray[np.float64]:
    """Measure a town by a wide network; return by how many pixels each tile is off from all of it predicted at once."""
    town, at_once = Town(4, 4, ((20, 44, 24, 18), (150, 60, 30, 30))), windows(tile_px=6 * SIDE)
    boundary, out = write_boundary(tmp_path / "boundary.geojson", *town.tiles), tmp_path / "out"
    model = write_model(tmp_path / "model", predict=at_once)
    campaign(boundary, town.write(tmp_path / "tiles"), model, out, block=block, margin=margin)
    brightness = json.loads((out / "campaign.json").read_text())["brightness"]
    mean, std = (np.array(brightness[name], np.float32) for name in ("mean", "std"))
    pixels = np.pad(np.moveaxis(town.pixels(), 2, 0), ((0, 1), (0, 0), (0, 0)), constant_values=255)
    found = predictor(Wide(), at_once).predict_image(pixels, brightness=(mean, std)).channels[0] > 127
    areas = read_areas(out)["area_m2"].to_numpy().reshape(4, 4)
    pixel_m2 = np.array([[town.area_m2((y * SIDE + 32, x * SIDE, 1, 1)) for x in range(4)] for y in range(4)])
    return np.asarray(np.abs(areas / pixel_m2 - found.reshape(4, SIDE, 4, SIDE).sum(axis=(1, 3))))


@pytest.mark.parametrize(("block", "margin"), [(1, 24), (4, 24), (2, 16)])
def test_networks_see_over_the_borders_of_tiles_and_blocks_as_far_as_the_margin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, margin: int
) -> None:
    use(monkeypatch, Wide())
    assert off_px(tmp_path, block, margin).max() < 1


def test_without_a_margin_networks_see_no_more_than_their_tile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Wide())
    assert off_px(tmp_path, 1, 0)[0, 1] > 100  # beside a house that ends two pixels before it


@pytest.mark.parametrize(
    ("latitude", "zoom", "tile_px", "upsampling"),
    [(0.0, 18, 64, 1), (27.6, 18, 64, 2), (42.0, 18, 64, 1), (60.0, 18, 64, 1), (27.6, 16, 64, 1), (42.0, 20, 128, 1)],
)
def test_a_fully_built_tile_has_its_area_on_the_ellipsoid(
    latitude: float, zoom: int, tile_px: int, upsampling: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Everything(), upsampling)
    model, middle = write_model(tmp_path / "model", upsampling=upsampling), TILES.tile(32.6, latitude, zoom)
    town = Town(3, 3, (), middle.x - 1, middle.y - 1, zoom, tile_px)
    boundary, tiles = write_boundary(tmp_path / "one.geojson", middle), town.write(tmp_path / "tiles")
    campaign(boundary, tiles, model, tmp_path / "out", zoom=zoom, tile_px=tile_px)
    (row,) = read_areas(tmp_path / "out").to_dict("records")
    true, _ = Geod(ellps="WGS84").geometry_area_perimeter(box(*TILES.bounds(middle)))
    assert row["area_m2"] == pytest.approx(abs(true), rel=1e-5)
    assert row["covered_fraction"] == 1.0


def test_tiles_that_cannot_be_used_are_named_and_all_others_go_on(
    boundary: Path, tiles: Path, model: Path, tmp_path: Path
) -> None:
    campaign(boundary, tiles, model, tmp_path / "whole")
    folder = tiles / f"{ZOOM}"
    (folder / f"{WEST}" / f"{NORTH + 3}.png").unlink()
    Image.new("RGB", (SIDE, SIDE)).save(folder / f"{WEST + 3}" / f"{NORTH}.png")
    Image.new("RGB", (SIDE * 2, SIDE * 2), (9, 9, 9)).save(folder / f"{WEST + 3}" / f"{NORTH + 1}.png")
    (folder / f"{WEST + 3}" / f"{NORTH + 2}.png").write_bytes(b"<html>no such tile</html>")
    half = Image.open(folder / f"{WEST + 3}" / f"{NORTH + 3}.png").convert("RGBA")
    half.paste((0, 0, 0, 0), (0, 0, SIDE, SIDE // 2))
    half.save(folder / f"{WEST + 3}" / f"{NORTH + 3}.png")
    told = campaign(boundary, tiles, model, tmp_path / "out")
    whole, areas = (read_areas(tmp_path / name) for name in ("whole", "out"))
    states = {(0, 3): "missing", (3, 0): "black", (3, 1): "wrong size", (3, 2): "not an image", (3, 3): "partial"}
    for (x, y), state in states.items():
        row = tile_of(areas, x, y)
        assert row["state"] == state
        if state != "partial":
            assert row[["area_m2", "buildings", "covered_fraction"]].isna().all()
    untouched = ~areas["state"].isin(states.values())
    columns = ["tile", "area_m2", "covered_fraction", "state"]
    pd.testing.assert_frame_equal(areas.loc[untouched, columns], whole.loc[untouched, columns])
    assert areas["buildings"].sum() == whole["buildings"].sum()  # of LONG, the part that is seen has another centre
    assert "1 missing, 1 not an image, 11 ok, 1 partial, 1 wrong size" in " ".join(told.split())


def test_a_block_without_a_single_tile_is_told_and_changes_no_other(
    boundary: Path, tiles: Path, model: Path, tmp_path: Path
) -> None:
    campaign(boundary, tiles, model, tmp_path / "whole")
    for x in (2, 3):
        for y in (0, 1):
            (tiles / f"{ZOOM}" / f"{WEST + x}" / f"{NORTH + y}.png").unlink()
    campaign(boundary, tiles, model, tmp_path / "out")
    whole, areas = (read_areas(tmp_path / name) for name in ("whole", "out"))
    gone = (areas["x"] >= WEST + 2) & (areas["y"] < NORTH + 2)
    assert areas.loc[gone, "state"].tolist() == ["missing"] * 4
    assert areas.loc[gone, ["area_m2", "buildings", "covered_fraction"]].isna().all(axis=None)
    pd.testing.assert_frame_equal(areas[~gone], whole[~gone])


def test_the_same_command_goes_on_and_computes_no_block_again(
    boundary: Path, tiles: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    campaign(boundary, tiles, model, out)
    before, blocks = results(out), sorted(out.glob("blocks/*[0-9].parquet"))
    assert len(blocks) == 4
    blocks[1].unlink()
    (out / "blocks" / f".{blocks[1].stem}.17.tmp.parquet").touch()  # what a kill leaves
    for name in ("areas.csv", "buildings.gpkg", "buildings.geojson"):
        (out / name).unlink()
    ages = {path: path.stat().st_mtime_ns for path in blocks if path.exists()}
    assert "12 of 16 tiles were there already" in campaign(boundary, tiles, model, out)
    assert results(out) == before
    assert {path: path.stat().st_mtime_ns for path in ages} == ages


def test_tiles_whose_source_failed_are_asked_for_again_by_the_next_run(
    boundary: Path, tiles: Path, model: Path, tmp_path: Path
) -> None:
    campaign(boundary, tiles, model, tmp_path / "whole")
    path, out = tiles / f"{ZOOM}" / f"{WEST}" / f"{NORTH}.png", tmp_path / "out"
    path.rename(tmp_path / "kept.png")
    path.mkdir()  # it is there, and cannot be read
    campaign(boundary, tiles, model, out)
    assert tile_of(read_areas(out), 0, 0)["state"] == "failed"
    path.rmdir()
    (tmp_path / "kept.png").rename(path)
    campaign(boundary, tiles, model, out)
    assert (out / "areas.csv").read_bytes() == (tmp_path / "whole" / "areas.csv").read_bytes()


def test_another_campaign_in_the_same_folder_is_refused(
    boundary: Path, tiles: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    campaign(boundary, tiles, model, out)
    before = results(out)
    one = write_boundary(tmp_path / "one.geojson", TOWN.tiles[0])
    other = write_model(tmp_path / "other", min_area_px2=INSTANCES.min_area_px2 + 1)
    with raises(AreasError, "areas.other-campaign", out, "boundary", "tiles 16, not 1"):
        campaign(one, tiles, model, out)
    with raises(AreasError, "areas.other-campaign", out, "margin_px 24, not 25"):
        campaign(boundary, tiles, model, out, margin=MARGIN + 1)
    with raises(AreasError, "areas.other-campaign", out, "output.buildings.instances.min_area_px2 4.0, not 5.0"):
        campaign(boundary, tiles, other, out)
    assert results(out) == before


def test_a_folder_of_something_else_is_not_touched(boundary: Path, tiles: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "areas.csv").write_text("mine")
    with raises(AreasError, "areas.folder-not-empty", out):
        campaign(boundary, tiles, model, out)
    (out / "campaign.json").write_text('{"asked": []}')
    with raises(AreasError, "areas.campaign-unreadable", out / "campaign.json"):
        campaign(boundary, tiles, model, out)
    with raises(AreasError, "output.not-a-folder", out / "areas.csv"):
        campaign(boundary, tiles, model, out / "areas.csv")
    assert (out / "areas.csv").read_text() == "mine"


def test_a_zoom_at_which_there_are_no_tiles_is_told_with_those_there_are(
    boundary: Path, tiles: Path, model: Path, tmp_path: Path
) -> None:
    with raises(AreasError, "areas.no-tiles", tiles, 17, "4 missing", [ZOOM]):
        campaign(boundary, tiles, model, tmp_path / "out", zoom=17)
    assert not (tmp_path / "out").exists()


def test_tiles_of_another_size_are_told_with_the_option(
    boundary: Path, tiles: Path, model: Path, tmp_path: Path
) -> None:
    with raises(AreasError, "areas.no-tiles", "--tile-px", "wrong size"):
        campaign(boundary, tiles, model, tmp_path / "out", tile_px=256)
    assert not (tmp_path / "out").exists()


def test_a_boundary_of_ten_million_tiles_is_refused_at_once(tiles: Path, model: Path, tmp_path: Path) -> None:
    geopandas.GeoDataFrame(geometry=[box(32, 0, 36.4, 4.4)], crs=4326).to_file(tmp_path / "country.geojson")
    with raises(AreasError, "areas.too-many-tiles", "--max-tiles", 2_000_000):
        campaign(tmp_path / "country.geojson", tiles, model, tmp_path / "out")
    with raises(AreasError, "areas.too-many-tiles", 15):
        campaign(write_boundary(tmp_path / "town.geojson", *TOWN.tiles), tiles, model, tmp_path / "out", max_tiles=15)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ("nowhere", "areas.no-folder"),
        ("tiles/{z}/{x}.png", "areas.template"),
        ("tiles/{z}/{x}/{y}/{key}.png", "areas.template"),
        ("tiles/{z}/{x}/../../../{y}.png", "areas.template-leaves"),
        ("https://{x}.example/{z}/{y}.png", "areas.template"),
        ("file:///etc/{z}/{x}/{y}", "areas.template"),
    ],
)
def test_a_template_that_cannot_be_meant_is_refused(
    boundary: Path, model: Path, tmp_path: Path, template: str, code: str
) -> None:
    with raises(AreasError, code):
        campaign(boundary, template, model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


PIXEL_M = 40_075_016.7 / (SIDE * 2**ZOOM)
"""Of the town's tiles, near the equator."""


@pytest.mark.parametrize(("factor", "zoom"), [(4.0, ZOOM - 2), (1.9, ZOOM - 1), (0.25, ZOOM + 2)])
def test_tiles_of_another_zoom_than_was_learned_are_told_with_the_one_that_fits(
    boundary: Path, tiles: Path, tmp_path: Path, factor: float, zoom: int
) -> None:
    span = PIXEL_M * factor, PIXEL_M * factor
    images = ModelImages(stretch={}, pixel_height_m=span, pixel_width_m=span)
    model = write_model(tmp_path / "model", images=images)
    with raises(AreasError, "areas.pixel-size", ZOOM, f"zoom {zoom},", "--any-pixel-size"):
        campaign(boundary, tiles, model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_tiles_of_about_the_pixels_that_were_learned_are_taken(boundary: Path, tiles: Path, tmp_path: Path) -> None:
    images = ModelImages(stretch={}, pixel_height_m=(PIXEL_M * 1.3,) * 2, pixel_width_m=(PIXEL_M * 1.1,) * 2)
    campaign(boundary, tiles, write_model(tmp_path / "model", images=images), tmp_path / "out")
    assert set(read_areas(tmp_path / "out")["state"]) == {"ok"}


def test_a_margin_wider_than_a_tile_is_refused(boundary: Path, tiles: Path, model: Path, tmp_path: Path) -> None:
    with raises(AreasError, "areas.margin", SIDE + 1, SIDE):
        campaign(boundary, tiles, model, tmp_path / "out", margin=SIDE + 1)


def test_a_model_of_buildings_through_time_is_refused(boundary: Path, tiles: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", task="buildings_through_time")
    with raises(AreasError, "areas.task", "buildings_through_time", "building_distance"):
        campaign(boundary, tiles, model, tmp_path / "out")


def test_a_model_by_distance_is_used_alike(boundary: Path, tiles: Path, model: Path, tmp_path: Path) -> None:
    campaign(boundary, tiles, model, tmp_path / "out")
    campaign(boundary, tiles, write_model(tmp_path / "model", task="building_distance"), tmp_path / "other")
    assert (tmp_path / "other" / "areas.csv").read_bytes() == (tmp_path / "out" / "areas.csv").read_bytes()


def test_a_damaged_model_is_named(
    boundary: Path, tiles: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    with raises(ModelError, "package.weights-misfit", model):
        campaign(boundary, tiles, model, tmp_path / "out")
    with raises(ModelError, "registry.model-name", tmp_path / "none"):
        campaign(boundary, tiles, tmp_path / "none", tmp_path / "out")


def test_a_worker_that_joins_leaves_nothing_to_do(boundary: Path, tiles: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with raises(AreasError, "areas.no-campaign", out):
        run("areas-work", out, "--model", model, "--tiles", tiles)
    campaign(boundary, tiles, model, out)
    other = write_model(tmp_path / "other", min_area_px2=9.0)
    with raises(AreasError, "areas.other-model", out):
        run("areas-work", out, "--model", other, "--tiles", tiles)
    with raises(AreasError, "areas.other-params", out, "predict.tile_px"):
        run("areas-work", out, "--model", model, "--tiles", tiles, "--params", BUILDINGS)
    assert "0 blocks of it" in run("areas-work", out, "--model", model, "--tiles", tiles)


def test_the_networks_follow_what_the_campaign_looks_like(
    boundary: Path, tiles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All networks of a campaign have the statistics of its tiles, measured once; the model itself stays as it is."""
    monkeypatch.undo()
    network = nn.Sequential(nn.BatchNorm2d(3, affine=False), nn.Conv2d(3, 1, 1))
    monkeypatch.setattr("sn7ml.learn.package.bare_model", lambda _model, _channels: deepcopy(network))
    own, out = network.state_dict(), tmp_path / "out"
    own["0.running_mean"] += 5.0
    model = write_model(tmp_path / "model", predict=windows(tile_px=SIDE, adaptation=1.0), weights=own)
    campaign(boundary, tiles, model, out)
    followed = load_package(out / "model").weights[0]
    looked = look_around(SourceOptions(str(tiles), SIDE), TOWN.tiles, SIDE)
    seen = np.concatenate(looked.windows, axis=2)[:3].reshape(3, -1).astype(float)
    mean, std = looked.brightness
    expected = (seen.mean(axis=1) - mean) / std
    assert followed["0.running_mean"].numpy() == pytest.approx(expected, abs=0.01)
    assert (followed["1.weight"] == own["1.weight"]).all()
    assert all((load_package(model).weights[0][name] == tensor).all() for name, tensor in own.items())
    written = (out / "model" / "weights.safetensors").stat().st_mtime_ns
    (out / "areas.csv").unlink()
    next(out.glob("blocks/*.parquet")).unlink()
    campaign(boundary, tiles, model, out)
    assert (out / "model" / "weights.safetensors").stat().st_mtime_ns == written


def test_a_model_that_was_adapted_before_a_kill_is_no_other_campaign(
    boundary: Path, tiles: Path, model: Path, tmp_path: Path
) -> None:
    campaign(boundary, tiles, model, tmp_path / "whole")
    (tmp_path / "out" / "model").mkdir(parents=True)
    (tmp_path / "out" / "model" / "weights.safetensors").write_bytes(b"half")
    campaign(boundary, tiles, model, tmp_path / "out")
    assert (tmp_path / "out" / "areas.csv").read_bytes() == (tmp_path / "whole" / "areas.csv").read_bytes()


@pytest.mark.parametrize(("window_px", "side"), [(SIDE, 1), (SIDE + 1, 2), (3 * SIDE, 3)])
def test_places_are_as_large_as_windows(tiles: Path, window_px: int, side: int) -> None:
    looked = look_around(SourceOptions(str(tiles), SIDE), TOWN.tiles[:1], window_px)
    (window,) = looked.windows
    assert (window[:3] == np.moveaxis(TOWN.pixels(), 2, 0)[:, : side * SIDE, : side * SIDE]).all()
    assert (window[3] == 255).all()
