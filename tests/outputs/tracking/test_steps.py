"""Steps in brightness: worked out by hand, and laws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sn7ml.outputs.tracking.steps import LEAST_SPREAD, step_log_likelihoods

values = arrays(np.float64, (6, 2, 3), elements=st.floats(-4, 4) | st.just(math.nan))


def one_band(*shades: float) -> np.ndarray:
    return step_log_likelihoods(np.array(shades).reshape(-1, 1, 1)).ravel()


def test_a_step_of_four_months_is_that_worked_out_by_hand() -> None:
    # Around one mean, 1, the squares add up to 4; around 0 and 2 to nothing; with a step a month early or late, around
    # 0 and 4/3 or 2/3 and 2, to 8/3.
    floor = 4 * LEAST_SPREAD**2
    right = 2 * math.log((4 + floor) / floor) - math.log(4) / 2
    beside = 2 * math.log((4 + floor) / (8 / 3 + floor)) - math.log(4) / 2
    assert one_band(0, 0, 2, 2) == pytest.approx([0, beside, right, beside, 0])


def test_a_month_without_evidence_counts_nowhere() -> None:
    with_gap, without = one_band(0, 0.1, math.nan, 2, 2.1), one_band(0, 0.1, 2, 2.1)
    # A step into the month that is missing and one into the month after it part the same months.
    assert with_gap[[1, 2, 4]] == pytest.approx(without[1:4])
    assert with_gap[3] == pytest.approx(with_gap[2])


def test_bands_add_up() -> None:
    shades = np.random.default_rng(3).normal(size=(6, 2, 1))
    both = step_log_likelihoods(shades)
    assert both == pytest.approx(step_log_likelihoods(shades[:, :1]) + step_log_likelihoods(shades[:, 1:]))


@given(shades=values)
def test_time_turned_round_gives_the_steps_turned_round(shades: np.ndarray) -> None:
    # A step before month k is one before month 6 - k for who looks from the end.
    assert step_log_likelihoods(shades[::-1])[1:-1] == pytest.approx(step_log_likelihoods(shades)[1:-1][::-1], abs=1e-6)


@given(shades=values, lighter=st.floats(-2, 2))
def test_a_brighter_place_changes_nothing(shades: np.ndarray, lighter: float) -> None:
    assert step_log_likelihoods(shades + lighter) == pytest.approx(step_log_likelihoods(shades), abs=1e-6)


def test_even_ground_is_dearer_with_a_step_than_without() -> None:
    assert (one_band(1, 1, 1, 1)[1:-1] < 0).all()


def test_without_evidence_on_one_side_there_is_no_step() -> None:
    assert one_band(math.nan, math.nan, 1, 2)[1:3].tolist() == [0, 0]
    assert one_band(*[math.nan] * 4).tolist() == [0] * 5
