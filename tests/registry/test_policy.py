"""The decision from numbers alone."""

import json
from typing import Any

import pytest

from sn7ml.registry.policy import Marks, Verdict, decide, paired_gain
from tests.registry.judged import PARAMS, marks

MANY = [f"area {number}" for number in range(8)]


def with_params(**changes: Any) -> Any:
    return PARAMS.model_copy(update=changes)


def of_aois(*scots: float) -> Marks:
    return marks(sum(scots) / len(scots), aois=dict(zip(MANY, scots, strict=False)))


def test_without_a_champion_only_the_floors_count() -> None:
    assert decide(marks(0.2), None, PARAMS).reasons == ("there is no champion yet",)
    low = decide(marks(0.05, f1=0.1), None, with_params(min_f1=0.2))
    assert not low.promoted
    assert low.reasons == ("SCOT 0.0500 is below promote.min_scot 0.1", "F1 0.1000 is below promote.min_f1 0.2")


def test_better_by_enough_wins() -> None:
    assert decide(marks(0.36), marks(0.3), with_params(min_gain=0.05)).promoted
    assert not decide(marks(0.34), marks(0.3), with_params(min_gain=0.05)).promoted


@pytest.mark.parametrize(
    ("challenger", "champion", "reason"),
    [
        (marks(0.2), marks(0.3), "not better"),
        (marks(0.3), marks(0.3), "not better"),
        (marks(float("nan")), marks(0.3), "not better"),
        (marks(float("nan")), marks(float("nan")), "not better"),
        (marks(0.4, f1=0.47), marks(0.3), "F1 0.5000"),
        (marks(0.4, iou=0.37), marks(0.3), "IoU 0.4000"),
        (marks(0.4, f1=float("nan")), marks(0.3), "F1 0.5000"),
        (marks(0.09), marks(0.05), "below promote.min_scot"),
        (marks(0.4, aois={"north": 0.7, "south": 0.1}), marks(0.3), "max_aoi_loss 0.1 in 1 AOI(s): south by 0.2000"),
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
def test_anything_else_loses(challenger: Marks, champion: Marks, reason: str) -> None:
    verdict = decide(challenger, champion, PARAMS)
    assert not verdict.promoted
    assert any(reason in text for text in verdict.reasons)


def test_what_the_guards_allow_is_allowed() -> None:
    assert decide(marks(0.4, f1=0.485, iou=0.385, aois={"north": 0.6, "south": 0.21}), marks(0.3), PARAMS).promoted


def test_aois_that_lost_too_much_are_named_the_worst_first() -> None:
    verdict = decide(of_aois(0.9, 0.1, 0.2), of_aois(0.3, 0.3, 0.5), PARAMS)
    assert (
        "SCOT fell by more than promote.max_aoi_loss 0.1 in 2 AOI(s): area 2 by 0.3000, area 1 by 0.2000"
        in verdict.reasons
    )


def test_too_few_aois_are_said_and_the_gain_decides() -> None:
    verdict = decide(of_aois(0.4, 0.3), of_aois(0.3, 0.35), PARAMS)
    assert verdict.promoted
    assert verdict.gain is not None
    assert verdict.gain.interval is None
    assert verdict.reasons[-1].startswith(
        "over 2 AOIs SCOT changes by +0.0250 on average; fewer than promote.min_aois 5"
    )


def test_one_lucky_aoi_of_eight_may_be_chance() -> None:
    """The resampled mean is 0.1 × Binomial(8, 1/8): P(0) = 0.34, P(≤ 2) = 0.93, P(≤ 3) = 0.99; so 5 % lies at 0, 95 % at 0.3."""
    champion, challenger = of_aois(*[0.1] * 8), of_aois(0.9, *[0.1] * 7)
    verdict = decide(challenger, champion, PARAMS)
    assert verdict.gain is not None
    assert verdict.gain.interval == pytest.approx((0.0, 0.3))
    assert not verdict.promoted
    assert "it may be chance" in verdict.reasons[0]
    assert "90% interval +0.0000 to +0.3000" in verdict.reasons[-1]
    assert decide(challenger, champion, with_params(min_aois=9)).promoted


def test_the_same_gain_everywhere_is_no_chance() -> None:
    verdict = decide(of_aois(*[0.25] * 8), of_aois(*[0.125] * 8), PARAMS)
    assert verdict.promoted
    assert verdict.gain is not None
    assert verdict.gain.interval == (0.125, 0.125)


def test_only_aois_that_both_were_scored_on_are_paired() -> None:
    gain = paired_gain(of_aois(0.5, 0.4, 0.3), of_aois(0.25), PARAMS)
    assert gain.by_aoi == {"area 0": 0.25}


def test_a_verdict_survives_json_and_the_seed_makes_it_the_same() -> None:
    champion = of_aois(0.1, 0.2, 0.3, 0.1, 0.2, 0.3)
    verdict = decide(of_aois(0.4, 0.2, 0.35, 0.1, 0.3, 0.3), champion, PARAMS)
    text = json.dumps(verdict.as_dict(), allow_nan=False)
    assert Verdict.from_dict(json.loads(text)) == verdict
    assert text == json.dumps(decide(verdict.challenger, champion, PARAMS).as_dict())


def test_an_undefined_score_is_null_in_json() -> None:
    content = decide(marks(0.2, f1=float("nan")), None, PARAMS).as_dict()
    assert content["challenger"]["scores"] == {"scot": 0.2, "f1": None, "iou": 0.4}
    assert set(content) == {"promoted", "reasons", "challenger", "champion", "gain"}
