"""The loop: it learns, stops, goes on where it was killed, and gives the same twice."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
import torch
from affine import Affine
from torch import Tensor

from sn7ml.core.errors import ModelError, ParamsError, TableError
from sn7ml.core.geo.grid import Grid
from sn7ml.learn.dataset import Draw, Sample, draw_tiles
from sn7ml.learn.fit import Fit, Plan, Training, build_optimiser, enlarge, fit
from sn7ml.learn.predict import Predictor
from sn7ml.params import FinalTrainParams, ModelImages, ModelParams, OptimiserParams, Recipe, TargetParams
from sn7ml.scenes.images import read_image
from sn7ml.scenes.scored_columns import Stretch
from sn7ml.scenes.store import TileStore
from sn7ml.targets import target_of
from tests.learn.toy import NOTHING, RECIPE, SHAPE, TARGET, squares, training, windows, write_store
from tests.raising import raises
from tests.scenes import converted
from tests.sn7_folder import AOI, stem

CURVE = Path(__file__).with_name("loss_curve.json")


class Killed(Exception):  # noqa: N818 - an event, not a fault
    """Stands for a SIGKILL."""


def recipe(encoder: str = "tu-mobilenetv3_small_050", rate: float = 0.005, architecture: str = "Unet") -> Recipe:
    """A quick network."""
    model = ModelParams(architecture=architecture, encoder=encoder, weights=None)
    return RECIPE.model_copy(
        update={"model": model, "optimiser": OptimiserParams(learning_rate=rate, weight_decay=0.01)}
    )


def kill_after(last: int) -> Callable[[int, dict[str, float]], None]:
    def on_epoch(epoch: int, _metrics: dict[str, float]) -> None:
        if epoch == last:
            raise Killed

    return on_epoch


def assert_same(one: Fit, other: Fit) -> None:
    """Bit for bit."""
    assert one.best_epoch == other.best_epoch
    assert one.history.to_csv() == other.history.to_csv()
    assert list(one.package.weights[0]) == list(other.package.weights[0])
    assert all(torch.equal(tensor, other.package.weights[0][name]) for name, tensor in one.package.weights[0].items())


def differ(one: Fit, other: Fit) -> bool:
    return any(
        not torch.equal(tensor, other.package.weights[0][name]) for name, tensor in one.package.weights[0].items()
    )


def test_bright_squares_are_learned_in_seconds_and_found_in_columns_never_seen(store: TileStore, world: Path) -> None:
    settings = training(epochs=8, tiles_per_epoch=32, batch_size=8, validation_tiles=8)
    found = fit(Plan(recipe(), TARGET, settings), store)
    assert found.history["val_iou"].max() > 0.8
    assert found.history["val_score"].to_numpy().argmax() + 1 == found.best_epoch
    assert found.history["train_loss"].iloc[-1] < found.history["train_loss"].iloc[0] / 2
    assert list(found.history.columns) == ["epoch", "train_loss", "val_loss", "val_score", "val_iou", "val_f1", "lr"]
    assert list(found.history["epoch"]) == list(range(1, 9))

    pixels = read_image(world / "train" / AOI / "images_masked" / f"{stem(AOI, '2018-01')}.tif").pixels
    probabilities = Predictor(found.package, windows()).predict_image(pixels, [Stretch(224, 320)])
    truth = np.zeros(SHAPE, bool)
    for polygon in squares(SHAPE).values():
        left, top, right, bottom = (int(edge) for edge in polygon.bounds)
        truth[top:bottom, left:right] = True
    taken, wanted = probabilities.channels[0, :, 224:] > 127, truth[:, 224:]
    assert (taken & wanted).sum() / (taken | wanted).sum() > 0.8


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(store: TileStore) -> None:
    one = fit(Plan(recipe(), TARGET, training()), store)
    torch.rand(17)  # what was drawn before does not matter
    assert_same(one, fit(Plan(recipe(), TARGET, training()), store))
    assert differ(one, fit(Plan(recipe(), TARGET, training(seed=8)), store))


@pytest.mark.parametrize("last", [1, 2])
def test_a_killed_training_goes_on_and_ends_as_if_it_had_never_stopped(
    last: int, store: TileStore, tmp_path: Path
) -> None:
    settings, chosen = training(epochs=4), recipe(architecture="FPN")  # FPN has dropout: random numbers of its own
    whole = fit(Plan(chosen, TARGET, settings), store)
    checkpoint = tmp_path / "deep" / "train.pt"
    with pytest.raises(Killed):
        fit(Plan(chosen, TARGET, settings), store, kill_after(last), checkpoint)
    assert [path.name for path in checkpoint.parent.iterdir()] == ["train.pt"]
    seen: list[tuple[int, dict[str, float]]] = []
    assert_same(whole, fit(Plan(chosen, TARGET, settings), store, lambda *args: seen.append(args), checkpoint))
    # The hook hears of the epochs before the kill again: a pruner and MLflow need all.
    assert [epoch for epoch, _ in seen] == [1, 2, 3, 4]
    for (_, metrics), row in zip(seen, whole.history.to_dict("records"), strict=True):
        assert {"epoch": row["epoch"], **metrics} == row
    # And when all is done, nothing is done again.
    assert_same(whole, fit(Plan(chosen, TARGET, settings), store, checkpoint=checkpoint))


def test_a_checkpoint_does_not_care_how_many_other_networks_there_are(store: TileStore, tmp_path: Path) -> None:
    one, three = (FinalTrainParams(**training(epochs=1).model_dump(), networks=number) for number in (1, 3))
    checkpoint = tmp_path / "train.pt"
    first = fit(Plan(recipe(), TARGET, one), store, checkpoint=checkpoint)
    written = checkpoint.stat().st_mtime_ns
    assert_same(first, fit(Plan(recipe(), TARGET, three), store, checkpoint=checkpoint))
    assert checkpoint.stat().st_mtime_ns == written  # nothing was trained again


def test_a_checkpoint_of_other_params_is_left_alone(store: TileStore, tmp_path: Path) -> None:
    checkpoint = tmp_path / "train.pt"
    fit(Plan(recipe(), TARGET, training()), store, checkpoint=checkpoint)
    other = training(seed=8)
    assert_same(
        fit(Plan(recipe(), TARGET, other), store, checkpoint=checkpoint), fit(Plan(recipe(), TARGET, other), store)
    )
    fit(Plan(recipe(), TARGET, training()), store, checkpoint=checkpoint)
    slower = recipe(rate=0.001)
    assert_same(
        fit(Plan(slower, TARGET, training()), store, checkpoint=checkpoint),
        fit(Plan(slower, TARGET, training()), store),
    )


def test_each_fold_gets_a_network_that_does_not_see_it(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = write_store(world, tmp_path / "folds", folds=2)
    seen: list[set[int]] = []

    def note(tiles: pd.DataFrame, *rest: Any) -> list[Draw]:
        seen.append(set(tiles["fold"]))
        return draw_tiles(tiles, *rest)

    monkeypatch.setattr("sn7ml.learn.fit.draw_tiles", note)
    checkpoint = tmp_path / "train.pt"
    one = fit(Plan(recipe(), TARGET, training(epochs=1)), store, checkpoint=checkpoint)
    two = fit(Plan(recipe(), TARGET, training(epochs=1)), store, checkpoint=checkpoint, network=2)
    three = fit(Plan(recipe(), TARGET, training(epochs=1)), store, checkpoint=checkpoint, network=3)
    assert seen == [{2}, {1}, {2}]  # and none is taken for the one before, whose checkpoint lies there
    assert differ(one, two)
    assert differ(one, three)  # of one fold, by their seeds


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda _: b"", lambda _: b"not a checkpoint"])
def test_a_damaged_checkpoint_is_named(damage: Callable[[bytes], bytes], store: TileStore, tmp_path: Path) -> None:
    checkpoint = tmp_path / "train.pt"
    fit(Plan(recipe(), TARGET, training(epochs=1)), store, checkpoint=checkpoint)
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    with raises(ModelError, "checkpoint.unreadable", "train.pt"):
        fit(Plan(recipe(), TARGET, training(epochs=1)), store, checkpoint=checkpoint)


def test_training_stops_when_it_gets_no_better_and_keeps_the_best(
    store: TileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = iter([0.1, 0.5, 0.4, 0.5, 0.9])
    kept: list[dict[str, Tensor]] = []

    def validate(self: Training, _batches: Iterator[Sample]) -> dict[str, float]:
        kept.append({name: tensor.clone() for name, tensor in self.network.state_dict().items()})
        return {"val_loss": 1.0, "val_score": next(script)}

    monkeypatch.setattr(Training, "validate", validate)
    found = fit(Plan(recipe(), TARGET, training(epochs=9, patience=2)), store)
    assert list(found.history["val_score"]) == [0.1, 0.5, 0.4, 0.5]
    assert found.best_epoch == 2
    assert all(torch.equal(tensor, kept[1][name]) for name, tensor in found.package.weights[0].items())
    assert any(not torch.equal(tensor, kept[3][name]) for name, tensor in found.package.weights[0].items())


def test_an_exception_of_the_hook_passes_through(store: TileStore) -> None:
    with pytest.raises(Killed):
        fit(Plan(recipe(), TARGET, training()), store, kill_after(1))


@pytest.mark.parametrize("which", ["training", "validation"])
def test_a_loss_that_is_no_number_is_said(which: str, store: TileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def nan(_loss: Any, logits: Tensor, *_: Tensor) -> Tensor:
        bad = logits.requires_grad == (which == "training")
        return (logits * (float("nan") if bad else 1.0)).sum()

    monkeypatch.setattr("sn7ml.learn.losses.CombinedLoss.forward", nan)
    with raises(ModelError, "training.loss-not-finite", which, "nan", "optimiser.learning_rate"):
        fit(Plan(recipe(), TARGET, training()), store)


@pytest.mark.parametrize(("split", "purpose"), [("train", "learn on"), ("validation", "be validated on")])
def test_a_store_without_tiles_of_a_split_is_refused(split: str, purpose: str, store: TileStore) -> None:
    poor = TileStore(store.folder)
    poor.__dict__["tiles"] = store.tiles[store.tiles["split"] != split]
    with raises(TableError, "tiles.none-for-network", purpose, 1):
        fit(Plan(recipe(), TARGET, training()), poor)


def test_distances_are_not_turned_where_pixels_are_not_square(world: Path, tmp_path: Path) -> None:
    distance = target_of(TargetParams(kind="distance"))
    tiles = write_store(world, tmp_path / "tiles", target=distance)
    loss = RECIPE.loss.model_copy(update={"smooth_l1": 1.0, "channels": {"distance": 1.0}})
    turned = recipe().model_copy(update={"loss": loss})
    straight = turned.model_copy(update={"augmentation": NOTHING})
    short = training(epochs=1, tiles_per_epoch=4)
    for width, refused in ((0.243, True), (0.299, False)):
        span = width, width
        tiles.__dict__["images"] = ModelImages(stretch={}, pixel_height_m=(0.3, 0.3), pixel_width_m=span)
        if refused:
            with raises(ParamsError, "augmentation.turned-metres", 0.3, width):
                fit(Plan(turned, distance, short), tiles)
        else:
            fit(Plan(turned, distance, short), tiles)
        fit(Plan(straight, distance, short), tiles)
        free = turned.augmentation.model_copy(update={"quarter_turns": False, "rotation": 10.0})
        if refused:
            with raises(ParamsError, "augmentation.turned-metres", 0.3, width):
                fit(Plan(turned.model_copy(update={"augmentation": free}), distance, short), tiles)


def test_distances_are_not_zoomed(world: Path, tmp_path: Path) -> None:
    distance = target_of(TargetParams(kind="distance"))
    tiles = write_store(world, tmp_path / "tiles", target=distance)
    loss = RECIPE.loss.model_copy(update={"smooth_l1": 1.0, "channels": {"distance": 1.0}})
    zoomed = recipe().model_copy(update={"loss": loss, "augmentation": NOTHING.model_copy(update={"zoom": 0.2})})
    with raises(ParamsError, "augmentation.zoomed-metres", 0.2):
        fit(Plan(zoomed, distance, training(epochs=1, tiles_per_epoch=4)), tiles)


def test_a_network_that_cannot_take_the_tiles_is_refused(store: TileStore) -> None:
    params = ModelParams(architecture="PAN", encoder="resnet18", weights=None)
    with raises(ModelError, "model.tile-size", "PAN", "'resnet18'", "32 px"):
        fit(Plan(recipe().model_copy(update={"model": params}), TARGET, training()), store)


def test_batches_are_whole_and_the_learning_rate_ends_where_the_cycle_does(store: TileStore) -> None:
    """A last batch of one tile would break networks that pool the whole image before a batch normalisation."""
    sizes: list[int] = []
    original = Training._forward

    def forward(self: Training, batch: Sample) -> tuple[Tensor, Tensor]:
        if torch.is_grad_enabled():
            sizes.append(len(batch.image))
        return original(self, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Training, "_forward", forward)
        found = fit(Plan(recipe(rate=0.01), TARGET, training(epochs=3, tiles_per_epoch=9, batch_size=4)), store)
    assert sizes == [4] * 9
    assert found.history["lr"].max() <= 0.01
    assert found.history["lr"].iloc[-1] == pytest.approx(0.01 / 25 / 1e4)  # one-cycle's own defaults


def test_masks_three_times_as_large_as_images_are_learned_too(store3: TileStore) -> None:
    found = fit(Plan(recipe(), TARGET, training(epochs=1)), store3)
    assert found.package.upsampling == 3
    assert np.isfinite(found.history["train_loss"]).all()


@pytest.mark.usefixtures("serial")
def test_scenes_of_different_sizes_are_learned_together(tmp_path: Path) -> None:
    shapes = ((64, 96), (96, 40), (33, 128), (50, 50), (64, 64))
    grids = {
        f"s{place}": Grid(4326, converted.GRID.transform @ Affine.translation(50_000 * place, 0), shape)
        for place, shape in enumerate(shapes)
    }
    _, _, store = converted.write_converted(tmp_path, TargetParams(kind="footprint"), grids)
    assert set(store.tiles["aoi"]) == {*grids}
    loss = RECIPE.loss.model_copy(update={"channels": {"footprint": 1.0}})
    settings = training(epochs=6, tiles_per_epoch=32, batch_size=8)
    plan = Plan(recipe().model_copy(update={"loss": loss}), target_of(TargetParams(kind="footprint")), settings)
    history = fit(plan, store).history
    assert history["val_iou"].max() > 0.7


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_enlarging_is_bilinear_with_pixel_centres_in_place(factor: int) -> None:
    rows, cols = torch.meshgrid(torch.arange(6.0), torch.arange(5.0), indexing="ij")
    image = torch.stack([rows, cols, rows + 2 * cols])[None]
    large = enlarge(image, factor)
    assert large.is_contiguous(memory_format=torch.channels_last)
    place = (torch.arange(6 * factor) + 0.5) / factor - 0.5
    inner = slice(factor, -factor)  # beyond the outermost centres the edge is repeated
    torch.testing.assert_close(large[0, 0, inner, 0], place[inner])
    assert large.shape == (1, 3, 6 * factor, 5 * factor)


def test_twenty_steps_of_a_toy_model_lose_what_they_always_lost(store: TileStore) -> None:
    """A refactor must not move this curve; a change of draws, augmentation, loss or optimiser does, and must say why.

    On one processor and version of torch it is the same bit for bit. Others round otherwise, and Adam's first steps
    blow that up: with the vector units of older processors, or two threads, the first three steps were seen to move
    by 3e-5 and the rest by up to 8e-3. To write it anew: delete loss_curve.json and run this test.
    """
    settings = training(epochs=20, tiles_per_epoch=4, validation_tiles=1, patience=20)
    losses = list(fit(Plan(recipe("resnet18", rate=0.0005), TARGET, settings), store).history["train_loss"])
    if not CURVE.exists():
        CURVE.write_text(json.dumps([round(loss, 6) for loss in losses], indent=0) + "\n", encoding="utf-8")
        pytest.fail(f"{CURVE} was not there and is written anew: look at it and commit it")
    curve = json.loads(CURVE.read_text(encoding="utf-8"))
    assert losses[0] == pytest.approx(curve[0], rel=1e-5)
    assert losses[:3] == pytest.approx(curve[:3], rel=1e-3)
    assert losses == pytest.approx(curve, rel=0.02)


@pytest.mark.parametrize("method", ["adamw", "nadam", "sgd"])
def test_every_optimiser_goes_downhill_on_the_one_cycle_schedule(method: Literal["adamw", "nadam", "sgd"]) -> None:
    slope = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(slope.weight, 2.0)
    optimiser = build_optimiser(slope, OptimiserParams(method=method, learning_rate=0.05, weight_decay=0.0))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.05, total_steps=60)
    for _ in range(60):
        optimiser.zero_grad()
        (slope.weight**2).sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    assert abs(slope.weight.item()) < 1
