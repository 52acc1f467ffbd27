"""SCOT against the reference scorer's own results."""

import re
from pathlib import Path

import pytest

from sn7ml.core.errors import LabelError
from sn7ml.metrics.scot import score_scot
from tests.metrics import scot_cases
from tests.metrics.pack_scot_cases import cases_in
from tests.raising import raises

NAMES = sorted(scot_cases.expected())
SCORED = [name for name in NAMES if "error" not in scot_cases.expected()[name]]

ORIGINALS = Path(__file__).resolve().parents[2].parent / "shared" / "reference" / "scot_cases"


def test_there_are_48_cases_of_which_one_has_no_score() -> None:
    assert len(NAMES) == 48
    assert len(SCORED) == 47


@pytest.mark.skipif(not ORIGINALS.is_dir(), reason=f"the folder of the cases is not at {ORIGINALS}")
def test_the_packed_cases_are_those_of_the_folder() -> None:
    assert scot_cases.packed() == cases_in(ORIGINALS)


@pytest.mark.parametrize("name", SCORED)
def test_every_field_of_every_area_agrees_with_the_reference(name: str) -> None:
    case = scot_cases.expected()[name]
    result = score_scot(*scot_cases.read_case(name)).as_dict()
    assert result["score"] == pytest.approx(case["score"], abs=1e-12)
    assert result["aois"] == {aoi: pytest.approx(fields, abs=1e-12) for aoi, fields in case["aois"].items()}


@pytest.mark.parametrize("name", SCORED)
def test_every_frame_and_every_matched_pair_agrees_with_the_reference(name: str) -> None:
    # Pairs that the notes call a tie agree as well, so they are checked with the rest.
    result = score_scot(*scot_cases.read_case(name))
    for aoi, frames in scot_cases.expected()[name]["frames"].items():
        ours, pairs = result.aois[aoi].frames, result.aois[aoi].pairs
        assert [month.replace("_", "-") for month in frames] == ours["time"].tolist()
        columns = ["n_truth", "n_prop", "tp", "fp", "fn"]
        assert ours[columns].to_dict("records") == [{key: f[key] for key in columns} for f in frames.values()]
        for month, frame in frames.items():
            here = pairs[pairs["time"] == month.replace("_", "-")]
            assert sorted(map(list, zip(here["truth_id"], here["prop_id"], strict=True))) == frame["pairs"]


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(SCORED)))
def test_where_the_reference_fails_on_empty_truth_we_say_what_is_missing(name: str) -> None:
    with raises(LabelError, "scoring.no-truth", 4):
        score_scot(*scot_cases.read_case(name))


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("e03_single_month_perfect", "change is undefined .only one month has truth"),
        ("e09_truth_all_below_4px_one_of_two_aois", "the AOI is left out of the mean"),
        ("e27_duplicate_proposal_id_distinct_truths", "2 proposal row.s. repeat an id .*'7' in 2018-01"),
        ("e29_duplicate_id_iou_sum_crosses_threshold", "summed past the threshold in 2018-01, 2018-02"),
        ("e39_proposal_extra_months", "10 proposal.s. ignored in months without truth: 2018-04, 2018-05"),
        ("e43_polygon_empty_row_new_id", "1 proposal.s. with an EMPTY geometry"),
        ("e63_null_geometry_proposal", "1 proposal.s. with a missing geometry"),
    ],
)
def test_a_defect_of_the_reference_that_was_met_is_named(name: str, note: str) -> None:
    assert [n for n in score_scot(*scot_cases.read_case(name)).notes if re.search(note, n)]


def test_a_clean_case_has_no_notes() -> None:
    assert score_scot(*scot_cases.read_case("e01_perfect_with_births")).notes == ()
