"""Freed memory stays with the process, and computing is the same."""

import subprocess
import sys

import pytest

PAGES = """
import resource, sys
from sn7ml.learn.memory import keep_freed_memory
if sys.argv[1] == "keep" and not keep_freed_memory():
    sys.exit(77)
import numpy as np
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(2**23)
before = faults()
for _ in range(20):
    np.ones(2**23)  # 64 MiB: 16,384 pages of 4 KiB, above the largest threshold that glibc finds by itself
print(faults() - before)
"""


def new_pages(what: str) -> int:
    """Pages that the kernel handed to a process that takes and frees 64 MiB twenty times, after the first time."""
    run = subprocess.run([sys.executable, "-c", PAGES, what], capture_output=True, text=True, check=False)
    if run.returncode == 77:
        pytest.skip("this system's allocator has no mallopt of glibc")
    assert run.returncode == 0, run.stderr
    return int(run.stdout)


def test_memory_that_was_freed_is_used_again_without_asking_the_kernel() -> None:
    # With huge pages there are fewer faults without the setting too, but at least one each time.
    assert new_pages("keep") < 20 <= new_pages("default")
