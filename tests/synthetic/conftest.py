"""The set is drawn once for all tests of it."""

from pathlib import Path

import pandas as pd
import pytest

from sn7ml.synthetic import make_synthetic
from tests.synthetic.folders import AREAS, MONTHS, SEED, SIZE, town_truth


@pytest.fixture(scope="session")
def cubes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synthetic") / "data"
    make_synthetic(out, aois=AREAS, months=MONTHS, size_px=SIZE, seed=SEED)
    return out


@pytest.fixture(scope="session")
def truth() -> list[pd.DataFrame]:
    return [town_truth(index, MONTHS, SIZE, SEED) for index in range(AREAS)]
