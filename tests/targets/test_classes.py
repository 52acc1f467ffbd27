"""Class maps as planes, and pixels counted by class: numbers worked out by hand."""

import numpy as np
import pytest
import torch

from sn7ml.core.geo.grid import Grid
from sn7ml.params import TargetParams
from sn7ml.targets import FrameLabels, target_of
from sn7ml.targets.class_counts import ClassCounts, count_classes

NAMES = ("sea", "sand", "roof")
TARGET = target_of(TargetParams.model_validate({"kind": "classes", "classes": {"names": NAMES}}))
GRID = Grid.nowhere(2, 3)
U = 255


def test_classes_are_numbered_as_params_name_them_and_others_are_unknown() -> None:
    legend = ("sand", "cloud", "sea")  # the file's order, with a class that is not learned and without one that is
    class_map = np.array([[0, 1, 2], [2, U, 0]], np.uint8)
    unusable = np.array([[False] * 3, [True, False, False]])
    planes = TARGET.draw(FrameLabels(class_map=class_map, class_names=legend), unusable, 1, GRID)
    assert planes.tolist() == [[1, U, 0], [U, U, 1]]


def test_planes_are_up_sampled_in_both_axes() -> None:
    class_map = np.array([[0, 2, 1]], np.uint8)
    planes = TARGET.draw(FrameLabels(class_map=class_map, class_names=NAMES), np.zeros((1, 3), bool), 2, GRID)
    assert planes.tolist() == [[0, 0, 2, 2, 1, 1]] * 2


def test_a_frame_without_labels_is_unknown_and_one_with_outlines_is_a_mistake() -> None:
    nothing = TARGET.draw(FrameLabels(), np.ones((2, 3), bool), 2, GRID)
    assert nothing.shape == (4, 6)
    assert (nothing == U).all()
    with pytest.raises(ValueError, match="class map"):
        TARGET.draw(FrameLabels(), np.zeros((2, 3), bool), 1, GRID)


@pytest.mark.parametrize("array", [np.asarray, torch.from_numpy])
def test_planes_say_which_pixels_are_of_each_class(array: object) -> None:
    planes = np.array([[0, 2, U]], np.uint8)
    given = torch.from_numpy(planes) if array is torch.from_numpy else planes
    assert [np.asarray(mask).tolist() for mask in TARGET.truth(given)] == [
        [[True, False, False]],
        [[False, False, False]],
        [[False, True, False]],
    ]
    assert np.asarray(TARGET.known(given)).tolist() == [[True, True, False]]


def test_the_largest_output_is_what_was_found_and_of_equal_ones_the_first() -> None:
    output = np.zeros((1, 3, 1, 4), np.float32)
    output[0, 1, 0, 0] = 1.0
    output[0, 2, 0, 1] = 1.0
    planes = np.array([[[1, 1, 0, U]]], np.uint8)  # found: sand, roof, sea (a tie), and one that is unknown
    counts = TARGET.count(output, planes)
    assert counts.pixels.tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 0]]
    assert [getattr(counts, name) for name in TARGET.pixel_scores] == pytest.approx([(1 + 0.5 + 0) / 3, 2 / 3])


def test_ratios_are_of_sums() -> None:
    """A mean of both halves' IoU would be (1 + 0) / 2."""
    one = ClassCounts(np.array([[6, 0], [0, 2]]))
    other = ClassCounts(np.array([[0, 2], [0, 0]]))
    both = one + other
    assert both.iou.tolist() == [0.75, 0.5]
    assert (both.miou, both.accuracy, both.worst_iou) == (0.625, 0.8, 0.5)


def test_a_class_that_is_nowhere_is_left_out_and_one_that_is_only_found_has_no_overlap() -> None:
    counts = ClassCounts(np.array([[4, 0, 1], [0, 0, 0], [0, 0, 0]]))
    assert counts.iou[0] == 0.8
    assert np.isnan(counts.iou[1])
    assert counts.iou[2] == 0.0
    assert counts.miou == 0.4
    assert counts.worst_iou == 0.8  # of those that are true


def test_nothing_known_scores_nothing() -> None:
    nothing = ClassCounts(np.zeros((3, 3), np.int64))
    assert (nothing.known, nothing.miou, nothing.accuracy, nothing.worst_iou) == (0, 0.0, 0.0, 0.0)


def test_the_answer_that_all_is_of_one_class() -> None:
    counts = ClassCounts(np.array([[3, 2], [1, 4]]))
    assert counts.constant(1).pixels.tolist() == [[0, 5], [0, 5]]


def test_values_beyond_the_classes_are_a_mistake() -> None:
    two = np.array([0, 2])
    with pytest.raises(ValueError, match="found must be 0 to 1"):
        count_classes(two, np.array([0, 1]), np.array([True, True]), 2)
    assert count_classes(two, np.array([0, 1]), np.array([True, False]), 2).known == 1
