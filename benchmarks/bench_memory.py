"""Memory that readers take for small files that would be large, and pages that a training step asks the kernel for.

    python -m benchmarks.bench_memory

Ends with 1 if a reader takes more than docs/hostile-input.md allows, or kept memory is not used again.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.hostile.bombs import BOMBS, read_bombs

PAGES = """
import resource, sys
import numpy as np
from sn7ml.learn.fit import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(2**23)
before = faults()
for _ in range(20):
    np.ones(2**23)
print(faults() - before)
"""
"""Takes and frees 64 MiB (16,384 pages of 4 KiB) twenty times, above the largest threshold that glibc sets itself."""


def new_pages(what: str) -> int:
    """Pages that the kernel hands to a process after the first time."""
    done = subprocess.run([sys.executable, "-c", PAGES, what], capture_output=True, text=True, check=True)
    return int(done.stdout)


def main() -> int:
    """Print both tables."""
    with tempfile.TemporaryDirectory() as folder:
        found = read_bombs(Path(folder) / "bombs")
    print(f"{'file':<20} {'MiB':>7} {'at most':>8} {'seconds':>8}  ends in")
    over = 0
    for name, bomb in BOMBS.items():
        mib = found[name]["mib"]
        over += mib >= bomb.most_mib
        mark = "!" if mib >= bomb.most_mib else " "
        print(f"{name:<20} {mib:7.1f} {bomb.most_mib:8.0f} {found[name]['seconds']:8.2f} {mark}{bomb.code or 'read'}")
    returned, kept = new_pages("returned"), new_pages("kept")
    print(f"\npages asked for twenty times 64 MiB: {kept} with freed memory kept, {returned} without")
    return int(over > 0 or kept >= min(returned, 20))


if __name__ == "__main__":
    sys.exit(main())
