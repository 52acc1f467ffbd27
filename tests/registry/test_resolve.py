"""The run that a person means."""

from collections import Counter

import pytest

from sn7ml.core.errors import StoreError
from sn7ml.registry.resolve import HOW_TO_NAME, find_run_meant
from sn7ml.runs.store import FINAL, Store
from tests.raising import raises
from tests.runs.scored import SCORES, scored_run, training_run, trial_run
from tests.runs.test_leaderboard import register

SCOT = SCORES[0]


def test_an_id_its_beginning_or_its_capitals_name_a_run(store: Store) -> None:
    run, trial = scored_run(store, 0.3), trial_run(store, 0.2)
    for text in (run.run_id, run.run_id[:12], run.run_id[:12].upper()):
        assert find_run_meant(store, text, SCOT).run_id == run.run_id
    assert find_run_meant(store, trial.run_id[:12], SCOT).run_id == trial.run_id


def test_aliases_and_versions_name_the_run_that_trained_them(store: Store) -> None:
    first, second = scored_run(store, 0.3), scored_run(store, 0.2)
    register(store, first, "champion")
    register(store, second, "challenger")
    for text in ("champion", "models:/sn7-buildings@champion", "models:/sn7-buildings/1"):
        assert find_run_meant(store, text, SCOT).run_id == first.run_id
    for text in ("challenger", "models:/sn7-buildings/2"):
        assert find_run_meant(store, text, SCOT).run_id == second.run_id


def test_best_is_the_highest_scot_of_the_final_runs(store: Store) -> None:
    with training_run(store, name="unscored", tags={}, params={}):
        pass
    with raises(StoreError, "runs.none-scored", "test_scot", "`make repro`"):
        find_run_meant(store, "best", SCOT)
    run = scored_run(store, 0.3)
    scored_run(store, 0.2)
    trial_run(store, 0.9)
    assert find_run_meant(store, "best", SCOT).run_id == run.run_id


@pytest.mark.parametrize(
    ("text", "code", "named"),
    [
        ("zzz", "runs.no-such-run", ["'zzz'"]),
        ("", "runs.no-such-run", ["''"]),
        ("%", "runs.no-such-run", ["'%'"]),
        ("a' OR '", "runs.no-such-run", ["a' OR '"]),
        ("champion", "registry.no-such-alias", ["'champion'"]),
        ("models:/sn7-buildings/7", "registry.no-such-version", ["'7'", "'sn7-buildings'"]),
        ("models:/sn7-buildings@champion", "registry.no-such-version", ["'champion'", "'sn7-buildings'"]),
        ("models:/sn7-buildings", "runs.no-such-run", ["'models:/sn7-buildings'"]),
    ],
)
def test_what_means_no_run_is_said_and_how_to_name_one(store: Store, text: str, code: str, named: list[str]) -> None:
    scored_run(store, 0.3)
    with raises(StoreError, code, *named, HOW_TO_NAME):
        find_run_meant(store, text, SCOT)


def test_a_beginning_that_many_ids_share_is_ambiguous(store: Store) -> None:
    runs = [store.client.create_run(store.experiments[FINAL], run_name="train Unet") for _ in range(17)]
    first = Counter(run.info.run_id[0] for run in runs)  # 16 digits: two of 17 ids begin alike
    ((shared, count),) = first.most_common(1)
    with raises(StoreError, "runs.ambiguous-id", repr(shared), count, "(train Unet)"):
        find_run_meant(store, shared, SCOT)


def test_an_alias_of_two_models_must_be_said_in_full(store: Store) -> None:
    register(store, scored_run(store, 0.3), "champion")
    store.client.create_registered_model("roads")
    store.client.create_model_version("roads", "/nowhere", run_id="0" * 32)
    store.client.set_registered_model_alias("roads", "champion", "1")
    with raises(StoreError, "registry.ambiguous-alias", "models:/roads@champion", "models:/sn7-buildings@champion"):
        find_run_meant(store, "champion", SCOT)
