"""Charts hold the data they were given."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from sn7ml.report.charts.scenes import area_points
from sn7ml.report.charts.scores import aoi_bars, building_counts, search_trials, training_charts
from tests.report.drawn import COUNTS, HISTORY, PER_AOI, SCORES, TRIALS, numbers_in


def test_curves_are_the_columns_of_the_history() -> None:
    drawn = {trace.name: list(trace.y) for _, figure in training_charts(HISTORY).values() for trace in figure.data}
    assert drawn == {
        "training": [1.0, 0.5], "validation": [1.1, 0.7], "pixel iou": [0.2, 0.4], "pixel f1": [0.3, 0.5],
        "learning rate": [0.01, 0.001],
    }  # fmt: skip


def test_every_network_has_a_curve_of_its_own_and_the_legend_one_line() -> None:
    second = HISTORY.assign(network=2, lr=[0.02, 0.002])
    one, two = training_charts(pd.concat([HISTORY, second]))["rate"][1].data
    assert (list(one.y), list(two.y), list(two.x)) == ([0.01, 0.001], [0.02, 0.002], [1, 2])
    assert (one.name, two.name) == ("learning rate", "learning rate, network 2")
    assert (one.showlegend, two.showlegend, one.legendgroup) == (True, False, two.legendgroup)


def test_trials_are_points_and_the_best_so_far_never_falls() -> None:
    best, complete = search_trials(TRIALS, "val_iou").data
    assert (list(best.x), list(best.y)) == ([0, 2], [0.3, 0.3])
    assert (list(complete.x), list(complete.y)) == ([0, 2], [0.3, 0.2])
    assert complete.text[1] == "loss.focal: 0.5"


def test_of_an_error_the_best_so_far_never_rises() -> None:
    trials = TRIALS.assign(value=[0.2, np.nan, 0.3])
    assert list(search_trials(trials, "MAE", rises=False).data[0].y) == [0.2, 0.2]


def test_areas_lie_on_the_line_where_they_are_right() -> None:
    areas = pd.DataFrame({"aoi": ["a", "<b>"], "true_m2": [100.0, 0.0], "found_m2": [200.0, 0.0]})
    line, points = area_points(areas).data
    assert list(line.x) == list(line.y) == [0.0, pytest.approx(210.0)]
    assert (list(points.x), list(points.y)) == ([100.0, 0.0], [200.0, 0.0])
    assert points.text[1] == "&lt;b&gt;"
    assert area_points(areas[1:]).layout.xaxis.range == (0.0, 1.0)


def test_bars_are_the_scores_with_the_best_aoi_on_top_and_none_for_nan() -> None:
    bars = {trace.name: trace for trace in aoi_bars(PER_AOI, SCORES).data}
    assert list(bars["SCOT"].y) == ["L15-A", "L15-B"]
    assert list(bars["SCOT"].x) == [0.2, 0.4]
    np.testing.assert_array_equal(bars["change"].x, [np.nan, 0.3])


def test_full_names_are_kept_where_short_ones_would_be_the_same() -> None:
    assert list(aoi_bars(PER_AOI.assign(aoi=["L15-A_1", "L15-A_2"]), SCORES).data[0].y) == ["L15-A_1", "L15-A_2"]


def test_counts_are_in_order_of_months_and_start_at_zero() -> None:
    figure = building_counts(COUNTS)
    truth, found = figure.data
    assert list(truth.x) == ["2018-01", "2018-02"]
    assert list(truth.y) == [10, 12]
    np.testing.assert_array_equal(found.y, [np.nan, 11])
    assert figure.layout.yaxis.range == (0, 14)  # 12 and a tenth, rounded up


def _unknown(frame: pd.DataFrame) -> pd.DataFrame:
    numbers = frame.select_dtypes("float").columns
    return frame.assign(**dict.fromkeys(numbers, np.nan))


def bars(per_aoi: pd.DataFrame) -> go.Figure:
    return aoi_bars(per_aoi, SCORES)


def points(trials: pd.DataFrame) -> go.Figure:
    return search_trials(trials, "val_iou")


def training(name: str) -> Callable[[pd.DataFrame], go.Figure]:
    return lambda history: training_charts(history)[name][1]


CHARTS = {
    "loss": (training("loss"), HISTORY), "quality": (training("quality"), HISTORY), "rate": (training("rate"), HISTORY),
    "trials": (points, TRIALS), "bars": (bars, PER_AOI), "counts": (building_counts, COUNTS),
}  # fmt: skip


@pytest.mark.parametrize("change", [lambda frame: frame[:0], _unknown], ids=["empty", "all NaN"])
@pytest.mark.parametrize(("chart", "table"), CHARTS.values(), ids=list(CHARTS))
def test_a_chart_of_nothing_known_draws_no_number_on_axes_that_stand(
    chart: Callable[[pd.DataFrame], go.Figure], table: pd.DataFrame, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    figure = chart(change(table))
    assert numbers_in(figure) == []
    assert numbers_in(chart(table)) != []
    assert figure.layout.height > 0
    assert all(np.isfinite(axis.range).all() for axis in figure.select_yaxes() if axis.range is not None)
