"""SpaceNet 2's matching, worked out on paper."""

import pandas as pd
import pytest
from shapely.geometry import Polygon, box

from sn7ml.metrics.scene_buildings import evaluate_buildings, group_scores, match_by_confidence
from sn7ml.params import EvaluateParams
from sn7ml.targets.pixels import PixelCounts


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


EVALUATE = EvaluateParams(splits=("test",), iou_thresholds=(0.25,), pixel_threshold=0.5)


def test_an_empty_scene_is_evidence_of_false_alarms_and_nothing_else() -> None:
    """One house, found; in the empty scene one more, of 20 px²."""
    truth, found = table([HOUSE]), pd.concat([table([HOUSE]), table([box(0, 0, 5, 4)], "img2")])
    pixels = {"img1": PixelCounts(tp=100, tn=300), "img2": PixelCounts(fp=20, tn=380)}
    scored = evaluate_buildings(truth, found, pixels, EVALUATE)
    assert scored.overall["f1"] == pytest.approx(2 / 3)
    assert scored.overall["precision"] == 0.5
    assert scored.overall["iou"] == pytest.approx(100 / 120)
    assert scored.overall["built_error"] == scored.overall["outline_error"] == pytest.approx(0.2)
    assert scored.scored == ("img1",)
    rows = scored.per_aoi.set_index("aoi")
    assert rows["outline_error"].to_dict() == {"img1": 0.0, "img2": 1.0}
    assert scored.trivial["all building"]["iou"] == pytest.approx(100 / 800)


def test_where_nothing_is_built_finding_nothing_is_no_error_of_area() -> None:
    scored = evaluate_buildings(table([]), table([]), {"img1": PixelCounts(tn=400)}, EVALUATE)
    assert scored.overall["built_error"] == scored.trivial["nothing found"]["built_error"] == 0.0
    assert scored.trivial["nothing found"]["outline_error"] == 0.0


def test_groups_are_scored_by_sums_and_not_by_means() -> None:
    per_aoi = pd.DataFrame({
        "aoi": ["a", "b", "c"], "f1_tp": [1, 3, 0], "f1_fp": [1, 0, 0], "f1_fn": [1, 0, 0], "true_px": [10, 30, 0],
        "found_px": [10, 20, 0], "both_px": [5, 20, 0], "known_px": [100, 300, 50], "true_m2": [1.0, 3.0, 0.0],
        "found_m2": [1.0, 2.0, 0.0], "mae_m": [4.0, 0.0, 2.0],
    })  # fmt: skip
    first, second = group_scores(per_aoi, {"a": "x", "b": "x", "c": "y"}).to_dict("records")
    assert first == pytest.approx({
        "group": "x", "aois": 2, "f1": 4 / 5, "iou": 25 / 45, "built_error": 0.25, "mae_m": 1.0, "true_m2": 4.0,
        "found_m2": 3.0,
    })  # fmt: skip
    assert (second["f1"], second["iou"], second["built_error"], second["mae_m"]) == (0.0, 0.0, 0.0, 2.0)
