"""Measured comparisons, one command each: `python -m benchmarks.bench_…`."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as sn7ml.learn does; here torch may be imported before it
