"""Who becomes champion, on what scores, and what is written down."""

import json
from pathlib import Path

import pytest

from sn7ml.core.errors import StoreError
from sn7ml.registry.describe import DECIDED, description, summary
from sn7ml.registry.policy import Marks, decide
from sn7ml.registry.promotion import Judge
from tests.registry.judged import NAME, PARAMS, TODAY, Court, ToyExam, marks


def test_the_first_model_becomes_champion(court: Court) -> None:
    verdict = court.submit("a", marks(0.2))
    assert (verdict.promoted, verdict.reasons, verdict.champion) == (True, ("there is no champion yet",), None)
    assert court.aliases == {"challenger": "1", "champion": "1"}


def test_a_model_below_the_floor_does_not(court: Court) -> None:
    assert not court.submit("a", marks(0.05)).promoted
    assert court.aliases == {"challenger": "1"}


def test_a_better_one_takes_over_and_the_old_one_is_kept_as_previous(court: Court) -> None:
    court.submit("a", marks(0.2))
    assert court.submit("b", marks(0.3)).promoted
    assert court.aliases == {"challenger": "2", "champion": "2", "previous": "1"}


@pytest.mark.parametrize("scot", [0.1, 0.2], ids=["worse", "tie"])
def test_one_that_is_not_better_leaves_the_champion(court: Court, scot: float) -> None:
    court.submit("a", marks(0.2))
    assert not court.submit("b", marks(scot)).promoted
    assert court.aliases == {"challenger": "2", "champion": "1"}


def test_data_that_changed_since_the_champion_was_scored_has_it_scored_anew(court: Court) -> None:
    court.submit("a", marks(0.9))
    court.exam.key = TODAY | {"tiles": "t2"}
    court.exam.worth["a"] = marks(0.2)
    verdict = court.submit("b", marks(0.3))
    assert (verdict.promoted, court.exam.scored) == (True, ["a"])
    assert verdict.notes[0] == "version 1: scored anew; changed since it was last scored: tiles"


def test_scores_of_the_same_data_are_taken_from_the_store_and_it_is_said(court: Court) -> None:
    court.submit("a", marks(0.2))
    verdict = court.submit("b", marks(0.3))
    assert court.exam.scored == []
    assert verdict.notes == ("version 1: stored scores, since data, labels, code and params are the same",)
    assert verdict.champion is not None
    assert verdict.champion.overall == marks(0.2).overall


def test_data_without_a_known_hash_may_have_changed(court: Court) -> None:
    court.exam.key = TODAY | {"data": "unknown"}
    court.submit("a", marks(0.2))
    court.submit("b", marks(0.3))
    assert court.exam.scored == ["a"]


def test_by_hand_both_are_scored_on_the_data_of_today(court: Court) -> None:
    court.submit("a", marks(0.3))
    court.submit("b", marks(0.2))
    court.exam.key = TODAY | {"data": "d2"}
    court.exam.worth["b"] = marks(0.5)
    verdict = court.submit("b", by_hand=True)
    assert (verdict.promoted, sorted(court.exam.scored)) == (True, ["a", "b"])
    assert court.aliases == {"challenger": "2", "champion": "2", "previous": "1"}


def test_asking_twice_gives_the_same_answer_and_no_second_version(court: Court) -> None:
    court.submit("a", marks(0.2))
    first = court.submit("b", marks(0.3))
    again = court.submit("b")
    assert again.as_dict() == first.as_dict()
    assert court.aliases == {"challenger": "2", "champion": "2", "previous": "1"}


def test_the_champion_on_other_data_stays_champion(court: Court) -> None:
    court.submit("a", marks(0.2))
    verdict = court.submit("a", marks(0.25))
    assert (verdict.promoted, verdict.reasons) == (True, ("it is the champion already",))
    assert court.aliases == {"challenger": "1", "champion": "1"}


def test_inside_a_dvc_experiment_only_the_challenger_moves(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    court.submit("a", marks(0.2))
    monkeypatch.setenv("DVC_EXP_NAME", "tidy-owl")
    verdict = court.submit("b", marks(0.3))
    assert not verdict.promoted
    assert "inside the DVC experiment 'tidy-owl'" in verdict.reasons[-1]
    assert court.aliases == {"challenger": "2", "champion": "1"}


def test_a_champion_that_was_replaced_meanwhile_is_not_the_one_to_beat(court: Court) -> None:
    """While c is compared with a, which takes a while, b becomes champion: c must beat b."""
    court.submit("a", marks(0.2))
    court.exam.key = TODAY | {"tiles": "t2"}  # so that a has to be scored

    class Slow(ToyExam):
        def mark(self, model: Path, digest: str, name: str) -> tuple[Marks, str]:
            if not self.scored:
                court.submit("b", marks(0.4))
            return super().mark(model, digest, name)

    slow = Slow(court.exam.worth, court.exam.key)
    verdict = Judge(court.store, slow, PARAMS).judge(court.version("c"), marks(0.3, digest="c"))
    assert not verdict.promoted
    assert verdict.champion is not None
    assert verdict.champion.overall["scot"] == 0.4
    assert court.aliases == {"challenger": "2", "champion": "3", "previous": "1"}


def test_a_version_that_somebody_else_registered_is_not_judged_and_the_way_out_is_told(court: Court) -> None:
    court.submit("a", marks(0.2))
    foreign = court.store.client.create_model_version(NAME, "/nowhere", run_id=court.run_id)
    with pytest.raises(StoreError, match="version 2 of 'sn7-test' cannot be judged: sn7ml did not register it"):
        Judge(court.store, court.exam, PARAMS).judge(foreign)
    court.store.client.set_registered_model_alias(NAME, "champion", "2")
    with pytest.raises(StoreError, match="take the alias 'champion' from it"):
        court.submit("b", marks(0.3))
    court.store.client.delete_registered_model_alias(NAME, "champion")
    assert court.submit("b").promoted


def test_the_version_tells_its_story(court: Court) -> None:
    court.submit("a", marks(0.2))
    verdict = court.submit("b", marks(0.15))
    version = court.store.client.get_model_version(NAME, verdict.version)
    assert json.loads(version.tags["sn7.verdict"]) == verdict.as_dict()
    assert {"sn7.tiles_digest": "t1", "sn7.promoted": "false", "test_scot": "0.15"}.items() <= version.tags.items()
    assert {"git.commit", "dvc.data_md5", DECIDED} <= set(version.tags)
    told = str(version.description)
    assert told.startswith("**Not promoted**")
    assert "| scot | 0.1500 | 0.2000 |" in told
    assert "| north | 0.1500 | 0.2000 |" in told
    assert "stored scores" in told
    assert list(summary(version).values())[:4] == ["0.1500", "0.5000", "0.4000", "rejected"]


def test_the_description_of_sixty_aois_that_all_lost_fits_into_what_a_server_keeps() -> None:
    names = [f"L15-{number:04d}E-1223N_1429_3296_13" for number in range(60)]
    low, high = (marks(scot, f1=scot, iou=scot, aois=dict.fromkeys(names, scot)) for scot in (0.05, 0.9))
    told = description(decide(low, high, PARAMS))
    assert "10 of 60 AOIs" in told
    assert len(told) < 3000
