"""Single images of any brightness and grid, and map tiles, predicted by a model that finds what is bright."""

import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from pyproj import Transformer
from rasterio.warp import reproject
from torch import Tensor, nn

from sn7ml.core.errors import CatalogError, ParamsError, RasterError
from sn7ml.flow.predict_folder import Prediction, open_images, predict_folder
from sn7ml.learn.package import Package
from sn7ml.learn.predict import Predictor
from sn7ml.learn.trained_model import TrainedModel
from sn7ml.params import InstanceParams, ModelImages, OutputParams, PartStretch, Usage
from sn7ml.params.outcome import BuildingsParams
from tests.cli.bright import Bright
from tests.learn.toy import RECIPE, windows
from tests.raising import raises

pytestmark = pytest.mark.usefixtures("serial")

DEGREES = Affine(2.7e-6, 0, -115.2, 0, -2.7e-6, 36.2)
HOUSES = [(10, 10, 16, 12), (40, 20, 10, 20), (60, 60, 14, 14), (20, 70, 12, 12)]
"""Row, column, rows, columns."""

VEGAS = PartStretch(low=(100.0,) * 3, high=(1100.0,) * 3)
DARK = PartStretch(low=(0.0,) * 3, high=(100.0,) * 3)
PIXELS = {"pixel_height_m": (0.2996, 0.2996), "pixel_width_m": (0.243, 0.243)}
INSTANCES = InstanceParams(
    seed_threshold=0.6, flood_threshold=0.5, boundary_weight=0.0, contact_weight=0.0, min_area_px2=4.0, simplify_px=0.5
)


@dataclass(frozen=True)
class BrightModel(TrainedModel):
    """Its network finds what is bright."""

    known: ModelImages | None = None

    @cached_property
    def images(self) -> ModelImages | None:
        return self.known

    @cached_property
    def predictor(self) -> Predictor:
        class Made(Package):
            def networks(self) -> list[nn.Module]:
                return [FirstOnly()]

        package = Made(RECIPE, ("footprint",), "sigmoid", 1, ({},), images=self.known)
        return Predictor(package, self.usage.predict)


class FirstOnly(Bright):
    def forward(self, image: Tensor) -> Tensor:
        return super().forward(image)[:, :1]


def model_of(folder: Path, **stretches: PartStretch) -> BrightModel:
    output = OutputParams(buildings=BuildingsParams(instances=INSTANCES))
    known = ModelImages(stretch=dict(stretches), **PIXELS)
    return BrightModel("m", "m", "d" * 16, folder, Usage(task="buildings", predict=windows(), output=output), known)


@pytest.fixture
def model(tmp_path: Path) -> BrightModel:
    return model_of(tmp_path / "none", Vegas=VEGAS)


def scene() -> NDArray[np.uint16]:
    """11 bits, (3, 100, 100): ground near 300, houses at 900, one of them brighter than any byte or stretch."""
    pixels = np.random.default_rng(7).integers(280, 320, (3, 100, 100)).astype(np.uint16)
    for row, col, rows, cols in HOUSES:
        pixels[:, row : row + rows, col : col + cols] = 900
    pixels[:, 60:74, 60:74] = 65_535
    return pixels


def write(path: Path, pixels: NDArray[np.generic], transform: Affine = DEGREES, epsg: int = 4326) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    count, rows, cols = pixels.shape
    options = {"count": count, "height": rows, "width": cols, "dtype": pixels.dtype, "transform": transform}
    if count == 4:
        options |= {"photometric": "RGB", "alpha": "yes"}
    with rasterio.open(path, "w", driver="GTiff", crs=f"EPSG:{epsg}", **options) as target:
        target.write(pixels)
    return path


def f1(one: Prediction, other: Prediction) -> float:
    """At IoU 0.5, each in the other's place on the ground."""
    left, right = (geopandas.read_file(it.folder / "buildings.gpkg").to_crs(32611).geometry for it in (one, other))
    hits = sum(max(a.intersection(b).area / a.union(b).area for b in right) >= 0.5 for a in left)
    return float(2 * hits / (len(left) + len(right)))


def test_one_chip_becomes_outlines_areas_and_a_submission(model: BrightModel, tmp_path: Path) -> None:
    chip = write(tmp_path / "in" / "RGB-PanSharpen_AOI_2_Vegas_img7.tif", scene())
    found = predict_folder(chip, tmp_path / "out", model)
    assert found.tracks["aoi"].unique().tolist() == ["AOI_2_Vegas_img7"]
    assert len(found.tracks) == len(HOUSES)
    areas_px2 = sorted(rows * cols for _, _, rows, cols in HOUSES)
    areas_m2 = geopandas.read_file(tmp_path / "out" / "buildings.gpkg")["area_m2"]
    assert sorted(areas_m2) == pytest.approx([px2 * 0.2996 * 0.243 for px2 in areas_px2], rel=0.1)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"buildings.gpkg", "buildings.geojson", "buildings.csv", "submission.csv", "masks"} <= names
    record = json.loads((tmp_path / "out" / "predict.json").read_text())
    assert record["params"]["stretch"] == "as Vegas in training"


def test_the_same_scene_in_bits_bytes_and_utm_has_the_same_buildings(model: BrightModel, tmp_path: Path) -> None:
    deep = predict_folder(write(tmp_path / "deep.tif", scene()), tmp_path / "a", model)
    stretched = tmp_path / "a" / "images" / "deep" / "undated.tif"
    same = predict_folder(stretched, tmp_path / "b", model)
    floats = predict_folder(write(tmp_path / "f.tif", scene().astype(np.float32)), tmp_path / "c", model)
    # 30 m north to south and 24 m east to west, in pixels that are neither as high nor as wide as those in degrees.
    x, y = Transformer.from_crs(4326, 32611, always_xy=True).transform(-115.2, 36.2)
    transform, warped = Affine(0.27, 0, x - 1, 0, -0.27, y + 1), np.zeros((3, 120, 100), np.uint16)
    reproject(
        scene(), warped, src_transform=DEGREES, src_crs="EPSG:4326", dst_transform=transform, dst_crs="EPSG:32611"
    )
    utm = predict_folder(write(tmp_path / "utm.tif", warped, transform, 32611), tmp_path / "d", model)
    assert [f1(deep, other) for other in (same, floats, utm)] == [1.0, 1.0, 1.0]


def test_of_several_stretches_one_must_be_named(tmp_path: Path) -> None:
    chip, model = write(tmp_path / "chip.tif", scene()), model_of(tmp_path, Vegas=VEGAS, Dark=DARK)
    with raises(ParamsError, "options.stretch", "Dark", "Vegas", "--stretch NAME"):
        open_images(chip, model=model)
    with raises(ParamsError, "options.stretch", "'Paris'"):
        open_images(chip, model=model, stretch="Paris")
    by_name = predict_folder(open_images(chip, model=model, stretch="Vegas"), tmp_path / "out", model)
    assert len(by_name.tracks) == len(HOUSES)
    # By the other stretch ground and houses are alike white.
    dark = predict_folder(open_images(chip, model=model, stretch="Dark"), tmp_path / "dark", model)
    assert dark.tracks.empty
    with raises(CatalogError, "prediction.other", "stretch"):
        predict_folder(open_images(chip, model=model, stretch="Dark"), tmp_path / "out", model)


def test_a_model_of_bytes_refuses_what_it_cannot_stretch(tmp_path: Path) -> None:
    chip = write(tmp_path / "chip.tif", scene())
    with raises(RasterError, "image.unusable", chip, "uint16", faults=["image.data-type"]):
        open_images(chip, model=model_of(tmp_path))


def test_pixels_of_another_size_are_refused_unless_asked_for(model: BrightModel, tmp_path: Path) -> None:
    coarse = write(tmp_path / "coarse.tif", scene(), DEGREES @ Affine.scale(4))
    with raises(RasterError, "image.unusable", coarse, "--any-pixel-size", faults=["image.pixel-size"]):
        open_images(coarse, model=model)
    images = open_images(coarse, model=model, any_pixel_size=True)
    assert images.conversion is not None
    assert images.conversion.resampled == 1


def test_the_least_area_is_one_on_the_ground(model: BrightModel, tmp_path: Path) -> None:
    pixels = np.full((3, 100, 100), 300, np.uint16)
    pixels[:, 10:20, 10:20] = pixels[:, 50:62, 50:62] = 900  # 100 and 144 pixels of the training
    instances = INSTANCES.model_copy(update={"min_area_px2": 120.0})
    usage = model.usage.model_copy(update={"output": OutputParams(buildings=BuildingsParams(instances=instances))})
    coarse = write(tmp_path / "coarse.tif", pixels)
    fine = write(tmp_path / "fine.tif", pixels.repeat(2, axis=1).repeat(2, axis=2), DEGREES @ Affine.scale(0.5))
    for path, sides in ((coarse, 12), (fine, 24)):
        images = open_images(path, model=model, any_pixel_size=True)
        found = predict_folder(images, tmp_path / path.stem, replace(model, usage=usage)).tracks
        assert [it.area for it in found["geometry"]] == pytest.approx([sides**2], rel=0.1)


def test_map_tiles_are_stitched_and_a_zoom_is_chosen(tmp_path: Path) -> None:
    image = np.full((256, 512, 3), 80, np.uint8)
    image[100:140, 236:276] = 220  # a house across the border of two tiles
    for z in (20, 21):
        for x in range(2):
            folder = tmp_path / "tiles" / str(z) / str(1_000 + x)
            folder.mkdir(parents=True)
            Image.fromarray(image[:, 256 * x : 256 * (x + 1)]).save(folder / "900.png")
    model = replace(model_of(tmp_path), known=None)
    with raises(CatalogError, "data.zoom", 20, 21, "--zoom"):
        open_images(tmp_path / "tiles", model=model)
    found = predict_folder(open_images(tmp_path / "tiles", model=model, zoom=21), tmp_path / "out", model)
    assert found.tracks[["aoi", "id"]].to_numpy().tolist() == [["z21-1000-900", "0"]]
    assert found.tracks["geometry"].iloc[0].area == pytest.approx(40 * 40, rel=0.1)


def test_options_of_the_other_kind_of_images_are_refused(model: BrightModel, tmp_path: Path) -> None:
    chip = write(tmp_path / "chip.tif", scene())
    with raises(ParamsError, "options.month", "2020-05"):
        open_images(chip, "2020-05", model=model)
    with raises(ParamsError, "options.single-images", "--zoom"):
        open_images(chip, zoom=3)
