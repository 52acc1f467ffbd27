"""A store per test, as in tests of runs, and a court that judges."""

from pathlib import Path

import pytest

from sn7ml.runs.store import Store
from tests.registry.judged import Court
from tests.runs.conftest import migrated, project, store

__all__ = ["court", "migrated", "project", "store"]


@pytest.fixture
def court(store: Store, tmp_path: Path) -> Court:
    return Court(store, tmp_path)
