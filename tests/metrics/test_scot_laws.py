"""What must hold for SCOT and for footprint counts whatever the town (ties apart)."""

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from sn7ml.metrics.scot import ScotResult, score_scot
from tests.metrics.towns import AOI, counted, town

OTHER = "L15-0000E-1220N_1433_3310_13"
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=20, deadline=None)


def fields(result: ScotResult) -> dict[str, dict[str, int | float]]:
    return {aoi: scores.as_dict() for aoi, scores in result.aois.items()}


@few
@given(seeds)
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    truth, proposals = town(seed)
    shuffled = score_scot(truth.sample(frac=1, random_state=1), proposals.sample(frac=1, random_state=2))
    assert shuffled.as_dict() == score_scot(truth, proposals).as_dict()


@few
@given(seeds)
def test_other_names_for_the_same_buildings_change_nothing(seed: int) -> None:
    truth, proposals = town(seed)
    # Reversing the text reverses the order in which ids are sorted, too.
    other = [side.assign(id="new " + side["id"].str[::-1]) for side in (truth, proposals)]
    assert fields(score_scot(other[0], other[1])) == fields(score_scot(truth, proposals))


@few
@given(seeds, st.integers(-500, 500), st.integers(-500, 500))
def test_moving_the_whole_town_changes_nothing(seed: int, right: int, down: int) -> None:
    sides = town(seed)
    moved = [
        side.assign(geometry=shapely.transform(side["geometry"].to_numpy(), lambda xy: np.add(xy, (right, down))))
        for side in sides
    ]
    assert fields(score_scot(moved[0], moved[1])) == fields(score_scot(*sides))


@few
@given(seeds, seeds)
def test_areas_do_not_know_of_each_other(seed: int, other_seed: int) -> None:
    first, second = town(seed), town(other_seed, aoi=OTHER)
    both = [score_scot(pd.concat([a, b]), pd.concat([c, d])) for a, b, c, d in
            [(first[0], second[0], first[1], second[1]), (second[0], first[0], first[1], second[1])]]  # fmt: skip
    alone = score_scot(*first), score_scot(*second)
    assert fields(both[0]) == fields(both[1]) == fields(alone[0]) | fields(alone[1])
    assert both[0].score == both[1].score == pytest.approx((alone[0].score + alone[1].score) / 2)


@few
@given(seeds)
def test_truth_against_itself_scores_one(seed: int) -> None:
    truth, _ = town(seed)
    assert score_scot(truth, truth).score == 1.0


@few
@given(seeds, st.data())
def test_taking_away_a_false_track_of_one_month_never_lowers_the_score(seed: int, data: st.DataObject) -> None:
    truth, proposals = town(seed)
    before = score_scot(truth, proposals)
    matched = set(before.aois[AOI].pairs["prop_id"])
    once = ~proposals["id"].duplicated(keep=False) & ~proposals["id"].isin(matched)
    if not once.any():
        return
    row = data.draw(st.sampled_from(proposals.index[once].tolist()))
    assert score_scot(truth, proposals.drop(index=row)).score >= before.score


@few
@given(seeds, st.sets(st.sampled_from(["2018-01", "2018-02", "2018-03", "2018-04"])))
def test_footprint_counts_add_up_over_any_split_of_the_frames(seed: int, chosen: set[str]) -> None:
    truth, proposals = town(seed)
    counts = ["tp", "fp", "fn"]
    parts = [
        counted(truth[truth["time"].isin(chosen) == here], proposals[proposals["time"].isin(chosen) == here], 0.25)
        for here in (True, False)
    ]
    whole = counted(truth, proposals, 0.25)
    assert (parts[0][counts].sum() + parts[1][counts].sum()).tolist() == whole[counts].sum().tolist()
    assert whole["tp"].sum() + whole["fn"].sum() == len(truth)
    assert whole["tp"].sum() + whole["fp"].sum() == len(proposals)
