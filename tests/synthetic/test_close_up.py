"""Synthetic scenes and map tiles: laid out as the real ones, and their truth is true on the ground."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry import shape

from sn7ml.core.errors import ParamsError
from sn7ml.core.geo.burn import burn_ids
from sn7ml.core.geo.grid import WEB_MERCATOR
from sn7ml.core.geo.ground import outline_areas_m2
from sn7ml.params import SplitParams
from sn7ml.scenes.ingest import ingest
from sn7ml.scenes.labels import buildings_of
from sn7ml.scenes.layouts.layout import Layout
from sn7ml.scenes.layouts.spacenet2 import SPACENET2
from sn7ml.scenes.layouts.xyz import open_image, read_labels, xyz
from sn7ml.synthetic import make_map_tiles, make_scenes
from tests.raising import raises

pytestmark = pytest.mark.usefixtures("serial")

SIDE = 512
SPLIT = SplitParams(folds=1, validation_fraction=0.2, test_fraction=0.3, gap_px=16, neighbour_tiles=8, seed=7)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes") / "data"
    make_scenes(folder, scenes=4, size_px=SIDE, seed=5)
    return folder


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiles") / "data"
    make_map_tiles(folder, places=2, seed=5)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(scenes: Path, tmp_path: Path) -> None:
    make_scenes(tmp_path / "again", scenes=4, size_px=SIDE, seed=5)
    make_scenes(tmp_path / "other", scenes=2, size_px=SIDE, seed=6)
    again, other = files_of(tmp_path / "again"), files_of(tmp_path / "other")
    assert again == files_of(scenes)
    images = [name for name in other if name.endswith(".tif")]
    assert len(images) == 3
    assert all(other[name] != again[name] for name in images)


def test_scenes_are_as_the_real_ones(scenes: Path) -> None:
    table = SPACENET2.sources(scenes)
    assert (table["labels"] == "").sum() == 1
    brightness = []
    for source in table.to_dict("records"):
        with rasterio.open(scenes / source["image"]) as file:
            assert (file.count, file.dtypes[0], file.nodata) == (3, "uint16", None)
            assert file.crs.to_epsg() == 4326
            assert file.transform.a == pytest.approx(2.7e-6)
            counts = file.read()
        assert 1 <= counts.min() < counts.max() <= 2047
        brightness.append(np.percentile(counts, 98))
    assert max(brightness) > 1.5 * min(brightness)


def test_geojson_and_csv_say_the_same_and_the_last_scene_is_empty(scenes: Path) -> None:
    (path,) = scenes.rglob("*_Solutions.csv")
    table = pd.read_csv(path)
    for scene, rows in table.groupby("ImageId"):
        (geojson,) = scenes.rglob(f"buildings_{scene}.geojson")
        features = json.loads(geojson.read_text())["features"]
        outlines = [shape(feature["geometry"]) for feature in features]
        texts = rows.loc[rows["BuildingId"] > 0, "PolygonWKT_Geo"].tolist()
        one, other = shapely.union_all(outlines), shapely.union_all(shapely.from_wkt(texts))
        assert one.symmetric_difference(other).area <= 1e-6 * one.area
        assert all(outline.has_z for outline in outlines)
    empty = table[table["ImageId"] == "AOI_8_Sand_img4"]
    assert empty["BuildingId"].tolist() == [-1]
    assert empty["PolygonWKT_Pix"].tolist() == ["POLYGON EMPTY"]
    assert table["ImageId"].nunique() == 4


def test_pixels_of_the_csv_begin_at_the_outer_corner(scenes: Path) -> None:
    table = pd.read_csv(next(scenes.rglob("*_Solutions.csv")))
    with rasterio.open(next(scenes.rglob("*Sand_img1.tif"))) as file:
        transform = file.transform
    first = table[table["ImageId"] == "AOI_8_Sand_img1"]
    pixels, ground = (shapely.get_coordinates(shapely.from_wkt(first[name].tolist())) for name in first.columns[2:])
    on_ground = np.column_stack(transform @ (pixels[:, 0], pixels[:, 1]))
    assert np.abs(on_ground - ground).max() < 0.01 * 2.7e-6  # digits of the file; half a pixel would be 0.5


def found_in(root: Path, layout: Layout, out: Path) -> dict[str, tuple[int, float, float]]:
    """AOI to buildings, ground area and built share within its image, as the pipeline reads them."""
    known = ingest(root, layout.sources(root), layout, SPLIT, out)
    labelled = known.frames.loc[known.frames["labelled"], "aoi"].tolist()
    found = {}
    for aoi, grid in known.grids_of(labelled).items():
        outlines = known.labels_of([aoi])["geometry"].to_numpy(dtype=object)
        seen = shapely.intersection(outlines, shapely.box(0, 0, grid.shape[1], grid.shape[0]))
        seen = seen[shapely.area(seen) > 0]
        share = float((burn_ids(list(seen), grid.shape) > 0).mean()) if len(seen) else 0.0
        found[aoi] = (len(seen), float(outline_areas_m2(seen, grid).sum()), share)
    return found


def truth_of(root: Path) -> dict[str, tuple[int, float, float]]:
    table = pd.read_csv(root / "truth.csv")
    rows = table.to_dict("records")
    return {row["aoi"]: (row["buildings"], row["area_m2"], row["built_fraction"]) for row in rows}


@pytest.mark.parametrize("kind", ["scenes", "tiles"])
def test_the_truth_is_what_the_pipeline_reads_in_metres(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    root: Path = request.getfixturevalue(kind)
    layout = SPACENET2 if kind == "scenes" else xyz(19)
    if kind == "tiles":  # two groups cannot be split without being told how, which conversion asks for 16 bits only
        assert len(layout.sources(root)) == 2
    found, truth = found_in(root, layout, tmp_path / "scenes"), truth_of(root)
    assert set(found) <= set(truth)
    assert len(found) == (4 if kind == "scenes" else 2)
    for aoi, (buildings, area_m2, share) in found.items():
        assert truth[aoi][0] == buildings
        assert area_m2 == pytest.approx(truth[aoi][1], rel=1e-3)
        assert share == pytest.approx(truth[aoi][2], abs=0.002)


def test_the_second_scene_touches_the_first_and_the_others_are_strangers(scenes: Path, tmp_path: Path) -> None:
    frames = ingest(scenes, SPACENET2.sources(scenes), SPACENET2, SPLIT, tmp_path).frames
    group = frames.set_index("aoi")["group"]
    assert group["AOI_8_Sand_img2"] == group["AOI_8_Sand_img1"]
    assert group.nunique() == len(group) - 1


def test_roofs_lie_where_the_labels_are(scenes: Path) -> None:
    """A roof is more even than what lies under its outline moved aside."""
    edges = [unevenness(scenes, shift) for shift in (0, 12)]
    assert edges[0] < 0.6 * edges[1]


def unevenness(scenes: Path, shift: int) -> float:
    """Median over buildings of deviation by mean of the brightness within outlines moved by ``shift`` pixels."""
    rows = pd.read_csv(next(scenes.rglob("*_Solutions.csv")))
    found = []
    for number in (1, 2, 3):
        with rasterio.open(next(scenes.rglob(f"*Sand_img{number}.tif"))) as file:
            grey, to_pixels = file.read().mean(axis=0), ~file.transform
        outlines = shapely.from_wkt(rows.loc[rows["ImageId"] == f"AOI_8_Sand_img{number}", "PolygonWKT_Geo"].tolist())
        pixels = shapely.transform(outlines, partial(moved, to_pixels)) if len(outlines) else outlines
        ids = burn_ids(list(shapely.transform(pixels, lambda xy: xy + shift)), grey.shape)
        found += [grey[ids == each].std() / grey[ids == each].mean() for each in np.unique(ids[ids > 0])]
    return float(np.median(found))


def moved(to: Affine, xy: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack(to @ (xy[:, 0], xy[:, 1]))


def test_the_zoom_below_shows_the_same_ground_at_half_the_size(tiles: Path) -> None:
    images = {}
    for zoom in (19, 18):
        layout = xyz(zoom)
        for source in layout.sources(tiles).to_dict("records"):
            image = open_image(tiles, source)
            images[source["part"], zoom] = (image.grid, image.read())
            labels = buildings_of(read_labels(tiles, source), image.grid)
            assert len(labels) > 5
    for place in ("large", "small1"):
        (fine, (colours, usable)), (coarse, (small, _)) = images[place, 19], images[place, 18]
        assert fine.transform @ (0, 0) == pytest.approx(coarse.transform @ (0, 0))
        assert fine.transform.a == pytest.approx(coarse.transform.a / 2)
        means = colours.reshape(3, small.shape[1], 2, small.shape[2], 2).mean(axis=(2, 4))
        assert np.abs(means - small).max() < 1
        assert usable.all()


def test_tiles_lie_far_from_the_equator_and_come_in_two_modes(tiles: Path) -> None:
    source = xyz(19).sources(tiles).iloc[0].to_dict()
    grid = open_image(tiles, source).grid
    _, latitude = Transformer.from_crs(WEB_MERCATOR, 4326, always_xy=True).transform(*(grid.transform @ (0, 0)))
    assert latitude == pytest.approx(42.3, abs=0.2)
    kinds = {path.read_bytes()[25] for path in tiles.rglob("*.png")}  # the colour type of a PNG's header
    assert kinds == {2, 6}


@pytest.mark.parametrize(
    ("wrong", "named"), [({"size_px": 516}, (8, 516)), ({"size_px": 504}, (512, 504)), ({"scenes": 1}, (2, 60, 1))]
)
def test_a_number_that_cannot_be_is_named(wrong: dict[str, int], named: tuple[object, ...], tmp_path: Path) -> None:
    with raises(ParamsError, "synthetic.range", *named):
        make_scenes(tmp_path / "data", **{"scenes": 2, "size_px": 512, "seed": 0, **wrong})
    assert not (tmp_path / "data").exists()
