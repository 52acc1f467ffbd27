"""GeoTIFFs that are legal and odd are read right; those that say what a frame cannot be are refused by name."""

import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp

from sn7ml.core.errors import RasterError
from sn7ml.core.geo.grid import Grid
from sn7ml.scenes import rasters
from sn7ml.scenes.images import read_grid, read_image, read_mask
from sn7ml.scenes.rasters import refuse_upsampled
from tests.hostile.readers import GRID, write_frame
from tests.raising import raises
from tests.sn7_folder import SHAPE, addressed

PIXELS = addressed(SHAPE, 3)
PROFILE = {
    "driver": "GTiff", "dtype": "uint8", "count": 4, "height": SHAPE[0], "width": SHAPE[1], "crs": "EPSG:3857",
    "transform": GRID.transform,
}  # fmt: skip


def write(path: Path, pixels: Any = PIXELS, **profile: Any) -> None:
    with rasterio.open(path, "w", **(PROFILE | profile)) as target:
        target.write(pixels)


@pytest.mark.parametrize(
    "profile",
    [
        {"endianness": "big"},
        {"bigtiff": "yes"},
        {"bigtiff": "yes", "endianness": "big"},
        {"tiled": True, "blockxsize": 16, "blockysize": 32},
        {"blockysize": 1},
        {"interleave": "band"},
        {"interleave": "pixel", "compress": "deflate", "predictor": 2},
        {"compress": "zstd"},
        {"compress": "packbits"},
        {"compress": "lzw", "predictor": 2, "endianness": "big"},
        {"photometric": "minisblack"},
        {"alpha": "unspecified"},
        {"nodata": 0},
    ],
    ids=str,
)
def test_every_legal_way_to_store_a_frame_is_read_right(profile: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path / "a.tif", **profile)
    found = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(found.pixels, PIXELS)
    assert found.grid == GRID


def floats(path: Path) -> None:
    write(path, PIXELS.astype(np.float32), dtype="float32")


def palette(path: Path) -> None:
    with rasterio.open(path, "w", **(PROFILE | {"count": 1})) as target:
        target.write(PIXELS[:1])
        target.write_colormap(1, {0: (255, 0, 0, 255)})


def inks(path: Path) -> None:
    write(path, photometric="cmyk")


def blue_first(path: Path) -> None:
    with rasterio.open(path, "w", **PROFILE) as target:
        target.colorinterp = [ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.alpha]
        target.write(PIXELS)


def scaled(path: Path) -> None:
    with rasterio.open(path, "w", **PROFILE) as target:
        target.write(PIXELS)
        target.scales, target.offsets = (0.5,) * 4, (10.0,) * 4


def turned(path: Path) -> None:
    write(path, transform=GRID.transform @ Affine.rotation(20))


def upside_down(path: Path) -> None:
    t = GRID.transform
    write(path, transform=Affine(t.a, 0, t.c, 0, t.a, t.f))


def nowhere(path: Path) -> None:
    write(path, crs=None)


def local(path: Path) -> None:
    write(path, crs='LOCAL_CS["here",UNIT["metre",1]]')


def far(path: Path) -> None:
    write(path, transform=Affine(4.8, 0, 1e300, 0, -4.8, 0))


def tiny_pixels(path: Path) -> None:
    write(path, transform=Affine(1e-300, 0, 0, 0, -1e-300, 0))


def infinite(path: Path) -> None:
    patch_doubles(path, GRID.transform.c, float("inf"))


def not_a_number(path: Path) -> None:
    patch_doubles(path, GRID.transform.a, float("nan"))


def patch_doubles(path: Path, old: float, new: float) -> None:
    """Replace a number in the tags of a good file."""
    write(path)
    content = path.read_bytes()
    assert content.count(struct.pack("<d", old))
    path.write_bytes(content.replace(struct.pack("<d", old), struct.pack("<d", new)))


def without_tie_point(path: Path) -> None:
    """The tag of the tie point (33922) becomes one that nobody knows; the size of a pixel stays."""
    write(path)
    content = path.read_bytes()
    assert content.count(struct.pack("<HHI", 33_922, 12, 6)) == 1
    path.write_bytes(content.replace(struct.pack("<HHI", 33_922, 12, 6), struct.pack("<HHI", 33_923, 12, 6)))


def many_bands(path: Path) -> None:
    with rasterio.open(path, "w", **(PROFILE | {"count": 3_000, "height": 16, "width": 16, "sparse_ok": True})):
        pass


def virtual(path: Path) -> None:
    """Points to a good frame; so does a link, but that is the file itself."""
    write(path.with_name("good.tif"))
    path.write_text(
        '<VRTDataset rasterXSize="64" rasterYSize="63"><SRS>EPSG:3857</SRS><VRTRasterBand dataType="Byte" band="1">'
        f"<SimpleSource><SourceFilename>{path.with_name('good.tif')}</SourceFilename><SourceBand>1</SourceBand>"
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )


def tag(number: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack("<HHII", number, kind, count, value)


def bare_tiff(path: Path, *tags: bytes, then: int = 0) -> None:
    """A directory of tags and nothing else; ``then`` is where the next directory is said to be."""
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(tags) + struct.pack("<I", then))


def sized(rows: int, cols: int, bands: int = 4) -> list[bytes]:
    # Width, height, bits (of each band alike), compression, photometric, bands.
    return [
        tag(256, 4, 1, cols), tag(257, 4, 1, rows), tag(258, 3, 1, 8), tag(259, 3, 1, 8), tag(262, 3, 1, 1),
        tag(277, 3, 1, bands),
    ]  # fmt: skip


def huge(path: Path) -> None:
    bare_tiff(
        path,
        *sized(100_000, 100_000),
        tag(322, 4, 1, 2**20),
        tag(323, 4, 1, 2**20),
        tag(324, 4, 1, 8),
        tag(325, 4, 1, 8),
    )


def huge_one_strip(path: Path) -> None:
    bare_tiff(path, *sized(2**31 - 1, 2**31 - 1), tag(273, 4, 1, 8), tag(278, 4, 1, 2**31 - 1), tag(279, 4, 1, 8))


def huge_blocks(path: Path) -> None:
    bare_tiff(
        path, *sized(64, 64), tag(322, 4, 1, 40_000), tag(323, 4, 1, 40_000), tag(324, 4, 1, 8), tag(325, 4, 1, 8)
    )


def most_bands(path: Path) -> None:
    bare_tiff(path, *sized(64, 64, 65_535), tag(273, 4, 1, 8), tag(278, 4, 1, 64), tag(279, 4, 1, 8))


def huge_tag(path: Path) -> None:
    """Text of 2 GiB, in a file of 150 bytes."""
    bare_tiff(path, *sized(64, 64), tag(270, 2, 2**31 - 1, 8), tag(273, 4, 1, 8), tag(279, 4, 1, 8))


def directories_in_a_circle(path: Path) -> None:
    bare_tiff(path, *sized(64, 64), tag(273, 4, 1, 8), tag(279, 4, 1, 8), then=8)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    ("spoil", "code", "named"),
    [
        (floats, "image.band-count", (4, "['float32']")),
        (palette, "image.band-count", (4, 1)),
        (inks, "image.band-order", ("CMYK", "red, green, blue, alpha")),
        (blue_first, "image.band-order", ("blue, green, red, alpha",)),
        (scaled, "image.band-order", ("(0.5, ", "gdal_translate -unscale")),
        (turned, "grid.not-north-up", ()),
        (upside_down, "grid.not-north-up", ()),
        (nowhere, "image.crs", ("EPSG",)),
        (local, "image.crs", ("EPSG",)),
        (far, "grid.off-earth", ()),
        (tiny_pixels, "grid.off-earth", ()),
        (infinite, "grid.off-earth", ()),
        (not_a_number, ("grid.not-north-up", "grid.off-earth"), ("nan",)),
        (without_tie_point, "image.no-transform", ()),
        (many_bands, "image.band-count", (4, 3000)),
        (virtual, "image.not-geotiff", ()),
        (huge, "image.too-large", ("100000 x 100000", 268_435_456)),
        (huge_one_strip, ("image.too-large", "image.not-geotiff"), ()),
        (huge_blocks, ("image.block-size", "image.not-geotiff"), ()),
        (most_bands, ("image.band-count", "image.not-geotiff"), ()),
        (huge_tag, "image.not-geotiff", ()),
        (directories_in_a_circle, "image.not-geotiff", ()),
    ],
)
def test_what_cannot_be_a_frame_is_named(
    spoil: Callable[[Path], None], code: str | tuple[str, ...], named: tuple[object, ...], tmp_path: Path
) -> None:
    spoil(tmp_path / "a.tif")
    with raises(RasterError, code, tmp_path / "a.tif", *named):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("kept", range(0, 700, 13))
def test_a_frame_that_breaks_off_anywhere_is_named(kept: int, tmp_path: Path) -> None:
    write_frame(tmp_path / "a.tif")
    content = (tmp_path / "a.tif").read_bytes()
    assert len(content) > 700
    (tmp_path / "a.tif").write_bytes(content[:kept])
    with raises(RasterError, "image.not-geotiff", "a.tif"):
        read_image(tmp_path / "a.tif")


def test_files_beside_a_frame_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_frame(path)
    (tmp_path / "a.tif.aux.xml").write_text(
        "<PAMDataset><SRS>EPSG:32633</SRS><GeoTransform>0, 1, 0, 0, 0, -1</GeoTransform></PAMDataset>"
    )
    (tmp_path / "a.tfw").write_text("1\n0\n0\n-1\n0\n0\n")
    shutil.copy(path, tmp_path / "a.tif.msk")
    shutil.copy(path, tmp_path / "a.tif.ovr")
    assert read_grid(path) == GRID
    np.testing.assert_array_equal(read_image(path).pixels, PIXELS)


def test_a_name_that_gdal_takes_for_another_file_system_is_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_frame(tmp_path / "a.tif")
    for name in ("GTIFF_DIR:1:a.tif", "/vsimem/a.tif", "/vsicurl/http://localhost:1/a.tif", "zip://a.tif"):
        with raises(RasterError, "image.cannot-read", Path(name), "No such file"):
            read_image(Path(name))
    (tmp_path / "GTIFF_DIR:1:a.tif").symlink_to(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_image(Path("GTIFF_DIR:1:a.tif")).pixels, PIXELS)


def test_a_mask_of_numbers_that_may_be_nan_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a_UDM.tif", np.full((1, *SHAPE), np.nan, np.float32), dtype="float32", count=1)
    with raises(RasterError, "mask.band-count", "a_UDM.tif", 1, "['float32']"):
        read_mask(tmp_path / "a_UDM.tif")


def test_what_would_be_too_large_once_up_sampled_is_refused_before_the_work(tmp_path: Path) -> None:
    grid = Grid(3857, GRID.transform, (8_192, 8_192))
    refuse_upsampled(tmp_path / "a.tif", grid, 2)
    with raises(RasterError, "image.too-large", "a.tif", "8192 x 8192", 3, 268_435_456):
        refuse_upsampled(tmp_path / "a.tif", grid, 3)


def test_a_block_is_bounded_with_all_bands_that_lie_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.tif", tiled=True, blockxsize=64, blockysize=64, interleave="pixel")
    write(tmp_path / "b.tif", tiled=True, blockxsize=64, blockysize=64, interleave="band")
    monkeypatch.setattr(rasters, "MOST_BLOCK_BYTES", 4 * 64 * 64 - 1)
    with raises(RasterError, "image.block-size", "a.tif", "64 x 64", "4 x uint8", 16_383):
        read_image(tmp_path / "a.tif")
    assert read_image(tmp_path / "b.tif").pixels.shape == (4, *SHAPE)
