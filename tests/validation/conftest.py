"""Validation reads files in this process here: starting others would take longer than the work."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="package", autouse=True)
def _one_process() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SN7ML_EXECUTOR", "serial")
        yield
