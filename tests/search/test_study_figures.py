"""Figures of a search, made from its table."""

import io
import json
import math
import re
from typing import Any

import pandas as pd
import pytest

from sn7ml.params import Choice
from sn7ml.search.study_figures import FIGURES, study_figures, study_page

SPACE = (
    Choice(param="model.architecture", values=("Unet", "FPN")),
    Choice(param="optimiser.learning_rate", low=1e-4, high=1e-1, log=True),
    Choice(param="loss.dice", low=0.0, high=1.0, when={"model.architecture": ("FPN",)}),
    Choice(param="loss.bce", values=(1.0, 2.0)),
)


def table(count: int = 6) -> pd.DataFrame:
    """Trials of which the second was pruned; an FPN is better, and loss.bce was 1 in all."""
    rows: list[dict[str, Any]] = [
        {
            "number": number,
            "state": "pruned" if number == 1 else "complete",
            "value": math.nan if number == 1 else 0.1 * number,
            "val_scot": 0.1 * number,
            "model.architecture": ("Unet", "FPN")[number % 2],
            "optimiser.learning_rate": 10 ** -(1 + number % 4),
            "loss.dice": 0.1 * number if number % 2 else math.nan,
            "loss.bce": 1.0,
        }
        for number in range(count)
    ]
    return pd.DataFrame(rows)


def test_a_search_has_all_four_figures_of_what_was_varied() -> None:
    figures = study_figures(table(), SPACE)
    assert list(figures) == list(FIGURES)
    shown = json.loads(figures["slice"][1].to_json())["layout"]
    axes = {axis["title"]["text"]: axis.get("type") for name, axis in shown.items() if name.startswith("xaxis")}
    assert axes == {"model.architecture": "category", "optimiser.learning_rate": "log", "loss.dice": None}
    importances = figures["importances"][1].data[0]
    assert sorted(importances.y) == ["loss.dice", "model.architecture", "optimiser.learning_rate"]
    points = figures["history"][1].data[0]
    assert list(points.x) == [0, 2, 3, 4, 5]
    assert list(points.y) == pytest.approx([0.0, 0.2, 0.3, 0.4, 0.5])


def test_of_an_error_the_lowest_is_the_best_so_far() -> None:
    best = [study_figures(table(), SPACE, rises)["history"][1].data[1] for rises in (True, False)]
    assert [list(line.y) for line in best] == [pytest.approx([0.0, 0.0, 0.2, 0.3, 0.4, 0.5]), [0.0] * 6]


def test_the_table_as_a_report_reads_it_gives_the_same_figures() -> None:
    read = pd.read_csv(io.StringIO(table().to_csv(index=False)))
    one, two = study_figures(table(), SPACE), study_figures(read, SPACE)
    assert [figure.to_json() for _, figure in one.values()] == [figure.to_json() for _, figure in two.values()]


def test_too_few_trials_have_no_figures_and_the_page_says_so() -> None:
    assert study_figures(table(3), SPACE) == {}
    empty = pd.DataFrame(columns=["number", "state", "value"])
    assert study_figures(empty, SPACE) == {}
    assert "there is nothing to compare" in study_page({})


def test_what_made_no_difference_is_not_drawn() -> None:
    assert list(study_figures(table(), SPACE[3:])) == ["history"]
    alike = table().assign(value=lambda rows: rows["value"].where(rows["value"].isna(), 0.5))
    assert list(study_figures(alike, SPACE)) == ["history", "parallel", "slice"]


def test_a_default_outside_the_space_is_drawn_too() -> None:
    narrow = (Choice(param="optimiser.learning_rate", low=0.05, high=0.1),)
    figures = study_figures(table(), narrow)
    assert min(figures["slice"][1].data[0].x) == pytest.approx(1e-4)


def test_the_page_holds_plotly_once_and_loads_nothing() -> None:
    page = study_page(study_figures(table(), SPACE))
    assert len(re.findall(r"plotly\.js v\d", page)) == 1
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", page)
    assert page.count("<h2>") == 4


def test_text_in_a_value_is_no_markup() -> None:
    evil = table().replace("FPN", "<script>alert(1)</script>")
    for _, figure in study_figures(evil, SPACE).values():
        assert "<script>" not in json.dumps(json.loads(figure.to_json()))
