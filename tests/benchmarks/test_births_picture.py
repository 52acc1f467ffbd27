"""Series with their fitted change and the map of births: what stands in the figures."""

import numpy as np
import pandas as pd
import pytest
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from shapely.geometry import Polygon, box

from benchmarks.births_picture import AFTER, BEFORE, Case, birth_colour, births_figure, cases_figure, last_outlines
from sn7ml.core.schemas import TRACKS
from sn7ml.outputs.tracking.births import Levels, fit_births
from sn7ml.report.maps.drawing import png
from sn7ml.report.palette import BORN, OLD, SERIES
from tests.outputs.tracking.drawings import birth_params
from tests.report.drawn import AOI

MONTHS = [f"2018-{month:02d}" for month in range(1, 7)]
PARAMS = birth_params()
LEVELS = Levels(-4.5, 0.5, 1.0, 1.5)
MIN_PROBABILITY = 0.35
NEW = np.array([0.01, 0.01, np.nan, 0.8, 0.9, 0.9])
BIRTHS = pd.DataFrame(
    [
        ("found", "ok", "a", 0.0), ("late", "tardy", "b", 2.0), ("missed", "gone", None, np.nan),
        ("false", None, "c", np.nan), ("misplaced", "off", "d", 0.0),
    ],
    columns=["outcome", "truth_id", "prop_id", "months_late"],
)  # fmt: skip


def case(birth: int, alone: bool = False) -> Case:
    posterior = fit_births(NEW[:, np.newaxis], np.zeros((1, 2)), PARAMS).posterior[:, 0]
    return Case("new", "born", NEW, posterior, birth, 3, posterior[::-1] if alone else None)


def panels(*cases: Case) -> tuple[Axes, ...]:
    figure = cases_figure(cases, MONTHS, LEVELS, MIN_PROBABILITY)
    figure.draw_without_rendering()
    return tuple(axes for part in figure.subfigs[0].subfigs for axes in part.axes)


def levels(axes: Axes) -> list[tuple[str, float, float, float]]:
    """(colour, start, stop, height) of the lines that are level."""
    lines = [(line, np.asarray(line.get_xdata()), np.asarray(line.get_ydata())) for line in axes.lines]
    return [
        (str(line.get_color()), float(x[0]), float(x[-1]), float(y[0]))
        for line, x, y in lines
        if line.get_color() in (BEFORE, AFTER)
    ]


@pytest.mark.parametrize(
    ("birth", "expected"),
    [
        (3, [(BEFORE, -0.5, 2.5, LEVELS.before), (AFTER, 2.5, 5.5, LEVELS.after)]),
        (0, [(AFTER, -0.5, 5.5, LEVELS.after)]),
        (6, [(BEFORE, -0.5, 5.5, LEVELS.before)]),
    ],
    ids=["born", "always", "never"],
)
def test_the_levels_of_the_model_part_at_the_birth(birth: int, expected: list[tuple[str, float, float, float]]) -> None:
    assert levels(panels(case(birth))[0]) == expected


def test_bands_are_a_spread_to_each_side_of_the_levels() -> None:
    above = panels(case(3))[0]
    heights = [band.get_datalim(above.transData).intervaly.tolist() for band in above.collections]
    assert heights == [pytest.approx([-5.0, -4.0]), pytest.approx([-0.5, 2.5])]


def test_the_line_above_which_a_birth_is_declared_is_drawn_and_named() -> None:
    figure = cases_figure([case(3)], MONTHS, LEVELS, MIN_PROBABILITY)
    below = figure.subfigs[0].subfigs[0].axes[1]
    assert [0.35, 0.35] in [np.asarray(line.get_ydata()).tolist() for line in below.lines]
    names = [text.get_text() for text in figure.subfigs[1].legends[0].get_texts()]
    assert "above 0.35 a birth is declared" in names


def test_bars_are_the_posterior_and_those_of_no_change_are_grey() -> None:
    shown = case(3)
    bars = panels(shown)[1].patches
    heights = [
        float(np.ptp(np.asarray(bar.get_path().transformed(bar.get_patch_transform()).vertices)[:, 1]))
        for bar in bars[:7]
    ]
    np.testing.assert_allclose(heights, shown.posterior)
    assert [to_hex(bar.get_facecolor()) for bar in bars[:7]] == [OLD, *[BORN] * 5, OLD]


def test_points_lie_at_the_log_odds_and_a_month_without_evidence_has_none() -> None:
    above = panels(case(3))[0]
    (points,) = [line for line in above.lines if line.get_color() == SERIES[0]]
    np.testing.assert_allclose(np.asarray(points.get_ydata(), float), np.log(NEW / (1 - NEW)))
    (cloud,) = above.patches
    assert cloud.get_window_extent().transformed(above.transData.inverted()).x0 == pytest.approx(1.5)


def test_the_posterior_without_neighbours_is_drawn_only_where_it_is_given() -> None:
    plain, asked = (len(panels(case(3, alone))[1].lines) for alone in (False, True))
    assert asked == plain + 1


@pytest.mark.parametrize("count", [1, 2, 5])
def test_every_case_has_its_two_panels(count: int) -> None:
    drawn = [axes for axes in panels(*[case(3)] * count) if axes.has_data()]
    assert len(drawn) == 2 * count


def town(*houses: tuple[str, int, int]) -> pd.DataFrame:
    """``TRACKS`` of houses of 4 x 3 px: id, index of the month of birth, left edge."""
    rows = [
        (AOI, month, name, MONTHS[birth], 0.9, 0.9, box(left, 0, left + 4, 3))
        for name, birth, left in houses
        for month in MONTHS[birth:]
    ]
    return TRACKS.check(pd.DataFrame(rows, columns=list(TRACKS.columns)))


FOUND = town(("a", 0, 0), ("b", 5, 10), ("c", 2, 20), ("d", 1, 30))
TRUE = town(("ok", 0, 0), ("tardy", 3, 10), ("gone", 4, 40), ("off", 1, 30))


def fills(figure: Figure, panel: int) -> dict[float, tuple[str, float]]:
    """Left edge to colour and width of the rim."""
    (shapes,) = [part for part in figure.axes[panel].collections if isinstance(part, PolyCollection)]
    edges = [float(np.asarray(path.vertices)[:, 0].min()) for path in shapes.get_paths()]
    colours = [to_hex(colour) for colour in np.asarray(shapes.get_facecolor())]
    return dict(zip(edges, zip(colours, np.asarray(shapes.get_linewidth()).tolist(), strict=True), strict=True))


def test_buildings_have_the_colour_of_their_month_the_same_in_both_maps() -> None:
    figure = births_figure(TRUE, FOUND, MONTHS, BIRTHS)
    true, found = fills(figure, 0), fills(figure, 1)
    assert true[0][0] == found[0][0] == OLD
    assert {left: colour for left, (colour, _) in found.items()} == {
        left: birth_colour(MONTHS[birth], MONTHS) for left, birth in ((0, 0), (10, 5), (20, 2), (30, 1))
    }
    assert true[30][0] == found[30][0] != true[10][0] != found[10][0]


def test_later_months_are_brighter() -> None:
    brightness = [sum(to_rgb(birth_colour(month, MONTHS))) for month in MONTHS[1:]]
    assert brightness == sorted(brightness)
    assert len(set(brightness)) == 5


def test_rims_are_thick_where_the_birth_is_not_right() -> None:
    figure = births_figure(TRUE, FOUND, MONTHS, BIRTHS)
    assert {left for left, (_, rim) in fills(figure, 0).items() if rim > 1} == {10, 30, 40}
    assert {left for left, (_, rim) in fills(figure, 1).items() if rim > 1} == {10, 20, 30}


def test_delays_are_written_on_what_was_found_late_and_nowhere_else() -> None:
    left, right = births_figure(TRUE, FOUND, MONTHS, BIRTHS).axes[:2]
    assert [(text.get_text(), text.get_position()) for text in right.texts] == [("+2", (12.0, 1.5))]
    assert not left.texts


def test_titles_count_buildings_and_births() -> None:
    titles = [axes.get_title(loc="left") for axes in births_figure(TRUE, FOUND, MONTHS, BIRTHS).axes[:2]]
    assert titles == ["truth: 4 buildings, 3 born", "found: 4 buildings, 3 born"]


def test_the_last_outline_of_each_building_is_drawn_and_none_without_a_shape() -> None:
    moving = FOUND.assign(geometry=shapely.transform(FOUND["geometry"], lambda xy: np.add(xy, (0, 50))))
    moving.loc[FOUND["time"] < MONTHS[-1], "geometry"] = FOUND["geometry"]
    last = last_outlines(moving)
    assert list(last["id"]) == ["a", "b", "c", "d"]
    assert [geometry.bounds[1] for geometry in last["geometry"]] == [50] * 4
    assert last_outlines(FOUND[:1].assign(geometry=[Polygon()])).empty


def test_an_empty_map_is_drawn_too() -> None:
    assert png(births_figure(TRACKS.empty(), TRACKS.empty(), MONTHS[:1], BIRTHS[:0])).startswith(b"\x89PNG")


def test_maps_do_not_depend_on_the_order_of_rows() -> None:
    turned, straight = (
        births_figure(TRUE[::-1], FOUND[::-1], MONTHS, BIRTHS[::-1]),
        births_figure(TRUE, FOUND, MONTHS, BIRTHS),
    )
    assert [fills(turned, panel) for panel in (0, 1)] == [fills(straight, panel) for panel in (0, 1)]
