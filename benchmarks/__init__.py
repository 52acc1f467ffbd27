"""Measured comparisons, one command each: `python -m benchmarks.bench_…`."""
