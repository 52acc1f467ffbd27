"""Land use of images that lie somewhere or nowhere, predicted by a model that takes what is bright for sand."""

import json
from functools import cached_property
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning
from torch import Tensor, nn

from sn7ml.core.errors import RasterError
from sn7ml.flow.predict_folder import open_images, predict_folder
from sn7ml.learn.package import Package
from sn7ml.learn.predict import Predictor
from sn7ml.learn.trained_model import TrainedModel
from sn7ml.params import LandUseParams, ModelImages, OutputParams, Usage
from tests.flow.test_predict_scenes import DEGREES, write
from tests.learn.toy import RECIPE, windows
from tests.raising import raises

pytestmark = pytest.mark.usefixtures("serial")

NAMES = ("sea", "sand")
SIDE = 96


class BrightIsSand(nn.Module):
    """Certain of sand where a pixel is brighter than the mean of its image."""

    def forward(self, image: Tensor) -> Tensor:
        bright = image.mean(dim=1)
        import torch

        return torch.stack([-20 * bright, 20 * bright], dim=1)


class SandModel(TrainedModel):
    @cached_property
    def images(self) -> ModelImages | None:
        return ModelImages(stretch={}, pixel_height_m=None, pixel_width_m=None)

    @cached_property
    def predictor(self) -> Predictor:
        class Made(Package):
            def networks(self) -> list[nn.Module]:
                return [BrightIsSand()]

        return Predictor(Made(RECIPE, NAMES, "softmax", 1, ({},), images=self.images), self.usage.predict)


@pytest.fixture
def model(tmp_path: Path) -> SandModel:
    output = OutputParams(land_use=LandUseParams(colours={"sand": "#C8B464"}))
    return SandModel("m", "m", "d" * 16, tmp_path / "none", Usage(task="land_use", predict=windows(), output=output))


def coast() -> np.ndarray:
    """Red, green, blue: sand in the north, sea in the south."""
    pixels = np.full((3, SIDE, SIDE), 40, np.uint8)
    pixels[:, : SIDE // 3] = 200
    return pixels


def test_pictures_without_a_place_become_maps_pictures_and_counts(model: SandModel, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for name in ("one.jpg", "two.png"):
        Image.fromarray(np.moveaxis(coast(), 0, 2)).save(tmp_path / "pictures" / name)
    found = predict_folder(tmp_path / "pictures", tmp_path / "out", model)
    assert found.buildings == 0
    counts = pd.read_csv(tmp_path / "out" / "counts.csv").set_index(["aoi", "class"])["pixels"]
    for aoi in ("one", "two"):
        assert counts[aoi].sum() == SIDE**2
        assert counts[aoi]["sand"] == pytest.approx(SIDE**2 / 3, rel=0.02)
        with (
            pytest.warns(NotGeoreferencedWarning),
            rasterio.open(tmp_path / "out" / "maps" / aoi / "undated.tif") as source,
        ):
            assert source.crs is None
        assert (tmp_path / "out" / "maps" / aoi / "undated.png").exists()
    record = json.loads((tmp_path / "out" / "predict.json").read_text())
    assert record["complete"]
    assert record["found"]["frames"] == 2
    assert sum(record["found"][name] for name in (*NAMES, "unknown")) == 2 * SIDE**2
    assert "sand 33" in found.said


def test_an_image_with_a_place_becomes_polygons_there(model: SandModel, tmp_path: Path) -> None:
    write(tmp_path / "coast.tif", coast(), DEGREES)
    predict_folder(tmp_path / "coast.tif", tmp_path / "out", model)
    polygons = geopandas.read_file(tmp_path / "out" / "classes.gpkg").set_index("class")
    assert sorted(polygons.index) == ["sand", "sea"]
    west, north = DEGREES @ (0, 0)
    east, south = DEGREES @ (SIDE, SIDE // 3)
    assert polygons.loc["sand", "geometry"].bounds == pytest.approx((west, south, east, north), abs=1e-7)
    counts = pd.read_csv(tmp_path / "out" / "counts.csv").set_index("class")
    assert polygons.loc["sand", "area_m2"] == pytest.approx(counts.loc["sand", "area_m2"], rel=2e-3)


def test_a_model_of_buildings_has_no_use_for_pictures(tmp_path: Path) -> None:
    from tests.flow.test_predict_scenes import VEGAS, model_of

    Image.fromarray(np.moveaxis(coast(), 0, 2)).save(tmp_path / "one.png")
    with pytest.raises(Exception, match="png") as caught:
        open_images(tmp_path / "one.png", model=model_of(tmp_path / "none", Vegas=VEGAS))
    assert getattr(caught.value, "code", "") == "data.file-name"


def test_images_of_16_bits_need_a_stretch(model: SandModel, tmp_path: Path) -> None:
    write(tmp_path / "deep.tif", coast().astype(np.uint16), DEGREES)
    with raises(RasterError, "image.unusable", "uint16", faults=["image.data-type"]):
        open_images(tmp_path / "deep.tif", model=model)
