"""Files that are small and would be large, each with its reader, the error it ends in and the memory it may take."""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
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


@dataclass(frozen=True)
class Bomb:
    """A file that asks for much."""

    reader: str
    """Its name in ``READERS``."""

    write: Callable[[Path], None]

    most_mib: float
    """Memory that reading may take beyond what the process has: the bounds of docs/hostile-input.md."""

    code: str
    """Of the error; "" of a file that is read."""

    def place(self, folder: Path) -> Path:
        """Write the file, with a good one's neighbours beside it, and return its path."""
        reader, path = READERS[self.reader], folder / READERS[self.reader].file
        reader.write(path)
        path.unlink()
        self.write(path)
        return path


GIANT = {
    **dict.fromkeys(("frame", "grid", "mask", "probabilities"), "image.cannot-read"),
    **dict.fromkeys(("params", "recipe", "track"), "params.cannot-read"),
    **dict.fromkeys(("package", "usage"), "package.unreadable"),
    "labels": "labels.cannot-read",
    "scored labels": "labels.bad-files",
    "csv": "submission.cannot-read",
    "footprints": "footprints.unreadable",
    "looks": "drift.cannot-read",
    "prediction": "prediction.unreadable",
}
"""Reader to the error of a file that is too large for it."""

BOMBS: dict[str, Bomb] = {
    "declared size": Bomb("frame", huge, 30, "image.too-large"),
    "declared strip": Bomb("frame", huge_one_strip, 30, "image.not-geotiff"),
    "declared blocks": Bomb("frame", huge_blocks, 30, "image.block-size"),
    "declared bands": Bomb("frame", most_bands, 150, "image.band-count"),
    "declared tag": Bomb("frame", huge_tag, 30, "image.not-geotiff"),
    "zipped frame": Bomb("frame", zipped, 64 * 3, ""),
    "lists": Bomb("labels", lists_in_lists, 8 * 30, "labels.bad-feature"),
    "crossing outline": Bomb("labels", crossing_everywhere, 100, "labels.geometry"),
    "broken lines": Bomb("csv", broken_lines, 60, "submission.too-many-broken-lines"),
    "commas": Bomb("csv", commas, 400, "submission.bad-lines"),
    "one shape": Bomb("footprints", one_shape_for_a_million, 60, "footprints.unreadable"),
    "one number": Bomb("footprints", one_number_for_all, 60, "footprints.unreadable"),
    "aliases": Bomb("params", laughs, 30, "params.not-yaml"),
    **{f"giant {name}": Bomb(name, giant, 30, code) for name, code in GIANT.items()},
}


def read_bombs(folder: Path, most_bytes: int | None = None) -> dict[str, dict[str, Any]]:
    """Read every bomb, one after the other, in one process of its own.

    Parameters
    ----------
    folder
        Where the files are written; absent.
    most_bytes
        Address space of that process; None sets no limit.

    Returns
    -------
    dict
        Name of the bomb to what ``tests.hostile.appetite`` says of it.
    """
    paths = {}
    for name, bomb in BOMBS.items():
        (folder / name).mkdir(parents=True)
        paths[name] = bomb.place(folder / name)
    limit = None if most_bytes is None else partial(resource.setrlimit, resource.RLIMIT_AS, (most_bytes, most_bytes))
    arguments = [f"{BOMBS[name].reader}={path}" for name, path in paths.items()]
    command = [sys.executable, "-m", "tests.hostile.appetite", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, preexec_fn=limit)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return dict(zip(BOMBS, map(json.loads, done.stdout.splitlines()), strict=True))
