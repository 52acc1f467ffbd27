"""Files that are small and would be large: memory stays within the bounds of docs/hostile-input.md."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import rasterio

from tests.hostile.readers import READERS
from tests.hostile.test_frames import PROFILE, huge, huge_blocks, huge_one_strip, huge_tag, most_bands
from tests.hostile.test_labels import star
from tests.hostile.test_no_such_file import giant
from tests.hostile.test_yaml import LAUGHS
from tests.sn7_folder import write_labels

MIB = 2**20


def zipped(path: Path) -> None:
    """A frame of 64 MiB in a file of 0.1."""
    profile = PROFILE | {"height": 4_096, "width": 4_096, "compress": "zstd", "tiled": True}
    with rasterio.open(path, "w", **profile) as target:
        target.write(np.zeros((4, 4_096, 4_096), np.uint8))
    assert path.stat().st_size < MIB


def lists_in_lists(path: Path) -> None:
    path.write_text('{"features": [' + "[]," * (8 * MIB // 3) + "[]]}")


def crossing_everywhere(path: Path) -> None:
    write_labels(path, {1: star(20_001)})


def broken_lines(path: Path) -> None:
    path.write_text("filename,id,geometry\n" + "x\n" * 10_000_000)


def commas(path: Path) -> None:
    path.write_text("filename,id,geometry\n" + ",,\n" * 1_000_000)


def one_shape_for_a_million(path: Path) -> None:
    """Shapes of 1 TB, in a file of 15 kB: a million numbers of the one text in a dictionary."""
    numbers, texts = pyarrow.array([0] * 1_000_000, pyarrow.int32()), pyarrow.array([b"x" * 1_000_000])
    table = pyarrow.table({"geometry": pyarrow.DictionaryArray.from_arrays(numbers, texts)})
    pyarrow.parquet.write_table(table, path, compression="zstd", store_schema=False)


def one_number_for_all(path: Path) -> None:
    """Numbers of 4 GB, in a file of 5 kB."""
    table = pyarrow.table({"confidence": np.zeros(1_000_000)})
    with pyarrow.parquet.ParquetWriter(path, table.schema) as writer:
        for _ in range(500):
            writer.write_table(table)


def laughs(path: Path) -> None:
    path.write_text(LAUGHS)


CASES: dict[str, tuple[str, Callable[[Path], None], float, str]] = {
    "declared size": ("frame", huge, 30, "declares 100000 x 100000"),
    "declared strip": ("frame", huge_one_strip, 30, "declares|cannot be read"),
    "declared blocks": ("frame", huge_blocks, 30, "declares|cannot be read"),
    "declared bands": ("frame", most_bands, 150, "expected 4 uint8 bands|cannot be read"),
    "declared tag": ("frame", huge_tag, 30, "a.tif"),
    "zipped frame": ("frame", zipped, 64 * 3, "^$"),
    "lists": ("labels", lists_in_lists, 8 * 30, "feature 0"),
    "crossing outline": ("labels", crossing_everywhere, 100, "crosses itself more than 200 times"),
    "broken lines": ("csv", broken_lines, 60, "more than 10,000 broken lines"),
    "commas": ("csv", commas, 400, "1,000,000 bad lines"),
    "one shape": ("footprints", one_shape_for_a_million, 60, "unpacks into more than 1,073,741,824 bytes"),
    "one number": ("footprints", one_number_for_all, 60, "unpacks into more than 1,073,741,824 bytes"),
    "aliases": ("params", laughs, 30, "aliases"),
    **{f"giant {name}": (name, giant, 30, "bytes or more") for name in READERS},
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """All cases in one process of their own, each measured by itself."""
    arguments = []
    for name, (reader, spoil, _, _) in CASES.items():
        path = tmp_path_factory.mktemp("bomb") / READERS[reader].file
        if name.startswith("giant"):
            READERS[reader].write(path)
            path.unlink()
        spoil(path)
        arguments.append(f"{reader}={path}")
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.appetite", *arguments],
        capture_output=True, text=True, check=False, timeout=120, env=os.environ,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(zip(CASES, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_memory_stays_within_its_bound(name: str, measured: dict[str, dict[str, object]]) -> None:
    _, _, most_mib, message = CASES[name]
    assert re.search(message, str(measured[name]["said"]))
    assert float(str(measured[name]["mib"])) < most_mib
