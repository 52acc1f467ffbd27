"""Training all networks of a model, as the stage and a person in a notebook do it."""

from pathlib import Path

import pandas as pd
import pytest

from sn7ml.flow.train import Epoch, train
from sn7ml.learn.fit import Plan
from sn7ml.learn.package import load_package
from sn7ml.package_files import WEIGHTS, read_history
from sn7ml.scenes.store import TileStore
from tests.learn.toy import RECIPE, TARGET, training, write_store, write_world

PLAN = Plan(RECIPE, TARGET, training(epochs=2))


class Killed(BaseException):
    """What a test raises where a process would be killed."""


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> TileStore:
    root = tmp_path_factory.mktemp("world")
    return write_store(write_world(root / "data"), root / "tiles")


def test_a_training_that_was_killed_goes_on_and_gives_the_same_package(tiles: TileStore, tmp_path: Path) -> None:
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    history = train(tiles, PLAN, whole, networks=2)

    def killed_in_the_second_network(epoch: Epoch) -> None:
        if epoch.network == 2:
            raise Killed

    with pytest.raises(Killed):
        train(tiles, PLAN, resumed, networks=2, on_epoch=killed_in_the_second_network, checkpoints=tmp_path / "work")
    assert not resumed.exists()
    lines: list[str] = []
    work = tmp_path / "work"
    again = train(tiles, PLAN, resumed, networks=2, on_epoch=lambda it: lines.append(str(it)), checkpoints=work)
    assert (resumed / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()
    pd.testing.assert_frame_equal(history, again)
    pd.testing.assert_frame_equal(read_history(whole), history)
    assert len(load_package(whole).weights) == 2
    starts = [f"network {network}/2  epoch {epoch}/2  train_loss " for network in (1, 2) for epoch in (1, 2)]
    assert [line[: len(start)] for line, start in zip(lines, starts, strict=True)] == starts
