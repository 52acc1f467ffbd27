"""One map over named items: in this process, and in many."""

import math
import os
import pickle
import time

import pytest

from sn7ml.core.errors import ItemsFailed, LabelError, ParamsError
from sn7ml.core.runtime.parallel import map_items, residents
from tests.raising import assert_is, raises

EVERY_EXECUTOR = pytest.mark.parametrize("executor", ["serial", "processes:1", "processes:2"])


def threads_of_worker(_: int) -> tuple[int, str | None, str | None]:
    time.sleep(0.05)  # so that one worker cannot take all items
    return os.getpid(), os.environ.get("OMP_NUM_THREADS"), os.environ.get("GDAL_NUM_THREADS")


def refuse(name: str) -> None:
    raise LabelError("labels.not-json", f"{name}: is not JSON")


def fail_inside(name: str) -> None:
    raise ItemsFailed({"2018-01": LabelError("labels.not-json", f"{name}: is not JSON")}, total=3)


@EVERY_EXECUTOR
def test_every_failure_is_named_and_none_is_swallowed(executor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SN7ML_EXECUTOR", executor)
    ended: list[str] = []
    with raises(ItemsFailed, "items.failed", 2, 3, "bad: ValueError: ", "worse: ValueError: ") as caught:
        map_items(math.sqrt, {"bad": -1.0, "good": 1.0, "worse": -2.0}, ended.append)
    assert sorted(caught.value.failures) == ["bad", "worse"]
    assert sorted(ended) == ["bad", "good", "worse"]


@EVERY_EXECUTOR
def test_results_come_in_the_order_of_the_items(executor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SN7ML_EXECUTOR", executor)
    results = map_items(math.sqrt, {"b": 9.0, "a": 4.0, "c": 1.0})
    assert list(results.items()) == [("b", 3.0), ("a", 2.0), ("c", 1.0)]


@EVERY_EXECUTOR
def test_no_items_give_no_results(executor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SN7ML_EXECUTOR", executor)
    assert map_items(math.sqrt, {}) == {}


def test_workers_have_one_thread_each_and_this_process_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SN7ML_EXECUTOR", "processes:2")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("GDAL_NUM_THREADS", raising=False)
    found = map_items(threads_of_worker, {str(n): n for n in range(4)})
    assert {tuple(worker[1:]) for worker in found.values()} == {("1", "1")}
    assert os.getpid() not in {worker[0] for worker in found.values()}
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "GDAL_NUM_THREADS" not in os.environ


def test_a_fault_of_the_input_has_no_cause_but_a_defect_of_ours_keeps_its_traceback(serial: None) -> None:
    with pytest.raises(ItemsFailed) as fault:
        map_items(refuse, {"a": "a.geojson"})
    assert fault.value.__cause__ is None
    with pytest.raises(ItemsFailed) as defect:
        map_items(math.sqrt, {"a": -1.0})
    assert isinstance(defect.value.__cause__, ValueError)


def test_a_map_that_fails_within_a_worker_still_names_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SN7ML_EXECUTOR", "processes:2")
    with raises(ItemsFailed, "items.failed", 2, "2018-01: LabelError: north") as caught:
        map_items(fail_inside, {"a": "north", "b": "south"})
    within = caught.value.failures["a"]
    assert isinstance(within, ItemsFailed)
    assert_is(within.failures["2018-01"], LabelError, "labels.not-json", "north")


def test_items_failed_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(ItemsFailed({"a": ValueError("no")}, total=2)))
    assert str(error) == "1 of 2 items failed:\n  a: ValueError: no"
    assert error.total == 2


@pytest.mark.parametrize(
    ("value", "code", "named"),
    [
        ("threads:2", "executor.unknown", "'threads'"),
        ("processes:0", "executor.worker-count", "'0'"),
        ("processes:many", "executor.worker-count", "'many'"),
    ],
)
def test_an_executor_that_does_not_exist_is_refused(
    value: str, code: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SN7ML_EXECUTOR", value)
    with raises(ParamsError, code, "SN7ML_EXECUTOR", named):
        map_items(math.sqrt, {"a": 1.0})


def build_list() -> list[int]:
    return []


def add(kept: list[int], number: int) -> tuple[int, list[int]]:
    if number < 0:
        raise LabelError("labels.negative", f"{number} is negative")
    kept.append(number)
    time.sleep(0.05)  # so that one worker cannot take all items
    return os.getpid(), list(kept)


@pytest.mark.parametrize(("executor", "workers"), [("serial", 1), ("processes:1", 1), ("processes:2", 2)])
def test_each_worker_builds_once_and_keeps_it_over_the_rounds(
    executor: str, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SN7ML_EXECUTOR", executor)
    with residents(build_list, 4) as on_list:
        rounds = [on_list(add, [1, 2, 3, 4]), on_list(add, [5, 6, 7, 8])]
    assert [[kept[-1] for _, kept in done] for done in rounds] == [[1, 2, 3, 4], [5, 6, 7, 8]]  # in order
    longest = {process: kept for done in rounds for process, kept in done}
    assert len(longest) == workers
    assert sorted(number for kept in longest.values() for number in kept) == [1, 2, 3, 4, 5, 6, 7, 8]


@EVERY_EXECUTOR
def test_a_failure_on_what_was_built_comes_out_as_it_is(executor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SN7ML_EXECUTOR", executor)
    with residents(build_list, 2) as on_list, raises(LabelError, "labels.negative", -3):
        on_list(add, [1, -3])
