"""Named ways to damage a small synthetic set, one at a time, and the expectation that each must not meet."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from scipy import ndimage

from sn7ml.params import ValidationParams
from sn7ml.synthetic import make_synthetic
from tests.validation.areas import truncate

AOI = "L15-0700E-1284N_2803_3054_13"
"""The area that is damaged: four months, 96 x 96 px, hardly a cloud."""

OTHER = "L15-0265E-1233N_1061_3257_13"
"""An area far away, one row short."""

NEAR = "L15-0700E-1284N_2802_3053_13"
"""Touches the damaged area at a corner."""

MONTHS = ("2018-01", "2018-02", "2018-03", "2018-04")
SECOND, THIRD = MONTHS[1:3]
SIDE_PX = 96

PARAMS = ValidationParams(
    sides_px=(63, 100), min_usable_fraction=0.5, max_small_fraction=0.2, max_birth_fraction=0.3, max_outside_px=16.0,
    max_block_px=4096, min_contrast=4.0, max_brightness_change=60.0, max_black_fraction=0.01, min_sharpness_ratio=0.3,
    max_shift_px=1.5, min_similarity=0.5, max_gap_months=1, max_hidden_fraction=0.1, max_overlap_fraction=0.02,
    max_area_px2=200.0, max_death_fraction=0.1, max_return_fraction=0.1, max_changed_fraction=0.05,
    max_count_change=0.4, max_label_shift_px=0.5, max_mask_error=0.2, max_density_ratio=3.0,
)  # fmt: skip

Feature = dict[str, Any]
Pixels = NDArray[Any]
Rows = list[Feature]


def make_base(root: Path) -> None:
    """Draw the undamaged set: it meets every expectation."""
    make_synthetic(root, aois=4, months=4, size_px=SIDE_PX, seed=3)


@dataclass(frozen=True)
class Town:
    """The files of one area of a set."""

    root: Path
    aoi: str = AOI

    def path(self, folder: str, month: str, ending: str = ".tif") -> Path:
        name = f"global_monthly_{month.replace('-', '_')}_mosaic_{self.aoi}{ending}"
        return self.root / "train" / self.aoi / folder / name

    def image(self, month: str = SECOND) -> Path:
        return self.path("images_masked", month)

    def labels(self, month: str = SECOND, folder: str = "labels_match_pix") -> Path:
        return self.path(folder, month, "_Buildings.geojson")

    def other(self, aoi: str = OTHER) -> "Town":
        return Town(self.root, aoi)

    def pixels(self, month: str = SECOND) -> Pixels:
        with rasterio.open(self.image(month)) as source:
            return np.asarray(source.read())

    def paint(self, change: Callable[[Pixels], Pixels], month: str = SECOND, **profile: Any) -> None:
        """Write the image again after a change of its pixels, or of what rasterio calls its profile."""
        with rasterio.open(self.image(month)) as source:
            pixels = change(np.asarray(source.read()))
            kept = {"crs": source.crs, "transform": source.transform}
        shape = {"count": pixels.shape[0], "height": pixels.shape[1], "width": pixels.shape[2], "dtype": pixels.dtype}
        with rasterio.open(self.image(month), "w", driver="GTiff", **(kept | shape | profile)) as target:
            target.write(pixels)

    @contextmanager
    def rows(self, month: str = SECOND) -> Iterator[Rows]:
        """Give the features of a label file; what they are after the block is written."""
        content = json.loads(self.labels(month).read_text())
        yield content["features"]
        self.labels(month).write_text(json.dumps(content))

    def forget(self, month: str) -> None:
        """Remove every file of a month."""
        for path in (self.root / "train" / self.aoi).glob(f"*/global_monthly_{month.replace('-', '_')}_*"):
            path.unlink()


@dataclass(frozen=True)
class Damage:
    """One way to damage a set."""

    name: str
    expectation: str
    """The one that must fail."""

    do: Callable[[Any], object]
    months: tuple[str, ...] = (SECOND,)
    """That must be named; "" of what has no month."""

    aoi: str = AOI
    beside: tuple[str, ...] = ()
    """Areas that the damage is seen against; others are not read again."""

    also: tuple[str, ...] = ()
    """Critical expectations that cannot but fail too; each with its reason beside the damage."""

    stops: bool = False
    """Whether the pipeline must not go on: later stages would fail, or work with what is wrong and never say so."""


def colours(change: Callable[[Pixels], Pixels]) -> Callable[[Pixels], Pixels]:
    """Change red, green and blue, in floats, and leave alpha alone."""

    def changed(pixels: Pixels) -> Pixels:
        seen = np.clip(change(pixels[:3].astype(float)), 0, 255).astype(np.uint8)
        return np.concatenate([seen, pixels[3:]])

    return changed


def painted(change: Callable[[Pixels], Pixels], **profile: Any) -> Callable[[Town], None]:
    return lambda town: town.paint(change, **profile)


def same(pixels: Pixels) -> Pixels:
    return pixels


def every_month(change: Callable[[Pixels], Pixels] = same, move: Affine | None = None) -> Callable[[Town], None]:
    """Paint all months alike, and move them, so that they still agree with each other."""

    def damage(town: Town) -> None:
        town.path("UDM_masks", THIRD, "_UDM.tif").unlink(missing_ok=True)  # it would no longer lie on its image
        for month in MONTHS:
            with rasterio.open(town.image(month)) as source:
                transform = source.transform
            town.paint(change, month, transform=transform @ (move or Affine.identity()))

    return damage


def padded(rows: int = 0, cols: int = 0) -> Callable[[Town], None]:
    def damage(town: Town) -> None:
        every_month(lambda pixels: np.pad(pixels, ((0, 0), (0, rows), (0, cols)), mode="edge"))(town)

    return damage


def moved(by: Affine) -> Callable[[Town], None]:
    def damage(town: Town) -> None:
        with rasterio.open(town.image()) as source:
            transform = source.transform
        town.paint(same, transform=transform @ by)

    return damage


def alpha(values: Any) -> Callable[[Pixels], Pixels]:
    def changed(pixels: Pixels) -> Pixels:
        pixels[3] = values
        return pixels

    return changed


def masked_left(columns: int) -> NDArray[np.uint8]:
    """Alpha of an image whose first columns are unusable."""
    return np.where(np.arange(SIDE_PX) < columns, 0, 255).astype(np.uint8)[None, :].repeat(SIDE_PX, axis=0)


def coarse(image: Pixels) -> Pixels:
    return ndimage.zoom(image[:, ::6, ::6], (1, 6, 6), order=1)


def with_black(pixels: Pixels) -> Pixels:
    pixels[:3, :20, :20] = 0
    return pixels


def text(content: str) -> Callable[[Town], object]:
    return lambda town: town.image().write_text(content)


COLOURS = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)


def stated(change: Callable[[Any], None]) -> Callable[[Town], None]:
    """Let a file say something else of the same bytes."""

    def damage(town: Town) -> None:
        with rasterio.open(town.image(), "r+") as target:
            change(target)

    return damage


def udm(pixels: Pixels) -> Callable[[Town], None]:
    def damage(town: Town) -> None:
        path = town.path("UDM_masks", SECOND, "_UDM.tif")
        path.parent.mkdir(exist_ok=True)
        count, rows, cols = pixels.shape
        profile = {"driver": "GTiff", "dtype": "uint8", "count": count, "height": rows, "width": cols}
        with (
            rasterio.open(town.image()) as source,
            rasterio.open(path, "w", **profile, crs=source.crs, transform=source.transform) as target,
        ):
            target.write(pixels)

    return damage


def udm_elsewhere(crs: str = "EPSG:3857", columns: int = 0) -> Callable[[Town], None]:
    """A mask of the right size that is right for its image, and states another place."""

    def damage(town: Town) -> None:
        udm(np.where(town.pixels()[3:] == 0, 255, 0).astype(np.uint8))(town)
        with rasterio.open(town.path("UDM_masks", SECOND, "_UDM.tif"), "r+") as target:
            target.crs, target.transform = crs, target.transform @ Affine.translation(columns, 0)

    return damage


def broken_udm(town: Town) -> None:
    udm(np.zeros((1, SIDE_PX, SIDE_PX), np.uint8))(town)
    truncate(town.path("UDM_masks", SECOND, "_UDM.tif"))


def no_image(town: Town) -> None:
    for folder in ("images", "images_masked"):
        town.path(folder, SECOND).unlink()


def no_labels(town: Town) -> None:
    town.labels().unlink()


def gap(town: Town) -> None:
    town.forget(SECOND)
    town.forget(THIRD)


def copy_of(month: str, aoi: str = AOI) -> Callable[[Town], None]:
    def damage(town: Town) -> None:
        other = town.other(aoi).pixels(month)
        town.paint(lambda _: other)

    return damage


def of_another_place(town: Town) -> None:
    """The right grid and name, the pixels of an area elsewhere."""
    other = town.other(NEAR).pixels(THIRD)
    town.paint(lambda _: np.roll(other, 5, axis=2))


FILES = "images can be read to the end"
GRID = "all months of an AOI share one grid"
USABLE = "at least 0.5 of an image is usable"
SHARP = "a month has at least 0.3 of its AOI's median sharpness"
SHIFT = "months lie within 1.5 px of their AOI's median"
ALIKE = "months correlate by at least 0.5 with their AOI's median"
BRIGHT = "a month's brightness is within 60 of its AOI's median"
TILE = "images lie on the tile that the AOI's name states"
MEANING = "bands are red, green, blue and alpha"
NORTH = "images are north up with square pixels"

OF_IMAGES = (
    Damage("half of the file is gone", FILES, lambda town: truncate(town.image()), stops=True),
    Damage("an empty file", FILES, text(""), stops=True),
    Damage("an error page in place of the file", FILES, text("<html><body>404 Not Found</body></html>"), stops=True),
    Damage("a VRT called .tif", FILES, text('<VRTDataset rasterXSize="96" rasterYSize="96"></VRTDataset>'), stops=True),
    Damage("only a header", FILES, lambda town: town.image().write_bytes(town.image().read_bytes()[:400]), stops=True),
    Damage("no alpha band", "images have 4 bands", painted(lambda pixels: pixels[:3]), stops=True),
    Damage("a near-infrared band more", "images have 4 bands",
           painted(lambda pixels: pixels[[0, 1, 2, 0, 3]]), stops=True),
    Damage("one grey band", "images have 4 bands", painted(lambda pixels: pixels[:1]), stops=True),
    Damage("16 bits", "images are uint8", painted(lambda pixels: pixels.astype(np.uint16) * 16), stops=True),
    Damage("reflectance in floats", "images are uint8",
           painted(lambda pixels: pixels.astype(np.float32) / 255), stops=True),
    Damage("blue named first", MEANING,
           stated(lambda it: setattr(it, "colorinterp", COLOURS[2::-1] + COLOURS[3:])), stops=True),
    Damage("inks", MEANING, painted(same, photometric="cmyk"), stops=True),
    Damage("bytes to be scaled", MEANING, stated(lambda it: setattr(it, "scales", (0.5,) * 4)), stops=True),
    Damage("the wrong CRS", "images are in EPSG:3857", painted(same, crs="EPSG:32612"), stops=True),
    Damage("no CRS", "images are in EPSG:3857", painted(same, crs=None), stops=True),
    Damage("an area rotated by a degree", NORTH, every_month(move=Affine.rotation(1)), MONTHS, stops=True),
    Damage("an area stored from south to north", NORTH, every_month(move=Affine.scale(1, -1)), MONTHS, stops=True),
    Damage("an area of oblong pixels", NORTH, every_month(move=Affine.scale(1, 1.1)), MONTHS, stops=True),
    Damage("a month moved by a pixel in its header", GRID, moved(Affine.translation(1, 0)), stops=True),
    Damage("a month moved by a thousandth of a pixel", GRID, moved(Affine.translation(0, 0.001)), stops=True),
    Damage("a month with larger pixels", GRID, moved(Affine.scale(2)), stops=True),
    Damage("a month that lacks a column", GRID, painted(lambda pixels: pixels[:, :, :-1]), stops=True),
    Damage("a month that lacks a row", GRID, painted(lambda pixels: pixels[:, 1:]), stops=True),
    Damage("too many rows", "images have 63 to 100 rows", padded(rows=9), MONTHS, stops=True),
    Damage("too many columns", "images have 63 to 100 cols", padded(cols=9), MONTHS, stops=True),
    Damage("an area three pixels off its tile", TILE, every_month(move=Affine.translation(-3, 2)), MONTHS),
    Damage("an area on the tile to the south", TILE, every_month(move=Affine.translation(0, 1024)), MONTHS),
    Damage("one block for the whole image", "a block holds at most 4,096 pixels",
           painted(same, tiled=True, blockxsize=128, blockysize=128)),
    Damage("clouds over most of it", USABLE, painted(alpha(masked_left(60)))),
    Damage("alpha 0 everywhere", USABLE, painted(alpha(0))),
    Damage("alpha half transparent", "alpha is 0 or 255", painted(alpha(128))),
    Damage("infrared in place of alpha", "alpha is 0 or 255", painted(lambda pixels: pixels[[0, 1, 2, 0]])),
    Damage("thick fog", "grey levels deviate by at least 4", painted(colours(lambda image: 90 + image * 0.05))),
    Damage("an even grey", "grey levels deviate by at least 4", painted(colours(lambda image: image * 0 + 85))),
    Damage("blanked ground without alpha 0", "at most 0.01 of the usable pixels are black", painted(with_black)),
    Damage("snow", BRIGHT, painted(colours(lambda image: image + 90))),
    Damage("another gamma", BRIGHT, painted(colours(lambda image: 255 * (image / 255) ** 0.3))),
    Damage("blurred", SHARP, painted(colours(lambda image: ndimage.gaussian_filter(image, (0, 3, 3))))),
    Damage("resampled from coarse pixels", SHARP, painted(colours(coarse))),
    Damage("content shifted by three columns", SHIFT, painted(colours(lambda image: np.roll(image, 3, axis=2)))),
    Damage("content shifted by two rows and columns", SHIFT,
           painted(colours(lambda image: np.roll(image, (2, -2), axis=(1, 2))))),
    Damage("mirrored", ALIKE, painted(colours(lambda image: image[:, :, ::-1]))),
    Damage("upside down", ALIKE, painted(colours(lambda image: image[:, ::-1]))),
    Damage("other ground under this name", ALIKE, of_another_place),
    Damage("a negative", ALIKE, painted(colours(lambda image: 180 - image))),
    Damage("last month's pixels", "no two frames hold the same pixels", copy_of(MONTHS[0])),
    Damage("another area's pixels", "no two frames hold the same pixels", copy_of(SECOND, NEAR), beside=(NEAR,)),
    Damage("labels of a month without image", "every label month has an image", no_image, stops=True),
    Damage("a month that images_masked lacks", "images_masked has every month of images",
           lambda town: town.image().unlink(), stops=True),
    Damage("a month that images lacks", "images has every month of images_masked",
           lambda town: town.path("images", SECOND).unlink()),
    Damage("a month without labels", "images have labels", no_labels),
    Damage("two months missing", "at most 1 month(s) are missing between two", gap, (MONTHS[3],)),
    Damage("half a UDM mask", "UDM masks can be read and fit their image", broken_udm, stops=True),
    Damage("a UDM mask of two bands", "UDM masks can be read and fit their image",
           udm(np.zeros((2, SIDE_PX, SIDE_PX), np.uint8)), stops=True),
    Damage("a UDM mask of the place next to it", "UDM masks can be read and fit their image",
           udm_elsewhere(columns=1), stops=True),
    Damage("a UDM mask in degrees", "UDM masks can be read and fit their image",
           udm_elsewhere("EPSG:4326"), stops=True),
    Damage("a UDM mask of another size", "UDM masks can be read and fit their image",
           udm(np.zeros((1, 50, 50), np.uint8)), stops=True),
)  # fmt: skip
