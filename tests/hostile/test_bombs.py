"""Small files that would be large are refused, and nothing of what they declare is taken into memory."""

from typing import Any

import pytest

from tests.hostile.bombs import BOMBS, GIANT, read_bombs
from tests.hostile.readers import READERS

MOST_BYTES = 3 * 2**30
"""Of address space; libraries take 0.6 GiB of it. How much each takes is measured by ``benchmarks/bench_memory.py``."""


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return read_bombs(tmp_path_factory.mktemp("bombs") / "files", MOST_BYTES)


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_in_its_error_with_3_gib_of_address_space(name: str, read: dict[str, dict[str, Any]]) -> None:
    assert read[name]["code"] == BOMBS[name].code


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_says_how_large_a_giant_file_is(reader: str, read: dict[str, dict[str, Any]]) -> None:
    assert f"{10 * 2**30:,}" in read[f"giant {reader}"]["said"]
    assert reader in GIANT
