"""Which images prediction takes, and what it says of the others."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp

from sn7ml.core.errors import RasterError
from sn7ml.core.geo.grid import Grid
from sn7ml.scenes.images import read_image
from sn7ml.scenes.input_checks import check_frames, ground_pixel_size_m, read_any_image
from sn7ml.scenes.layouts.images import find_frames
from tests.raising import raises
from tests.sn7_folder import AOI, FAR_AOI, SHAPE, addressed, grid_of, stem, write_image

GRID = grid_of(AOI)
UTM = Grid(32631, Affine(4.0, 0, 500_000, 0, -4.0, 5_400_000), SHAPE)


def write(path: Path, pixels: Any, grid: Grid = GRID, **profile: Any) -> Path:
    """Write an image, with rasterio's own options."""
    bands, rows, cols = pixels.shape
    options = {"driver": "GTiff", "dtype": pixels.dtype.name, "count": bands, "height": rows, "width": cols}
    options |= {"crs": f"EPSG:{grid.epsg}", "transform": grid.transform}
    interpretation = profile.pop("colorinterp", None)
    with rasterio.open(path, "w", **(options | profile)) as target:
        target.write(pixels)
        if interpretation:
            target.colorinterp = interpretation
    return path


def check(*paths: Path, **options: bool) -> dict[str, Grid]:
    frames = [find_frames(path)[1] for path in paths]
    return check_frames(paths[0].parent, pd.concat(frames, ignore_index=True), **options)


def test_an_image_as_spacenets_passes_and_is_read_as_the_pipeline_reads_it(tmp_path: Path) -> None:
    path = tmp_path / f"{stem(AOI, '2018-01')}.tif"
    write_image(path, addressed(SHAPE, 3), GRID)
    assert check(path) == {AOI: GRID}
    ours, pipelines = read_any_image(path), read_image(path)
    np.testing.assert_array_equal(ours.pixels, pipelines.pixels)
    assert ours.grid == pipelines.grid


def test_three_bands_are_usable_wherever_they_say_nothing_else(tmp_path: Path) -> None:
    pixels = addressed(SHAPE)[:3]
    pixels[2] = 0  # the pixel in row 0, col 0 is black, its neighbours are not
    plain = read_any_image(write(tmp_path / "plain_2020_01.tif", pixels))
    np.testing.assert_array_equal(plain.pixels[:3], pixels)
    assert plain.usable.all()
    gaps = read_any_image(write(tmp_path / "gaps_2020_01.tif", pixels, nodata=0))
    assert np.argwhere(~gaps.usable).tolist() == [[0, 0]]
    assert check(tmp_path / "plain_2020_01.tif", tmp_path / "gaps_2020_01.tif") == {"plain": GRID, "gaps": GRID}


def test_a_mask_within_the_file_tells_what_is_usable(tmp_path: Path) -> None:
    path = write(tmp_path / "a_2020_01.tif", addressed(SHAPE)[:3])
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as target:
        target.write_mask(np.arange(64 * 63).reshape(SHAPE) % 5 > 0)
    np.testing.assert_array_equal(read_any_image(path).usable, np.arange(64 * 63).reshape(SHAPE) % 5 > 0)


RED, GREEN, BLUE, ALPHA = ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha


@pytest.mark.parametrize(
    ("bands", "profile", "found"),
    [
        (1, {}, "gray"),
        (4, {"alpha": "no"}, "red, green, blue, undefined"),
        (3, {"colorinterp": (BLUE, GREEN, RED)}, "blue, green, red"),
        (4, {"colorinterp": (BLUE, GREEN, RED, ALPHA)}, "blue, green, red, alpha"),
        (3, {"photometric": "minisblack"}, "gray, undefined, undefined"),
        (5, {}, "gray, undefined, undefined, undefined, undefined"),
    ],
)
def test_another_number_or_order_of_bands_is_refused(
    bands: int, profile: dict[str, Any], found: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "a_2020_01.tif", np.ones((bands, 8, 8), np.uint8), **profile)
    with raises(RasterError, "image.unusable", path, f" {found};", faults=["image.band-order"]):
        check(path)
    with raises(RasterError, "image.band-order", path, f" {found};"):
        read_any_image(path)


def test_other_numbers_than_bytes_are_refused(tmp_path: Path) -> None:
    with raises(RasterError, "image.unusable", "uint16", "gdal_translate -ot Byte", faults=["image.data-type"]):
        check(write(tmp_path / "a_2020_01.tif", np.ones((4, 8, 8), np.uint16)))


def test_degrees_are_refused_with_the_cure(tmp_path: Path) -> None:
    degrees = Grid(4326, Affine(4e-5, 0, 2, 0, -4e-5, 48), SHAPE)
    with raises(RasterError, "image.unusable", "EPSG:4326", "gdalwarp -t_srs EPSG:3857", faults=["image.crs"]):
        check(write(tmp_path / "a_2020_01.tif", addressed(SHAPE), degrees))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_an_image_without_a_crs_is_refused(tmp_path: Path) -> None:
    with raises(RasterError, "image.unusable", "a_2020_01.tif", faults=["image.crs"]):
        check(write(tmp_path / "a_2020_01.tif", addressed(SHAPE), crs=None))


@pytest.mark.parametrize("transform", [Affine(4, 0, 0, 0, -5, 0), Affine(4, 1, 0, 1, -4, 0), Affine(4, 0, 0, 0, 4, 0)])
def test_pixels_that_are_not_square_or_turned_are_refused(transform: Affine, tmp_path: Path) -> None:
    with raises(RasterError, "image.unusable", "a_2020_01.tif", faults=["grid.not-north-up"]):
        check(write(tmp_path / "a_2020_01.tif", addressed(SHAPE), transform=transform))


def test_pixels_of_another_size_on_the_ground_are_refused_unless_they_are_wanted(tmp_path: Path) -> None:
    # At 60 degrees north web mercator is twice as long as the ground: 4.8 m are 2.4 m.
    north = Grid(3857, Affine(4.8, 0, 0, 0, -4.8, 8_399_737.9), SHAPE)
    path = write(tmp_path / "a_2020_01.tif", addressed(SHAPE), north)
    with raises(RasterError, "image.unusable", path, "2.40 m", "2.5 to 5.5 m", faults=["image.pixel-size"]):
        check(path)
    assert check(path, any_pixel_size=True) == {"a": north}
    write(path, addressed(SHAPE), Grid(3857, Affine(10, 0, 0, 0, -10, 0), SHAPE))
    with raises(RasterError, "image.unusable", path, "10.00 m", faults=["image.pixel-size"]):
        check(path)


def test_other_projections_are_taken_by_their_own_metres(tmp_path: Path) -> None:
    assert ground_pixel_size_m(UTM) == 4.0
    assert check(write(tmp_path / "a_2020_01.tif", addressed(SHAPE), UTM)) == {"a": UTM}
    feet = Grid(2263, Affine(13.0, 0, 0, 0, -13.0, 0), SHAPE)  # New York, US survey feet of 1200/3937 m
    assert ground_pixel_size_m(feet) == pytest.approx(13 * 1200 / 3937)


def test_an_image_too_large_for_the_memory_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a_2020_01.tif"
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 4, "height": 5_000, "width": 5_000, "crs": "EPSG:3857"}
    with rasterio.open(path, "w", **profile, transform=GRID.transform, tiled=True, sparse_ok=True):
        pass
    with raises(RasterError, "image.unusable", path, "5000 x 5000", 16_777_216, faults=["image.too-large"]):
        check(path)


def test_every_image_at_fault_is_named_and_so_is_every_area_of_two_grids(tmp_path: Path) -> None:
    for month, aoi, shape, bands in (
        ("2018-01", AOI, SHAPE, 1), ("2018-02", AOI, SHAPE, 4), ("2018-03", AOI, SHAPE, 2),
        ("2018-01", FAR_AOI, SHAPE, 4), ("2018-02", FAR_AOI, (8, 9), 4),
    ):  # fmt: skip
        write_image(tmp_path / f"{stem(aoi, month)}.tif", np.ones((bands, *shape), np.uint8), grid_of(aoi, shape))
    with raises(
        RasterError, "image.unusable", 3, 5, faults=["image.band-order", "image.band-order", "grid.differs-in-aoi"]
    ) as caught:
        check_frames(*find_frames(tmp_path))
    for fault, name in zip(
        caught.value.faults, (stem(AOI, "2018-01"), stem(AOI, "2018-03"), stem(FAR_AOI, "2018-02")), strict=True
    ):
        assert str(tmp_path / f"{name}.tif") in str(fault)
    assert "8 x 9 pixels" in str(caught.value)


@pytest.mark.real
def test_the_real_images_pass_but_for_those_whose_fourth_band_does_not_say_that_it_is_alpha(real_data: Path) -> None:
    root, sources = find_frames(real_data)
    cut = sources["aoi"] == "L15-0331E-1257N_1327_3160_13"  # which whoever cut the area at column 480 did not copy
    grids = check_frames(root, sources[~cut])
    assert {aoi: grid.shape for aoi, grid in grids.items()} == {
        "L15-0357E-1223N_1429_3296_13": (1023, 1024),
        "L15-1615E-1205N_6460_3370_13": (1024, 1024),
    }
    with raises(RasterError, "image.unusable", 25, faults=["image.band-order"] * 25) as caught:
        check_frames(root, sources[cut])
    assert str(caught.value).count("red, green, blue, undefined") == 20  # and 5 more
