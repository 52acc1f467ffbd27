"""What tests of learning share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sn7ml.scenes.store import TileStore
from tests.learn.toy import write_store, write_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the toy world."""
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def store(world: Path, tmp_path_factory: pytest.TempPathFactory) -> TileStore:
    """Its tiles of 32 pixels, masks at 1x."""
    return write_store(world, tmp_path_factory.mktemp("tiles"))


@pytest.fixture(scope="session")
def store3(world: Path, tmp_path_factory: pytest.TempPathFactory) -> TileStore:
    """Its tiles of 32 pixels, masks at 3x."""
    return write_store(world, tmp_path_factory.mktemp("tiles3"), upsampling=3)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Toy networks are slower on more threads, and the number of threads moves the last bits of a sum."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
