"""One-to-one matching: rules on a ruler, ties, and the two ways round a large matrix."""

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from sn7ml.metrics import matching
from sn7ml.metrics.matching import Side, match
from sn7ml.metrics.overlaps import Polygons, find_overlaps
from tests.metrics.towns import tied_boxes


def bars(*spans: tuple[float, float]) -> NDArray[np.object_]:
    """Bars of height 1 on a ruler."""
    return np.array([shapely.box(start, 0, stop, 1) for start, stop in spans], dtype=object)


def side(geometry: NDArray[np.object_], frame: list[int] | None = None, member: list[int] | None = None) -> Side:
    frames = np.array(frame or [0] * len(geometry), dtype=np.intp)
    return Side(Polygons(geometry, frames), np.array(member or range(len(geometry)), dtype=np.intp))


def matched(truth: Side, proposals: Side, threshold: float = 0.25) -> dict[int, int]:
    pairs = match(truth, proposals, threshold).pairs
    return dict(zip(pairs.truth.tolist(), pairs.proposal.tolist(), strict=True))


def test_two_matches_beat_one_better_match() -> None:
    #           0....5...10...15
    # truth 0   |---------|             IoU of truth 0 with found 0 is 7/13, of truth 1 with found 0 is 5/15,
    # truth 1           |---------|     and of truth 0 with found 1 is 4/10
    # found 0      |---------|
    # found 1   |---|
    assert matched(side(bars((0, 10), (8, 18))), side(bars((3, 13), (0, 4)))) == {0: 1, 1: 0}


def test_of_as_many_matches_the_larger_overlap_is_taken() -> None:
    assert matched(side(bars((0, 10))), side(bars((0, 6), (0, 9), (0, 7)))) == {0: 1}


def test_frames_do_not_see_each_other() -> None:
    here, there = bars((0, 4), (0, 4)), bars((0, 4), (0, 4))
    assert matched(side(here, [0, 2]), side(there, [1, 2])) == {1: 1}


def test_neighbours_that_only_touch_do_not_overlap() -> None:
    truth, proposals = side(bars((0, 4))).polygons, side(bars((4, 8))).polygons
    assert len(find_overlaps(truth, proposals, 0.0).iou) == 0


def test_an_outline_repeated_in_every_frame_is_measured_alike_in_each() -> None:
    frames = list(range(5))
    truth, proposals = side(bars(*[(0, 10)] * 5), frames).polygons, side(bars(*[(4, 12)] * 5), frames).polygons
    assert find_overlaps(truth, proposals, 0.25).iou.tolist() == [0.5] * 5


def test_nothing_matches_nothing() -> None:
    empty = np.empty(0, dtype=object)
    assert matched(side(empty), side(empty)) == {}
    assert matched(side(bars((0, 4))), side(empty)) == {}
    assert matched(side(empty), side(bars((0, 4)))) == {}


def test_an_iou_equal_to_the_bound_is_not_above_it() -> None:
    truth, proposals = side(bars((0, 4))).polygons, side(bars((0, 1))).polygons
    assert find_overlaps(truth, proposals, 0.25).iou.tolist() == []
    assert find_overlaps(truth, proposals, 0.2499).iou.tolist() == [0.25]


def test_a_bow_tie_is_measured_alike_on_either_side() -> None:
    # Drawn area 0, repaired 18 of the square's 36: 18 / (36 + 0 - 18).
    bow_tie = np.array([shapely.Polygon([(0, 0), (6, 6), (6, 0), (0, 6)])], dtype=object)
    square = np.array([shapely.box(0, 0, 6, 6)], dtype=object)
    for first, second in ((bow_tie, square), (square, bow_tie)):
        assert find_overlaps(side(first).polygons, side(second).polygons, 0.25).iou.tolist() == [1.0]


def test_a_union_of_nothing_is_no_match() -> None:
    # The bow-tie's drawn area is 0 and its repaired area 18: 18 / (18 + 0 - 18) has no value.
    bow_tie = np.array([shapely.Polygon([(0, 0), (6, 6), (6, 0), (0, 6)])], dtype=object)
    triangles = np.array([shapely.make_valid(bow_tie[0])], dtype=object)
    assert shapely.area(triangles).tolist() == [18.0]
    assert matched(side(triangles), side(bow_tie)) == {}


@pytest.mark.parametrize("seed", range(150))
def test_ties_fall_as_they_fall_on_the_full_matrix(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, proposals = (tied_boxes(rng, count) for count in rng.integers(1, 25, 2))
    shared = shapely.area(shapely.intersection(truth[:, None], proposals[None]))
    iou = shared / (shapely.area(truth)[:, None] + shapely.area(proposals)[None] - shared)
    rows, columns = linear_sum_assignment(np.where(iou > 0.25, 100 + iou, 0), maximize=True)
    kept = iou[rows, columns] > 0.25
    expected = dict(zip(rows[kept].tolist(), columns[kept].tolist(), strict=True))
    assert matched(side(truth), side(proposals)) == expected


@pytest.mark.parametrize("seed", range(10))
def test_a_group_too_large_for_a_matrix_is_solved_as_well(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # A street of houses that each overlap the next: all in one group.
    starts = np.arange(40) * 2 + np.random.default_rng(seed).uniform(-0.5, 0.5, (2, 40))
    truth, proposals = (side(bars(*[(start, start + 4) for start in row])) for row in starts)
    by_matrix = match(truth, proposals, 0.25).pairs
    monkeypatch.setattr(matching, "DENSE_CELLS", 0)
    sparse = match(truth, proposals, 0.25).pairs
    assert len(sparse.iou) == len(by_matrix.iou)
    assert sparse.iou.sum() == pytest.approx(by_matrix.iou.sum(), abs=1e-9)


def test_phantoms_in_a_frame_too_large_for_a_matrix_are_not_matched_and_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truth, halves = side(bars((0, 10))), side(bars((0, 2), (5, 7)), member=[0, 0])
    assert matched(truth, halves) == {0: 0}
    monkeypatch.setattr(matching, "DENSE_CELLS", 1)
    result = match(truth, halves, 0.25)
    assert len(result.pairs.iou) == 0
    assert result.phantom_frames.tolist() == result.unsolved_frames.tolist() == [0]


def test_a_tie_in_a_frame_too_large_for_a_matrix_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    twins, found = side(bars((0, 4), (0, 4))), side(bars((0, 4)))
    assert match(twins, found, 0.25).tied_frames.tolist() == []
    monkeypatch.setattr(matching, "DENSE_CELLS", 1)
    assert match(twins, found, 0.25).tied_frames.tolist() == [0]


def test_frames_and_geometries_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2,\).*\(1,\)"):
        Polygons(bars((0, 1)), np.array([0, 1], dtype=np.intp))
