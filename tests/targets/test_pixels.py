"""Pixel counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sn7ml.targets.pixels import PixelCounts, count_pixels

# Capitals: taken for a building. B, b: building; g, G: ground; x, y: not usable, though taken for
# a building; y is one.
SCENE = """
    gBBbg
    GBBbg
    gxyxg
"""


def masks(drawing: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    letters = np.array([list(line) for line in drawing.split()])
    unusable = np.isin(letters, ["x", "y"])
    return np.char.isupper(letters) | unusable, np.isin(letters, ["b", "B", "y"]), ~unusable


def test_pixels_are_counted_as_drawn() -> None:
    assert count_pixels(*masks(SCENE)) == PixelCounts(tp=4, fp=1, fn=2, tn=5)


def test_ratios_are_those_of_the_drawing() -> None:
    counts = count_pixels(*masks(SCENE))
    assert (counts.iou, counts.precision, counts.recall, counts.f1) == pytest.approx((4 / 7, 4 / 5, 4 / 6, 8 / 11))


def test_nothing_at_all_gives_zero() -> None:
    nothing = PixelCounts()
    assert (nothing.iou, nothing.f1, nothing.precision, nothing.recall) == (0.0, 0.0, 0.0, 0.0)
    assert count_pixels(*np.zeros((3, 4, 4), dtype=bool)) == nothing


@given(st.integers(0, 2**32), st.integers(0, 12))
def test_counts_add_up_over_any_cut_through_the_image(seed: int, cut: int) -> None:
    images = np.random.default_rng(seed).random((3, 5, 12)) > 0.4
    parts = [count_pixels(*images[..., :cut]), count_pixels(*images[..., cut:])]
    assert sum(parts, PixelCounts()) == count_pixels(*images)


def test_masks_of_different_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'truth': \(2, 3\)"):
        count_pixels(np.ones((2, 2), dtype=bool), np.ones((2, 3), dtype=bool), np.ones((2, 2), dtype=bool))


def test_probabilities_are_refused() -> None:
    image = np.ones((2, 2))
    with pytest.raises(ValueError, match=r"\{'predicted': 'float64'\}"):
        count_pixels(image, image > 0, image > 0)  # type: ignore[arg-type]
