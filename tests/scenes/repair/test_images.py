"""An image that states no CRS is told the one of its tile, if it lies there."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from sn7ml.scenes.repair.data import mended_copy
from tests.scenes.repair.label_rows import MATCH, named, write
from tests.sn7_folder import AOI, HOUSES, MONTHS, feature, grid_of, stem

pytestmark = pytest.mark.usefixtures("serial")

IMAGE = f"train/{AOI}/images_masked/{stem(AOI, MONTHS[0])}.tif"


def without_crs(path: Path, transform: Affine) -> None:
    with rasterio.open(path) as source:
        pixels = source.read()
    count, rows, cols = pixels.shape
    options = {"count": count, "height": rows, "width": cols, "dtype": "uint8", "transform": transform}
    path.unlink()
    with rasterio.open(path, "w", driver="GTiff", compress="lzw", **options) as target:
        target.write(pixels)


def test_an_image_on_its_tile_that_states_no_crs_is_told_it(source: Path, tmp_path: Path) -> None:
    without_crs(source / IMAGE, grid_of(AOI).transform)
    (change,) = mended_copy(source, tmp_path / "out").to_dict("records")
    assert (change["outcome"], change["file"], change["what"]) == ("mended", IMAGE, "no CRS")
    with rasterio.open(tmp_path / "out" / IMAGE) as mended, rasterio.open(source / IMAGE) as before:
        assert before.crs is None
        assert mended.crs.to_epsg() == 3857
        assert mended.transform == before.transform
        np.testing.assert_array_equal(mended.read(), before.read())


def test_labels_of_an_image_that_is_mended_are_mended_the_same_time(source: Path, tmp_path: Path) -> None:
    without_crs(source / IMAGE, grid_of(AOI).transform)
    placed = [feature(number, grid_of(AOI).to_crs(house)) for number, house in HOUSES.items()]
    write(source, *placed, file=MATCH, crs=named("EPSG:4326"))
    assert sorted(mended_copy(source, tmp_path / "out")["what"]) == ["no CRS", "wrong declared CRS"]
    assert mended_copy(tmp_path / "out", tmp_path / "again").empty


@pytest.mark.parametrize("move", [Affine.translation(3, 0), Affine.scale(2), Affine.rotation(1)])
def test_an_image_elsewhere_is_not_declared_to_be_here(move: Affine, source: Path, tmp_path: Path) -> None:
    without_crs(source / IMAGE, grid_of(AOI).transform @ move)
    (change,) = mended_copy(source, tmp_path / "out").to_dict("records")
    assert (change["outcome"], change["what"]) == ("left", "no CRS")
    assert (tmp_path / "out" / IMAGE).samefile(source / IMAGE)
