"""What is hostile hangs: no test of this folder may take long."""

import signal
from collections.abc import Iterator
from types import FrameType

import pytest

SECONDS = 60


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    """Fail a test that hangs, also within a call that waits for a pipe."""

    def stop(_: int, __: FrameType | None) -> None:
        pytest.fail(f"hangs for {SECONDS} s")  # no OSError, which readers would take for a fault of the file

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
