"""The report's section on class maps: every number comes from its table, every picture has words."""

from dataclasses import replace

import numpy as np
import pandas as pd

from sn7ml.core.geo.grid import Grid
from sn7ml.metrics.land_use import class_table, confusion_table
from sn7ml.outputs.class_map_files import class_colours, rgb
from sn7ml.params import LandUseParams
from sn7ml.report.charts.confusion import draw_confusion
from sn7ml.report.maps.class_panels import WRONG_RGB, class_panels
from sn7ml.report.maps.overlays import from_png, side_by_side, to_png
from sn7ml.report.pages.classes import Classes
from sn7ml.report.pages.run import render_page
from sn7ml.targets.class_counts import ClassCounts
from sn7ml.tasks import task_named
from tests.report.drawn import EMPTY
from tests.report.pages.test_run import Page

NAMES = ("sea", "sand <dry>")
COUNTS = ClassCounts(np.array([[60, 20], [0, 20]]))
SCORES = {"miou": 0.625, "accuracy": 0.8, "worst_iou": 0.5}
COLOURS = class_colours(NAMES, LandUseParams(colours={"sea": "#143CC8"}))
U = 255


def panels() -> dict[str, np.ndarray]:
    true = np.array([[0, 0, 1, 1]] * 4, np.uint8)
    found = np.array([[0, 1, 1, U]] * 4, np.uint8)
    return class_panels(np.full((3, 4, 4), 200, np.uint8), true, found, COLOURS)


def test_panels_have_the_colours_of_the_classes_and_errors_are_red() -> None:
    drawn = panels()
    side = drawn["truth"].shape[0] // 4
    middles = {name: [tuple(it[side // 2, side * n + side // 2]) for n in range(4)] for name, it in drawn.items()}
    sea, sand = rgb(COLOURS["sea"]), rgb(COLOURS["sand <dry>"])
    assert middles["truth"] == [sea, sea, sand, sand]
    assert middles["found"] == [sea, sand, sand, (0, 0, 0)]
    assert middles["errors"] == [(100,) * 3, WRONG_RGB, (100,) * 3, (100,) * 3]  # unknown is no error


def test_a_confusion_matrix_is_a_picture_and_always_the_same() -> None:
    table = confusion_table(NAMES, COUNTS)
    assert draw_confusion(table) == draw_confusion(table)
    assert from_png(draw_confusion(table)).ndim == 3


def test_the_page_has_scores_by_class_beside_trivial_ones_and_pictures_with_words() -> None:
    picture = to_png(side_by_side(*panels().values()))
    per_aoi = pd.DataFrame([{"aoi": "coast", **SCORES, "known_px": 100}])
    row = {"aoi": "coast", "time": "undated", "rank": "only one of 1", "panels": "image | truth | found | errors"}
    scores = task_named("land_use").scores
    classes = Classes(
        scores, SCORES, {"all sea": {"miou": 0.4, "accuracy": 0.8, "worst_iou": 0.0}}, class_table(NAMES, COUNTS),
        per_aoi, COLOURS, draw_confusion(confusion_table(NAMES, COUNTS)), [(row, picture)],
    )  # fmt: skip
    page = Page(render_page(replace(EMPTY, scores=scores, overall=SCORES, per_aoi=per_aoi, classes=classes)))
    assert page.open == []
    said = page.said()
    for words in ("sand <dry>", "all sea", "coast", "mean IoU 0.625, accuracy 0.800, worst IoU 0.500."):
        assert words in said, words
    alts = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    assert sum("coast:" in alt for alt in alts) == 4
    assert any("Confusion matrix" in alt for alt in alts)


def test_a_grid_without_a_place_says_so() -> None:
    assert not Grid.nowhere(2, 3).placed
    assert "no CRS" in str(Grid.nowhere(2, 3))
