"""SCOT on streets small enough to be counted by hand."""

import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry.base import BaseGeometry

from sn7ml.core.errors import LabelError, TableError
from sn7ml.metrics.scot import score_scot
from tests.metrics.streets import OTHER, STREET, with_rows
from tests.metrics.towns import AOI, Row, drawn, plain_counts, table, town
from tests.raising import raises


def fields(truth: pd.DataFrame, proposals: pd.DataFrame) -> dict[str, int | float]:
    return score_scot(truth, proposals).aois[AOI].as_dict()


def counts(truth: pd.DataFrame, proposals: pd.DataFrame) -> tuple[list[int | float], list[int | float]]:
    found = fields(truth, proposals)
    tracking = [found[name] for name in ("mm", "track_tp", "track_fp", "track_fn")]
    return tracking, [found[name] for name in ("change_tp", "change_fp", "change_fn")]


def test_truth_scores_one_against_itself() -> None:
    result = score_scot(drawn(STREET), drawn(STREET))
    assert (result.score, result.tracking, result.change, result.notes) == (1.0, 1.0, 1.0, ())
    assert counts(drawn(STREET), drawn(STREET)) == ([0, 9, 0, 0], [2, 0, 0])


@pytest.mark.parametrize(
    ("proposals", "tracking", "change"),
    [
        # C is found a month late: missed once; a missed birth in month 2 and a false one in month 3
        (["AA.BB......", "AA.BB......", "AA.BB.CC.DD"], [0, 8, 0, 1], [1, 1, 1]),
        # B is never found
        (["AA.........", "AA....CC...", "AA....CC.DD"], [0, 6, 0, 3], [2, 0, 0]),
        # X is always there and never was
        (["AA.BB....XX", "AA.BB.CC...", "AA.BB.CC.DD"], [0, 9, 1, 0], [2, 0, 0]),
        # A goes on as Z: one mismatch, and Z is a false birth
        (["AA.BB......", "AA.BB.CC...", "ZZ.BB.CC.DD"], [1, 8, 1, 1], [2, 1, 0]),
        # A and B swap for good: two mismatches, once
        (["AA.BB......", "BB.AA.CC...", "BB.AA.CC.DD"], [2, 7, 2, 2], [2, 0, 0]),
        # A and B swap and swap back
        (["AA.BB......", "BB.AA.CC...", "AA.BB.CC.DD"], [4, 5, 4, 4], [2, 0, 0]),
        # A is missed for a month and comes back as itself: no mismatch, no birth
        (["AA.BB......", "...BB.CC...", "AA.BB.CC.DD"], [0, 8, 0, 1], [2, 0, 0]),
        # A is missed for a month and comes back as B, who has gone: a mismatch, but no birth
        (["AA.BB......", "...BB.CC...", "BB....CC.DD"], [1, 6, 1, 3], [2, 0, 0]),
        # C takes an id that was seen before: matched, but not a birth
        (["AA.BB....CC", "AA.BB.CC...", "AA.BB.CC.DD"], [0, 9, 1, 0], [1, 0, 1]),
        # nothing is found
        (["...........", "...........", "..........."], [0, 0, 0, 9], [0, 0, 2]),
    ],
)
def test_counts_are_those_worked_out_on_paper(proposals: list[str], tracking: list[int], change: list[int]) -> None:
    assert counts(drawn(STREET), drawn(dict(zip(STREET, proposals, strict=True)))) == (tracking, change)


def test_ratios_follow_from_the_counts() -> None:
    late = drawn({"2018-01": "AA.BB......", "2018-02": "AA.BB......", "2018-03": "AA.BB.CC.DD"})
    track, change = 8 / (8 + 1 / 2), 1 / (1 + 2 / 2)
    result = score_scot(drawn(STREET), late)
    assert result.tracking == pytest.approx(track, abs=1e-15)
    assert result.change == pytest.approx(change, abs=1e-15)
    assert result.score == pytest.approx(5 * change * track / (4 * change + track), abs=1e-15)


def test_a_building_that_comes_back_is_no_birth_in_truth_either() -> None:
    gap = {"2018-01": "AA.BB", "2018-02": "...BB", "2018-03": "AA.BB"}
    assert counts(drawn(gap), drawn(gap)) == ([0, 5, 0, 0], [0, 0, 0])


def test_demolished_buildings_cost_tracking_only() -> None:
    truth, kept = drawn({"2018-01": "AA.BB", "2018-02": "AA..."}), drawn({"2018-01": "AA.BB", "2018-02": "AA.BB"})
    assert counts(truth, kept) == ([0, 3, 1, 0], [0, 0, 0])


def test_the_mean_is_over_areas_of_truth_big_and_small_alike() -> None:
    truth = pd.concat([drawn(STREET), drawn({"2018-01": "A", "2018-02": "A.B"}, aoi=OTHER)])
    elsewhere = drawn(STREET, aoi="L15-0000E-0000N_0000_0000_13")
    result = score_scot(truth, pd.concat([drawn(STREET), elsewhere]))
    assert [aoi.combo_score for aoi in result.aois.values()] == [1.0, 0.0]
    assert result.score == 0.5
    assert result.notes[:2] == (
        f"{OTHER}: nothing proposed, so the AOI scores 0 and counts in the mean",
        "L15-0000E-0000N_0000_0000_13: 9 proposal(s) ignored, the AOI is not in the truth",
    )


def test_dropped_truth_is_counted_in_a_note() -> None:
    speck, bow_tie = shapely.box(50, 0, 51, 1), shapely.Polygon([(60, 0), (66, 6), (66, 0), (60, 6)])
    truth = with_rows(drawn(STREET), (AOI, "2018-01", "speck", speck), (AOI, "2018-01", "tie", bow_tie))
    notes = score_scot(truth, drawn(STREET)).notes
    assert [note for note in notes if note.startswith(f"{AOI}: 2 truth polygon(s) dropped")]


def test_what_is_ignored_is_not_called_a_false_positive() -> None:
    empty = (AOI, "2018-09", "e", shapely.from_wkt("POLYGON EMPTY"))
    notes = score_scot(drawn(STREET), with_rows(drawn(STREET), empty)).notes
    assert notes == (f"{AOI}: 1 proposal(s) ignored in months without truth: 2018-09",)


def test_truth_under_four_square_pixels_is_dropped_and_proposals_are_not() -> None:
    truth = with_rows(drawn(STREET), (AOI, "2018-01", "small", shapely.box(50, 0, 52, 1.999)))
    assert counts(truth, drawn(STREET)) == ([0, 9, 0, 0], [2, 0, 0])
    assert counts(drawn(STREET), truth) == ([0, 9, 1, 0], [2, 0, 0])
    truth = with_rows(drawn(STREET), (AOI, "2018-01", "enough", shapely.box(50, 0, 52, 2)))
    assert counts(truth, drawn(STREET)) == ([0, 9, 0, 1], [2, 0, 0])
    assert score_scot(truth, drawn(STREET), min_area_px2=4.001).score == 1.0


def test_the_threshold_itself_is_no_match() -> None:
    truth = table([(AOI, "2018-01", "a", shapely.box(0, 0, 4, 4))])
    quarter = table([(AOI, "2018-01", "a", shapely.box(0, 0, 4, 1))])
    assert counts(truth, quarter)[0] == [0, 0, 1, 1]
    assert score_scot(truth, quarter, iou_threshold=0.249).aois[AOI].track_tp == 1


def test_proposals_in_months_without_truth_do_not_exist() -> None:
    more = STREET | {"2017-12": "CC.DD", "2018-04": "XX"}
    result = score_scot(drawn(STREET), drawn(more))
    assert result.score == 1.0
    assert result.notes == (f"{AOI}: 3 proposal(s) ignored in months without truth: 2017-12, 2018-04",)


def test_a_month_whose_truth_is_all_too_small_counts_as_absent() -> None:
    truth = with_rows(drawn(STREET), (AOI, "2017-12", "A", shapely.box(0, 0, 1, 1)))
    result = score_scot(truth, drawn(STREET | {"2017-12": "CC.DD"}))
    assert result.score == 1.0
    assert any("truth rows of 2017-12 are all too small" in note for note in result.notes)


@pytest.mark.parametrize(
    ("geometry", "note"),
    [
        (None, "a missing geometry"),
        (shapely.from_wkt("POLYGON EMPTY"), "an EMPTY geometry"),
        (shapely.from_wkt("LINESTRING EMPTY"), "an EMPTY geometry"),
        (shapely.LineString([(0, 0), (6, 3)]), "lines or points"),
        (shapely.Point(1, 1), "lines or points"),
    ],
)
def test_a_proposal_that_is_no_polygon_is_a_false_positive_and_said_to_be(
    geometry: BaseGeometry | None, note: str
) -> None:
    proposals = with_rows(drawn(STREET), (AOI, "2018-02", "strange", geometry))
    assert counts(drawn(STREET), proposals) == ([0, 9, 1, 0], [2, 1, 0])
    assert any(f"1 proposal(s) with {note}" in n for n in score_scot(drawn(STREET), proposals).notes)
    assert counts(proposals, drawn(STREET)) == ([0, 9, 0, 0], [2, 0, 0])


@pytest.mark.parametrize(
    "wkt",
    [
        "POLYGON Z ((0 0 7, 0 3 8, 6 3 7, 6 0 7, 0 0 7))",
        "MULTIPOLYGON (((0 0, 0 3, 3 3, 3 0, 0 0)), ((4 0, 4 3, 6 3, 6 0, 4 0)))",
        "POLYGON ((0 0, 0 3, 6 3, 6 0, 0 0), (2 1, 2 2, 3 2, 3 1, 2 1))",
        "GEOMETRYCOLLECTION (POLYGON ((0 0, 0 3, 6 3, 6 0, 0 0)), LINESTRING (0 0, 9 9))",
    ],
)
def test_z_parts_courtyards_and_collections_match_like_any_polygon(wkt: str) -> None:
    proposals = drawn(STREET)
    proposals["geometry"] = [
        shapely.from_wkt(wkt) if name == "A" else g for name, g in proposals[["id", "geometry"]].values
    ]
    assert counts(drawn(STREET), proposals) == ([0, 9, 0, 0], [2, 0, 0])


def test_a_bow_tie_has_the_area_it_is_drawn_with_and_the_intersection_it_is_repaired_to() -> None:
    # Two triangles of 9 px² that run round opposite ways: drawn area 0. IoU 18 / (36 + 0 - 18) = 1.
    bow_tie = shapely.Polygon([(0, 0), (6, 6), (6, 0), (0, 6)])
    truth = table([(AOI, "2018-01", "a", shapely.box(0, 0, 6, 6))])
    proposals = table([(AOI, "2018-01", "a", bow_tie)])
    result = score_scot(truth, proposals).aois[AOI]
    assert result.pairs["iou"].tolist() == [1.0]
    assert any("1 proposal polygon(s) are invalid" in note for note in result.notes)
    with raises(LabelError, "scoring.no-truth"):
        score_scot(proposals, truth)


def test_halves_under_one_id_are_matched_by_the_sum_of_their_overlaps_as_the_reference_has_it() -> None:
    whole = shapely.box(0, 0, 6, 6)
    strips = [(AOI, "2018-01", "a", shapely.box(0, y, 6, y + 1.2)) for y in (0, 3)]
    result = score_scot(table([(AOI, "2018-01", "t", whole)]), table(list(strips))).aois[AOI]
    assert (result.track_tp, result.track_fp, result.track_fn) == (1, 1, 0)
    assert result.pairs["iou"].tolist() == pytest.approx([0.4])
    assert len([note for note in result.notes if "repeat an id" in note or "summed past the threshold" in note]) == 2


def test_ids_are_compared_as_text() -> None:
    truth = drawn(STREET)
    proposals = with_rows(
        drawn({m: s for m, s in STREET.items() if m != "2018-03"}), *table_rows("2018-03", "AA.BB.CC.DD")
    )
    proposals["id"] = proposals["id"].where(proposals["id"] != "A", "7")
    proposals.loc[(proposals["id"] == "7") & (proposals["time"] == "2018-03"), "id"] = "7.0"
    assert counts(truth, proposals) == ([1, 8, 1, 1], [2, 1, 0])


def table_rows(month: str, street: str) -> list[Row]:
    return [tuple(row) for row in drawn({month: street}).itertuples(index=False)]


def test_frames_and_pairs_tell_where_the_score_was_lost() -> None:
    swapped = drawn({"2018-01": "AA.BB......", "2018-02": "AA....BB...", "2018-03": "AA....BB.DD"})
    aoi = score_scot(drawn(STREET), swapped).aois[AOI]
    assert aoi.frames.to_dict("list") == {
        "time": list(STREET), "n_truth": [2, 3, 4], "n_prop": [2, 2, 3], "tp": [2, 2, 3], "fp": [0, 0, 0],
        "fn": [0, 1, 1], "mm": [0, 1, 0], "change_tp": [0, 0, 1], "change_fp": [0, 0, 0], "change_fn": [0, 1, 0],
    }  # fmt: skip
    wrong = aoi.pairs[aoi.pairs["mismatch"]]
    assert wrong[["time", "truth_id", "prop_id"]].values.tolist() == [["2018-02", "C", "B"]]
    assert wrong[["truth_new", "prop_new"]].values.tolist() == [[True, False]]


def test_as_dict_has_the_names_of_the_reference() -> None:
    result = score_scot(drawn(STREET), drawn(STREET)).as_dict()
    names = "mm track_tp track_fp track_fn track_score change_tp change_fp change_fn change_score combo_score"
    assert result["aois"] == {AOI: dict(zip(names.split(), [0, 9, 0, 0, 1.0, 2, 0, 0, 1.0, 1.0], strict=True))}
    assert (result["score"], result["tracking"], result["change"], result["notes"]) == (1.0, 1.0, 1.0, [])
    assert result["strict"] == {key: value for key, value in result.items() if key != "strict"} | {
        "change_undefined": []
    }


@pytest.mark.parametrize("seed", range(12))
def test_random_towns_are_counted_as_the_plain_way_counts_them(seed: int) -> None:
    truth, proposals = town(seed, times=6)
    plain = plain_counts(truth, proposals)
    tracking = [plain.mm, plain.tp - plain.mm, plain.fp + plain.mm, plain.fn + plain.mm]
    assert counts(truth, proposals) == (tracking, [plain.change_tp, plain.change_fp, plain.change_fn])


def test_arguments_are_left_as_they_were() -> None:
    truth, proposals = town(1)
    before = truth.copy(), proposals.copy()
    score_scot(truth, proposals)
    pd.testing.assert_frame_equal(truth, before[0])
    pd.testing.assert_frame_equal(proposals, before[1])


def test_no_proposals_score_zero() -> None:
    assert score_scot(drawn(STREET), table([])).score == 0.0


def test_a_table_without_a_column_is_refused_by_name() -> None:
    with raises(TableError, "table.missing-column", "proposal", "['time']"):
        score_scot(drawn(STREET), drawn(STREET).drop(columns="time"))


def test_a_row_without_an_id_is_refused_by_number() -> None:
    truth = drawn(STREET)
    truth.loc[3, "id"] = np.nan
    with raises(TableError, "table.missing-value", "truth", "id", 3):
        score_scot(truth, drawn(STREET))


def test_text_in_the_place_of_a_geometry_is_refused() -> None:
    truth = drawn(STREET).astype({"geometry": "object"})
    truth.at[2, "geometry"] = "POLYGON EMPTY"
    with raises(TableError, "table.geometry-type", "truth", 2, "str"):
        score_scot(truth, drawn(STREET))


@pytest.mark.parametrize("threshold", [-0.1, 1.0])
def test_a_threshold_that_is_no_iou_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match=f"iou_threshold.*{threshold}"):
        score_scot(drawn(STREET), drawn(STREET), iou_threshold=threshold)
