"""Another target than SpaceNet 7's is learned and predicted by the same code."""

from pathlib import Path

import rasterio

from sn7ml.learn.fit import Plan, fit
from sn7ml.learn.package import load_package, save_package
from sn7ml.learn.predict import load_predictor, predict_frames
from sn7ml.outputs.probabilities import ProbabilityCube
from sn7ml.params import LossParams, ModelParams, OptimiserParams, Recipe
from sn7ml.scenes.images import read_grid
from sn7ml.scenes.layouts.spacenet7 import scan
from sn7ml.scenes.scored_columns import Stretch
from tests.learn.toy import EVERYTHING, training, windows, write_store
from tests.sn7_folder import AOI
from tests.targets.test_bits import ROOF

RECIPE = Recipe(
    model=ModelParams(architecture="Unet", encoder="tu-mobilenetv3_small_050", weights=None),
    loss=LossParams(bce=1.0, dice=1.0, focal=0.0, jaccard=0.0, channels={"roof": 1.0}),
    augmentation=EVERYTHING,
    optimiser=OptimiserParams(learning_rate=0.005, weight_decay=0.01),
)


def test_one_channel_is_learned_kept_and_predicted(world: Path, tmp_path: Path) -> None:
    store = write_store(world, tmp_path / "tiles", target=ROOF)
    found = fit(Plan(RECIPE, ROOF, training(epochs=8, tiles_per_epoch=32, batch_size=8, validation_tiles=8)), store)
    assert found.history["val_score"].max() > 0.8
    save_package(tmp_path / "model", found.package)
    package = load_package(tmp_path / "model")
    assert (package.channels, package.activation) == (("roof",), "sigmoid")
    frames = scan(world).head(1)
    predictor, whole = load_predictor(tmp_path / "model", windows()), {AOI: [Stretch(0, 320)]}
    assert list(predict_frames(predictor, world, frames, whole, tmp_path / "found")) == [(AOI, "2018-01")]
    with rasterio.open(tmp_path / "found" / AOI / "2018-01.tif") as source:
        assert source.descriptions == ("roof", "usable")
    roof = ProbabilityCube(tmp_path / "found" / AOI, read_grid(world / frames["image"].iloc[0]))["2018-01"].channels[0]
    truth = ROOF.truth(store.read_flags(AOI, "2018-01", (0, 0), (64, 320)))[0]
    assert ((roof > 127) & truth).sum() / ((roof > 127) | truth).sum() > 0.8
