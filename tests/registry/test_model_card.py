"""The model card: what it says, and that it lies with the model."""

from pathlib import Path

import pandas as pd
import yaml

from sn7ml.registry.model_card import CARD, DataFacts, Training, content_of, model_card
from sn7ml.registry.versions import fetch
from tests.registry.toy_registry import TASK, TODAY, ToyRegistry, scores

FACTS = DataFacts(
    TODAY, [("test", "north", "0 to 99", 3), ("train", "south", "0 to 319", 4)], ("2018-01", "2018-04"), ("test",)
)


def write_package(folder: Path) -> Path:
    recipe = {"model": {"architecture": "Unet", "weights": "imagenet"}, "loss": {"of other days": 0.25}}
    (folder / "package.yaml").write_text(yaml.safe_dump({"recipe": recipe, "upsampling": 3}))
    (folder / "usage.yaml").write_text(yaml.safe_dump({"predict": {"tile_px": 128}}))
    history = pd.DataFrame({"network": [1, 1, 1, 2], "epoch": [1, 2, 3, 1], "val_score": [0.1, 0.5, 0.4, 0.3]})
    history.to_csv(folder / "history.csv", index=False)
    return folder


def card_of(folder: Path, trained_on: str) -> str:
    params = {"train.seed": "7", "split.folds": "2", "report.aois": "2"}
    worth = scores(0.3, aois={"north": 0.3})
    return model_card(content_of("sn7-test", write_package(folder), Training(params, trained_on), TASK, FACTS, worth))


def test_it_says_how_good_on_what_trained_how_and_used_how(tmp_path: Path) -> None:
    card = card_of(tmp_path, "t1")
    for words in (
        "| north | 0.3000 | 0.6000 | 0.2000 | 0.5000 | 0.4000 |",  # scot, tracking, change, f1, iou
        "| test | north | 0 to 99 | 3 |",
        "2018-01 to 2018-04",
        "tiles `t1`",
        "`model.architecture`: Unet",
        "`loss.of other days`: 0.25",  # a recipe that the params of today refuse
        "up-sampled 3 times",
        "network 1: epoch 2 of 3",
        "network 2: epoch 1 of 1",
        "`train.seed`: 7",
        "`split.folds`: 2",
        "`predict.tile_px`: 128",
        "from one AOI",
        "CC BY-SA 4.0",
        "Apache-2.0",
        "imagenet weights",
        "never from those of split test",
    ):
        assert words in card
    assert "report.aois" not in card


def test_a_model_of_other_tiles_is_not_said_to_be_scored_on_what_it_has_not_seen(tmp_path: Path) -> None:
    card = card_of(tmp_path, "t0")
    assert "never from those of split test" not in card
    assert "learned from other tiles (digest `t0`)" in card


def test_the_same_content_gives_the_same_text(tmp_path: Path) -> None:
    assert card_of(tmp_path, "t1") == card_of(tmp_path, "t1")


def test_it_lies_with_the_registered_model_and_tells_the_scores_of_the_last_verdict(
    toy_registry: ToyRegistry, tmp_path: Path
) -> None:
    toy_registry.submit("a", scores(0.2))
    toy_registry.evaluator.key = TODAY | {"tiles": "t2"}
    toy_registry.submit("a", scores(0.25))
    card = (fetch(toy_registry.store, toy_registry.version("a"), tmp_path / "fetched") / CARD).read_text(
        encoding="utf-8"
    )
    assert "0.2500" in card
    assert "tiles `t2`" in card
    assert "`train.epochs`: 3" in card  # of the run
