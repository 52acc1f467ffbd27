"""Where the real data of each task lies; what needs it is skipped where it is absent."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def real(name: str) -> Path:
    """Return a folder of real data, or skip the test."""
    if not (SHARED / name).is_dir():
        pytest.skip(f"needs the real data in ../shared/data/{name}")
    return SHARED / name
