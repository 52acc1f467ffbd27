"""Gains by AOI, what they come from, and what each kind of error costs."""

from dataclasses import replace

import pandas as pd
import pytest

from sn7ml.metrics.aoi import combine
from sn7ml.metrics.score import Score
from sn7ml.report import comparison
from sn7ml.report.comparison import ComparedRun
from sn7ml.report.diagnosis import birth_outcomes, costs, shares_of_gain, size_ratios
from tests.report.compared import BASE, OTHER, scores_of
from tests.report.drawn import BIRTHS, LOSSES, SCORES, SIZES


def paired(base: ComparedRun, other: ComparedRun) -> pd.DataFrame:
    return comparison.paired(base, other, SCORES)


def test_the_aoi_that_gains_most_comes_first() -> None:
    table = paired(BASE, OTHER)
    assert table["aoi"].tolist() == ["north", "south"]
    assert table["gain_scot"].tolist() == pytest.approx([0.1, 0.0])
    assert paired(OTHER, BASE)["aoi"].tolist() == ["south", "north"]


def test_only_aois_that_both_have_are_paired() -> None:
    other = replace(OTHER, per_aoi=scores_of(south=0.7, west=0.9, north=float("nan")))
    table = paired(BASE, other)
    assert table["aoi"].tolist() == ["south"]
    assert table["gain_scot"].tolist() == pytest.approx([0.1])


def test_without_a_table_nothing_is_paired() -> None:
    assert paired(BASE, replace(OTHER, per_aoi=pd.DataFrame())).empty


def test_the_parts_add_up_to_the_gain_of_scot() -> None:
    base = pd.DataFrame({"aoi": ["a", "b"], "tracking": [0.5, 0.8], "change": [0.1, 0.0]})
    other = pd.DataFrame({"aoi": ["a", "b"], "tracking": [0.7, 0.6], "change": [0.2, 0.4]})
    for table in (base, other):
        table["scot"] = [combine(t, c) for t, c in zip(table["tracking"], table["change"], strict=True)]
    pairs = paired(replace(BASE, per_aoi=base), replace(OTHER, per_aoi=other))
    shares = shares_of_gain(pairs)
    assert sum(shares.values()) == pytest.approx(other["scot"].mean() - base["scot"].mean())
    assert shares["change"] > shares["tracking"] > 0


def test_costs_are_means_over_aois_of_what_each_kind_would_gain() -> None:
    table = costs([BASE, OTHER]).set_index("kind")
    assert table.loc["late_births", "cost_A"] == pytest.approx((0.2 + 0.3) / 2)
    assert table.loc["late_births", "cost_B"] == pytest.approx(0.05)
    assert (table.loc["late_births", "errors_A"], table.loc["late_births", "errors_B"]) == (6, 4)
    assert table.loc["missed_footprints", "cost_A"] == pytest.approx(0.1)
    assert table.loc["missed_footprints", "cost_B"] == pytest.approx(0.1)
    assert "older_buildings" not in table.index  # nobody makes this error
    assert list(table.index)[:2] == ["missed_footprints", "false_footprints"]


def test_costs_are_those_of_the_aois_that_all_have() -> None:
    table = costs([BASE, replace(OTHER, losses=LOSSES[LOSSES["aoi"] == "south"])]).set_index("kind")
    assert table.loc["late_births", "cost_A"] == pytest.approx(0.3)


def test_costs_need_the_losses_of_all() -> None:
    assert costs([BASE, replace(OTHER, losses=LOSSES[:0])]).empty


def test_births_are_counted_by_what_became_of_them() -> None:
    table = birth_outcomes([BASE, replace(OTHER, births=BIRTHS[BIRTHS["outcome"] != "late"])]).set_index("birth")
    assert list(table.loc["found in the month it appeared"]) == [2, 2]
    assert list(table.loc["found only later"]) == [3, 0]
    assert "reported as born, but it stood there from the first month" not in table.index
    assert birth_outcomes([replace(BASE, births=BIRTHS[:0])]).empty


def test_ratios_by_size_stand_side_by_side() -> None:
    none_found = SIZES.assign(truth_matched=0)
    table = size_ratios([BASE, replace(OTHER, sizes=none_found)]).set_index("size")
    assert list(table) == ["recall A", "recall B", "precision A", "precision B"]
    assert list(table.loc["4–8"]) == pytest.approx([5 / 20, 0, 5 / 10, 5 / 10])


def test_of_an_error_the_aoi_whose_error_falls_most_gains_most() -> None:
    base, other = (
        replace(BASE, per_aoi=pd.DataFrame({"aoi": ["a", "b"], "mae_m": values})) for values in ([4.0, 2.0], [3.0, 2.5])
    )
    table = comparison.paired(base, other, [Score("mae_m", "MAE", "metres", higher_is_better=False)])
    assert table["gain_mae_m"].tolist() == pytest.approx([1.0, -0.5])
    assert table["aoi"].tolist() == ["a", "b"]
