"""No leak: not by AOI, not by neighbours, not across the gap."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sn7ml.core.errors import CatalogError
from sn7ml.core.schemas import REGIONS
from sn7ml.params import SplitParams
from sn7ml.scenes.layouts.spacenet7 import group_neighbours
from sn7ml.scenes.splits import assign_regions
from tests.raising import raises

AOIS = (
    "L15-0331E-1257N_1327_3160_13",
    "L15-0571E-1075N_2287_3888_13",
    "L15-1203E-1203N_4815_3378_13",
    "L15-1204E-1202N_4816_3380_13",
    "L15-1204E-1204N_4819_3372_13",
    "L15-1439E-1134N_5759_3655_13",
    "L15-1669E-1160N_6678_3548_13",
    "L15-1669E-1160N_6679_3549_13",
    "L15-1690E-1211N_6763_3346_13",
    "L15-1691E-1211N_6764_3347_13",
)
"""Real training areas, some of which are neighbours."""

NEIGHBOURS = (AOIS[2:5], AOIS[6:8], AOIS[8:10])


def params(
    validation: float = 0.2,
    test: float = 0.3,
    gap_px: int = 16,
    neighbour_tiles: int = 8,
    seed: int = 7,
    folds: int = 1,
) -> SplitParams:
    return SplitParams(
        folds=folds,
        validation_fraction=validation,
        test_fraction=test,
        gap_px=gap_px,
        neighbour_tiles=neighbour_tiles,
        seed=seed,
    )


def assigned(sizes: Mapping[str, tuple[int, int]], params: SplitParams) -> pd.DataFrame:
    """Regions of AOIs with one frame each, grouped as SpaceNet 7's names say."""
    frames = pd.DataFrame([(aoi, *shape) for aoi, shape in sizes.items()], columns=["aoi", "rows", "cols"])
    return assign_regions(frames.assign(group=frames["aoi"].map(group_neighbours(frames, params))), params)


def groups(aois: tuple[str, ...], neighbour_tiles: int) -> dict[str, str]:
    """AOI to the first of its group."""
    return group_neighbours(pd.DataFrame({"aoi": aois}), params(neighbour_tiles=neighbour_tiles))


def sizes(aois: tuple[str, ...] = AOIS) -> dict[str, tuple[int, int]]:
    return {aoi: (1024, 1023 if number % 2 else 1024) for number, aoi in enumerate(aois)}


def split_of(regions: pd.DataFrame) -> dict[str, str]:
    return dict(zip(regions["aoi"], regions["split"], strict=True))


@given(seed=st.integers(0, 2**32), validation=st.floats(0.01, 0.49), test=st.floats(0.01, 0.59))
def test_no_area_is_on_two_sides_neighbours_stay_together_and_no_side_is_empty(
    seed: int, validation: float, test: float
) -> None:
    regions = assigned(sizes(), params(validation, test, seed=seed))
    assert sorted(regions["aoi"]) == sorted(AOIS)
    assert set(regions["split"]) == {"train", "validation", "test"}
    side = split_of(regions)
    for group in NEIGHBOURS:
        assert len({side[aoi] for aoi in group}) == 1


@given(seed=st.integers(0, 2**32), validation=st.floats(0.01, 0.49), test=st.floats(0.01, 0.59))
def test_of_three_groups_each_side_gets_one_however_large_its_share(seed: int, validation: float, test: float) -> None:
    regions = assigned(sizes((*AOIS[:2], *NEIGHBOURS[0])), params(validation, test, seed=seed))
    side = split_of(regions)
    assert {side[AOIS[0]], side[AOIS[1]], side[NEIGHBOURS[0][0]]} == {"train", "validation", "test"}


def test_whole_areas_belong_to_their_side() -> None:
    regions = assigned(sizes(), params())
    assert (regions["col_start"] == 0).all()
    assert dict(zip(regions["aoi"], regions["col_stop"], strict=True)) == {
        aoi: cols for aoi, (_, cols) in sizes().items()
    }


def test_shares_come_close_to_what_was_asked_for() -> None:
    lonely = tuple(f"L15-{x // 4:04d}E-1000N_{x:04d}_4188_13" for x in range(1000, 1000 + 60 * 20, 20))
    count = assigned(sizes(lonely), params(0.2, 0.3))["split"].value_counts()
    assert count.to_dict() == {"train": 30, "test": 18, "validation": 12}


def test_the_seed_decides_and_the_order_of_areas_does_not() -> None:
    one = assigned(sizes(), params(seed=1))
    again = assigned(dict(reversed(sizes().items())), params(seed=1))
    pd.testing.assert_frame_equal(one, again)
    assert any(split_of(assigned(sizes(), params(seed=seed))) != split_of(one) for seed in range(2, 6))


def test_neighbours_are_found_through_others() -> None:
    first, second, third = NEIGHBOURS[0]
    # 2 and 8 tiles apart; the first and the third, 6 apart, are also close by themselves.
    assert groups((third, first, second), 8) == {first: first, second: first, third: first}
    assert groups((third, first, second), 2) == {first: first, second: first, third: third}
    assert groups((third, first, second), 6) == {first: first, second: first, third: first}
    assert groups((third, first, second), 1) == {first: first, second: second, third: third}


def test_no_area_is_in_no_group() -> None:
    assert groups((), 8) == {}


def test_areas_that_touch_at_a_corner_are_neighbours_at_one_tile() -> None:
    assert groups(NEIGHBOURS[1], 1) == dict.fromkeys(NEIGHBOURS[1], NEIGHBOURS[1][0])
    assert groups(NEIGHBOURS[1], 0) == {aoi: aoi for aoi in NEIGHBOURS[1]}


def test_a_single_area_is_split_by_columns_from_left_to_right_with_gaps() -> None:
    regions = assigned({AOIS[0]: (1023, 1000)}, params(0.2, 0.3, gap_px=16))
    by_hand = [("train", 0, 0, 468), ("validation", 1, 484, 684), ("test", 0, 700, 1000)]
    assert [tuple(row)[1:] for row in regions.itertuples(index=False)] == by_hand


@given(cols=st.integers(400, 1100), gap=st.integers(0, 40), validation=st.floats(0.01, 0.35), test=st.floats(0.01, 0.4))
def test_columns_of_two_sides_are_a_gap_apart(cols: int, gap: int, validation: float, test: float) -> None:
    regions = REGIONS.check(assigned({AOIS[0]: (10, cols)}, params(validation, test, gap)))
    starts, stops = regions["col_start"].to_numpy(), regions["col_stop"].to_numpy()
    assert regions["split"].tolist() == ["train", "validation", "test"]
    assert (stops > starts).all()
    assert starts[0] == 0
    assert stops[-1] == cols
    np.testing.assert_array_equal(starts[1:] - stops[:-1], gap)


@pytest.mark.parametrize(
    ("cols", "gap", "validation", "test"),
    [
        (64, 16, 0.2, 0.3),  # 64 - 19 - 16 - 13 - 16 = 0 columns to train on
        (100, 0, 0.49, 0.59),
        (40, 0, 0.01, 0.3),  # no column to validate on
        (40, 0, 0.3, 0.01),  # no column to test on
    ],
)
def test_an_area_too_narrow_for_its_sides_is_refused(cols: int, gap: int, validation: float, test: float) -> None:
    with raises(CatalogError, "splits.too-few-columns", AOIS[0], cols, "1 fold", f"gap_px {gap}"):
        assigned({AOIS[0]: (10, cols)}, params(validation, test, gap))


def test_no_area_is_refused() -> None:
    with raises(CatalogError, "splits.no-labels"):
        assigned({}, params())


@pytest.mark.parametrize("aois", [AOIS[:2], NEIGHBOURS[0], (*NEIGHBOURS[1], *NEIGHBOURS[2])])
def test_too_few_groups_for_three_sides_are_refused_with_a_cure(aois: tuple[str, ...]) -> None:
    with raises(CatalogError, "splits.too-few-groups", len(aois), "split.neighbour_tiles"):
        assigned(sizes(aois), params())


@given(seed=st.integers(0, 2**32), test=st.floats(0.01, 0.59), folds=st.integers(2, 4))
def test_every_area_that_is_not_tested_is_in_one_fold_and_folds_are_about_equal(
    seed: int, test: float, folds: int
) -> None:
    regions = assigned(sizes(), params(test=test, seed=seed, folds=folds))
    assert sorted(regions["aoi"]) == sorted(AOIS)
    assert set(regions["split"]) == {"validation", "test"}
    fold = dict(zip(regions["aoi"], regions["fold"], strict=True))
    assert all((fold[aoi] == 0) == (split == "test") for aoi, split in split_of(regions).items())
    counts = regions.loc[regions["fold"] > 0, "fold"].value_counts()
    assert sorted(counts.index) == list(range(1, folds + 1))
    assert counts.max() - counts.min() <= max(len(group) for group in NEIGHBOURS)
    for group in NEIGHBOURS:
        assert len({fold[aoi] for aoi in group}) == 1


def test_one_area_is_cut_into_folds_by_columns() -> None:
    # 1,000 columns: a quarter is tested; 750 less the gap of 15 before the test are 735, of which 2 gaps leave 3 x 235.
    regions = assigned({AOIS[0]: (1023, 1000)}, params(test=0.25, gap_px=15, folds=3))
    found = regions[["split", "fold", "col_start", "col_stop"]].to_numpy().tolist()
    assert found == [
        ["validation", 1, 0, 235],
        ["validation", 2, 250, 485],
        ["validation", 3, 500, 735],
        ["test", 0, 750, 1000],
    ]


def test_folds_without_enough_areas_or_columns_are_refused() -> None:
    with raises(CatalogError, "splits.too-few-groups", "6 AOIs in 3 group", "3 folds", 4, "split.folds"):
        assigned(sizes((AOIS[0], *NEIGHBOURS[0], *NEIGHBOURS[1])), params(folds=3))
    with raises(CatalogError, "splits.too-few-columns", AOIS[0], 100, "9 fold", "gap_px 16"):
        assigned({AOIS[0]: (10, 100)}, params(folds=9))


def held_out(
    names: tuple[str, ...] | None, aois: tuple[str, ...] | None = None, taken: tuple[str, ...] = AOIS, folds: int = 1
) -> pd.DataFrame:
    chosen = params(folds=folds, gap_px=16).model_copy(update={"test_aois": names, "aois": aois})
    return assigned(sizes(taken), chosen)


def test_the_areas_that_are_named_are_tested_and_no_others() -> None:
    regions = held_out((AOIS[0], "L15-1690E*", "*_6764_*"))
    side = split_of(regions)
    assert {aoi for aoi, split in side.items() if split == "test"} == {AOIS[0], *NEIGHBOURS[2]}
    assert set(side.values()) == {"train", "validation", "test"}
    assert sorted(side) == sorted(AOIS)
    for group in NEIGHBOURS:
        assert len({side[aoi] for aoi in group}) == 1


def test_what_is_left_of_one_area_is_divided_by_columns_without_a_test() -> None:
    regions = held_out((AOIS[0],), taken=AOIS[:2])
    rows = [tuple(row) for row in regions.itertuples(index=False)]
    # 1,023 columns: a fifth, 205, validates; a gap of 16 goes before it.
    assert rows == [
        (AOIS[0], "test", 0, 0, 1024),
        (AOIS[1], "train", 0, 0, 802),
        (AOIS[1], "validation", 1, 818, 1023),
    ]


def test_what_is_left_of_one_area_can_be_cut_into_folds() -> None:
    regions = held_out((AOIS[0],), taken=AOIS[:2], folds=2)
    rest = regions[regions["aoi"] == AOIS[1]]
    assert rest[["split", "fold"]].to_numpy().tolist() == [["validation", 1], ["validation", 2]]
    assert rest["col_stop"].iloc[-1] == 1023
    assert rest["col_start"].iloc[1] - rest["col_stop"].iloc[0] == 16


def test_areas_that_are_left_out_are_on_no_side() -> None:
    alone = held_out(None, aois=(AOIS[1],))
    assert set(alone["aoi"]) == {AOIS[1]}
    assert alone["split"].tolist() == ["train", "validation", "test"]
    three = held_out((AOIS[0],), aois=(*AOIS[:2], "L15-1669E*"))
    assert set(three["aoi"]) == {*AOIS[:2], *NEIGHBOURS[1]}


def test_folds_of_what_is_left_are_of_whole_groups() -> None:
    regions = held_out(AOIS[:1], folds=4)
    assert sorted(set(regions["fold"])) == [0, 1, 2, 3, 4]
    fold = dict(zip(regions["aoi"], regions["fold"], strict=True))
    for group in NEIGHBOURS:
        assert len({fold[aoi] for aoi in group}) == 1


def test_a_choice_that_cannot_be_meant_is_refused_by_name() -> None:
    with raises(CatalogError, "splits.unknown-aoi", "split.test_aois", "['nowhere']", AOIS[0]):
        held_out((AOIS[0], "nowhere"))
    with raises(CatalogError, "splits.unknown-aoi", "split.aois", "['AOI_2*']"):
        held_out(None, aois=("AOI_2*",))
    with raises(CatalogError, "splits.unknown-aoi", "split.test_aois", AOIS[0]):  # left out before
        held_out((AOIS[0],), aois=(AOIS[1],))
    with raises(CatalogError, "splits.neighbours-of-test", NEIGHBOURS[1][1], "split.aois"):
        held_out((NEIGHBOURS[1][0],))
    with raises(CatalogError, "splits.no-training", AOIS[0]):
        held_out(("*",))
    with raises(CatalogError, "splits.too-few-groups", "1 group", 2):
        held_out((AOIS[0],), taken=(AOIS[0], *NEIGHBOURS[1]))


def test_columns_of_every_area_that_is_learned_from_can_validate() -> None:
    chosen = params(0.2, gap_px=16).model_copy(update={"test_aois": (AOIS[0],), "validation_by": "columns"})
    regions = assigned(sizes(AOIS[:4]), chosen)
    assert regions.loc[regions["aoi"] == AOIS[0], "split"].tolist() == ["test"]
    for aoi in AOIS[1:4]:
        cols = sizes()[aoi][1]
        mine = regions[regions["aoi"] == aoi]
        start = cols - round(0.2 * cols)
        assert mine[["split", "fold", "col_start", "col_stop"]].to_numpy().tolist() == [
            ["train", 0, 0, start - 16],
            ["validation", 1, start, cols],
        ]


def test_whole_areas_are_tested_where_columns_validate() -> None:
    regions = assigned(sizes(), params(0.2, 0.3).model_copy(update={"validation_by": "columns"}))
    tested = set(regions.loc[regions["split"] == "test", "aoi"])
    assert 1 <= len(tested) <= 3
    assert not tested & set(regions.loc[regions["split"] != "test", "aoi"])
    for group in NEIGHBOURS:
        assert len({aoi in tested for aoi in group}) == 1
