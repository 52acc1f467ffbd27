"""Frames read as they are, and refused when they are damaged."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.vrt import WarpedVRT

from sn7ml.core.errors import GridError, RasterError
from sn7ml.core.geo.grid import Grid
from sn7ml.scenes.images import read_grid, read_image, shared_grid
from tests.raising import raises
from tests.sn7_folder import AOI, FAR_AOI, SHAPE, addressed, grid_of, write_image

GRID = grid_of(AOI)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    write_image(tmp_path / "a.tif", addressed(SHAPE, 3), GRID)
    return tmp_path / "a.tif"


def test_every_pixel_holds_its_own_address(image: Path) -> None:
    found = read_image(image)
    assert found.pixels.shape == (4, 63, 64)
    assert found.pixels[:, 62, 7].tolist() == [62, 7, 3, 255]
    np.testing.assert_array_equal(found.pixels, addressed(SHAPE, 3))
    assert found.grid == read_grid(image) == GRID


def test_alpha_0_is_unusable_and_any_other_is_not(tmp_path: Path) -> None:
    pixels = addressed((1, 3))
    pixels[3] = [[0, 1, 255]]
    write_image(tmp_path / "a.tif", pixels, grid_of(AOI, (1, 3)))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").usable, [[False, True, True]])


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.9])
def test_a_truncated_file_is_named(kept: float, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    noise = np.random.default_rng(0).integers(0, 256, (4, 200, 200)).astype(np.uint8)
    write_image(path, noise, grid_of(AOI, (200, 200)))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with raises(RasterError, "image.not-geotiff", path):
        read_image(path)


def test_three_bands_are_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "a.tif", addressed(SHAPE)[:3], GRID)
    with raises(RasterError, "image.band-count", tmp_path / "a.tif", 4, 3, "['uint8']"):
        read_image(tmp_path / "a.tif")


def test_other_numbers_than_bytes_are_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "a.tif", addressed(SHAPE).astype(np.uint16), GRID)
    with raises(RasterError, "image.band-count", tmp_path / "a.tif", "['uint16']"):
        read_image(tmp_path / "a.tif")


def test_complex_integers_which_numpy_does_not_know_are_refused(tmp_path: Path) -> None:
    profile = {"driver": "GTiff", "dtype": "complex_int16", "count": 4, "height": 8, "width": 8, "crs": "EPSG:3857"}
    with rasterio.open(tmp_path / "a.tif", "w", **profile, transform=GRID.transform):
        pass
    with raises(RasterError, "image.band-count", tmp_path / "a.tif", "['complex_int16']"):
        read_image(tmp_path / "a.tif")


def test_a_file_that_is_absent_or_no_raster_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.tif").write_text("no raster")
    for name, code in (("text.tif", "image.not-geotiff"), ("absent.tif", "image.cannot-read")):
        with raises(RasterError, code, tmp_path / name):
            read_grid(tmp_path / name)


def test_a_virtual_raster_that_is_named_like_an_image_is_not_followed(image: Path, tmp_path: Path) -> None:
    with rasterio.open(image) as source, WarpedVRT(source) as virtual:
        rasterio.shutil.copy(virtual, tmp_path / "b.tif", driver="VRT")
    assert rasterio.open(tmp_path / "b.tif").count == 4  # rasterio by itself does follow it
    with raises(RasterError, "image.not-geotiff", tmp_path / "b.tif"):
        read_image(tmp_path / "b.tif")


def test_a_few_bytes_that_declare_a_huge_image_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.tif"
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 4, "height": 100_000, "width": 100_000, "crs": "EPSG:3857"}
    with rasterio.open(path, "w", **profile, transform=GRID.transform, tiled=True, sparse_ok=True, bigtiff="yes"):
        pass
    assert path.stat().st_size < 20_000_000  # an index of blocks, no pixels
    with raises(RasterError, "image.too-large", path, "100000 x 100000", 268_435_456):
        read_image(path)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_raster_without_crs_is_refused(tmp_path: Path) -> None:
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", dtype="uint8", count=4, height=2, width=2) as target:
        target.write(addressed((2, 2)))
    with raises(RasterError, "image.crs", tmp_path / "a.tif", "EPSG:3857"):
        read_grid(tmp_path / "a.tif")


def test_all_months_of_an_area_share_one_grid(image: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "b.tif", addressed(SHAPE), GRID)
    assert shared_grid({path: read_grid(path) for path in (image, tmp_path / "b.tif")}) == GRID


@pytest.mark.parametrize("other", [grid_of(AOI, (64, 64)), grid_of(FAR_AOI)], ids=["one row more", "elsewhere"])
def test_a_month_on_another_grid_than_its_siblings_is_named_with_both(other: Grid, image: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "b.tif", addressed(other.shape), other)
    with raises(GridError, "grid.differs-in-aoi", tmp_path / "b.tif", str(other), image, str(GRID)):
        shared_grid({path: read_grid(path) for path in (image, tmp_path / "b.tif")})


@pytest.mark.real
def test_a_real_frame_has_1023_rows_and_4_metre_pixels(real_data: Path) -> None:
    path = next((real_data / "train" / "L15-0357E-1223N_1429_3296_13" / "images_masked").glob("*.tif"))
    image = read_image(path)
    assert image.pixels.shape == (4, 1023, 1024)
    assert image.usable.all()
    # The tile's middle lies at 33.11 degrees north: 4.777 m x cos 33.11.
    assert image.grid.ground_pixel_size_m() == pytest.approx(4.777314 * 0.8376, abs=0.001)
