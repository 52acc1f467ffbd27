"""Buildings through time, worked out by hand."""

import tracemalloc

import numpy as np
import pytest
import shapely

from sn7ml.validation.facts.identities import LabelledMonth, follow
from sn7ml.validation.facts.outlines import Buildings, overlaps

CLEAR = np.zeros((20, 100), bool)


def month(
    number: int, ids: list[int], *, unusable: np.ndarray = CLEAR, x: float = 0.0, width: float = 4.0
) -> LabelledMonth:
    """Building n is a box from column 10 n on, ``x`` further to the right."""
    shapes = np.array([shapely.box(10 * n + x, 2, 10 * n + x + width, 6) for n in ids], dtype=object)
    return LabelledMonth("a", f"2018-{number:02d}", "f", Buildings(np.array(ids, np.int64), shapes), True, unusable)


def test_births_deaths_and_returns_are_counted_as_shares() -> None:
    rows = follow([month(1, [0, 1, 2, 3]), month(2, [0, 1, 4, 5]), month(3, [0, 1, 2, 4, 5])])
    assert [row["births"] for row in rows] == [0, 2, 0]
    assert (rows[1]["deaths"], rows[1]["death_fraction"], rows[1]["dead_id"]) == (2, 0.5, "2")
    assert (rows[2]["returns"], rows[2]["return_fraction"], rows[2]["return_id"]) == (1, 0.2, "2")
    assert [row.get("count_change") for row in rows] == [None, 0, 0.25]


def test_under_cloud_a_building_is_neither_gone_nor_back() -> None:
    cloud = CLEAR.copy()
    cloud[:, 20:40] = True
    rows = follow([month(1, [0, 1, 2, 3]), month(2, [0, 1], unusable=cloud), month(3, [0, 1, 2, 3])])
    assert rows[1]["n_covered"] == 2
    assert [(row["deaths"], row["returns"], row["count_change"]) for row in rows[1:]] == [(0, 0, 0), (0, 0, 0)]


def test_an_outline_is_held_against_that_of_its_own_first_month() -> None:
    rows = follow([month(1, [0, 1]), month(2, [0, 1, 2]), month(3, [0, 1, 2], x=1)])
    assert (rows[1]["n_changed"], rows[1]["mean_iou"]) == (0, 1)
    assert (rows[2]["n_followed"], rows[2]["changed_fraction"], rows[2]["changed_id"]) == (3, 1, "0")
    assert rows[2]["mean_iou"] == pytest.approx(3 / 5)
    assert rows[2]["label_shift_px"] == 1


def test_a_month_without_buildings_divides_by_nothing() -> None:
    rows = follow([month(1, []), month(2, [0]), month(3, [])])
    assert "count_change" in rows[1]
    assert rows[1]["count_change"] is None
    assert (rows[2]["deaths"], rows[2]["count_change"]) == (1, -1)


def test_buildings_that_touch_do_not_overlap_and_one_inside_another_does() -> None:
    boxes = [shapely.box(0, 0, 4, 4), shapely.box(4, 0, 8, 4), shapely.box(1, 1, 3, 3)]
    facts = overlaps(Buildings(np.arange(3), np.array(boxes, dtype=object)))
    assert (facts["n_overlaps"], facts["overlap_id"]) == (2, "0")
    assert facts["overlap_fraction"] == pytest.approx(2 / 3)


def test_a_heap_of_houses_is_counted_in_little_memory() -> None:
    heap = np.full(2_000, shapely.box(1, 1, 5, 5), dtype=object)  # 4,000,000 pairs of 16 bytes
    heap[-1] = shapely.box(20, 20, 25, 25)
    tracemalloc.start()
    facts = overlaps(Buildings(np.arange(2_000), heap))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (facts["n_overlaps"], facts["overlap_id"]) == (1_999, "0")
    assert peak < 16e6
