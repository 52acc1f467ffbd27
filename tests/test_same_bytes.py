"""What DVC and Git compare by its bytes does not depend on the process that writes it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_two_processes_that_share_neither_hash_seed_nor_time_zone_write_the_same_bytes(tmp_path: Path) -> None:
    """The order of a set of texts follows the hash seed; the two processes also differ in their times and folders."""
    surroundings = {"here": {"PYTHONHASHSEED": "1", "TZ": "UTC"}, "there": {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo"}}
    written = {}
    for name, variables in surroundings.items():
        environment = os.environ | variables | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "tests.every_file", str(tmp_path / name)]
        done = subprocess.run(command, env=environment, cwd=tmp_path, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        paths = [path for path in (tmp_path / name).rglob("*") if path.is_file()]
        written[name] = {path.relative_to(tmp_path / name).as_posix(): path.read_bytes() for path in paths}
    here, there = written.values()
    assert len(here) > 15
    assert set(here) == set(there)
    assert [name for name in here if here[name] != there[name]] == []
