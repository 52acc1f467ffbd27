"""Windows over images whose pixels hold their own address."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sn7ml.core.geo.windows import blend_weights, plan_windows

shapes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@given(shape=shapes, size=st.integers(1, 12), overlap=st.integers(0, 11))
def test_every_pixel_comes_back_to_its_own_address(shape: tuple[int, int], size: int, overlap: int) -> None:
    overlap = min(overlap, size - 1)
    image = np.indices(shape).astype(np.float64)
    weights = blend_weights(size, overlap)
    total, weight = np.zeros_like(image), np.zeros(shape)
    for row, col in plan_windows(shape, size, overlap):
        here = (slice(row, row + size), slice(col, col + size))
        window = image[:, *here]
        share = weights[: window.shape[1], : window.shape[2]]
        total[:, *here] += window * share
        weight[here] += share
    assert (weight > 0).all()
    np.testing.assert_allclose(total / weight, image, rtol=1e-6)


@given(shape=shapes, size=st.integers(1, 12), overlap=st.integers(0, 11))
def test_no_window_leaves_the_image_unless_the_image_is_smaller(
    shape: tuple[int, int], size: int, overlap: int
) -> None:
    windows = plan_windows(shape, size, min(overlap, size - 1))
    assert len(set(windows)) == len(windows)
    assert windows == sorted(windows)
    for corner in windows:
        for start, length in zip(corner, shape, strict=True):
            assert start + size <= length or start == 0


@given(length=st.integers(1, 60), size=st.integers(2, 12), overlap=st.integers(0, 11))
def test_neighbours_share_at_least_the_overlap(length: int, size: int, overlap: int) -> None:
    overlap = min(overlap, size - 1)
    starts = [col for _, col in plan_windows((1, length), size, overlap)]
    assert all(after - before <= size - overlap for before, after in itertools.pairwise(starts))


def test_the_last_window_is_moved_back_to_the_edge() -> None:
    assert plan_windows((1023, 1024), 512, 0) == [(0, 0), (0, 512), (511, 0), (511, 512)]


def test_an_image_smaller_than_a_window_gets_one() -> None:
    assert plan_windows((3, 5), 8, 2) == [(0, 0)]


@pytest.mark.parametrize("overlap", [-1, 4, 5])
def test_an_overlap_that_leaves_no_step_is_refused(overlap: int) -> None:
    with pytest.raises(ValueError, match=f"below size 4, got {overlap}"):
        plan_windows((9, 9), 4, overlap)


@given(half=st.integers(1, 8), overlap=st.integers(0, 8))
def test_ramps_of_windows_that_overlap_evenly_add_up_to_one(half: int, overlap: int) -> None:
    size, overlap = 2 * half, min(overlap, half)
    ramp = blend_weights(size, overlap)[half]
    ramp = ramp / ramp.max()
    line = np.zeros(3 * (size - overlap) + overlap)
    for start in range(0, len(line) - size + 1, size - overlap):
        line[start : start + size] += ramp
    inner = line[overlap : len(line) - overlap]
    np.testing.assert_allclose(inner, inner[0], rtol=1e-5)


@given(size=st.integers(1, 20), overlap=st.integers(0, 19))
def test_weights_are_the_same_from_all_sides_and_never_nothing(size: int, overlap: int) -> None:
    weights = blend_weights(size, min(overlap, size - 1))
    assert weights.shape == (size, size)
    assert weights.dtype == np.float32
    assert (weights > 0).all()
    assert (weights <= 1).all()
    np.testing.assert_array_equal(weights, weights.T)
    np.testing.assert_array_equal(weights, weights[::-1, ::-1])


def test_weights_of_a_window_of_four_with_an_overlap_of_two() -> None:
    np.testing.assert_allclose(blend_weights(4, 2)[:, 1] / 0.75, [0.25, 0.75, 0.75, 0.25])
    assert (blend_weights(4, 0) == 1).all()
