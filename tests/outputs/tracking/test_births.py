"""The model of births: likelihoods worked out by hand, laws of the posterior, and what neighbours say."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from sn7ml.outputs.tracking.births import CLEAREST, Births, Levels, fit_births, judge_births, log_likelihoods, log_odds
from tests.outputs.tracking.drawings import birth_params

Floats = NDArray[np.float64]

HAND = {"before_logit": 0.0, "before_spread": 1.0, "after_logit": 2.0, "after_spread": 1.0, "evidence_weight": 1.0}
"""Log-odds of 0 are 2 below the level after, so they speak for "before" with exp(2); log-odds of 1 say nothing."""

DARK, BRIGHT = 0.01, 0.9


HAND_LEVELS = Levels(HAND["before_logit"], HAND["before_spread"], HAND["after_logit"], HAND["after_spread"])


def p_of(odds: float) -> float:
    """Return the probability whose log-odds, as the model takes them, are these."""
    return (math.exp(odds) * (1 + CLEAREST) - CLEAREST) / (1 + math.exp(odds))


def column(*odds: float) -> Floats:
    """Return the series of one candidate."""
    return np.array([[p_of(value)] for value in odds])


def spread_out(count: int) -> Floats:
    """Return places out of each other's hearing."""
    return np.column_stack([np.arange(count) * 1000.0, np.zeros(count)])


def fit(series: Floats, **params: float) -> Births:
    return fit_births(series, spread_out(series.shape[1]), birth_params(**params))


many_series = arrays(
    np.float64, st.tuples(st.integers(1, 9), st.integers(0, 6)), elements=st.floats(0, 1) | st.just(math.nan)
)
weights = st.floats(0.0, 0.95)


def test_likelihoods_of_three_months_are_those_worked_out_by_hand() -> None:
    # Log densities before: 0, -1/2, -9/2; after: -2, -1/2, -1/2.
    found = log_likelihoods(log_odds(column(0, 1, 3)), HAND_LEVELS)
    np.testing.assert_allclose(found.ravel(), [-2 - 0.5 - 0.5, 0 - 0.5 - 0.5, 0 - 0.5 - 0.5, 0 - 0.5 - 4.5])


def test_a_wider_level_costs_the_log_of_its_spread_every_month() -> None:
    found = log_likelihoods(log_odds(column(2, 4)), replace(HAND_LEVELS, after_spread=2.0))
    # Before: -2, -8; after, of spread 2: -log 2 each, and -1/2 for the second, one spread off.
    log2 = math.log(2)
    np.testing.assert_allclose(found.ravel(), [-2 * log2 - 0.5, -2 - log2 - 0.5, -2 - 8])


def test_the_clearest_probabilities_have_finite_odds() -> None:
    found = log_likelihoods(log_odds(np.array([[0.0], [1.0]])), HAND_LEVELS)
    edge = math.log(257)
    expected = [((-edge - 2) ** 2 + (edge - 2) ** 2), (edge**2 + (edge - 2) ** 2), 2 * edge**2]
    np.testing.assert_allclose(found.ravel(), [-value / 2 for value in expected])


def test_the_posterior_of_two_months_is_that_worked_out_by_hand() -> None:
    births = fit(column(0, 0), **HAND, birth_prior=0.4)
    always, born, never = 0.3 * math.exp(-4), 0.4 * math.exp(-2), 0.3
    np.testing.assert_allclose(births.posterior.ravel(), np.array([always, born, never]) / (always + born + never))
    np.testing.assert_allclose(births.probability, births.posterior[1])
    np.testing.assert_allclose(births.log_ratio, [-2])
    assert births.month.tolist() == [1]


def test_the_posterior_of_three_months_is_that_worked_out_by_hand() -> None:
    births = fit(column(0, 0, 2), **HAND, birth_prior=0.4)
    weighed = [0.3 * math.exp(-4), 0.2 * math.exp(-2), 0.2, 0.3 * math.exp(-2)]
    np.testing.assert_allclose(births.posterior.ravel(), np.array(weighed) / sum(weighed))
    np.testing.assert_allclose(births.log_ratio, [2])
    assert births.month.tolist() == [2]


def test_a_series_that_says_nothing_leaves_the_prior() -> None:
    births = fit(column(1, 1, 1, 1, 1), **HAND, birth_prior=0.4)
    np.testing.assert_allclose(births.posterior.ravel(), [0.3, 0.1, 0.1, 0.1, 0.1, 0.3])
    np.testing.assert_allclose(births.log_ratio, [0], atol=1e-12)


@pytest.mark.parametrize(("odds", "log_ratio"), [((0, 0), -2), ((2, 2), -2), ((0, 2), 2), ((2, 0), -2)])
def test_the_ratio_is_against_the_likelier_of_always_and_never(odds: tuple[float, ...], log_ratio: float) -> None:
    # A month costs 2 if its log-odds of 0 count as "after" or those of 2 as "before".
    np.testing.assert_allclose(fit(column(*odds), **HAND).log_ratio, [log_ratio], atol=1e-12)


@given(weight=st.floats(0.01, 1), birth_prior=st.floats(0.01, 0.99))
def test_evidence_counts_by_its_weight_and_the_prior_in_full(weight: float, birth_prior: float) -> None:
    params = {**HAND, "evidence_weight": weight, "birth_prior": birth_prior}
    births = fit(column(0, 0, 2), **params)
    always, _, born, never = np.log(births.posterior.ravel())
    assert born - never == pytest.approx(2 * weight + math.log(birth_prior / (1 - birth_prior)), abs=1e-6)
    assert born - always == pytest.approx(4 * weight + math.log(birth_prior / (1 - birth_prior)), abs=1e-6)
    assert births.log_ratio[0] == pytest.approx(2)


@given(series=many_series, weight=weights, spacing=st.floats(0.1, 30), birth_prior=st.floats(0.01, 0.99))
def test_columns_of_the_posterior_add_up_to_one_and_months_without_evidence_have_none(
    series: Floats, weight: float, spacing: float, birth_prior: float
) -> None:
    months, count = series.shape
    places = np.column_stack([np.arange(count) * spacing, np.zeros(count)])
    params = birth_params(neighbour_weight=weight, birth_prior=birth_prior)
    births = fit_births(series, places, params)
    assert births.posterior.shape == (months + 1, count)
    np.testing.assert_allclose(births.posterior.sum(axis=0), np.ones(count))
    assert (births.posterior >= 0).all()
    assert not births.posterior[1:-1][np.isnan(series[1:])].any()
    assert all(len(field) == count for field in (births.log_ratio, births.month, births.probability, births.declared))


@given(series=many_series, weight=weights)
def test_a_declared_birth_is_in_a_month_with_evidence(series: Floats, weight: float) -> None:
    births = fit_births(series, spread_out(series.shape[1]) / 200, birth_params(neighbour_weight=weight))
    for candidate in np.flatnonzero(births.declared):
        assert births.month[candidate] >= 1
        assert not np.isnan(series[births.month[candidate], candidate])


@given(series=many_series, gap=st.integers(1, 9))
def test_a_later_month_that_nobody_sees_changes_nothing(series: Floats, gap: int) -> None:
    at = min(gap, len(series))
    plain, gapped = fit(series), fit(np.insert(series, at, np.nan, axis=0))
    np.testing.assert_allclose(np.delete(gapped.posterior, at, axis=0), plain.posterior, atol=1e-12)
    np.testing.assert_array_equal(gapped.declared, plain.declared)


def test_a_house_hidden_at_its_birth_is_born_when_first_seen() -> None:
    hidden = np.array([[DARK, DARK, DARK, np.nan, np.nan, BRIGHT, BRIGHT, BRIGHT]]).T
    births = fit(hidden)
    assert (births.month.tolist(), births.declared.tolist()) == ([5], [True])
    assert births.posterior[3:5].max() == 0


def test_a_month_without_evidence_takes_no_part_in_the_ratio() -> None:
    clear, clouded_last = column(0, 0), np.vstack([column(0, 0), [[np.nan]]])
    np.testing.assert_allclose(fit(clouded_last, **HAND).log_ratio, fit(clear, **HAND).log_ratio)


def test_a_candidate_never_seen_is_not_born() -> None:
    births = fit(np.full((5, 1), np.nan))
    np.testing.assert_allclose(births.posterior.ravel(), [0.5, 0, 0, 0, 0, 0.5])
    assert (births.probability.tolist(), births.declared.tolist()) == ([0.0], [False])


@pytest.mark.parametrize("neighbour_weight", [0.0, 0.8])
def test_a_single_month_has_no_birth(neighbour_weight: float) -> None:
    births = fit_births(
        np.array([[DARK, BRIGHT, np.nan]]), np.zeros((3, 2)), birth_params(neighbour_weight=neighbour_weight)
    )
    assert births.month.tolist() == [1, 1, 1]
    assert not births.declared.any()
    assert not births.probability.any()
    assert births.posterior[0, 0] < 0.5 < births.posterior[0, 1]
    assert births.posterior[0, 2] == pytest.approx(0.5)


@pytest.mark.parametrize("months", [1, 2, 7])
@pytest.mark.parametrize("neighbour_weight", [0.0, 0.8])
def test_no_candidates_at_all_are_no_births(months: int, neighbour_weight: float) -> None:
    births = fit_births(np.zeros((months, 0)), np.zeros((0, 2)), birth_params(neighbour_weight=neighbour_weight))
    assert births.posterior.shape == (months + 1, 0)
    assert all(len(field) == 0 for field in (births.log_ratio, births.month, births.probability, births.declared))


def test_a_higher_prior_makes_more_births_of_the_same_series() -> None:
    found = [fit(column(0, 0, 2), **HAND, birth_prior=prior).probability[0] for prior in (0.05, 0.3, 0.9)]
    assert found == sorted(set(found))


def test_a_birth_is_declared_if_the_probability_of_its_month_is_above_the_threshold() -> None:
    probability = float(fit(column(0, 0, 2), **HAND).probability[0])
    for threshold, declared in [(probability * 0.999, True), (probability, False), (probability * 1.001, False)]:
        assert fit(column(0, 0, 2), **HAND, min_probability=threshold).declared.tolist() == [declared]


@pytest.mark.parametrize(
    ("offset", "months"), [(-3, [1, 2, 4]), (-1, [1, 4, 6]), (0, [1, 5, 7]), (1, [2, 6, 7]), (3, [4, 7, 7])]
)
def test_the_offset_shifts_births_within_the_months_there_are(offset: int, months: list[int]) -> None:
    series = np.array([[BRIGHT if month >= birth else DARK for birth in (1, 5, 7)] for month in range(8)])
    births = fit(series, month_offset=offset, after_logit=2.0)
    assert births.month.tolist() == months
    np.testing.assert_allclose(births.probability, births.posterior[[1, 5, 7], [0, 1, 2]])


def _street(*birth: int, months: int = 8) -> Floats:
    """Return sure series."""
    return np.array([[1.0 if month >= at else 0.0 for at in birth] for month in range(months)])


NEUTRAL = np.full((8, 1), p_of(1))
"""A series that says nothing under ``HAND``."""


@pytest.mark.parametrize(("distance", "whisper"), [(8.0, math.exp(-1 / 2)), (16.0, math.exp(-2)), (24.5, 0.0)])
def test_a_neighbour_counts_by_a_gaussian_of_its_distance(distance: float, whisper: float) -> None:
    # A half of the prior of 0.4 listens, as far as there is something to hear; the rest is even over 7 months.
    series, places = np.hstack([_street(3), NEUTRAL]), np.array([[0.0, 0.0], [0.0, distance]])
    births = fit_births(series, places, birth_params(**HAND, birth_prior=0.4, neighbour_px=8.0, neighbour_weight=0.5))
    heard = 0.5 * whisper
    expected = np.full(7, 0.4 * (1 - heard) / 7)
    expected[2] += 0.4 * heard
    np.testing.assert_allclose(births.posterior[1:-1, 1], expected, atol=1e-4)
    np.testing.assert_allclose(births.posterior[[0, -1], 1], [0.3, 0.3], atol=1e-4)


def test_several_sure_neighbours_count_as_one_in_full() -> None:
    series, places = np.hstack([_street(3, 3, 3), NEUTRAL]), np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    births = fit_births(series, places, birth_params(**HAND, birth_prior=0.4, neighbour_weight=0.5))
    np.testing.assert_allclose(births.posterior[3, 3], 0.4 * (0.5 / 7 + 0.5), atol=1e-4)


def test_neighbours_that_stand_from_the_start_say_nothing_about_the_month() -> None:
    series, places = np.hstack([_street(0, 0, 99), NEUTRAL]), np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    births = fit_births(series, places, birth_params(**HAND, birth_prior=0.4, neighbour_weight=0.5))
    np.testing.assert_allclose(births.posterior[1:-1, 3], np.full(7, 0.4 / 7), atol=1e-4)


@pytest.mark.parametrize(("distance", "month"), [(3.0, 3), (500.0, 5)], ids=["beside them", "far away"])
def test_an_unclear_one_is_drawn_to_the_month_of_its_sure_neighbours(distance: float, month: int) -> None:
    # Log-odds of 3/4 speak for "before" with 1/2: months 3 and 4 together make month 5 e times as likely as month 3.
    unclear = column(0, 0, 0, 0.75, 0.75, 4, 4, 4)
    places = np.array([[0.0, 0.0], [0.0, 4.0], [0.0, 8.0], [distance, 4.0]])
    births = fit_births(
        np.hstack([_street(3, 3, 3), unclear]), places, birth_params(**HAND, neighbour_weight=0.9, birth_prior=0.4)
    )
    assert births.month.tolist() == [3, 3, 3, month]
    assert births.declared.all()
    assert births.posterior[3, 3] / births.posterior[5, 3] == pytest.approx(
        (0.9 + 0.1 / 7) / (0.1 / 7) / math.e if month == 3 else 1 / math.e, rel=1e-3
    )


def test_who_is_out_of_hearing_is_judged_as_if_alone() -> None:
    series, params = np.hstack([_street(3, 3), NEUTRAL]), birth_params(neighbour_px=8.0, neighbour_weight=0.8)
    crowd = fit_births(series, np.array([[0.0, 0], [0, 1], [0, 26]]), params)
    alone = fit_births(NEUTRAL, np.zeros((1, 2)), params)
    np.testing.assert_allclose(crowd.posterior[:, 2], alone.posterior[:, 0], rtol=1e-5)  # levels are all but fixed


def test_a_sure_one_keeps_its_month_whatever_the_neighbours_say() -> None:
    births = fit_births(
        _street(3, 3, 3, 6), np.zeros((4, 2)) + np.arange(4)[:, np.newaxis], birth_params(neighbour_weight=0.8)
    )
    assert births.month.tolist() == [3, 3, 3, 6]
    assert births.declared.all()


def test_neighbours_move_no_probability_to_a_month_that_is_hidden() -> None:
    hidden = np.where(np.arange(8) == 3, np.nan, np.array([0, 0, 0, 0, 0.5, 0.8, 0.9, 0.9]))[:, np.newaxis]
    births = fit_births(
        np.hstack([_street(3, 3), hidden]), np.array([[0.0, 0], [0, 2], [0, 1]]), birth_params(neighbour_weight=0.9)
    )
    assert births.posterior[3, 2] == 0
    np.testing.assert_allclose(births.posterior.sum(axis=0), np.ones(3))


@given(seed=st.integers(0, 1000), weight=weights)
def test_the_order_of_the_candidates_does_not_matter(seed: int, weight: float) -> None:
    random = np.random.default_rng(seed)
    series, places = random.random((7, 12)), random.random((12, 2)) * 30
    series[random.random(series.shape) < 0.1] = np.nan
    order, params = random.permutation(12), birth_params(neighbour_weight=weight)
    plain, permuted = fit_births(series, places, params), fit_births(series[:, order], places[order], params)
    np.testing.assert_allclose(permuted.posterior, plain.posterior[:, order], atol=1e-9)
    np.testing.assert_array_equal(permuted.month, plain.month[order])
    np.testing.assert_array_equal(permuted.declared, plain.declared[order])


def test_levels_are_fitted_to_the_series() -> None:
    # Half of the houses are born in month 6 of 12; odds scatter by 0.5 around -3 and 4, far from what is expected.
    rng = np.random.default_rng(7)
    born = np.repeat([6, 12], 60)
    odds = np.where(np.arange(12)[:, np.newaxis] >= born, 4.0, -3.0) + rng.normal(0, 0.5, (12, 120))
    series = np.vectorize(p_of)(odds)
    births = fit(series, levels_worth=20.0)
    assert births.levels.before == pytest.approx(-3, abs=0.25)  # pulled a little to -5
    assert births.levels.after == pytest.approx(4, abs=0.4)
    assert births.levels.before_spread == pytest.approx(0.5, abs=0.2)
    assert (births.month[:60] == 6).all()
    assert births.declared.tolist() == [True] * 60 + [False] * 60


def test_expected_levels_that_are_worth_much_stay_and_without_series_they_are_all_there_is() -> None:
    expected = Levels(-5.0, 1.0, -1.0, 2.0)
    stubborn = fit(column(0, 0, 3, 3), levels_worth=1e9).levels
    assert [getattr(stubborn, name) for name in vars(expected)] == pytest.approx(list(vars(expected).values()))
    nothing = fit(np.zeros((4, 0)), levels_worth=20.0).levels
    assert [getattr(nothing, name) for name in vars(expected)] == pytest.approx(list(vars(expected).values()))


def test_fitted_levels_are_the_mean_of_what_is_seen_and_what_is_expected() -> None:
    # One candidate that was surely born in the third month: odds of -5 twice, then 2 and 4, each side worth as much as
    # the two values expected at -5 and at -1.
    given = {"before_logit": -5.0, "before_spread": 0.1, "after_logit": -1.0, "after_spread": 2.0}
    levels = fit(column(-5, -5, 2, 4), levels_worth=2.0, evidence_weight=1.0, birth_prior=0.999999, **given).levels
    assert levels.after == pytest.approx((2 + 4 - 1 - 1) / 4, rel=0.01)
    assert levels.after_spread**2 == pytest.approx((1 + 9 + 2 * (4 + 4)) / 4, rel=0.01)
    assert levels.before == pytest.approx(-5)
    assert levels.before_spread**2 == pytest.approx(2 * 0.1**2 / 4, rel=0.01)


def test_candidates_are_judged_by_the_levels_given_and_teach_nothing() -> None:
    elsewhere = birth_params(levels_worth=0.001, evidence_weight=1.0, birth_prior=0.4)  # expected: -5 and -1
    births = judge_births(column(0, 0, 2), spread_out(1), elsewhere, HAND_LEVELS)
    weighed = [0.3 * math.exp(-4), 0.2 * math.exp(-2), 0.2, 0.3 * math.exp(-2)]
    np.testing.assert_allclose(births.posterior.ravel(), np.array(weighed) / sum(weighed))
    assert births.levels == HAND_LEVELS


@given(series=many_series, weight=weights)
def test_a_fit_is_a_judgement_by_the_levels_fitted(series: Floats, weight: float) -> None:
    places, params = spread_out(series.shape[1]) / 200, birth_params(neighbour_weight=weight)
    fitted = fit_births(series, places, params)
    judged = judge_births(series, places, params, fitted.levels)
    for name in vars(fitted):
        np.testing.assert_array_equal(getattr(judged, name), getattr(fitted, name))


def test_what_always_stood_there_or_never_teaches_nothing_about_births() -> None:
    old, ground = column(3, 3, 3, 3), column(-5, -5, -5, -5)
    levels = fit(np.hstack([old, ground]), levels_worth=20.0, birth_prior=0.001).levels
    assert (levels.before, levels.after) == pytest.approx((-5.0, -1.0), abs=0.01)


def test_a_birth_that_is_no_likelier_than_none_by_enough_is_not_declared() -> None:
    series = column(-5, -5, 3, 3)
    ratio = float(fit(series).log_ratio[0])
    assert fit(series, min_log_ratio=ratio - 0.01).declared.tolist() == [True]
    assert fit(series, min_log_ratio=ratio + 0.01).declared.tolist() == [False]
