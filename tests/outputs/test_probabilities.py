"""Cached network output comes back as it went, and is refused where it does not fit the images."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sn7ml.core.errors import RasterError
from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.probabilities import Probabilities
from sn7ml.outputs.probabilities import ProbabilityCube, crop_cube, write_probabilities
from sn7ml.params import RimsParams
from tests.full_disk import files_up_to
from tests.raising import raises
from tests.sn7_folder import AOI, FAR_AOI, grid_of

GRID = grid_of(AOI, (7, 9))
CHANNELS = RimsParams.channels


def probabilities(upsampling: int, seed: int = 0) -> Probabilities:
    random = np.random.default_rng(seed)
    shape = (7 * upsampling, 9 * upsampling)
    return Probabilities(random.integers(0, 256, (3, *shape)).astype(np.uint8), random.random(shape) < 0.8)


@given(upsampling=st.integers(1, 5), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read(upsampling: int, seed: int, tmp_path: Path) -> None:
    written = probabilities(upsampling, seed)
    write_probabilities(tmp_path / "2018-01.tif", written, CHANNELS, GRID, upsampling)
    cube = ProbabilityCube(tmp_path, GRID)
    assert cube.upsampling == upsampling
    np.testing.assert_array_equal(cube["2018-01"].channels, written.channels)
    np.testing.assert_array_equal(cube["2018-01"].usable, written.usable)


@pytest.mark.parametrize("missing", [1, 100, 1_000, 20_000])
def test_a_disk_that_is_full_near_the_end_leaves_what_was_there(missing: int, tmp_path: Path) -> None:
    """The last bytes are written when the file is closed, and GDAL's failure there is no exception."""
    path, grid = tmp_path / "2018-01.tif", grid_of(AOI, (100, 100))
    random = np.random.default_rng(7)
    frames = [
        Probabilities(random.integers(0, 256, (3, 100, 100)).astype(np.uint8), np.ones((100, 100), np.bool_))
        for _ in range(2)
    ]
    write_probabilities(path, frames[1], CHANNELS, grid, 1)
    most_bytes = path.stat().st_size - missing
    write_probabilities(path, frames[0], CHANNELS, grid, 1)
    with files_up_to(most_bytes), pytest.raises((RasterError, OSError)):
        write_probabilities(path, frames[1], CHANNELS, grid, 1)
    np.testing.assert_array_equal(ProbabilityCube(tmp_path, grid)["2018-01"].channels, frames[0].channels)
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_months_come_by_date_and_other_files_do_not_count(tmp_path: Path) -> None:
    for month in ("2019-01", "2018-12", "2018-02"):
        write_probabilities(tmp_path / f"{month}.tif", probabilities(2), CHANNELS, GRID, 2)
    (tmp_path / ".2018-03.17.tmp.tif").write_text("half-written")
    (tmp_path / "notes.txt").write_text("")
    cube = ProbabilityCube(tmp_path, GRID)
    assert list(cube) == ["2018-02", "2018-12", "2019-01"]
    assert len(cube) == 3
    assert "2018-03" not in cube


def test_the_raster_lies_on_the_images_ground_and_names_its_bands(tmp_path: Path) -> None:
    write_probabilities(tmp_path / "2018-01.tif", probabilities(3), CHANNELS, GRID, 3)
    with rasterio.open(tmp_path / "2018-01.tif") as source:
        assert source.descriptions == ("footprint", "boundary", "contact", "usable")
        assert source.crs.to_epsg() == 3857
        left, bottom, right, top = source.bounds
    assert (left, top) == (GRID.transform.c, GRID.transform.f)
    assert (right - left, top - bottom) == pytest.approx((9 * GRID.transform.a, 7 * GRID.transform.a))


def test_a_folder_without_months_says_how_to_make_them(tmp_path: Path) -> None:
    with raises(RasterError, "probabilities.none", tmp_path, "2018-01.tif", "`dvc repro predict`"):
        ProbabilityCube(tmp_path, GRID)


@pytest.mark.parametrize(
    "images", [grid_of(AOI, (7, 8)), grid_of(FAR_AOI, (7, 9))], ids=["one column less", "elsewhere"]
)
def test_rasters_of_other_images_are_refused(images: Grid, tmp_path: Path) -> None:
    write_probabilities(tmp_path / "2018-01.tif", probabilities(2), CHANNELS, GRID, 2)
    cube = ProbabilityCube(tmp_path, images)
    with raises(RasterError, "probabilities.grid", "2018-01.tif", images, 2):
        _ = cube["2018-01"]


def test_months_of_another_upsampling_are_refused(tmp_path: Path) -> None:
    write_probabilities(tmp_path / "2018-01.tif", probabilities(2), CHANNELS, GRID, 2)
    write_probabilities(tmp_path / "2018-02.tif", probabilities(3), CHANNELS, GRID, 3)
    with raises(RasterError, "probabilities.grid", "2018-02.tif", GRID, 2):
        list(ProbabilityCube(tmp_path, GRID).values())


def test_a_truncated_month_is_named(tmp_path: Path) -> None:
    path = tmp_path / "2018-01.tif"
    write_probabilities(path, probabilities(3), CHANNELS, GRID, 3)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with raises(RasterError, "image.not-geotiff", "2018-01.tif"):
        _ = ProbabilityCube(tmp_path, GRID)["2018-01"]


def test_shades_lie_beside_the_probabilities_on_the_images_grid(tmp_path: Path) -> None:
    shades = np.random.default_rng(1).integers(0, 256, (3, 7, 9)).astype(np.uint8)
    plain = probabilities(3)
    write_probabilities(tmp_path / "2018-01.tif", replace(plain, shades=shades), CHANNELS, GRID, 3)
    cube = ProbabilityCube(tmp_path, GRID)
    assert list(cube) == ["2018-01"]
    np.testing.assert_array_equal(cube["2018-01"].shades, shades)
    np.testing.assert_array_equal(crop_cube(cube, 3, (2, 5))["2018-01"].shades, shades[:, :, 2:5])
    with rasterio.open(tmp_path / "shades" / "2018-01.tif") as source:
        assert source.descriptions == ("red", "green", "blue", "usable")
        assert source.transform == GRID.transform


def test_a_month_without_its_shades_is_named(tmp_path: Path) -> None:
    shaded = replace(probabilities(2), shades=np.zeros((3, 7, 9), np.uint8))
    write_probabilities(tmp_path / "2018-01.tif", shaded, CHANNELS, GRID, 2)
    write_probabilities(tmp_path / "2018-02.tif", probabilities(2), CHANNELS, GRID, 2)
    with raises(RasterError, "image.cannot-read", "shades/2018-02.tif"):
        _ = ProbabilityCube(tmp_path, GRID)["2018-02"]


@pytest.mark.parametrize("shape", [(3, 2, 2), (2, 1, 2), (3, 2, 4)])
def test_shades_must_be_of_the_same_ground(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"\(3, 6\)"):
        Probabilities(np.zeros((3, 3, 6), np.uint8), np.ones((3, 6), np.bool_), np.zeros(shape, np.uint8))


def test_channels_and_usable_must_be_of_one_shape() -> None:
    with pytest.raises(ValueError, match=r"\(3, 2, 2\).*\(2, 3\)"):
        Probabilities(np.zeros((3, 2, 2), np.uint8), np.ones((2, 3), np.bool_))


def test_a_crop_holds_the_columns_asked_for(tmp_path: Path) -> None:
    written = {month: probabilities(2, seed) for seed, month in enumerate(("2018-01", "2018-02"))}
    for month, found in written.items():
        write_probabilities(tmp_path / f"{month}.tif", found, CHANNELS, GRID, 2)
    crop = crop_cube(ProbabilityCube(tmp_path, GRID), 2, (3, 7))
    assert (list(crop), len(crop)) == (["2018-01", "2018-02"], 2)
    for month, found in written.items():
        np.testing.assert_array_equal(crop[month].channels, found.channels[:, :, 6:14])
        np.testing.assert_array_equal(crop[month].usable, found.usable[:, 6:14])


def test_a_raster_has_a_band_for_each_channel_of_its_target(tmp_path: Path) -> None:
    roof = np.random.default_rng(7).integers(0, 256, (1, 14, 18)).astype(np.uint8)
    write_probabilities(tmp_path / "2018-01.tif", Probabilities(roof, roof[0] > 9), ("roof",), GRID, 2)
    cube = ProbabilityCube(tmp_path, GRID)
    assert cube.channels == ("roof",)
    np.testing.assert_array_equal(cube["2018-01"].channels, roof)
    np.testing.assert_array_equal(cube["2018-01"].usable, roof[0] > 9)


@pytest.mark.parametrize("wanted", [("roof",), ("footprint", "contact", "boundary")])
def test_rasters_of_other_channels_than_are_wanted_are_refused(wanted: tuple[str, ...], tmp_path: Path) -> None:
    write_probabilities(tmp_path / "2018-01.tif", probabilities(2), CHANNELS, GRID, 2)
    with raises(RasterError, "probabilities.bands", "2018-01.tif", *wanted, *CHANNELS):
        _ = ProbabilityCube(tmp_path, GRID, wanted)["2018-01"]


def test_months_of_one_place_have_the_same_channels(tmp_path: Path) -> None:
    write_probabilities(tmp_path / "2018-01.tif", probabilities(2), CHANNELS, GRID, 2)
    write_probabilities(tmp_path / "2018-02.tif", probabilities(2), ("a", "b", "c"), GRID, 2)
    with raises(RasterError, "probabilities.bands", "2018-02.tif"):
        list(ProbabilityCube(tmp_path, GRID).values())
