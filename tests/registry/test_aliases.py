"""The champion changes in one step, also when the process dies in the middle, and back again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from sn7ml.core.errors import StoreError
from sn7ml.registry.aliases import PENDING, WITHDRAWN, Change, change_champion, changes, rollback
from sn7ml.registry.promotion import Promoter
from sn7ml.registry.versions import registered
from sn7ml.runs import store as stores
from sn7ml.runs.store import open_store
from tests.raising import raises
from tests.registry.toy_registry import NAME, PARAMS, TASK, Killed, ToyRegistry, mortal, scores

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def two(toy_registry: ToyRegistry) -> ToyRegistry:
    """Version 1 is champion, version 2 is better and not yet judged."""
    toy_registry.submit("a", scores(0.2))
    toy_registry.evaluator.worth["b"] = scores(0.3)
    toy_registry.version("b")
    return toy_registry


def judge_dying_at(toy_registry: ToyRegistry, write: int) -> bool:
    """Judge version 2 and die just before a write; return whether it died."""
    try:
        Promoter(mortal(toy_registry.store, write), toy_registry.evaluator, TASK, PARAMS).decide(
            toy_registry.version("b"), scores(0.3, digest="b")
        )
    except Killed:
        return True
    return False


def test_killed_before_any_write_one_champion_stands_and_the_next_call_ends_as_if_nothing_had_been(
    two: ToyRegistry,
) -> None:
    champions, write = [], 0
    while True:
        died = judge_dying_at(two, write)
        champions.append(two.aliases["champion"])
        if not died:
            break
        write += 1
    assert champions == sorted(champions)  # 1, then 2: never back, and an alias that is gone would be a KeyError
    assert champions[0] == "1"
    assert write > 10
    assert two.aliases == {"challenger": "2", "champion": "2", "previous": "1"}
    assert [change.what for change in changes(two.store, NAME)] == ["promoted", "promoted"]
    assert PENDING not in registered(two.store, NAME).tags


@pytest.mark.parametrize("write", range(5))
def test_a_promotion_that_was_begun_is_finished_by_whoever_comes_next(two: ToyRegistry, write: int) -> None:
    change = Change("promoted", "2", "1", "better", "me", "2026-01-02T03:04:05.678901Z")
    with pytest.raises(Killed):
        change_champion(mortal(two.store, write), NAME, change)
    assert two.aliases["champion"] in {"1", "2"}
    two.submit("c", scores(0.1))
    done = write > 0  # before the first write nothing was begun
    assert two.aliases["champion"] == ("2" if done else "1")
    assert two.aliases.get("previous") == ("1" if done else None)
    assert [entry for entry in changes(two.store, NAME) if entry.champion == "2"] == ([change] if done else [])


def test_a_process_that_is_really_killed_leaves_one_champion(two: ToyRegistry) -> None:
    """os._exit between the aliases: no handler runs, no lock is given back in order."""
    script = f"""
import os
from mlflow import MlflowClient
from sn7ml.registry.aliases import Change, change_champion, now
from sn7ml.runs.store import open_store
real = MlflowClient.set_registered_model_alias
def die(self, name, alias, version):
    if alias == "champion":
        os._exit(9)
    real(self, name, alias, version)
MlflowClient.set_registered_model_alias = die
store = open_store()
with store.promoting():
    change_champion(store, {NAME!r}, Change("promoted", "2", "1", "better", "me", now()))
"""
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=environ, check=False, capture_output=True, text=True)
    assert done.returncode == 9, done.stderr
    assert two.aliases == {"challenger": "1", "champion": "1", "previous": "1"}
    two.submit("c", scores(0.1))
    assert two.aliases == {"challenger": "3", "champion": "2", "previous": "1"}


def test_back_and_forth_with_reason_time_and_name(two: ToyRegistry) -> None:
    two.submit("b")
    change = rollback(two.store, NAME, "it sees houses in clouds")
    assert two.aliases == {"challenger": "2", "champion": "1", "previous": "2"}
    told = two.version("b").tags[WITHDRAWN]
    assert told == f"{change.at} by {change.by}: it sees houses in clouds"
    rollback(two.store, NAME, "no, those are houses")
    assert two.aliases == {"challenger": "2", "champion": "2", "previous": "1"}
    assert WITHDRAWN not in two.version("b").tags
    assert [(entry.what, entry.champion, entry.previous) for entry in changes(two.store, NAME)] == [
        ("rolled back", "2", "1"), ("rolled back", "1", "2"), ("promoted", "2", "1"), ("promoted", "1", None),
    ]  # fmt: skip


def test_a_rollback_that_was_killed_is_finished_by_whoever_comes_next(two: ToyRegistry) -> None:
    two.submit("b")
    champion, previous = "2", "1"
    for write in range(5):
        with pytest.raises(Killed):
            rollback(mortal(two.store, write), NAME, f"attempt {write}")
        assert two.aliases["champion"] in {"1", "2"}
        two.submit("c", scores(0.1))
        if write > 0:  # before the first write nothing was begun
            champion, previous = previous, champion
            assert f"attempt {write}" in two.store.client.get_model_version(NAME, previous).tags[WITHDRAWN]
        assert (two.aliases["champion"], two.aliases["previous"]) == (champion, previous)
        assert PENDING not in registered(two.store, NAME).tags


def test_what_was_rolled_back_comes_again_by_hand_only(two: ToyRegistry) -> None:
    two.submit("b")
    rollback(two.store, NAME, "clouds")
    decision = two.submit("b")
    assert not decision.promoted
    assert "by hand" not in decision.reasons[-1]
    assert "clouds" in decision.reasons[-1]
    assert "`sn7ml promote 2`" in decision.reasons[-1]
    assert two.aliases["champion"] == "1"
    assert two.submit("b", by_hand=True).promoted
    assert WITHDRAWN not in two.version("b").tags
    assert two.aliases == {"challenger": "2", "champion": "2", "previous": "1"}


def test_nothing_to_go_back_to_is_said(toy_registry: ToyRegistry) -> None:
    with raises(StoreError, "registry.no-such-model", NAME, "`dvc repro`"):
        rollback(toy_registry.store, NAME, "why not")
    toy_registry.submit("a", scores(0.2))
    with raises(StoreError, "registry.no-previous-champion", NAME, "`sn7ml models`"):
        rollback(toy_registry.store, NAME, "why not")


def test_a_second_promotion_waits_and_then_says_who_is_in_the_way(
    two: ToyRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "LOCK_SECONDS", 0.2)
    with FileLock(two.store.locks / "promotion.lock"), raises(StoreError, "store.locked", "promotion.lock"):
        Promoter(open_store(), two.evaluator, TASK, PARAMS).decide(
            two.store.client.get_model_version(NAME, "2"), scores(0.3)
        )
    assert two.aliases["champion"] == "1"


def test_another_machine_that_was_quicker_is_told(two: ToyRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """No lock is shared: it moves the alias just after ours."""
    delete = type(two.store.client).delete_registered_model_tag

    def late(client: object, name: str, key: str) -> None:
        delete(two.store.client, name, key)
        two.store.client.set_registered_model_alias(name, "champion", "1")

    monkeypatch.setattr(type(two.store.client), "delete_registered_model_tag", late)
    with raises(StoreError, "registry.champion-changed", NAME, 1):
        two.submit("b")
    assert two.aliases["champion"] == "1"
