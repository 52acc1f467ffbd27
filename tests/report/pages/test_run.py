"""The page: whole, offline, escaped, and the same each time."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from sn7ml.report.charts.scores import training_charts
from sn7ml.report.maps.overlays import to_png
from sn7ml.report.maps.tracks import month_map
from sn7ml.report.pages.run import PageContent, render_page
from tests.report.drawn import AOI, COUNTS, EMPTY, HISTORY, LOSSES, PER_AOI, TRIALS, full, tracks

PNG = to_png(np.zeros((2, 2, 3), np.uint8))
VOID = {"meta", "link", "img", "br", "hr", "input"}
LOADS = {"src", "srcset", "data", "poster", "action", "background"}


class Page(HTMLParser):
    """Reads a page and holds what a test asks for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.append((self.open[-1], data))

    def said(self) -> str:
        return " ".join(data for tag, data in self.texts if tag not in {"script", "style"})


@pytest.fixture(scope="module")
def text() -> str:
    return render_page(replace(full(PNG), maps=((AOI, month_map(tracks())), (AOI, PNG))))


@pytest.mark.parametrize("content", [EMPTY, full(PNG)], ids=["empty", "full"])
def test_every_element_is_closed_in_order_and_every_id_is_used_once(content: PageContent) -> None:
    page = Page(render_page(content))
    assert page.open == []
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    links = {value[1:] for _, name, value in page.attributes if name == "href"}
    assert links <= set(ids)


def test_nothing_is_loaded_from_elsewhere(text: str) -> None:
    page = Page(text)
    loads = [value for _, name, value in page.attributes if name in LOADS]
    assert loads
    assert all(value.startswith("data:image/png;base64,") for value in loads)
    assert all(value.startswith("#") for _, name, value in page.attributes if name == "href")
    assert not [tag for tag, _, _ in page.attributes if tag in {"link", "iframe", "object", "base"}]
    styles = [data for tag, data in page.texts if tag == "style"]
    styles += [value for _, name, value in page.attributes if name == "style"]
    assert not re.search(r"url\(|@import", " ".join(styles))
    policy = next(value for tag, name, value in page.attributes if tag == "meta" and value.startswith("default-src"))
    assert policy.startswith("default-src 'none'")


def test_plotly_is_there_once(text: str) -> None:
    assert len(re.findall(r"plotly\.js v\d", text)) == 1


def test_figures_on_the_page_are_json_and_each_has_its_place(text: str) -> None:
    page = Page(text)
    bodies = [data for tag, data in page.texts if tag == "script" and data.startswith("{")]
    places = [value for _, name, value in page.attributes if name == "data-json"]
    assert len(bodies) == len(places) == 11  # four of losses, bars, counts, map, three curves, trials
    assert all("data" in json.loads(body) for body in bodies)


def test_figures_of_the_search_stand_in_their_order_each_with_its_caption() -> None:
    drawn = {name: (f"Caption of {name}", training_charts(HISTORY)["rate"][1]) for name in ("slice", "history")}
    page = Page(render_page(replace(full(PNG), search_figures=drawn)))
    heads = [data for tag, data in page.texts if tag == "h3" and data.startswith("Caption of")]
    assert heads == ["Caption of slice", "Caption of history"]
    places = [value for _, name, value in page.attributes if name == "data-json" and value.startswith("search-")]
    assert places == ["search-trials-json", "search-slice-json", "search-history-json"]


def test_pictures_and_tables_can_be_read_without_seeing(text: str) -> None:
    page = Page(text)
    images = [tag for tag, name, _ in page.attributes if tag == "img" and name == "src"]
    alts = [value for tag, name, value in page.attributes if tag == "img" and name == "alt"]
    assert len(images) == len(alts) == 2
    assert all(AOI in alt for alt in alts)
    assert text.count("<caption>") == text.count("<table")


def test_the_page_says_what_it_was_given(text: str) -> None:
    said = Page(text).said()
    for words in (
        "0.300",
        "Not promoted: there is still no champion.",
        "SCOT fell",
        "few small ones",
        "aoi L15-0001E-0002N_1_2_13, month 2018-05",
        "768 to 1022",
        "0f3c",
    ):
        assert words in said
    assert "and 4 more" in said  # nine breaches, five shown
    assert "1 expectation(s) hold, 0 critical and 1 other(s) do not." in said
    assert "month 2018-06" not in said


def test_the_verdict_shows_both_models_by_aoi_the_least_gain_first() -> None:
    sides = {
        name: {"digest": name, "scores": {"scot": 0.3}, "aois": {aoi: {"scot": scot} for aoi, scot in scores.items()}}
        for name, scores in {
            "challenger": {"north": 0.5, "south": 0.25, "new": 0.1},
            "champion": {"north": 0.3, "south": 0.35},
        }.items()
    }
    said = Page(render_page(replace(EMPTY, promotion={"promoted": True, "reasons": []} | sides))).said()
    shown = said[said.index("the least gain first") :]
    assert shown.index("south") < shown.index("-0.100") < shown.index("north") < shown.index("0.200")
    assert "new" not in shown[: shown.index("0.200")]  # the champion was not scored there


def test_the_page_says_where_the_score_was_lost_and_how_to_read_it(text: str) -> None:
    said = Page(text).said()
    assert said.index("Scores") < said.index("Where SCOT was lost") < said.index("Verdict", said.index("Where SCOT"))
    for words in ("the gains do not add up", "it is 0.400 today", "missed footprints", "0.650", "1,200"):
        assert words in said


def test_the_page_without_births_or_sizes_still_tells_the_losses() -> None:
    said = Page(render_page(replace(EMPTY, losses=LOSSES))).said()
    for words in ("0.650", "No building was born", "No footprint was compared"):
        assert words in said


def test_the_same_content_gives_the_same_page() -> None:
    assert render_page(full(PNG)) == render_page(full(PNG))


def test_a_script_in_any_name_is_shown_and_not_run() -> None:
    evil = "</script><script>alert(1)</script>"
    content = replace(
        full(PNG), title=evil, overlays=((evil, evil, PNG),), counts=COUNTS.assign(aoi=evil, month=[evil, "b"]),
        per_aoi=PER_AOI.assign(aoi=[evil, "b"]), trials=TRIALS.assign(state=evil, **{evil: evil}), params={evil: evil},
        promotion={"promoted": True, "reasons": [evil], "challenger": {evil: evil}, "champion": evil},
        losses=LOSSES.replace("north", evil), maps=((evil, month_map(tracks().assign(id=evil)[:1])),),
    )  # fmt: skip
    text = render_page(content)
    assert "<script>alert" not in text
    assert text.count("<script") == render_page(full(PNG)).count("<script") + 1  # the map's JSON
    assert evil in Page(text).said()
    figures = [json.loads(data) for tag, data in Page(text).texts if tag == "script" and data.startswith("{")]
    assert "<script>" not in json.dumps(figures)  # plotly reads text as a kind of HTML too


def test_a_figure_from_elsewhere_cannot_end_the_script_that_carries_it() -> None:
    figure = month_map(tracks()).update_layout(title_text="</script><b>&")
    page = Page(render_page(replace(EMPTY, maps=((AOI, figure),))))
    (body,) = [data for tag, data in page.texts if tag == "script" and data.startswith("{")]
    assert json.loads(body)["layout"]["title"]["text"] == "</script><b>&"


def test_scores_that_are_not_defined_are_dashes() -> None:
    scores = dict.fromkeys(("scot", "tracking", "change"), float("nan")) | {"f1": None}
    per_aoi = PER_AOI.assign(**dict.fromkeys(("scot", "tracking", "change", "f1", "iou"), float("nan")))
    text = render_page(replace(full(PNG), overall=scores, per_aoi=per_aoi))
    assert text.count('<dd class="value">–</dd>') == 4
    assert "nan" not in Page(text).said().lower()


def test_empty_sections_say_so() -> None:
    said = Page(render_page(replace(EMPTY, trials=TRIALS[:0]))).said()
    for words in (
        "Nothing was scored",
        "Not scored: there is nothing to lose",
        "No decision",
        "No AOI was scored",
        "No epoch",
        "No search",
        "No expectation",
        "No params",
    ):
        assert words in said


def test_further_plots_stand_in_their_order_with_their_captions() -> None:
    drawn = training_charts(HISTORY)
    figures = [(f"plot {place}", figure) for place, (_, figure) in enumerate(drawn.values())]
    with_plots, without = (Page(render_page(replace(full(PNG), figures=shown))) for shown in (figures, ()))
    heads = [text for tag, text in with_plots.texts if tag == "h3" and text.startswith("plot ")]
    assert heads == [caption for caption, _ in figures]
    assert len(heads) > 1
    assert "Further plots" in with_plots.said()
    assert "Further plots" not in without.said()
