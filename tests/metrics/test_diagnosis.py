"""Where SCOT was lost, on a street small enough to be counted by hand."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sn7ml.metrics.aoi import combine
from sn7ml.metrics.diagnosis import COUNTS, KINDS, LOSSES, by_kind, diagnose
from sn7ml.metrics.scot import score_scot
from tests.metrics import scot_cases
from tests.metrics.streets import OTHER, STREET, proposed
from tests.metrics.towns import AOI, drawn, town

NO_ERRORS = [0, 0, 0, 0]


def errors(proposals: pd.DataFrame, truth: pd.DataFrame | None = None) -> dict[str, list[int]]:
    """Kinds with errors: their counts as false and missed in tracking, false and missed in change."""
    losses = diagnose(score_scot(drawn(STREET) if truth is None else truth, proposals).aois).losses
    counts = dict(zip(losses["kind"], losses[COUNTS].values.tolist(), strict=True))
    return {kind: found for kind, found in counts.items() if found != NO_ERRORS}


@pytest.mark.parametrize(
    ("proposals", "expected"),
    [
        (list(STREET.values()), {}),
        # C is found a month late
        (
            ["AA.BB......", "AA.BB......", "AA.BB.CC.DD"],
            {"missed_footprints": [0, 1, 0, 0], "late_births": [0, 0, 1, 1]},
        ),
        # D is there a month early, and C from the first month: no false birth, for all is new in the first month
        (
            ["AA.BB.CC...", "AA.BB.CC.DD", "AA.BB.CC.DD"],
            {"false_footprints": [2, 0, 0, 0], "early_births": [0, 0, 1, 2]},
        ),
        # B is never found; it stood from the first month, so no birth is missed
        (["AA.........", "AA....CC...", "AA....CC.DD"], {"missed_footprints": [0, 3, 0, 0]}),
        # D is never found
        (
            ["AA.BB......", "AA.BB.CC...", "AA.BB.CC..."],
            {"missed_footprints": [0, 1, 0, 0], "missed_births": [0, 0, 0, 1]},
        ),
        # X appears in the second month where nothing is
        (
            ["AA.BB......", "AA.BB.CC.XX", "AA.BB.CC.DD"],
            {"false_footprints": [1, 0, 0, 0], "false_births": [0, 0, 1, 0]},
        ),
        # B is found from the second month on
        (
            ["AA.........", "AA.BB.CC...", "AA.BB.CC.DD"],
            {"missed_footprints": [0, 1, 0, 0], "older_buildings": [0, 0, 1, 0]},
        ),
        # A goes on as Z
        (["AA.BB......", "ZZ.BB.CC...", "ZZ.BB.CC.DD"], {"id_switches": [1, 1, 1, 0]}),
        # C is found under B's id, and B under none
        (
            ["AA.BB......", "AA....BB...", "AA....BB.DD"],
            {"missed_footprints": [0, 2, 0, 0], "id_switches": [1, 1, 0, 1]},
        ),
        # C is proposed in its month, but elsewhere
        (
            ["AA.BB......", "AA.BB....CC", "AA.BB.CC.DD"],
            {
                "missed_footprints": [0, 1, 0, 0],
                "false_footprints": [1, 0, 0, 0],
                "misplaced_births": [0, 0, 1, 1],
            },
        ),
    ],
)
def test_every_error_is_of_the_kind_seen_on_the_street(proposals: list[str], expected: dict[str, list[int]]) -> None:
    assert errors(proposed(*proposals)) == expected


def test_what_if_is_the_score_without_that_kind_of_error() -> None:
    # C a month late: tracking 8 found, 1 missed; change 1 found, 1 false, 1 missed: T = 16/17, C = 1/2.
    result = score_scot(drawn(STREET), proposed("AA.BB......", "AA.BB......", "AA.BB.CC.DD"))
    losses = diagnose(result.aois).losses.set_index("kind")
    now = 5 * (16 / 17) * (1 / 2) / (4 / 2 + 16 / 17)
    assert losses["scot"].tolist() == pytest.approx([now] * len(KINDS))
    assert losses["scot_without"]["missed_footprints"] == pytest.approx(5 * 1 * (1 / 2) / (4 / 2 + 1))
    assert losses["scot_without"]["late_births"] == pytest.approx(5 * (16 / 17) / (4 + 16 / 17))
    assert losses["scot_without"]["false_births"] == pytest.approx(now)


def test_what_was_missed_is_found_and_what_was_false_is_gone() -> None:
    # D is never found and X is false: tracking 8 found, 1 false, 1 missed; change 1 found, 1 false, 1 missed.
    result = score_scot(drawn(STREET), proposed("AA.BB......", "AA.BB.CC.XX", "AA.BB.CC..."))
    losses = diagnose(result.aois).losses.set_index("kind")["scot_without"]
    track, change = 8 / 9, 1 / 2
    assert losses["missed_footprints"] == pytest.approx(combine(9 / 9.5, change))
    assert losses["false_footprints"] == pytest.approx(combine(8 / 8.5, change))
    assert losses["missed_births"] == pytest.approx(combine(track, 2 / 2.5))
    assert losses["false_births"] == pytest.approx(combine(track, 1 / 1.5))


def test_births_are_told_one_by_one() -> None:
    found = diagnose(score_scot(drawn(STREET), proposed("AA.BB......", "AA.BB....XX", "AA.BB.CC.DD")).aois).births
    columns = ["aoi", "outcome", "truth_id", "truth_month", "prop_id", "prop_month", "months_late"]
    assert list(found.columns) == columns
    assert [["none" if pd.isna(cell) else cell for cell in row] for row in found.to_numpy().tolist()] == [
        [AOI, "late", "C", "2018-02", "C", "2018-03", 1.0],
        [AOI, "found", "D", "2018-03", "D", "2018-03", 0.0],
        [AOI, "false", "none", "none", "X", "2018-02", "none"],
    ]


def test_months_are_counted_by_the_calendar_and_not_by_frames() -> None:
    truth = drawn({"2018-11": "AA", "2018-12": "AA.BB", "2019-03": "AA.BB"})
    late = drawn({"2018-11": "AA", "2018-12": "AA", "2019-03": "AA.BB"})
    assert diagnose(score_scot(truth, late).aois).births["months_late"].tolist() == [3.0]


def test_over_areas_errors_are_summed_and_scores_are_means() -> None:
    late = proposed("AA.BB......", "AA.BB......", "AA.BB.CC.DD")
    truth = pd.concat([drawn(STREET), drawn(STREET, aoi=OTHER)])
    result = score_scot(truth, pd.concat([late, drawn(STREET, aoi=OTHER)]))
    overall = by_kind(diagnose(result.aois).losses).set_index("kind")
    assert list(overall.columns) == [*LOSSES[2:], "gain"]
    assert list(overall.index) == list(KINDS)
    assert overall.loc[["late_births"], COUNTS].to_numpy().tolist() == [[0, 0, 1, 1]]
    assert overall["scot"].tolist() == pytest.approx([result.score] * len(KINDS))
    assert overall["scot_without"]["late_births"] == pytest.approx((1 + 5 * (16 / 17) / (4 + 16 / 17)) / 2)
    assert overall["gain"].tolist() == pytest.approx((overall["scot_without"] - result.score).tolist())
    assert overall["gain"]["false_births"] == 0


def test_kinds_keep_their_order_and_an_unknown_one_is_kept_last() -> None:
    losses = diagnose(score_scot(drawn(STREET), drawn(STREET)).aois).losses
    some = losses[losses["kind"].isin(["missed_footprints", "late_births"])]
    unknown = some[:1].assign(kind="haste", track_fn=3)
    table = by_kind(pd.concat([unknown, some[::-1]]))
    assert table["kind"].tolist() == ["missed_footprints", "late_births", "haste"]
    assert table["track_fn"].tolist() == [0, 0, 3]


def test_no_areas_give_empty_tables() -> None:
    nothing = diagnose({})
    assert list(nothing.losses.columns) == LOSSES
    assert len(nothing.losses) == len(nothing.births) == 0


@pytest.mark.parametrize("losses", [diagnose({}).losses, pd.DataFrame(columns=LOSSES)], ids=["none", "from a file"])
def test_no_losses_have_no_kinds_but_their_columns(losses: pd.DataFrame) -> None:
    table = by_kind(losses)
    assert list(table.columns) == [*LOSSES[1:], "gain"]
    assert len(table) == 0
    assert table["gain"].dtype == "float64"


def assert_kinds_add_up(truth: pd.DataFrame, proposals: pd.DataFrame) -> None:
    result = score_scot(truth, proposals)
    for aois in (result.aois, result.strict.aois):
        losses = diagnose(aois).losses
        assert (losses["scot_without"] >= losses["scot"]).all()
        for name, aoi in aois.items():
            sums = losses[losses["aoi"] == name][COUNTS].sum().tolist()
            assert sums == [aoi.track_fp, aoi.track_fn, aoi.change_fp, aoi.change_fn]


def test_kinds_add_up_where_proposals_begin_before_truth() -> None:
    early = drawn({"2017-11": "AA", "2017-12": "CC.EE"} | STREET)
    assert_kinds_add_up(drawn(STREET), early)
    births = diagnose(score_scot(drawn(STREET), early).strict.aois).births
    assert births["outcome"].tolist() == ["early", "found"]
    assert births["months_late"].tolist() == [-2.0, 0.0]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_kinds_add_up_to_the_counts_of_the_score_and_mending_never_harms(seed: int, times: int) -> None:
    assert_kinds_add_up(*town(seed, times=times))


@pytest.mark.parametrize("name", sorted(n for n, case in scot_cases.expected().items() if "error" not in case))
def test_kinds_add_up_in_the_reference_cases(name: str) -> None:
    assert_kinds_add_up(*scot_cases.read_case(name))
