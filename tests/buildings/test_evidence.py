"""Trailing means and series of single pixels, worked out by hand."""

import numpy as np
import pytest

from sn7ml.buildings.evidence import collapse_months, probability_series
from sn7ml.errors import GridError
from sn7ml.geo.probabilities import Probabilities
from tests.buildings.drawings import cube_of


def pixels(footprint: list[int], boundary: list[int] | None = None, usable: list[bool] | None = None) -> Probabilities:
    """Return one frame of a single row."""
    nothing = [0] * len(footprint)
    channels = np.array([footprint, boundary or nothing, nothing], np.uint8)[:, np.newaxis]
    return Probabilities(channels, np.array([usable or [True] * len(footprint)]))


def collapsed(series: list[int], floor: float = 0.0) -> float:
    return float(collapse_months(cube_of([pixels([value]) for value in series]), floor).channels[0, 0, 0])


@pytest.mark.parametrize(
    ("series", "largest_trailing_mean"),
    [
        ([255] * 6, 1.0),
        ([0, 0, 0, 255, 255, 255], 1.0),
        ([0, 0, 0, 0, 0, 255], 1 / 3),
        ([0, 255, 0, 0, 0, 0], 1 / 5),
        ([255, 255, 255, 255, 0, 0], 4 / 6),
        ([255, 0], 1 / 2),
        ([204], 0.8),
    ],
    ids=[
        "always",
        "born late",
        "one bright month at the end",
        "one in between",
        "torn down",
        "two months",
        "one month",
    ],
)
def test_evidence_is_the_largest_trailing_mean(series: list[int], largest_trailing_mean: float) -> None:
    assert collapsed(series) == pytest.approx(largest_trailing_mean)


def test_probabilities_up_to_the_floor_count_as_nothing() -> None:
    assert collapsed([255, 51, 51], floor=0.2) == pytest.approx(1 / 3)
    assert collapsed([255, 52, 51], floor=0.2) == pytest.approx((255 + 52) / 255 / 3)


def test_boundary_is_the_mean_over_the_months_that_the_footprint_took() -> None:
    frames = [pixels([0], [255]), *[pixels([255], [value]) for value in (0, 51, 102)]]
    assert collapse_months(cube_of(frames), 0.0).channels[1, 0, 0] == pytest.approx(51 / 255)


def test_months_under_cloud_do_not_count() -> None:
    frames = [pixels([255, 255], usable=[False, False]), *[pixels([255, 9], usable=[True, False])] * 4]
    evidence = collapse_months(cube_of(frames), 0.0)
    np.testing.assert_allclose(evidence.channels[0], [[1.0, 0.0]])
    np.testing.assert_array_equal(evidence.usable, [[True, False]])


def test_months_are_taken_by_date_whatever_the_order_of_the_cube() -> None:
    cube = {"2019-01": pixels([255]), "2018-12": pixels([255]), "2018-02": pixels([0]), "2019-02": pixels([255])}
    assert collapse_months(cube, 0.0).channels[0, 0, 0] == pytest.approx(1.0)
    assert probability_series(cube, np.array([[1]], np.int32)).ravel().tolist() == [0, 1, 1, 1]


def test_a_series_is_the_mean_over_a_candidates_pixels() -> None:
    ids = np.array([[1, 1, 0, 2]], np.int32)
    series = probability_series(cube_of([pixels([0, 51, 255, 255]), pixels([255, 255, 0, 0])]), ids)
    np.testing.assert_allclose(series, [[0.1, 1.0], [1.0, 0.0]])


def test_a_month_that_hides_one_pixel_of_a_candidate_is_missing() -> None:
    ids = np.array([[1, 1, 2]], np.int32)
    series = probability_series(cube_of([pixels([255, 255, 255], usable=[True, False, True])]), ids)
    np.testing.assert_array_equal(series, [[np.nan, 1.0]])


def test_a_month_of_another_shape_is_named() -> None:
    cube = cube_of([pixels([0, 0]), pixels([0])])
    with pytest.raises(GridError, match=r"month 2018-01: probabilities have shape \(1, 2\), the others \(1, 1\)"):
        collapse_months(cube, 0.0)
    with pytest.raises(GridError, match="month 2018-02"):
        probability_series(cube, np.array([[1, 0]], np.int32))
