"""SpaceNet 2's matching, worked out on paper."""

import pandas as pd
import pytest
from shapely.geometry import Polygon, box

from sn7ml.metrics.scene_buildings import match_by_confidence


def table(outlines: list[Polygon | None], scene: str = "img1", confidence: list[float] | None = None) -> pd.DataFrame:
    rows = {"aoi": scene, "time": "undated", "id": [str(n) for n in range(len(outlines))], "geometry": outlines}
    return pd.DataFrame(rows).assign(confidence=confidence if confidence is not None else [1.0] * len(outlines))


HOUSE = box(0, 0, 10, 10)
HALF = box(0, 0, 10, 5)  # IoU .5
TALL = box(0, 0, 10, 20)  # IoU .5
OFF = box(0, 0, 10, 4.9)  # IoU .49
NEAR = box(0, 0, 10, 8)  # IoU .8


@pytest.mark.parametrize(("outline", "matched"), [(HALF, True), (TALL, True), (OFF, False), (HOUSE, True)])
def test_half_an_overlap_is_enough_and_less_is_not(outline: Polygon, matched: bool) -> None:
    found = match_by_confidence(table([HOUSE]), table([outline]), 0.5)
    assert (found.truth.tolist(), found.found.tolist()) == ([matched], [matched])


def test_the_surest_chooses_first_though_another_fits_better() -> None:
    found = match_by_confidence(table([HOUSE]), table([NEAR, HALF, HOUSE], confidence=[0.3, 0.9, 0.6]), 0.5)
    assert found.found.tolist() == [False, True, False]


def test_of_equally_sure_ones_the_first_row_chooses_first() -> None:
    found = match_by_confidence(table([HOUSE]), table([HALF, HOUSE], confidence=[0.5, 0.5]), 0.5)
    assert found.found.tolist() == [True, False]


def test_each_takes_the_best_of_what_is_left() -> None:
    # The surest fits both houses and takes the better one; the second is left to the other.
    houses = [box(0, 0, 10, 10), box(0, 0, 10, 12)]
    found = match_by_confidence(
        table(houses), table([box(0, 0, 10, 11.9), box(0, 0, 10, 12)], confidence=[0.9, 0.8]), 0.5
    )
    assert found.truth.tolist() == [True, True]
    assert found.found.tolist() == [True, True]


def test_nothing_is_matched_across_images() -> None:
    found = match_by_confidence(table([HOUSE], "img1"), table([HOUSE], "img2"), 0.5)
    assert not found.truth.any()
    assert not found.found.any()


def test_empty_images_and_empty_outlines_match_nothing() -> None:
    none = table([])
    assert match_by_confidence(none, none, 0.5).truth.tolist() == []
    assert match_by_confidence(none, table([HOUSE]), 0.5).found.tolist() == [False]
    assert match_by_confidence(table([HOUSE]), none, 0.5).truth.tolist() == [False]
    assert match_by_confidence(table([HOUSE]), table([None, Polygon()]), 0.5).found.tolist() == [False, False]


@pytest.mark.parametrize("threshold", [0.0, 1.5])
def test_a_threshold_that_means_nothing_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="iou_threshold"):
        match_by_confidence(table([HOUSE]), table([HOUSE]), threshold)
