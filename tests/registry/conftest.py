"""A store per test, as in tests of runs, and a toy_registry that judges."""

from pathlib import Path

import pytest

from sn7ml.runs.store import Store
from tests.registry.toy_registry import ToyRegistry
from tests.runs.conftest import migrated, project, store

__all__ = ["migrated", "project", "store", "toy_registry"]


@pytest.fixture
def toy_registry(store: Store, tmp_path: Path) -> ToyRegistry:
    return ToyRegistry(store, tmp_path)
