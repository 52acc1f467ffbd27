"""Planes of bits say what was drawn, as numpy arrays and as tensors, and are counted by their first channel."""

import pickle
import re

import numpy as np
import pytest
import torch
from affine import Affine
from numpy.typing import NDArray
from shapely import box

from sn7ml.core.geo.burn import burn_ids
from sn7ml.core.geo.grid import Grid
from sn7ml.targets.bits import bit_target, packed
from sn7ml.targets.pixels import PixelCounts
from sn7ml.targets.target import FrameLabels, Planes


def draw_roof(labels: FrameLabels, unknown: NDArray[np.bool_], upsampling: int, _grid: Grid | None = None) -> Planes:
    """Draw roofs alone."""
    ids = burn_ids(labels.outlines, (unknown.shape[0], unknown.shape[1]), upsampling)
    return packed([ids > 0], unknown.repeat(upsampling, axis=0).repeat(upsampling, axis=1))


GRID = Grid(32631, Affine(4, 0, 0, 0, -4, 0), (2, 2))

ROOF = bit_target("roof", ("roof",), draw_roof)
"""The smallest target there is: one channel, one sigmoid."""


def test_what_was_drawn_comes_back_channel_by_channel() -> None:
    yes, no = True, False
    target = bit_target("drawn", ("a", "b"), draw_roof)
    planes = packed([np.array([yes, yes, no, no]), np.array([no, yes, no, yes])], unknown=np.array([no, no, no, yes]))
    for given in (planes, torch.from_numpy(planes)):
        assert [truth.tolist() for truth in target.truth(given)] == [[yes, yes, no, no], [no, yes, no, yes]]
        assert target.known(given).tolist() == [yes, yes, yes, no]


def test_unknown_ground_is_up_sampled_like_the_outlines() -> None:
    unknown = np.array([[False, False], [False, True]])
    planes = ROOF.draw(FrameLabels([box(0, 0, 1, 1)]), unknown, 2, GRID)
    np.testing.assert_array_equal(ROOF.truth(planes)[0], np.kron([[1, 0], [0, 0]], np.ones((2, 2))) > 0)
    np.testing.assert_array_equal(~ROOF.known(planes), np.kron(unknown, np.ones((2, 2))) > 0)


def test_the_first_channel_is_counted_where_it_is_known_and_taken_from_even_odds_on() -> None:
    target = bit_target("drawn", ("a", "b"), draw_roof)
    output = np.zeros((1, 2, 1, 5), np.float32)
    output[0, 0, 0] = [3.0, -3.0, 0.1, 0.0, 9.0]
    output[0, 1] = 9.0  # of no matter
    planes = np.array([[[1, 1, 2, 3, 4]]], np.uint8)
    assert target.count(output, planes) == PixelCounts(tp=1, fp=1, fn=2, tn=0)
    assert [getattr(target.count(output, planes), name) for name in target.pixel_scores] == [0.25, 0.4]


def test_a_target_travels_to_other_processes() -> None:
    assert pickle.loads(pickle.dumps(ROOF)) is not None


@pytest.mark.parametrize("channels", [(), tuple("abcdefgh")])
def test_a_byte_holds_one_to_seven_channels(channels: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=re.escape(str(channels))):
        bit_target("many", channels, draw_roof)
