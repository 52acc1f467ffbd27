"""Where SCOT was lost: every number by hand from three small tables."""

import io
import json
import math
import re

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from PIL import Image

from sn7ml.metrics.diagnosis import KINDS
from sn7ml.report.charts.diagnosis import birth_delays, loss_bars, loss_by_aoi, size_bars
from sn7ml.report.charts.diagnosis_panels import draw_diagnosis
from sn7ml.report.pages.diagnosis import lost, render_diagnosis
from sn7ml.report.palette import FOUND, SERIES, TRUTH
from tests.report.drawn import BIRTHS, LOSSES, SIZES, numbers_in
from tests.report.pages.test_run import Page

TABLES = (LOSSES, BIRTHS, SIZES)
NOTHING = tuple(table[:0] for table in TABLES)
NOTHING_READ = tuple(pd.DataFrame(columns=table.columns) for table in TABLES)
"""Empty tables as they come back from a CSV: no column knows its type."""

PERFECT = LOSSES.assign(
    **dict.fromkeys(("track_fp", "track_fn", "change_fp", "change_fn"), 0), scot=1.0, scot_without=1.0
)
ONE = LOSSES[LOSSES["aoi"] == "south"]
LABELS = [
    "missed footprints", "false footprints", "id switches", "late births", "early births", "misplaced births",
    "missed births", "false births", "older buildings",
]  # fmt: skip


def bars(figure: go.Figure) -> dict[str, go.Bar]:
    return {trace.name: trace for trace in figure.data if trace.type == "bar"}


def heights(trace: go.Bar) -> dict[object, float]:
    return dict(zip(trace.x, trace.y, strict=True))


def test_bars_go_from_the_mean_score_to_the_mean_score_without_each_kind() -> None:
    today, more = loss_bars(LOSSES).data
    assert list(today.y) == list(more.y) == LABELS
    np.testing.assert_allclose(today.x, [0.4] * 9)  # (0.2 + 0.6) / 2
    without = [0.5, 0.425, 0.43, 0.65, 0.41, 0.41, 0.405, 0.4, 0.4]  # missed: (0.3 + 0.7) / 2, and so on
    np.testing.assert_allclose(np.asarray(more.base, float) + np.asarray(more.x), without)
    assert loss_bars(LOSSES).layout.yaxis.autorange == "reversed"  # plotly counts from below


def test_kinds_are_in_the_order_of_their_list_whatever_the_order_of_rows() -> None:
    assert list(loss_bars(LOSSES[::-1]).data[0].y) == LABELS
    assert list(loss_by_aoi(LOSSES[::-1]).data[0].x) == [label.replace(" ", "<br>") for label in LABELS]
    assert [kind.replace("_", " ") for kind in KINDS] == LABELS


def test_what_costs_nothing_and_what_does_not_occur_say_so() -> None:
    assert list(loss_bars(LOSSES).data[1].text) == [
        "+0.100", "+0.025", "+0.030", "+0.250", "+0.010", "+0.010", "+0.005", "costs nothing", "none",
    ]  # fmt: skip
    assert set(loss_bars(PERFECT).data[1].text) == {"none"}


def test_the_mouse_finds_summed_counts_and_the_meaning() -> None:
    about = dict(zip(LABELS, loss_bars(LOSSES).data[1].hovertext, strict=True))
    late = "tracking, false: 0, tracking, missed: 0, change, false: 3, change, missed: 3"  # 2 north, 1 south
    assert late in about["late births"]
    assert "false: 1,200" in about["false footprints"]
    for kind, text in zip(KINDS, about.values(), strict=True):
        assert re.sub(r"\W+", " ", KINDS[kind]) in re.sub(r"\W+", " ", text.replace("<br>", " ").replace("&#x27;", "'"))


def test_the_heat_map_holds_the_gain_of_each_aoi_the_best_on_top() -> None:
    (heat,) = loss_by_aoi(LOSSES).data
    assert list(heat.y) == ["south", "north"]
    np.testing.assert_allclose(heat.z[0], [0.1, 0, 0, 0.3, 0, 0, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(heat.z[1], [0.1, 0.05, 0.06, 0.2, 0.02, 0.02, 0.01, 0, 0], atol=1e-12)
    assert list(heat.text[0]) == ["0.10", "", "", "0.30", "", "", "", "", ""]


def test_births_are_counted_by_months_late_with_what_was_in_time_in_colours_of_its_own() -> None:
    drawn = bars(birth_delays(BIRTHS))
    assert heights(drawn["in the right month"]) == {0: 2}
    assert heights(drawn["right month, wrong place"]) == {0: 1}
    assert heights(drawn["early or late"]) == {-2: 1, 1: 2, 3: 1}  # one of the two in the south
    assert list(drawn["early or late"].x) == [-2, 1, 3]
    assert drawn["early or late"].hovertext[0] == "2 months early: 1"
    assert len({trace.marker.color for trace in drawn.values()}) == len(drawn) == 5
    assert birth_delays(BIRTHS).layout.barmode == "stack"


def test_births_without_a_delay_stand_beside_them_if_they_exist() -> None:
    drawn = bars(birth_delays(BIRTHS))
    assert heights(drawn["never reported"]) == {"missed": 1, "other&#x27;s<br>id": 1}
    assert heights(drawn["reported, but no birth"]) == {"nothing<br>there": 2, "fresh<br>id": 1}  # no older building
    assert drawn["never reported"].xaxis != drawn["early or late"].xaxis
    total = sum(sum(trace.y) for trace in drawn.values())
    assert total == len(BIRTHS)


def test_every_outcome_has_a_bar() -> None:
    outcomes = ["found", "late", "early", "misplaced", "missed", "switched", "false", "older", "switch"]
    births = pd.DataFrame({"aoi": "a", "outcome": outcomes, "months_late": [0, 2, -1, 0, *[np.nan] * 5]})
    assert sum(sum(trace.y) for trace in bars(birth_delays(births)).values()) == 9


def test_sizes_add_up_before_they_divide_and_a_class_of_nothing_has_no_bar() -> None:
    drawn = {trace.marker.color: trace for trace in size_bars(SIZES).data}
    recall, precision = drawn[TRUTH], drawn[FOUND]
    assert list(recall.x) == ["&lt; 4", "4–8", "8–16", "16–32", "≥ 32"]
    np.testing.assert_allclose(recall.y, [math.nan, 5 / 20, 12 / 20, 7 / 8, 2 / 2])
    np.testing.assert_allclose(precision.y, [0 / 5, 5 / 10, 12 / 20, 8 / 10, math.nan])
    assert recall.hovertext[1] == "recall 0.250: 5 of 20"
    assert precision.hovertext[3] == "precision 0.800: 8 of 10"


def grown(png: bytes, colour: str) -> int:
    """Pixels of a colour."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    return int((pixels == list(bytes.fromhex(colour[1:]))).all(axis=2).sum())


def test_the_picture_is_as_wide_as_a_page_and_its_bars_grow_with_the_numbers() -> None:
    png = draw_diagnosis(*TABLES)
    assert Image.open(io.BytesIO(png)).size[0] == 1000
    halved = LOSSES.assign(scot_without=(LOSSES["scot"] + LOSSES["scot_without"]) / 2)
    # births use the same blue for four bars of five births' height; without them it is the losses' alone
    whole, half = (grown(draw_diagnosis(losses, NOTHING[1], SIZES), SERIES[0]) for losses in (LOSSES, halved))
    longest, shorter = 0.65 * 1.2, 0.525 * 1.2  # ends of the axes, which follow the longest bar
    assert half / whole == pytest.approx(0.5 * longest / shorter, rel=0.05)
    found, misplaced = (grown(draw_diagnosis(LOSSES, BIRTHS, NOTHING[2]), SERIES[place]) for place in (2, 3))
    assert found / misplaced == pytest.approx(2, rel=0.05)  # two found, and one misplaced on top of them
    assert grown(draw_diagnosis(LOSSES, BIRTHS[BIRTHS["outcome"] != "found"], NOTHING[2]), SERIES[2]) == 0


@pytest.mark.parametrize("tables", [TABLES, NOTHING], ids=["full", "empty"])
def test_the_same_tables_give_the_same_page(tables: tuple[pd.DataFrame, ...]) -> None:
    assert render_diagnosis(*tables) == render_diagnosis(*tables)


def test_the_tables_are_left_as_they_were() -> None:
    before = [table.copy() for table in TABLES]
    draw_diagnosis(*TABLES)
    render_diagnosis(*TABLES)
    for table, former in zip(TABLES, before, strict=True):
        pd.testing.assert_frame_equal(table, former)


@pytest.mark.parametrize(
    ("tables", "charts"),
    [(TABLES, 4), (NOTHING, 0), (NOTHING_READ, 0), ((ONE, NOTHING[1], NOTHING[2]), 1),
     ((PERFECT, BIRTHS[:2], SIZES), 4), ((LOSSES, BIRTHS[7:], SIZES), 4)],
    ids=["full", "empty", "empty from a file", "one AOI without births", "perfect", "nothing reported in time"],
)  # fmt: skip
def test_any_tables_give_a_picture_and_a_page_that_is_whole(tables: tuple[pd.DataFrame, ...], charts: int) -> None:
    assert Image.open(io.BytesIO(draw_diagnosis(*tables))).size[0] == 1000
    page = Page(render_diagnosis(*tables))
    assert page.open == []
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {value[1:] for _, name, value in page.attributes if name == "href"} <= set(ids)
    bodies = [json.loads(data) for tag, data in page.texts if tag == "script" and data.startswith("{")]
    assert len(bodies) == charts
    assert "nan" not in page.said().lower().split()


@pytest.mark.parametrize("empty", [NOTHING, NOTHING_READ], ids=["typed", "from a file"])
def test_charts_of_nothing_draw_nothing_above_zero(empty: tuple[pd.DataFrame, ...]) -> None:
    for chart in (loss_bars(empty[0]), loss_by_aoi(empty[0]), birth_delays(empty[1]), size_bars(empty[2])):
        assert not any(numbers_in(chart))  # births that are counted may be 0
        assert chart.layout.height > 0
    assert lost(*NOTHING) is None


def test_the_page_says_score_counts_meanings_and_losses_of_each_aoi() -> None:
    said = Page(render_diagnosis(*TABLES)).said()
    assert "SCOT 0.400, the mean over 2 AOIs" in said
    for words in (*KINDS.values(), *LABELS, "1,200", "0.650", "0.250", "north", "south"):
        assert words in said
    assert "the gains do not add up" in said
    alone = Page(render_diagnosis(ONE, BIRTHS, SIZES)).said()
    assert "SCOT 0.600, of one AOI" in alone
    assert "Not scored" in Page(render_diagnosis(*NOTHING)).said()


def test_the_page_loads_nothing_from_elsewhere() -> None:
    page = Page(render_diagnosis(*TABLES))
    assert not [value for _, name, value in page.attributes if name in {"src", "srcset", "data", "poster", "action"}]
    assert all(value.startswith("#") for _, name, value in page.attributes if name == "href")


def test_a_script_in_any_name_is_shown_and_not_run() -> None:
    evil = "</script><script>alert(1)</script>"
    losses = LOSSES.replace({"aoi": {"north": evil}, "kind": {"older_buildings": f"{evil} $\\nope$"}})
    births, sizes = BIRTHS.assign(aoi=evil, truth_id=evil), SIZES.replace({"size": {"4–8": f"{evil}$\\nope$"}})
    text = render_diagnosis(losses, births, sizes)
    assert "<script>alert" not in text
    assert text.count("<script") == render_diagnosis(*TABLES).count("<script")
    assert evil in Page(text).said()
    figures = [data for tag, data in Page(text).texts if tag == "script" and data.startswith("{")]
    assert "<script>" not in json.dumps([json.loads(figure) for figure in figures])  # plotly reads text as HTML too
    assert draw_diagnosis(losses, births, sizes)  # and matplotlib dollars as formulas
