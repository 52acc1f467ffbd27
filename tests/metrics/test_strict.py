"""SCOT without the reference's defects, on a street small enough to be counted by hand."""

import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from sn7ml.metrics.aoi import AoiScot
from sn7ml.metrics.scot import score_scot
from tests.metrics.streets import OTHER, STREET, with_rows
from tests.metrics.towns import AOI, drawn, table, town

FAR = shapely.box(100, 100, 104, 104)
SPECK = shapely.box(0, 0, 1, 1)
EMPTY = shapely.from_wkt("POLYGON EMPTY")


def counts(aoi: AoiScot) -> tuple[list[int], list[int]]:
    return [aoi.mm, aoi.track_tp, aoi.track_fp, aoi.track_fn], [aoi.change_tp, aoi.change_fp, aoi.change_fn]


def both(truth: pd.DataFrame, proposals: pd.DataFrame) -> tuple[AoiScot, AoiScot]:
    result = score_scot(truth, proposals)
    return result.aois[AOI], result.strict.aois[AOI]


@pytest.mark.parametrize("seed", range(5))
def test_without_a_defect_both_scores_are_one(seed: int) -> None:
    truth, proposals = town(seed)
    once = proposals.drop_duplicates(["time", "id"])
    result = score_scot(truth, once)
    assert result.strict.aois == result.aois
    assert (result.strict.score, result.strict.change_undefined, result.strict.notes) == (result.score, (), ())


def test_rows_that_share_an_id_are_all_rejected() -> None:
    default, strict = both(drawn(STREET), with_rows(drawn(STREET), (AOI, "2018-02", "A", FAR)))
    assert counts(default) == ([0, 9, 1, 0], [2, 0, 0])
    assert counts(strict) == ([0, 8, 2, 1], [2, 0, 0])
    assert strict.notes == ("2 proposal row(s) rejected, their id occurs more than once in a month: false positives",)


def test_truth_that_shares_an_id_is_missed() -> None:
    _, strict = both(with_rows(drawn(STREET), (AOI, "2018-02", "A", FAR)), drawn(STREET))
    assert counts(strict) == ([0, 8, 1, 2], [2, 0, 0])
    assert strict.notes == ("2 truth row(s) rejected, their id occurs more than once in a month: missed",)


@pytest.mark.parametrize("nothing", [EMPTY, None])
def test_a_proposal_without_a_shape_is_left_out(nothing: shapely.Polygon | None) -> None:
    default, strict = both(drawn(STREET), with_rows(drawn(STREET), (AOI, "2018-02", "X", nothing)))
    assert counts(default) == ([0, 9, 1, 0], [2, 1, 0])
    assert counts(strict) == ([0, 9, 0, 0], [2, 0, 0])


def test_a_line_is_still_a_false_positive() -> None:
    line = shapely.from_wkt("LINESTRING (0 0, 1 1)")
    _, strict = both(drawn(STREET), with_rows(drawn(STREET), (AOI, "2018-02", "X", line)))
    assert counts(strict) == ([0, 9, 1, 0], [2, 1, 0])


def test_proposals_after_the_last_truth_count() -> None:
    default, strict = both(drawn(STREET), drawn(STREET | {"2018-04": "AA.BB.EE"}))
    assert counts(default) == ([0, 9, 0, 0], [2, 0, 0])
    assert counts(strict) == ([0, 9, 3, 0], [2, 1, 0])  # E is a false birth as well
    assert strict.notes == ("3 proposal(s) in months without truth counted as false positives",)


def test_proposals_between_two_months_with_truth_are_remembered() -> None:
    truth = drawn({month: street for month, street in STREET.items() if month != "2018-02"})
    _, strict = both(truth, drawn({"2018-01": "AA.BB", "2018-02": "AA.BB.CC", "2018-03": "AA.BB.CC.DD"}))
    # C and D are both new to truth in March; C was proposed in February already, a false birth
    assert counts(strict) == ([0, 6, 3, 0], [1, 1, 1])


def test_proposals_before_the_first_truth_are_remembered_but_no_births() -> None:
    _, strict = both(drawn(STREET), drawn({"2017-12": "CC.EE"} | STREET))
    assert counts(strict) == ([0, 9, 2, 0], [1, 0, 1])


def test_a_month_of_specks_is_a_month_with_truth() -> None:
    # Truth begins in December, with nothing large enough: what stands in January was born there.
    truth = with_rows(drawn(STREET), (AOI, "2017-12", "speck", SPECK))
    default, strict = both(truth, drawn(STREET))
    assert counts(default) == ([0, 9, 0, 0], [2, 0, 0])
    assert counts(strict) == ([0, 9, 0, 0], [4, 0, 0])
    assert strict.notes == ("1 month(s) whose truth is all too small, EMPTY or missing count as labelled: 2017-12",)


def test_without_births_change_is_undefined_and_out_of_the_mean() -> None:
    still = drawn({"2018-01": "AA.BB", "2018-02": "AA.BB"}, aoi=OTHER)
    half = drawn({"2018-01": "AA", "2018-02": "AA"}, aoi=OTHER)
    result = score_scot(pd.concat([drawn(STREET), still]), pd.concat([drawn(STREET), half]))
    assert (result.score, result.change) == (0.5, 0.5)
    assert (result.strict.score, result.strict.change, result.strict.change_undefined) == (1.0, 1.0, (OTHER,))
    assert result.strict.tracking == result.tracking == pytest.approx((1 + 2 / 3) / 2)
    assert result.strict.aois[OTHER].notes == (
        "change undefined, nothing is born in truth: left out of the strict mean",
    )


def test_without_any_birth_the_strict_score_is_undefined() -> None:
    still = drawn({"2018-01": "AA", "2018-02": "AA"})
    result = score_scot(still, still)
    assert (result.score, result.strict.score, result.strict.change, result.strict.tracking) == (0.0, None, None, 1.0)
    assert result.as_dict()["strict"] == {
        "score": None,
        "tracking": 1.0,
        "change": None,
        "change_undefined": [AOI],
        "aois": {AOI: result.strict.aois[AOI].as_dict()},
        "notes": [f"{AOI}: change undefined, nothing is born in truth: left out of the strict mean"],
    }


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    truth, proposals = town(seed)
    again = proposals.sample(3, random_state=seed % 1000).assign(geometry=FAR)
    late = table([(AOI, "2018-09", "z", FAR)])
    proposals = pd.concat([proposals, again, late], ignore_index=True)
    shuffled = score_scot(truth, proposals.sample(frac=1, random_state=1))
    assert shuffled.strict.as_dict() == score_scot(truth, proposals).strict.as_dict()
