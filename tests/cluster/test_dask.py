"""Maps over a Dask cluster give what they give on one machine."""

import math
import os
from collections.abc import Iterator

import pytest

from sn7ml.core.errors import ItemsFailed, LabelError, ParamsError
from sn7ml.core.runtime.parallel import map_items, residents

distributed = pytest.importorskip(
    "distributed", reason="Dask is not installed (pip install -r requirements-cluster.lock)"
)


dask = pytest.importorskip("dask")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        yield f"dask:{cluster.scheduler_address}"


@pytest.fixture(autouse=True)
def on_dask(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SN7ML_EXECUTOR", address)


def process_of(_: int) -> int:
    return os.getpid()


def refuse(name: str) -> None:
    raise LabelError("labels.not-json", f"{name}: is not JSON")


def started() -> int:
    """Return something large that a worker builds once; here, which worker built it."""
    return os.getpid()


def times(built: int, item: int) -> tuple[int, int]:
    return built, 2 * item


def test_results_come_in_the_order_of_the_items_and_from_elsewhere() -> None:
    ended: list[str] = []
    assert list(map_items(math.sqrt, {"b": 9.0, "a": 4.0}, ended.append).items()) == [("b", 3.0), ("a", 2.0)]
    assert sorted(ended) == ["a", "b"]
    assert os.getpid() not in map_items(process_of, {str(n): n for n in range(4)}).values()


def test_every_failure_is_named_as_the_kind_it_is() -> None:
    with pytest.raises(ItemsFailed, match="2 of 2 items failed") as caught:
        map_items(refuse, {"A": "A.geojson", "B": "B.geojson"})
    assert {name: type(error) for name, error in caught.value.failures.items()} == {"A": LabelError, "B": LabelError}


def test_workers_keep_what_they_built_through_all_rounds() -> None:
    with residents(started, 2) as apply:
        rounds = [apply(times, [1, 2, 3]) for _ in range(3)]
    assert [[result for _, result in found] for found in rounds] == [[2, 4, 6]] * 3
    assert os.getpid() not in {built for found in rounds for built, _ in found}


def test_an_address_where_nobody_is_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SN7ML_EXECUTOR", "dask:tcp://127.0.0.1:9")
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(ParamsError, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:9'"),
    ):
        map_items(math.sqrt, {"a": 4.0})
