"""What tests of more than one folder use."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.sn7_folder import write_aoi

settings.register_profile("shared machine", deadline=None)  # a test is not wrong because a neighbour is busy
settings.load_profile("shared machine")

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "sn7"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the whole pipelines: started last, they would run while all other cores are idle."""
    items.sort(key=lambda item: "test_repro" not in item.nodeid and "test_folds" not in item.nodeid)


@pytest.fixture
def serial(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps run in this process: no start of workers for a few pixels."""
    monkeypatch.setenv("SN7ML_EXECUTOR", "serial")


@pytest.fixture
def sn7_root(tmp_path: Path) -> Path:
    """A data folder with one area: three months of 63 x 64 pixels, three houses."""
    write_aoi(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def real_data() -> Path:
    """The real areas of ../shared/data."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"no real SpaceNet 7 area at {REAL_DATA}")
    return REAL_DATA
