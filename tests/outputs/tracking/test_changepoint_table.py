"""The table of the tracker changepoint: ids, order, outlines, confidence, and how sure a birth is."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from sn7ml.core.errors import GridError
from sn7ml.core.schemas import TRACKS
from sn7ml.outputs.tracking.births import Levels, fit_births, judge_births
from sn7ml.outputs.tracking.changepoint import find_candidates, track_changepoint
from sn7ml.outputs.tracking.evidence import collapse_change
from tests.outputs.tracking.drawings import CountingCube, cube_of, frame, peak_params, shaded
from tests.outputs.tracking.lives import CLOUD_OVER_IT, GROUND, HOUSE, TWO_HOUSES, A, B, born, month, params, track
from tests.raising import raises

TEACHABLE = params(levels_worth=1.0, birth_prior=0.5, evidence_weight=0.2)


@pytest.mark.parametrize(
    "drawings",
    [[], [GROUND], [GROUND] * 2, [GROUND] * 5, [GROUND.replace(".", "?")] * 3],
    ids=["no month", "one month", "two months", "five months", "cloud alone"],
)
def test_nothing_found_is_an_empty_table_with_every_column(drawings: list[str]) -> None:
    tracks = track(*drawings)
    assert tracks.empty
    pd.testing.assert_series_equal(tracks.dtypes, track(HOUSE).dtypes)
    assert TRACKS.check(tracks.assign(aoi=pd.Series(dtype=tracks["id"].dtype))).empty


def test_confidence_is_the_mean_probability_since_birth_and_the_birth_carries_its_probability() -> None:
    frames = [frame(GROUND)] * 2 + [frame(HOUSE, sure=sure) for sure in (153, 204, 255)] + [frame(CLOUD_OVER_IT)]
    tracks = track_changepoint(cube_of(frames), 1, params())
    assert tracks["confidence"].tolist() == pytest.approx([0.8] * 3)
    series = np.array([[0.0, 0.0, 0.6, 0.8, 1.0, np.nan]]).T
    births = fit_births(series, np.zeros((1, 2)), params().births)
    assert births.posterior[2, 0] > 0.2
    assert tracks["birth_probability"].tolist() == pytest.approx([births.posterior[2, 0]] * 3)


def test_a_static_house_carries_the_probability_that_it_always_stood_there() -> None:
    frames = [frame(HOUSE, sure=sure) for sure in (153, 204, 255)] + [frame(CLOUD_OVER_IT)]
    tracks = track_changepoint(cube_of(frames), 1, params())
    assert tracks["confidence"].tolist() == pytest.approx([0.8] * 3)
    model = params().births
    expected = Levels(model.before_logit, model.before_spread, model.after_logit, model.after_spread)
    old = judge_births(np.array([[0.6, 0.8, 1.0, np.nan]]).T, np.zeros((1, 2)), model, expected)
    assert tracks["birth_probability"].tolist() == pytest.approx([old.posterior[0, 0]] * 3)


def test_a_static_house_is_judged_by_the_levels_of_those_that_were_born() -> None:
    # The new house stands in a quarter of the months: too few for a static candidate, which would teach by itself.
    months = [(204, 0)] * 9 + [(153, 204)] * 3
    tracks = track_changepoint(cube_of([shaded(TWO_HOUSES, {"a": a, "b": b}) for a, b in months]), 1, TEACHABLE)
    assert born(tracks) == {A.normalize(): month(1), B.normalize(): month(10)}
    old, new = np.array(months, dtype=np.float64)[:, :1] / 255, np.array(months, dtype=np.float64)[:, 1:] / 255
    taught = fit_births(new, np.zeros((1, 2)), TEACHABLE.births).levels
    always = judge_births(old, np.zeros((1, 2)), TEACHABLE.births, taught).posterior[0, 0]
    found = tracks.loc[tracks["birth_month"] == month(1), "birth_probability"].unique()
    assert found.tolist() == pytest.approx([always])
    assert always != pytest.approx(fit_births(old, np.zeros((1, 2)), TEACHABLE.births).posterior[0, 0], abs=0.01)


def test_ids_are_text_and_nobody_shares_one() -> None:
    row = "".join("aaa." for _ in range(20))
    half = "aaa....." * 10
    old, town = ("\n".join([line, line, "." * 80] * 20) for line in (half, row))
    tracks = track(*[old] * 4, *[town] * 4)
    assert all(isinstance(name, str) for name in tracks["id"])
    assert tracks.groupby("id").size().value_counts().to_dict() == {8: 200, 4: 200}
    assert set(tracks.groupby("id")["geometry"].nunique()) == {1}
    assert all(geometry.area == 6 for geometry in tracks["geometry"])
    assert tracks.groupby("birth_month")["id"].nunique().to_dict() == {month(1): 200, month(5): 200}


def test_rows_come_by_month_and_every_pair_once() -> None:
    tracks = track(*[HOUSE] * 4, *[TWO_HOUSES] * 4)
    assert tracks["time"].is_monotonic_increasing
    assert not tracks.duplicated(["time", "id"]).any()


def test_at_three_times_a_house_lies_where_it_was_drawn() -> None:
    assert set(born(track(*[TWO_HOUSES] * 3, upsampling=3))) == {A.normalize(), B.normalize()}


def test_places_are_centres_in_pixels_of_the_original_image() -> None:
    for upsampling in (1, 3):
        cube = cube_of([frame(TWO_HOUSES, upsampling)])
        static = collapse_change(cube, 3).static
        candidates = find_candidates(cube, static, peak_params(), upsampling)
        np.testing.assert_array_equal(candidates.areas, [6 * upsampling**2] * 2)
        middles = candidates.places + 0.5 / upsampling  # an index names a pixel's corner
        np.testing.assert_allclose(middles, [[2, 2.5], [2, 7.5]])


def test_months_are_taken_by_date_whatever_the_order_of_the_cube() -> None:
    cube = cube_of([frame(GROUND)] * 4 + [frame(HOUSE)] * 10)
    tracks = track_changepoint({name: cube[name] for name in sorted(cube, reverse=True)}, 1, params())
    pd.testing.assert_frame_equal(tracks, track_changepoint(cube, 1, params()))
    assert born(tracks) == {A.normalize(): month(5)}
    assert tracks["time"].iloc[-1] == "2019-02"


def test_the_same_cube_gives_the_same_table_also_from_evidence_that_was_kept() -> None:
    cube = cube_of([frame(HOUSE)] * 4 + [frame(TWO_HOUSES)] * 4)
    first = track_changepoint(cube, 1, params())
    pd.testing.assert_frame_equal(first, track_changepoint(dict(cube), 1, params()))
    evidence = collapse_change(cube, 3)
    for _ in range(2):  # a trial leaves the evidence as it was
        pd.testing.assert_frame_equal(first, track_changepoint(cube, 1, params(), lambda _: evidence))


def test_months_of_different_shape_are_named() -> None:
    cube = cube_of([frame("..."), frame("...."), frame("...")])
    with raises(GridError, "probabilities.shape", "2018-02", "(1, 4)", "(1, 3)"):
        track_changepoint(cube, 1, params())
    with raises(GridError, "probabilities.shape", "2018-02", "(1, 3)", "(1, 4)"):
        track_changepoint(cube, 1, params(), partial(collapse_change, cube_of([frame("...")])))


def test_every_month_is_read_four_times() -> None:
    cube = CountingCube(cube_of([frame(HOUSE)] * 6))
    track_changepoint(cube, 1, params())
    assert cube.reads == 4 * 6
