"""Freed memory stays with the process."""

import subprocess
import sys

import pytest

BLOCKS = """
import ctypes, sys
import numpy as np
from sn7ml.learn.fit import keep_freed_memory

class Mallinfo2(ctypes.Structure):
    _fields_ = [(f"field{place}", ctypes.c_size_t) for place in range(10)]  # the fourth is hblks: blocks of the kernel

if not hasattr(ctypes.CDLL(None), "mallinfo2") or (sys.argv[1] == "keep" and not keep_freed_memory()):
    sys.exit(77)
mallinfo2 = ctypes.CDLL(None).mallinfo2
mallinfo2.restype = Mallinfo2
before = mallinfo2().field3
large = np.ones(2**23)
print(mallinfo2().field3 - before)
"""


def blocks_of_the_kernel(what: str) -> int:
    """Blocks that a new process gets from the kernel for one tensor of 64 MiB, and would hand back with it."""
    run = subprocess.run([sys.executable, "-c", BLOCKS, what], capture_output=True, text=True, check=False)
    if run.returncode == 77:
        pytest.skip("this system's allocator is not glibc's, or one from before mallinfo2")
    assert run.returncode == 0, run.stderr
    return int(run.stdout)


@pytest.mark.slow
def test_a_large_tensor_lies_in_memory_that_the_process_keeps() -> None:
    assert (blocks_of_the_kernel("default"), blocks_of_the_kernel("keep")) == (1, 0)
