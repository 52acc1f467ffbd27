"""A broker and a tile server on this machine."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.areas.tile_server import FaultyServer


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A local server that speaks SQS."""
    server_module = pytest.importorskip("moto.server", reason="moto is not installed")
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    # A name of its own: moto keeps the queues of all servers of a process.
    yield f"sqs://test:test@127.0.0.1:{server.get_host_and_port()[1]}//#tiles-{uuid4().hex}"
    server.stop()


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    """A tile server that is up."""
    with FaultyServer() as found:
        yield found
