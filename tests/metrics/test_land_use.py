"""Scores of class maps, by hand."""

import math

import numpy as np
import pytest

from sn7ml.metrics.land_use import evaluate_classes
from sn7ml.targets.class_counts import ClassCounts

NAMES = ("Land (unpaved)", "sea", "snow")
WEST = ClassCounts(np.array([[6, 0, 0], [0, 2, 0], [0, 0, 0]]), NAMES)
EAST = ClassCounts(np.array([[0, 2, 0], [0, 0, 0], [0, 0, 0]]), NAMES)


def test_scores_are_of_sums_and_absent_classes_are_left_out() -> None:
    found = evaluate_classes({"west": WEST, "east": EAST})
    assert found.overall["miou"] == pytest.approx((6 / 8 + 2 / 4) / 2)
    assert found.overall["accuracy"] == pytest.approx(0.8)
    assert found.overall["worst_iou"] == 0.5
    assert found.overall["iou_land_unpaved"] == 0.75
    assert math.isnan(found.overall["iou_snow"])
    assert found.scored == ("west", "east")


def test_the_trivial_answer_is_the_commonest_class() -> None:
    trivial = evaluate_classes({"west": WEST, "east": EAST}).trivial
    assert list(trivial) == ["all Land (unpaved)"]
    answer = trivial["all Land (unpaved)"]
    assert answer["accuracy"] == pytest.approx(0.8)
    assert answer["miou"] == pytest.approx((0.8 + 0) / 2)
    assert answer["worst_iou"] == 0.0


def test_rows_by_image_and_by_class_hold_the_counts() -> None:
    found = evaluate_classes({"west": WEST, "east": EAST})
    rows = found.per_aoi.set_index("aoi")
    names = ("known_px", "true_px_sea", "found_px_sea", "right_px_land_unpaved")
    assert [int(rows[name]["east"]) for name in names] == [2, 0, 2, 0]
    classes = found.tables["classes"].set_index("class")
    assert classes["true_px"].tolist() == [8, 2, 0]
    assert classes["share"].tolist() == [0.8, 0.2, 0.0]
    confusion = found.tables["confusion"].set_index("true")
    assert confusion.loc["Land (unpaved)", "found sea"] == 2
    assert confusion.to_numpy().sum() == 10


def test_an_image_of_which_nothing_is_known_is_not_scored() -> None:
    nothing = ClassCounts(np.zeros((3, 3), np.int64), NAMES)
    assert evaluate_classes({"west": WEST, "fog": nothing}).scored == ("west",)
