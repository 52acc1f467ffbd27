"""The page about several runs: whole, offline, escaped, the same each time."""

import base64
import json
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from sn7ml.report.maps.overlays import from_png
from sn7ml.report.pages.comparison import Comparison, render_comparison
from tests.report.compared import BASE, GROUND, OTHER, TRUTH, picture, scores_of
from tests.report.drawn import AOI, LOSSES, SCORES
from tests.report.pages.test_run import LOADS, Page

EMPTY = pd.DataFrame()
BARE = replace(BASE, per_aoi=EMPTY, losses=LOSSES[:0], births=EMPTY, sizes=EMPTY, history=EMPTY, overlays={}, params={})
PAGES = {
    "two": Comparison([BASE, OTHER], SCORES),
    "three": Comparison(
        [BASE, OTHER, replace(BASE, label="C", run_id="c3" * 16, per_aoi=scores_of(south=0.1))], SCORES
    ),
    "bare": Comparison([BARE, replace(BARE, label="B", run_id="b2" * 16)], SCORES),
    "other data": Comparison([BASE, OTHER], SCORES, ["other data: a on x; b on y"]),
}


@cache
def page_of(name: str) -> Page:
    return Page(render_comparison(PAGES[name]))


@pytest.fixture(scope="module")
def text() -> str:
    return render_comparison(PAGES["two"])


def rows(text: str) -> list[list[str]]:
    """Cells of every row of every table."""
    found = re.findall(r"<tr>(.*?)</tr>", text.replace("\n", " "))
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in found]


@pytest.mark.parametrize("name", PAGES)
def test_every_element_is_closed_in_order_and_every_id_is_used_once(name: str) -> None:
    page = page_of(name)
    assert page.open == []
    ids = [value for _, attribute, value in page.attributes if attribute == "id"]
    assert len(ids) == len(set(ids))
    links = {value[1:] for _, attribute, value in page.attributes if attribute == "href"}
    assert links <= set(ids)


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_loaded_from_elsewhere(name: str) -> None:
    page = page_of(name)
    loads = [value for _, attribute, value in page.attributes if attribute in LOADS]
    assert all(value.startswith("data:image/png;base64,") for value in loads)
    assert not [tag for tag, _, _ in page.attributes if tag in {"link", "iframe", "object", "base"}]


def test_the_verdict_comes_before_everything_else(text: str) -> None:
    said = page_of("two").said()
    assert said.index("B scores higher: SCOT 0.4500 against 0.4000") < said.index("Where they come from")
    assert said.index("Where they come from") < said.index("Scores over all AOIs")


def test_scores_stand_side_by_side_with_their_difference(text: str) -> None:
    assert ["SCOT", "0.4000", "0.4500", "+0.0500"] in rows(text)
    assert ["north", "0.2000", "0.3000", "+0.1000", "0", "0", "0"] in rows(text)


def test_of_params_only_those_that_differ_are_shown(text: str) -> None:
    assert ["loss.dice", "1.0", "0.5"] in rows(text)
    assert "train.epochs" not in page_of("two").said()


def test_costs_of_errors_stand_side_by_side(text: str) -> None:
    (row,) = [row for row in rows(text) if row and row[0] == "late births"]
    assert row[2:] == ["0.2500", "0.0500", "+0.2000", "6", "4"]


def panels(text: str) -> list[np.ndarray]:
    uris = re.findall(r'<img src="data:image/png;base64,([^"]+)"', text)
    return [from_png(base64.b64decode(uri)) for uri in uris]


def test_the_same_ground_is_shown_once_with_what_each_run_found(text: str) -> None:
    (shown,) = panels(text)  # steps 3 and 5 have a picture in one run only
    assert [int(shown[0, start, 0]) for start in range(0, shown.shape[1], 12)] == [GROUND, TRUTH, 100, 200]
    assert shown.shape == (4, 4 * 4 + 3 * 8, 3)
    assert "2018-01" in page_of("two").said()


def test_another_truth_is_not_hidden() -> None:
    text = render_comparison(Comparison([BASE, replace(OTHER, overlays={(AOI, 0): picture(200, truth=30)})], SCORES))
    first, second = panels(text)
    assert (int(first[0, 12, 0]), int(second[0, 12, 0])) == (TRUTH, 30)


def test_a_third_run_is_held_against_the_first() -> None:
    text = render_comparison(PAGES["three"])
    assert "A scores higher: SCOT 0.6000 against 0.1000 (+0.5000)" in text
    assert ["SCOT", "0.4000", "0.4500", "+0.0500", "0.4000", "0"] in rows(text)


def test_curves_and_charts_hold_every_run(text: str) -> None:
    bodies = [data for tag, data in page_of("two").texts if tag == "script" and data.startswith("{")]
    figures = [json.loads(body) for body in bodies]
    assert len(figures) == 4
    names = [trace.get("name") for trace in figures[-2]["data"]]
    assert names == ["A training", "A validation", "B training", "B validation"]


def test_what_is_missing_is_said() -> None:
    said = page_of("bare").said()
    for words in (
        "No AOI was scored for both",
        "No diagnosis was recorded",
        "no AOI and month",
        "No param differs",
        "No epoch",
    ):
        assert words in said


def test_runs_that_do_not_compare_are_said_to(text: str) -> None:
    loud = render_comparison(PAGES["other data"])
    assert '<div class="verdict bad">' in loud
    assert '<div class="verdict bad">' not in text


def test_the_same_runs_give_the_same_page(text: str) -> None:
    assert render_comparison(PAGES["two"]) == text


def test_a_script_in_any_name_is_shown_and_not_run() -> None:
    evil = "</script><script>alert(1)</script>"
    run = replace(
        OTHER, name=evil, origin={evil: evil}, params={evil: evil}, scores={**OTHER.scores, evil: 0.1},
        months={(evil, 0): evil}, overlays={(evil, 0): picture(1)},
        per_aoi=scores_of(**{evil: 0.2}), losses=LOSSES.replace("north", evil), run_id=evil,
    )  # fmt: skip
    base = replace(BASE, per_aoi=scores_of(**{evil: 0.1}), overlays={(evil, 0): picture(2)}, losses=run.losses)
    text = render_comparison(Comparison([base, run], SCORES, [evil]))
    page = Page(text)
    assert "<script>alert" not in text
    assert evil in page.said()
    figures = [json.loads(data) for tag, data in page.texts if tag == "script" and data.startswith("{")]
    assert "<script>" not in json.dumps(figures)
