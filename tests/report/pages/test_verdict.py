"""The verdict: which is better, by how much, where, and why."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import pytest

from sn7ml.report.comparison import ComparedRun
from sn7ml.report.pages import comparison
from sn7ml.report.pages.comparison import Verdict
from tests.report.compared import BASE, OTHER, scores_of
from tests.report.drawn import LOSSES, SCORES


def verdict(base: ComparedRun, other: ComparedRun, differences: Sequence[str]) -> Verdict:
    return comparison.verdict(base, other, SCORES, differences)


def test_the_verdict_tells_which_where_and_why() -> None:
    said = verdict(BASE, OTHER, [])
    assert said.headline == "B scores higher: SCOT 0.4500 against 0.4000 (+0.0500)"
    text = "\n".join(said.reasons)
    for words in (
        "From A to B: tracking +0.0000, change +0.0500, F1 -0.0100.",
        "Where: B is ahead on 1 of 2 AOI(s), the same on 1; most on north (+0.1000), least on south (+0.0000).",
        "Why: above all late births, which cost B 0.0500 of SCOT (4 errors) and A 0.2500 of SCOT (6 errors).",
    ):
        assert words in text


def test_seen_from_the_other_side_the_same_run_is_ahead() -> None:
    said = verdict(OTHER, BASE, [])
    assert said.headline == "B scores higher: SCOT 0.4500 against 0.4000 (+0.0500)"
    text = "\n".join(said.reasons)
    assert "late births, which cost B 0.0500" in text
    assert "B is ahead on 1 of 2 AOI(s), the same on 1; most on north (+0.1000), least on south (+0.0000)." in text


def test_the_gain_is_shared_out_between_tracking_and_change_seen_from_the_winner() -> None:
    # 5 C T / (4 C + T) with T = 0.5 on both: C = 0.1 gives 0.2778 and C = 0.5 gives 0.5.
    low, high = (scores_of(north=scot).assign(change=change) for scot, change in ((0.25 / 0.9, 0.1), (0.5, 0.5)))
    for base, other in ((low, high), (high, low)):
        said = verdict(replace(BASE, per_aoi=base), replace(OTHER, per_aoi=other), [])
        winner = "B" if other is high else "A"
        assert any(f"of {winner}'s +0.2222, +0.0000 comes from tracking" in reason for reason in said.reasons)
        assert any("and +0.2222 from change" in reason for reason in said.reasons)


def aois(count: int, gain: float) -> pd.DataFrame:
    return scores_of(**{f"aoi{place}": 0.3 + gain for place in range(count)})


@pytest.mark.parametrize(
    ("count", "level", "word", "luck"),
    [
        (6, "good", "B is better", "3.1 % of cases (sign test): more than chance"),  # 2 / 2**6
        (5, "warn", "B scores higher", "6.2 % of cases (sign test): too few AOIs to tell it from chance"),  # 2 / 2**5
        (1, "warn", "B scores higher", "One AOI, or none, decides nothing about others."),
    ],
)
def test_better_is_said_only_of_what_chance_would_not_do(count: int, level: str, word: str, luck: str) -> None:
    said = verdict(replace(BASE, per_aoi=aois(count, 0.0)), replace(OTHER, per_aoi=aois(count, 0.1)), [])
    assert said.level == level
    assert said.headline.startswith(word)
    assert luck in "\n".join(said.reasons)


def test_what_speaks_against_the_winner_is_told() -> None:
    worse = LOSSES.assign(scot_without=LOSSES["scot_without"] + 0.1 * (LOSSES["kind"] == "id_switches"))
    said = verdict(BASE, replace(OTHER, losses=worse), [])
    assert any(reason.startswith("Against it: id switches, which cost B 0.1300") for reason in said.reasons)
    assert any(reason.startswith("Why: no kind of error alone") for reason in said.reasons)


def test_equal_runs_are_equal() -> None:
    said = verdict(BASE, replace(BASE, label="B"), [])
    assert said.headline == "A and B score the same: SCOT 0.4000 against 0.4000"
    assert said.level == "warn"
    assert not any(reason.startswith("Why") for reason in said.reasons)


def test_runs_that_cannot_be_compared_are_not_ranked() -> None:
    said = verdict(BASE, OTHER, ["other data: a on x; b on y"])
    assert said.level == "bad"
    assert said.headline == "They cannot be ranked: SCOT 0.4000 (A) and 0.4500 (B) are not of the same"
    assert said.reasons[0] == "These scores do not compare, other data: a on x; b on y."


def test_other_aois_are_told_and_left_out_of_the_headline() -> None:
    said = verdict(BASE, replace(OTHER, per_aoi=scores_of(south=0.7, west=0.0)), [])
    assert said.headline == "B scores higher: SCOT 0.7000 against 0.6000 (+0.1000)"
    assert any("1 AOI(s) were scored for A only; 1 AOI(s) were scored for B only" in reason for reason in said.reasons)


def test_runs_without_tables_are_ranked_by_their_scores_alone() -> None:
    empty = pd.DataFrame()
    said = verdict(replace(BASE, per_aoi=empty), replace(OTHER, per_aoi=empty), [])
    assert said.headline == "B scores higher: SCOT 0.4500 against 0.4000 (+0.0500)"
    assert any("no table by AOI" in reason for reason in said.reasons)


def test_without_a_diagnosis_the_why_is_said_to_be_unknown() -> None:
    said = verdict(BASE, replace(OTHER, losses=LOSSES[:0]), [])
    assert any(reason.startswith("Why: no diagnosis was recorded for both") for reason in said.reasons)
