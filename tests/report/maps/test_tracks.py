"""Maps of footprints by birth and by id."""

import io
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image
from shapely.geometry import Polygon, box

from sn7ml.report.maps.tracks import LIMIT_BYTES, birth_map, month_map, track_maps
from sn7ml.report.palette import BORN, OLD, identity_colour
from tests.report.drawn import many_tracks, tracks


def seen(figure: go.Figure, month: str) -> list[Any]:
    """The traces that the slider shows in a month."""
    step = next(step for step in figure.layout.sliders[0].steps if step.label == month)
    return [trace for trace, shown in zip(figure.data, step.args[0]["visible"], strict=True) if shown]


def filled(figure: go.Figure, month: str) -> set[tuple[str, float]]:
    """(colour, westmost x) of every fill of a month."""
    return {(trace.fillcolor, min(x for x in trace.x if x is not None)) for trace in seen(figure, month) if trace.fill}


def test_each_month_shows_what_stands_there_in_the_colour_of_its_id() -> None:
    figure = month_map(tracks())
    old, moving, young = (identity_colour(name) for name in ("old", "moving", "young"))
    assert len({old, moving, young}) == 3  # otherwise two of them share a trace and the sets below say nothing
    assert filled(figure, "2018-01") == {(old, 0), (moving, 10)}
    assert filled(figure, "2018-02") == {(old, 0), (moving, 11), (young, 0)}
    assert filled(figure, "2018-03") == {(old, 0), (moving, 12), (young, 0)}


def test_only_the_month_of_birth_has_a_red_rim() -> None:
    figure = month_map(tracks())
    rims = {
        month: [t for t in seen(figure, month) if t.line.color == BORN] for month in ("2018-01", "2018-02", "2018-03")
    }
    assert {month: len(found) for month, found in rims.items()} == {"2018-01": 0, "2018-02": 1, "2018-03": 0}
    assert min(y for y in rims["2018-02"][0].y if y is not None) == 10


def test_the_mouse_finds_id_and_birth_of_what_stands_there() -> None:
    points = [trace for trace in seen(month_map(tracks()), "2018-03") if trace.text]
    names = {pair for trace in points for pair in zip(trace.text, trace.customdata, strict=True)}
    assert names == {("old", "2018-01"), ("moving", "2018-01"), ("young", "2018-02")}


def test_an_outline_that_lasts_is_stored_once() -> None:
    fills = [trace for trace in month_map(tracks()).data if trace.fillcolor == identity_colour("old")]
    assert len(fills) == 1


def test_a_hole_turns_the_other_way_than_its_shell() -> None:
    ring = Polygon(box(0, 0, 9, 9).exterior.coords, [box(3, 3, 6, 6).exterior.coords])
    (trace,) = [t for t in month_map(tracks()[:1].assign(geometry=[ring])).data if t.fill]
    corners = list(zip(trace.x, trace.y, strict=True))
    cut = corners.index((None, None))
    assert Polygon(corners[:cut]).exterior.is_ccw is not Polygon(corners[cut + 1 : -1]).exterior.is_ccw


@pytest.mark.parametrize("moving", [False, True], ids=["lasting outlines", "an outline a month"])
def test_the_map_of_400_buildings_over_two_years_fits_the_page(moving: bool) -> None:
    maps = track_maps(many_tracks(400, 24, moving))
    assert [type(shown) for shown in maps] == [go.Figure, bytes]
    assert len(maps[0].to_json()) < LIMIT_BYTES  # type: ignore[union-attr]


def test_a_map_too_large_for_the_page_is_a_picture_only() -> None:
    (only,) = track_maps(many_tracks(1500, 12, moving=True))
    assert isinstance(only, bytes)


def test_no_buildings_give_no_maps() -> None:
    assert track_maps(tracks()[:0]) == []


def colours(png: bytes) -> set[tuple[int, ...]]:
    return {
        tuple(pixel)
        for pixel in np.unique(np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).reshape(-1, 3), axis=0).tolist()
    }


def test_the_picture_is_grey_for_what_was_there_and_coloured_for_what_was_born() -> None:
    grey = tuple(bytes.fromhex(OLD[1:]))
    assert grey in colours(birth_map(tracks()))
    young = tracks().query("id == 'young'")
    shades = [
        pixel for pixel in colours(birth_map(tracks())) - colours(birth_map(young)) if max(pixel) - min(pixel) > 100
    ]
    assert shades  # plasma's violet, where greys and whites are all else


def test_the_picture_does_not_depend_on_the_order_of_rows() -> None:
    assert birth_map(tracks()[::-1]) == birth_map(tracks())


def test_the_picture_of_no_buildings_decodes() -> None:
    assert Image.open(io.BytesIO(birth_map(tracks()[:0]))).size[0] > 100
