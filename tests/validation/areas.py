"""Tiny areas in SpaceNet 7's layout, and ways to damage them."""

import json
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

HALF_WORLD_M = 20_037_508.342789244
SIDE_PX = 64
MONTHS = ("2018-01", "2018-02", "2018-03")

Feature = dict[str, Any]


def name(number: int = 0) -> str:
    return f"L15-0331E-1257N_{1327 + number}_3160_13"


def transform_of(aoi: str) -> Affine:
    """The north-west corner of the web-mercator tile that the name states."""
    x, y = (int(part) for part in aoi.split("_")[1:3])
    tile = 2 * HALF_WORLD_M / 2**13
    return Affine(tile / 1024, 0, x * tile - HALF_WORLD_M, 0, -tile / 1024, HALF_WORLD_M - y * tile)


def square(left: float, top: float, side: float = 5) -> dict[str, Any]:
    right, bottom = left + side, top + side
    return {
        "type": "Polygon",
        "coordinates": [[[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]],
    }


def feature(building: Any, geometry: Any) -> Feature:
    return {"type": "Feature", "properties": {"Id": building}, "geometry": geometry}


def town(area: int = 0) -> list[Feature]:
    """Five houses; no two areas have the same."""
    return [feature(number, square(10 * number + 2, 20 + area / 100)) for number in range(5)]


@dataclass(frozen=True)
class Area:
    root: Path
    aoi: str
    part: str = "train"
    images: str = "images_masked"

    @property
    def folder(self) -> Path:
        return self.root / self.part / self.aoi

    def image(self, month: str) -> Path:
        return self.folder / self.images / f"global_monthly_{month.replace('-', '_')}_mosaic_{self.aoi}.tif"

    def labels(self, month: str, kind: str = "labels_match_pix") -> Path:
        return self.folder / kind / f"global_monthly_{month.replace('-', '_')}_mosaic_{self.aoi}_Buildings.geojson"

    def write_image(self, month: str, pixels: NDArray[Any] | None = None, **profile: Any) -> None:
        pixels = np.full((4, SIDE_PX, SIDE_PX), 255, np.uint8) if pixels is None else pixels
        bands, rows, cols = pixels.shape
        options = {"crs": "EPSG:3857", "transform": transform_of(self.aoi), "dtype": pixels.dtype} | profile
        self.image(month).parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            shape = {"count": bands, "height": rows, "width": cols}
            with rasterio.open(self.image(month), "w", driver="GTiff", **shape, **options) as target:
                target.write(pixels)

    def write_labels(self, month: str, features: Iterable[Feature], kind: str = "labels_match_pix") -> None:
        path = self.labels(month, kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}), encoding="utf-8")


def ground(number: int, month: str) -> NDArray[np.uint8]:
    """The same ground every month, with a little noise: frames that nothing can be said against."""
    texture = np.random.default_rng(number).integers(60, 180, (3, SIDE_PX // 4, SIDE_PX // 4)).repeat(4, 1).repeat(4, 2)
    noise = np.random.default_rng([number, int(month[:4]), int(month[5:])]).integers(-3, 4, texture.shape)
    return np.concatenate([texture + noise, np.full((1, SIDE_PX, SIDE_PX), 255)]).astype(np.uint8)


def good_area(root: Path, number: int = 0, months: Iterable[str] = MONTHS, **where: str) -> Area:
    area = Area(root, name(number), **where)
    for month in months:
        area.write_image(month, ground(number, month))
        area.write_labels(month, town(number))
    return area


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
