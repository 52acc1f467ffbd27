"""The model card: what it says, and that it lies with the model."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from sn7ml.registry.model_card import CARD, DataFacts, Training, model_card
from sn7ml.registry.policy import ModelScores
from sn7ml.registry.versions import fetch
from tests.raising import assert_names
from tests.registry.toy_registry import TASK, TODAY, ToyRegistry, scores

FACTS = DataFacts(
    TODAY, [("test", "north", "0 to 99", 3), ("train", "south", "0 to 319", 4)], ("2018-01", "2018-04"), ("test",)
)
RECIPE = {"model": {"architecture": "Unet", "weights": "imagenet"}, "loss": {"of other days": 0.25}}
"""One that the params of today refuse."""

PARAMS = {"train.seed": "7", "split.folds": "2", "report.aois": "2"}
NORTH = scores(0.3, aois={"north": 0.3}, digest="0123abcd")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    write(tmp_path, "package.yaml", {"recipe": RECIPE, "upsampling": 3})
    write(tmp_path, "usage.yaml", {"predict": {"tile_px": 128}})
    history = pd.DataFrame({"network": [1, 1, 1, 2], "epoch": [1, 2, 3, 1], "val_score": [0.1, 0.5, 0.4, 0.3]})
    history.to_csv(tmp_path / "history.csv", index=False)
    return tmp_path


def write(folder: Path, name: str, content: Any) -> None:
    (folder / name).write_text(yaml.safe_dump(content))


def card_of(package: Path, worth: ModelScores = NORTH, trained_on: str = "t1") -> str:
    return model_card("sn7-test", package, Training(PARAMS, trained_on), TASK, FACTS, worth)


def rows(card: str) -> list[list[str]]:
    """The cells of all tables, without the lines below their headers."""
    lines = [line.strip("| ").split(" | ") for line in card.splitlines() if line.startswith("|")]
    return [cells for cells in lines if "---" not in cells]


def items(card: str) -> dict[str, str]:
    """What lists say of a name."""
    parts = [line.removeprefix("* ").partition(": ") for line in card.splitlines() if line.startswith("* ")]
    return {name.strip("`"): value for name, _, value in parts}


def test_its_tables_hold_the_scores_of_every_aoi_and_the_data(package: Path) -> None:
    assert rows(card_of(package)) == [
        ["AOI", "scot", "tracking", "change", "f1", "iou"],
        ["**all**", "0.3000", "–", "–", "0.5000", "0.4000"],
        ["north", "0.3000", "0.6000", "0.2000", "0.5000", "0.4000"],
        ["split", "AOI", "columns", "labelled frames"],
        ["test", "north", "0 to 99", "3"],
        ["train", "south", "0 to 319", "4"],
    ]
    assert_names(card_of(package), "`0123abcd`", "2018-01", "2018-04", "data `d1`", "tiles `t1`", "labels `l1`")


def test_an_undefined_score_is_a_dash_and_a_number_that_is_no_score_of_the_task_stands_below(package: Path) -> None:
    worth = replace(NORTH, overall={"scot": math.nan, "f1": 2 / 3, "iou": 0.4, "f1_50": 0.125})
    card = card_of(package, worth)
    assert rows(card)[1] == ["**all**", "–", "–", "–", "0.6667", "0.4000"]
    assert_names(card, "f1_50 0.1250")


def test_its_lists_hold_the_meaning_of_scores_the_recipe_the_params_of_the_run_and_the_usage(package: Path) -> None:
    said = items(card_of(package))
    assert {score.name: said.pop(score.name) for score in TASK.scores} == {it.name: it.meaning for it in TASK.scores}
    assert {name: value for name, value in said.items() if "." in name and " " not in name.partition(".")[0]} == {
        "model.architecture": "Unet", "model.weights": "imagenet", "loss.of other days": "0.25",
        "train.seed": "7", "split.folds": "2",
        "predict.tile_px": "128",
    }  # fmt: skip


def test_of_every_network_the_epoch_with_the_best_score_was_kept(package: Path) -> None:
    card = card_of(package)
    assert_names(card, "network 1: epoch 2 of 3", "0.5000", "network 2: epoch 1 of 1", "0.3000")
    assert_names(card, "up-sampled 3 times")


def test_a_package_that_says_less_gives_a_shorter_card(tmp_path: Path, package: Path) -> None:
    (tmp_path / "bare").mkdir()
    write(tmp_path / "bare", "package.yaml", {"recipe": {"model": {"weights": None}}, "upsampling": 1})
    full, bare = card_of(package), card_of(tmp_path / "bare")
    for words in ("network 1", "predict.tile_px", "imagenet", "imagenet weights"):
        assert words in full
        assert words not in bare
    assert_names(bare, "up-sampled 1 times", "params.yaml")


def test_limits_and_licences_are_those_of_the_task_and_count_the_aois(package: Path) -> None:
    card = card_of(package)
    assert_names(card, *TASK.limits, *TASK.licences, "CC BY-SA 4.0", "Apache-2.0", "one AOI")
    assert_names(card_of(package, scores(0.3)), "2 AOIs")


def test_a_model_of_other_tiles_is_not_said_to_be_scored_on_what_it_has_not_seen(package: Path) -> None:
    never = "never from those of split test"
    assert never in card_of(package, trained_on="t1")
    elsewhere = card_of(package, trained_on="t0")
    assert never not in elsewhere
    assert_names(elsewhere, "digest `t0`")


def test_it_lies_with_the_registered_model_and_tells_the_scores_of_the_last_decision(
    toy_registry: ToyRegistry, tmp_path: Path
) -> None:
    toy_registry.submit("a", scores(0.2))
    toy_registry.evaluator.key = TODAY | {"tiles": "t2"}
    toy_registry.submit("a", scores(0.25))
    model = fetch(toy_registry.store, toy_registry.version("a"), tmp_path / "fetched")
    card = (model / CARD).read_text(encoding="utf-8")
    assert [row[1] for row in rows(card)[1:4]] == ["0.2500", "0.2500", "0.2500"]  # all, north, south
    assert items(card)["train.epochs"] == "3"  # of the run
    assert_names(card, "tiles `t2`")
