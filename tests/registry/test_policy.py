"""The decision from numbers alone."""

import json
from dataclasses import replace
from typing import Any

import pytest

from sn7ml.registry.policy import Decision, ModelScores, decide, paired_gain
from tests.registry.toy_registry import RULES, scores

MANY = [f"area {number}" for number in range(8)]


def with_params(**changes: Any) -> Any:
    return replace(RULES, params=RULES.params.model_copy(update=changes))


def of_aois(*scots: float) -> ModelScores:
    return scores(sum(scots) / len(scots), aois=dict(zip(MANY, scots, strict=False)))


def test_without_a_champion_only_the_floors_count() -> None:
    assert decide(scores(0.2), None, RULES).reasons == ("there is no champion yet",)
    low = decide(scores(0.05, f1=0.1), None, with_params(floors={"f1": 0.2}))
    assert not low.promoted
    assert low.reasons == (
        "SCOT 0.0500 is worse than promote.min_score 0.1",
        "F1 0.1000 is worse than promote.floors.f1 0.2",
    )


def test_better_by_enough_wins() -> None:
    assert decide(scores(0.36), scores(0.3), with_params(min_gain=0.05)).promoted
    assert not decide(scores(0.34), scores(0.3), with_params(min_gain=0.05)).promoted


@pytest.mark.parametrize(
    ("challenger", "champion", "reason"),
    [
        (scores(0.2), scores(0.3), "not better"),
        (scores(0.3), scores(0.3), "not better"),
        (scores(float("nan")), scores(0.3), "not better"),
        (scores(float("nan")), scores(float("nan")), "not better"),
        (scores(0.4, f1=0.47), scores(0.3), "F1 0.5000"),
        (scores(0.4, iou=0.37), scores(0.3), "IoU 0.4000"),
        (scores(0.4, f1=float("nan")), scores(0.3), "F1 0.5000"),
        (scores(0.09), scores(0.05), "worse than promote.min_score"),
        (scores(0.4, aois={"north": 0.7, "south": 0.1}), scores(0.3), "max_aoi_loss 0.1 in 1 AOI(s): south by 0.2000"),
    ],
    ids=[
        "worse",
        "tie",
        "undefined",
        "both undefined",
        "f1 lost",
        "iou lost",
        "f1 undefined",
        "below the floor",
        "an AOI lost",
    ],
)
def test_anything_else_loses(challenger: ModelScores, champion: ModelScores, reason: str) -> None:
    decision = decide(challenger, champion, RULES)
    assert not decision.promoted
    assert any(reason in text for text in decision.reasons)


def test_what_the_guards_allow_is_allowed() -> None:
    assert decide(scores(0.4, f1=0.485, iou=0.385, aois={"north": 0.6, "south": 0.21}), scores(0.3), RULES).promoted


def test_aois_that_lost_too_much_are_named_the_worst_first() -> None:
    decision = decide(of_aois(0.9, 0.1, 0.2), of_aois(0.3, 0.3, 0.5), RULES)
    assert (
        "SCOT got worse by more than promote.max_aoi_loss 0.1 in 2 AOI(s): area 2 by 0.3000, area 1 by 0.2000"
        in decision.reasons
    )


def test_too_few_aois_are_said_and_the_gain_decides() -> None:
    decision = decide(of_aois(0.4, 0.3), of_aois(0.3, 0.35), RULES)
    assert decision.promoted
    assert decision.gain is not None
    assert (decision.gain.low, decision.gain.high) == (None, None)
    assert decision.reasons[-1].startswith("over 2 AOIs SCOT gains +0.0250 on average; fewer than promote.min_aois 5")


def test_one_lucky_aoi_of_eight_may_be_chance() -> None:
    """The resampled mean is 0.1 × Binomial(8, 1/8): P(0) = 0.34, P(≤ 2) = 0.93, P(≤ 3) = 0.99.

    So 5 % lies at 0, 95 % at 0.3.
    """
    champion, challenger = of_aois(*[0.1] * 8), of_aois(0.9, *[0.1] * 7)
    decision = decide(challenger, champion, RULES)
    assert decision.gain is not None
    assert (decision.gain.low, decision.gain.high) == pytest.approx((0.0, 0.3))
    assert not decision.promoted
    assert "it may be chance" in decision.reasons[0]
    assert "90% interval +0.0000 to +0.3000" in decision.reasons[-1]
    assert decide(challenger, champion, with_params(min_aois=9)).promoted


def test_the_same_gain_everywhere_is_no_chance() -> None:
    decision = decide(of_aois(*[0.25] * 8), of_aois(*[0.125] * 8), RULES)
    assert decision.promoted
    assert decision.gain is not None
    assert (decision.gain.low, decision.gain.high) == (0.125, 0.125)


def test_neighbours_are_drawn_together_and_count_for_one() -> None:
    """Three scenes of a street gain 0.8, seven scenes elsewhere nothing: eight groups.

    Drawn k times of 8, the street makes the mean 3 k · 0.8 / (3 k + 8 - k) = 2.4 k / (8 + 2 k), with k of
    Binomial(8, 1/8): P(0) = 0.34, P(≤ 2) = 0.93, P(≤ 3) = 0.99. So 5 % lies at 0, 95 % at 7.2 / 14.
    Drawn one by one, k of Binomial(10, 0.3) has P(0) = 0.03: 5 % would lie at 0.08, and the gain would pass.
    """
    names = [f"area {number}" for number in range(10)]
    before, after = (
        scores(sum(values) / 10, aois=dict(zip(names, values, strict=True)))
        for values in ([0.1] * 10, [0.9] * 3 + [0.1] * 7)
    )
    rules = replace(RULES, groups=dict.fromkeys(names[:3], "street"))
    alone, together = decide(after, before, RULES), decide(after, before, rules)
    assert alone.gain is not None
    assert together.gain is not None
    assert alone.gain.low == pytest.approx(0.08)
    assert alone.promoted
    assert (together.gain.low, together.gain.high) == pytest.approx((0.0, 7.2 / 14))
    assert together.gain.mean == alone.gain.mean == pytest.approx(0.24)
    assert not together.promoted
    assert "over 10 AOIs in 8 groups SCOT gains +0.2400" in together.reasons[-1]


def test_fewer_groups_than_needed_are_too_few_however_many_scenes_they_have() -> None:
    champion, challenger = of_aois(*[0.1] * 8), of_aois(*[0.3] * 8)
    groups = {name: f"block {number % 4}" for number, name in enumerate(MANY)}
    few = paired_gain(challenger, champion, replace(RULES, groups=groups))
    assert (few.low, few.high) == (None, None)
    assert few.mean == pytest.approx(0.2)
    enough = paired_gain(challenger, champion, replace(with_params(min_aois=4), groups=groups))
    assert (enough.low, enough.high) == pytest.approx((0.2, 0.2))


def test_only_aois_that_both_were_scored_on_are_paired() -> None:
    gain = paired_gain(of_aois(0.5, 0.4, 0.3), of_aois(0.25), RULES)
    assert gain.by_aoi == {"area 0": 0.25}


def test_a_verdict_survives_json_and_the_seed_makes_it_the_same() -> None:
    champion = of_aois(0.1, 0.2, 0.3, 0.1, 0.2, 0.3)
    decision = decide(of_aois(0.4, 0.2, 0.35, 0.1, 0.3, 0.3), champion, RULES)
    text = json.dumps(decision.as_dict(), allow_nan=False)
    assert Decision.from_dict(json.loads(text)) == decision
    assert text == json.dumps(decide(decision.challenger, champion, RULES).as_dict())


def test_an_undefined_score_is_null_in_json() -> None:
    content = decide(scores(0.2, f1=float("nan")), None, RULES).as_dict()
    assert content["challenger"]["scores"] == {"scot": 0.2, "f1": None, "iou": 0.4}
    assert set(content) == {"promoted", "reasons", "challenger", "champion", "gain"}
