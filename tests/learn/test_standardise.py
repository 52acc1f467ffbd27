"""By whose brightness images are standardised: their own, or ImageNet's."""

import numpy as np
import pytest
import torch

from sn7ml.learn.dataset import Draw, TileDataset
from sn7ml.learn.models import fixed_brightness
from sn7ml.learn.package import Package
from sn7ml.learn.predict import Predictor
from sn7ml.params import ModelParams
from sn7ml.scenes.store import TileStore
from tests.cli.bright import Bright
from tests.learn.toy import NOTHING, OUTPUT, RECIPE, windows

IMAGENET = RECIPE.model_copy(update={"model": RECIPE.model.model_copy(update={"standardise": "imagenet"})})
DARK = np.full((4, 40, 40), 30, np.uint8)
DARK[3] = 255


class Seen(Bright):
    """Keeps what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[torch.Tensor] = []

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.images.append(image)
        return super().forward(image)


@pytest.mark.parametrize(("recipe", "red"), [(RECIPE, 0.0), (IMAGENET, (30 - 123.675) / 58.395)])
def test_a_dark_image_is_dark_by_imagenets_brightness_and_grey_by_its_own(recipe: object, red: float) -> None:
    network = Seen()

    class Made(Package):
        def networks(self) -> list[torch.nn.Module]:
            return [network]

    Predictor(Made(recipe, *OUTPUT, 1, ({},)), windows()).predict_image(DARK)  # type: ignore[arg-type]
    assert network.images[0][:, 0].flatten().tolist() == pytest.approx(
        [red] * network.images[0][:, 0].numel(), abs=1e-5
    )


@pytest.mark.parametrize("seed", [None, 3])
def test_training_standardises_alike(store: TileStore, seed: int | None) -> None:
    model = ModelParams(architecture="Unet", encoder="resnet18", weights=None, standardise="imagenet")
    fixed = TileDataset(store, store.tiles, NOTHING, brightness=fixed_brightness(model))
    row = store.tiles.iloc[0]
    pixels = store.read_pixels(row["aoi"], row["time"], (row["row"], row["col"]), store.tile_px)
    wanted = (pixels[1].astype(np.float32) - 116.28) / 57.12 * (pixels[3] > 0)
    np.testing.assert_allclose(fixed[Draw(0, seed)].image[1].numpy(), wanted, rtol=1e-4, atol=1e-5)
