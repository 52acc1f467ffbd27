"""Class maps: likeliest class, sieve, counts that add up, and files that other programs read."""

from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from pyproj import Geod

from sn7ml.core.errors import TableError
from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.probabilities import Probabilities
from sn7ml.core.schemas import UNDATED
from sn7ml.outputs.class_map import LAND_USE_OUTPUT, UNKNOWN_NAME, class_map
from sn7ml.outputs.probabilities import ProbabilityCube, write_probabilities
from sn7ml.params import LandUseParams, OutputParams
from tests.raising import raises

NAMES = ("sea", "sand", "roof")
DUBAI = Grid(4326, Affine(2.7e-5, 0, 55.2, 0, -2.7e-5, 25.1), (8, 10))
NOWHERE = Grid.nowhere(8, 10)
U = 255


def sure(classes: NDArray[np.uint8]) -> Probabilities:
    """What says each class with certainty; ``U`` is unusable."""
    channels = np.stack([(classes == number) * np.uint8(255) for number in range(len(NAMES))]).astype(np.uint8)
    return Probabilities(channels, classes != U)


def coast() -> NDArray[np.uint8]:
    """Sea in the north, sand in the south, a roof of 2 x 2 and a single pixel of roof; a corner is not usable."""
    classes = np.zeros((8, 10), np.uint8)
    classes[4:] = 1
    classes[5:7, 2:4], classes[6, 8], classes[0, :3] = 2, 2, U
    return classes


def written(folder: Path, grid: Grid, params: LandUseParams, upsampling: int = 1) -> Path:
    fine = coast().repeat(upsampling, 0).repeat(upsampling, 1)
    probabilities = folder / "probabilities"
    write_probabilities(probabilities / "coast" / f"{UNDATED}.tif", sure(fine), NAMES, grid, upsampling)
    output = OutputParams(land_use=params)
    cube = ProbabilityCube(probabilities / "coast", grid)
    found = LAND_USE_OUTPUT.table.check(LAND_USE_OUTPUT.prepare(cube, upsampling)(output).assign(aoi="coast"))
    LAND_USE_OUTPUT.write(folder / "out", found, {"coast": grid})
    assert LAND_USE_OUTPUT.export is not None
    LAND_USE_OUTPUT.export(folder / "out", found, {"coast": grid}, probabilities, output)
    return folder / "out"


def test_of_equal_classes_the_first_is_taken() -> None:
    channels = np.array([[[9, 0]], [[9, 7]], [[0, 7]]], np.uint8)
    assert class_map(Probabilities(channels, np.array([[True, True]])), 1, LandUseParams()).tolist() == [[0, 1]]


def test_small_areas_become_part_of_what_surrounds_them() -> None:
    found = class_map(sure(coast()), 1, LandUseParams(min_area_px=4))
    wanted = coast()
    wanted[6, 8] = 1
    np.testing.assert_array_equal(found, wanted)
    wanted[5:7, 2:4] = 1
    np.testing.assert_array_equal(class_map(sure(coast()), 1, LandUseParams(min_area_px=5)), wanted)


@pytest.mark.parametrize("upsampling", [1, 3])
def test_counts_are_of_every_class_and_add_up_to_the_image(tmp_path: Path, upsampling: int) -> None:
    out = written(tmp_path, DUBAI, LandUseParams(), upsampling)
    counts = LAND_USE_OUTPUT.read(out, {"coast": DUBAI})
    assert counts["pixels"].sum() == 80
    assert dict(zip(counts["class"], counts["pixels"], strict=True)) == {"sea": 37, "sand": 35, "roof": 5, "unknown": 3}
    known = counts[counts["class"] != UNKNOWN_NAME]
    assert known["share"].sum() == pytest.approx(1, abs=1e-5)
    # The image is a rectangle of degrees, whose geodesic area is that of all its pixels.
    west, north = DUBAI.transform @ (0, 0)
    east, south = DUBAI.transform @ (10, 8)
    area_m2, _ = Geod(ellps="WGS84").polygon_area_perimeter([west, west, east, east], [north, south, south, north])
    assert counts["area_m2"].sum() == pytest.approx(area_m2, rel=1e-3)


def test_a_class_without_a_pixel_counts_0(tmp_path: Path) -> None:
    out = written(tmp_path, DUBAI, LandUseParams(min_area_px=5))
    counts = LAND_USE_OUTPUT.read(out, {"coast": DUBAI}).set_index("class")
    assert [float(counts[name]["roof"]) for name in ("pixels", "share", "area_m2")] == [0, 0, 0]


def test_a_map_has_its_colours_and_place_and_a_style(tmp_path: Path) -> None:
    out = written(tmp_path, DUBAI, LandUseParams(colours={"sand": "#C8B464"}))
    path = out / "maps" / "coast" / f"{UNDATED}.tif"
    with rasterio.open(path) as source:
        np.testing.assert_array_equal(source.read(1), coast())
        assert source.crs.to_epsg() == 4326
        assert source.transform.almost_equals(DUBAI.transform)
        assert source.nodata == U
        assert source.colormap(1)[1] == (200, 180, 100, 255)
    style = path.with_suffix(".qml").read_text()
    assert 'value="1" label="sand" color="#c8b464"' in style
    assert not path.with_suffix(".png").exists()


def test_probabilities_of_each_class_are_per_cent(tmp_path: Path) -> None:
    out = written(tmp_path, DUBAI, LandUseParams())
    with rasterio.open(out / "heat" / "coast" / f"{UNDATED}.tif") as source:
        assert source.descriptions == (*NAMES, "usable")
        assert source.read(2)[7, 0] * source.scales[1] == pytest.approx(100)
        assert source.units[1] == "%"


def test_polygons_have_class_and_ground_area(tmp_path: Path) -> None:
    out = written(tmp_path, DUBAI, LandUseParams())
    polygons = geopandas.read_file(out / "classes.gpkg")
    assert sorted(polygons["class"]) == ["roof", "roof", "sand", "sea"]
    counts = LAND_USE_OUTPUT.read(out, {"coast": DUBAI}).set_index("class")["area_m2"]
    by_class = polygons.groupby("class")["area_m2"].sum()
    for name in NAMES:
        assert by_class[name] == pytest.approx(counts[name], rel=2e-3)
        own = polygons[polygons["class"] == name].geometry
        geodesic = sum(abs(Geod(ellps="WGS84").geometry_area_perimeter(it)[0]) for it in own)
        assert geodesic == pytest.approx(counts[name], rel=2e-3)


def test_an_image_that_lies_nowhere_gets_a_picture_and_no_areas(tmp_path: Path) -> None:
    out = written(tmp_path, NOWHERE, LandUseParams(colours={"sea": "#143CC8"}))
    picture = Image.open(out / "maps" / "coast" / f"{UNDATED}.png").convert("RGB")
    assert picture.size == (10, 8)
    assert picture.getpixel((9, 0)) == (20, 60, 200)
    assert picture.getpixel((0, 0)) == (0, 0, 0)
    assert LAND_USE_OUTPUT.read(out, {"coast": NOWHERE})["area_m2"].isna().all()
    assert not (out / "classes.gpkg").exists()


def test_a_damaged_table_and_a_missing_area_are_named(tmp_path: Path) -> None:
    out = written(tmp_path, DUBAI, LandUseParams())
    with raises(TableError, "outputs.missing-aoi", out / "counts.csv", "hill"):
        LAND_USE_OUTPUT.read(out, {"coast": DUBAI, "hill": DUBAI})
    (out / "counts.csv").write_text("nothing\n")
    with raises(TableError, "outputs.unreadable", out / "counts.csv"):
        LAND_USE_OUTPUT.read(out, {"coast": DUBAI})
