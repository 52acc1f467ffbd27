"""Who becomes champion, on what scores, and what is written down."""

import json
from pathlib import Path

import pytest

from sn7ml.core.errors import StoreError
from sn7ml.registry.describe import DECIDED, description, summary
from sn7ml.registry.policy import ModelScores, decide
from sn7ml.registry.promotion import Promoter
from tests.raising import raises
from tests.registry.toy_registry import NAME, PARAMS, RULES, TASK, TODAY, ToyEvaluator, ToyRegistry, scores


def test_the_first_model_becomes_champion(toy_registry: ToyRegistry) -> None:
    decision = toy_registry.submit("a", scores(0.2))
    assert (decision.promoted, decision.reasons, decision.champion) == (True, ("there is no champion yet",), None)
    assert toy_registry.aliases == {"challenger": "1", "champion": "1"}


def test_a_model_below_the_floor_does_not(toy_registry: ToyRegistry) -> None:
    assert not toy_registry.submit("a", scores(0.05)).promoted
    assert toy_registry.aliases == {"challenger": "1"}


def test_a_better_one_takes_over_and_the_old_one_is_kept_as_previous(toy_registry: ToyRegistry) -> None:
    toy_registry.submit("a", scores(0.2))
    assert toy_registry.submit("b", scores(0.3)).promoted
    assert toy_registry.aliases == {"challenger": "2", "champion": "2", "previous": "1"}


@pytest.mark.parametrize("scot", [0.1, 0.2], ids=["worse", "tie"])
def test_one_that_is_not_better_leaves_the_champion(toy_registry: ToyRegistry, scot: float) -> None:
    toy_registry.submit("a", scores(0.2))
    assert not toy_registry.submit("b", scores(scot)).promoted
    assert toy_registry.aliases == {"challenger": "2", "champion": "1"}


def test_data_that_changed_since_the_champion_was_scored_has_it_scored_anew(toy_registry: ToyRegistry) -> None:
    toy_registry.submit("a", scores(0.9))
    toy_registry.evaluator.key = TODAY | {"tiles": "t2"}
    toy_registry.evaluator.worth["a"] = scores(0.2)
    decision = toy_registry.submit("b", scores(0.3))
    assert (decision.promoted, toy_registry.evaluator.scored) == (True, ["a"])
    assert decision.notes[0] == "version 1: scored anew; changed since it was last scored: tiles"


def test_scores_of_the_same_data_are_taken_from_the_store_and_it_is_said(toy_registry: ToyRegistry) -> None:
    toy_registry.submit("a", scores(0.2))
    decision = toy_registry.submit("b", scores(0.3))
    assert toy_registry.evaluator.scored == []
    assert decision.notes == ("version 1: stored scores, since data, labels, code and params are the same",)
    assert decision.champion is not None
    assert decision.champion.overall == scores(0.2).overall


def test_data_without_a_known_hash_may_have_changed(toy_registry: ToyRegistry) -> None:
    toy_registry.evaluator.key = TODAY | {"data": "unknown"}
    toy_registry.submit("a", scores(0.2))
    toy_registry.submit("b", scores(0.3))
    assert toy_registry.evaluator.scored == ["a"]


def test_by_hand_both_are_scored_on_the_data_of_today(toy_registry: ToyRegistry) -> None:
    toy_registry.submit("a", scores(0.3))
    toy_registry.submit("b", scores(0.2))
    toy_registry.evaluator.key = TODAY | {"data": "d2"}
    toy_registry.evaluator.worth["b"] = scores(0.5)
    decision = toy_registry.submit("b", by_hand=True)
    assert (decision.promoted, sorted(toy_registry.evaluator.scored)) == (True, ["a", "b"])
    assert toy_registry.aliases == {"challenger": "2", "champion": "2", "previous": "1"}


def test_asking_twice_gives_the_same_answer_and_no_second_version(toy_registry: ToyRegistry) -> None:
    toy_registry.submit("a", scores(0.2))
    first = toy_registry.submit("b", scores(0.3))
    again = toy_registry.submit("b")
    assert again.as_dict() == first.as_dict()
    assert toy_registry.aliases == {"challenger": "2", "champion": "2", "previous": "1"}


def test_the_champion_on_other_data_stays_champion(toy_registry: ToyRegistry) -> None:
    toy_registry.submit("a", scores(0.2))
    decision = toy_registry.submit("a", scores(0.25))
    assert (decision.promoted, decision.reasons) == (True, ("it is the champion already",))
    assert toy_registry.aliases == {"challenger": "1", "champion": "1"}


def test_inside_a_dvc_experiment_only_the_challenger_moves(
    toy_registry: ToyRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy_registry.submit("a", scores(0.2))
    monkeypatch.setenv("DVC_EXP_NAME", "tidy-owl")
    decision = toy_registry.submit("b", scores(0.3))
    assert not decision.promoted
    assert "inside the DVC experiment 'tidy-owl'" in decision.reasons[-1]
    assert toy_registry.aliases == {"challenger": "2", "champion": "1"}


def test_a_champion_that_was_replaced_meanwhile_is_not_the_one_to_beat(toy_registry: ToyRegistry) -> None:
    """While c is compared with a, which takes a while, b becomes champion: c must beat b."""
    toy_registry.submit("a", scores(0.2))
    toy_registry.evaluator.key = TODAY | {"tiles": "t2"}  # so that a has to be scored

    class Slow(ToyEvaluator):
        def evaluate(self, model: Path, digest: str, name: str) -> tuple[ModelScores, str]:
            if not self.scored:
                toy_registry.submit("b", scores(0.4))
            return super().evaluate(model, digest, name)

    slow = Slow(toy_registry.evaluator.worth, toy_registry.evaluator.key)
    decision = Promoter(toy_registry.store, slow, TASK, PARAMS).decide(
        toy_registry.version("c"), scores(0.3, digest="c")
    )
    assert not decision.promoted
    assert decision.champion is not None
    assert decision.champion.overall["scot"] == 0.4
    assert toy_registry.aliases == {"challenger": "2", "champion": "3", "previous": "1"}


def test_a_version_that_somebody_else_registered_is_not_judged_and_the_way_out_is_told(
    toy_registry: ToyRegistry,
) -> None:
    toy_registry.submit("a", scores(0.2))
    foreign = toy_registry.store.client.create_model_version(NAME, "/nowhere", run_id=toy_registry.run_id)
    with raises(StoreError, "registry.foreign-version", "version 2", NAME, "'champion'"):
        Promoter(toy_registry.store, toy_registry.evaluator, TASK, PARAMS).decide(foreign)
    toy_registry.store.client.set_registered_model_alias(NAME, "champion", "2")
    with raises(StoreError, "registry.foreign-version", "version 2", "'champion'"):
        toy_registry.submit("b", scores(0.3))
    toy_registry.store.client.delete_registered_model_alias(NAME, "champion")
    assert toy_registry.submit("b").promoted


def test_the_version_tells_its_story(toy_registry: ToyRegistry) -> None:
    toy_registry.submit("a", scores(0.2))
    decision = toy_registry.submit("b", scores(0.15))
    version = toy_registry.store.client.get_model_version(NAME, decision.version)
    assert json.loads(version.tags["sn7.verdict"]) == decision.as_dict()
    assert {"sn7.tiles_digest": "t1", "sn7.promoted": "false", "test_scot": "0.15"}.items() <= version.tags.items()
    assert {"git.commit", "dvc.data_md5", DECIDED} <= set(version.tags)
    told = str(version.description)
    assert told.startswith("**Not promoted**")
    assert "| scot | 0.1500 | 0.2000 |" in told
    assert "| north | 0.1500 | 0.2000 |" in told
    assert "stored scores" in told
    assert list(summary(version, [score for score in TASK.scores if score.headline]).values())[:4] == [
        "0.1500",
        "0.5000",
        "0.4000",
        "rejected",
    ]


def test_the_description_of_sixty_aois_that_all_lost_fits_into_what_a_server_keeps() -> None:
    names = [f"L15-{number:04d}E-1223N_1429_3296_13" for number in range(60)]
    low, high = (scores(scot, f1=scot, iou=scot, aois=dict.fromkeys(names, scot)) for scot in (0.05, 0.9))
    told = description(decide(low, high, RULES), RULES.objective)
    assert "10 of 60 AOIs" in told
    assert len(told) < 3000
