"""When a building was born: a change of rate in its series, month by month, with what its neighbours say.

A candidate has one mean footprint probability per month. In log-odds, the months before a building stands scatter
around one level. Those after scatter around a higher level, and more widely, because a roof is finished slowly and seen
well or badly::

    log-odds   0 |                  . '  .  ' .      after: N(after_logit, after_spread)
              -2 |             .  '
              -4 | .   .   . '                       before: N(before_logit, before_spread)
              -6 |___'___'___________________
                               ^ birth

The four numbers differ between networks and places, so they are fitted to the candidates of each AOI. Every month then
has a likelihood of being the month of birth, and so have "it always stood there" (month 0) and "there is no building"
(after the last month). With a prior they give a posterior. The ratio of the best month's likelihood to that of no
change is the test for a change point of Hinkley (1970, Biometrika 57, pages 1 to 17), here between two levels that all
candidates share. The brightness of the ground, where it is known, is further evidence of the month (``steps``).

Streets are built together. The prior over months is therefore a mixture of a uniform one and the mean posterior of the
neighbours, iterated a few times.

A *history* is one possible life of a candidate: born in month 0, 1, ..., or never. Arrays of histories are
(months + 1, n), the months from 0 (stands from the start) and, last, never; n counts candidates.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import KDTree
from scipy.special import logsumexp

from sn7ml.outputs.tracking.steps import step_log_likelihoods
from sn7ml.params import BirthParams

Floats = NDArray[np.float64]

CLEAREST = 1 / 256
"""Added to p and 1 - p before log-odds are taken: keeps them within ±log 257. About one step of 8 bits."""

ROUNDS = 4
"""How often neighbours are asked; 8 times changed 5 of 339 births of a whole AOI."""

FITS = 5
"""How often the levels are fitted. They have not settled by then, but the change score is no better after 10 to 100."""

REACH = 3.0
"""Neighbours farther away than this many standard deviations are ignored."""


@dataclass(frozen=True)
class Levels:
    """Mean and spread of the detector's log-odds where nothing stands yet, and where a building does."""

    before: float
    before_spread: float
    after: float
    after_spread: float


@dataclass(frozen=True)
class Births:
    """Each candidate's birth."""

    posterior: Floats
    """(months + 1, n): probability of each history. Columns add up to 1; months without evidence have 0."""

    log_ratio: Floats
    """(n,): log of the likelihood ratio of the best month of birth with evidence against no change (always or never);
    -inf where there is no such month."""

    month: NDArray[np.int64]
    """(n,): the likeliest month of birth after the first, plus ``month_offset``; 1 where there is one month only."""

    probability: Floats
    """(n,): posterior of the likeliest month, before the offset."""

    declared: NDArray[np.bool_]
    """(n,): whether the birth passes the ratio test and the F-measure's rule."""

    levels: Levels
    """The levels that the candidates were judged by."""


@dataclass(frozen=True)
class _Observed:
    """The observations of the candidates."""

    odds: Floats
    """(months, n) log-odds."""

    steps: Floats
    """(months + 1, n): what brightness adds to the log-likelihood of each history."""

    def log_likelihoods(self, levels: Levels) -> Floats:
        return log_likelihoods(self.odds, levels) + self.steps


def fit_births(series: Floats, places: Floats, params: BirthParams, shades: Floats | None = None) -> Births:
    """Fit the model to the candidates of one AOI.

    Expectation maximisation: from the levels follows each candidate's posterior, from the posterior the probability
    that a month lies before or after a birth, and from these new levels.

    ``series`` are (months, n) probabilities; NaN where there is no evidence: such a month counts for nothing and is no
    month of birth. ``places`` are (n, 2), row and column of the candidates in pixels of the original image, and
    ``shades`` (months, bands, n) brightness, if known.

    >>> series = np.array([[0.01, 0.01, 0.01, 0.8, 0.9, 0.9], [0.9, 0.8, 0.9, 0.9, 0.8, 0.9]]).T
    >>> params = BirthParams(before_logit=-5, before_spread=1, after_logit=-1, after_spread=2, levels_worth=20,
    ...     evidence_weight=0.5, brightness_weight=0, birth_prior=0.05, neighbour_px=8, neighbour_weight=0.5,
    ...     month_offset=0, min_log_ratio=1, min_probability=0.2)
    >>> births = fit_births(series, np.array([[0.0, 0.0], [50.0, 0.0]]), params)
    >>> births.month[0], births.declared
    (np.int64(3), array([ True, False]))
    """
    near = _neighbour_weights(places, params)
    expected = Levels(params.before_logit, params.before_spread, params.after_logit, params.after_spread)
    levels, observed = expected, _observe(series, shades, params)
    for _ in range(FITS):
        levels = _fit_levels(observed.odds, _posterior(observed, levels, near, params), expected, params.levels_worth)
    return _judge(observed, near, params, levels)


def judge_births(
    series: Floats, places: Floats, params: BirthParams, levels: Levels, shades: Floats | None = None
) -> Births:
    """Judge candidates by levels that were fitted to others: see ``fit_births``."""
    return _judge(_observe(series, shades, params), _neighbour_weights(places, params), params, levels)


def _observe(series: Floats, shades: Floats | None, params: BirthParams) -> _Observed:
    months, count = series.shape
    steps = np.zeros((months + 1, count)) if shades is None else step_log_likelihoods(shades)
    return _Observed(log_odds(series), params.brightness_weight * steps)


def _judge(observed: _Observed, near: csr_array, params: BirthParams, levels: Levels) -> Births:
    months, count = observed.odds.shape
    posterior = _posterior(observed, levels, near, params)
    if months < 2:
        nothing, never = np.zeros(count), np.zeros(count, dtype=bool)
        return Births(posterior, np.full(count, -np.inf), np.ones(count, np.int64), nothing, never, levels)
    likelihood = observed.log_likelihoods(levels)
    # Rows 1 to -1 are the births in a later month; the first and the last history are no change.
    best = np.where(np.isnan(observed.odds[1:]), -np.inf, likelihood[1:-1]).max(axis=0)
    log_ratio = best - np.maximum(likelihood[0], likelihood[-1])
    probability = posterior[1:-1].max(axis=0)
    month = posterior[1:-1].argmax(axis=0) + 1 + params.month_offset
    return Births(
        posterior=posterior,
        log_ratio=log_ratio,
        month=np.clip(month, 1, months - 1),
        probability=probability,
        declared=(log_ratio > params.min_log_ratio) & (probability > params.min_probability),
        levels=levels,
    )


def log_odds(series: Floats) -> Floats:
    """Return the log-odds of probabilities, finite for 0 and 1; NaN stays."""
    odds: Floats = np.log((series + CLEAREST) / (1 - series + CLEAREST))
    return odds


def log_likelihoods(odds: Floats, levels: Levels) -> Floats:
    """Return the log-likelihood of every history, (months + 1, n), by (months, n) log-odds; NaN counts for nothing."""
    before = _log_normal(odds, levels.before, levels.before_spread)
    after = _log_normal(odds, levels.after, levels.after_spread)
    # Born in month k: months 0 to k - 1 come from the level before, k to the last from the level after. So it is the
    # sum of the first k rows of ``before`` (a running sum) and of the others of ``after`` (one from the end).
    nothing = np.zeros((1, odds.shape[1]))
    likelihoods: Floats = np.vstack([nothing, before.cumsum(axis=0)])
    likelihoods += np.vstack([after[::-1].cumsum(axis=0)[::-1], nothing])
    return likelihoods


def _fit_levels(odds: Floats, posterior: Floats, expected: Levels, worth: float) -> Levels:
    """Fit the levels to all months, weighed by the probability that they lie before or after a birth: the M step.

    A candidate counts as much as it was probably born: one that always stood there and flickers would pull the levels
    together.
    """
    # (months, n) each: probability that it was born after month 0 and stands by now, and that it is yet to be born.
    born_by_now = posterior[1:-1].cumsum(axis=0)
    stands = np.vstack([np.zeros_like(posterior[:1]), born_by_now])
    waits = stands[-1] - stands
    before = _level(odds, waits, expected.before, expected.before_spread, worth)
    after = _level(odds, stands, expected.after, expected.after_spread, worth)
    return Levels(*before, *after)


def _level(odds: Floats, weights: Floats, mean: float, spread: float, worth: float) -> tuple[float, float]:
    """Return mean and spread of weighed log-odds, as if ``worth`` further values had the expected ones: a prior."""
    known = ~np.isnan(odds)
    weight, values = weights[known], odds[known]
    total = weight.sum() + worth
    fitted = (weight @ values + worth * mean) / total
    variance = (weight @ (values - fitted) ** 2 + worth * (spread**2 + (mean - fitted) ** 2)) / total
    return float(fitted), float(np.sqrt(variance))


def _posterior(observed: _Observed, levels: Levels, near: csr_array, params: BirthParams) -> Floats:
    """(months + 1, n): posterior of each history, from a candidate's series and its neighbours' births."""
    likelihood = params.evidence_weight * observed.log_likelihoods(levels)
    # (months - 1, n), as are the arrays below: months with evidence, and a prior over them, 0 if there is none.
    possible = ~np.isnan(observed.odds[1:])
    uniform = possible / np.maximum(possible.sum(axis=0), 1)
    posterior = _apply_prior(likelihood, uniform, params.birth_prior)
    for _ in range(ROUNDS if near.nnz else 0):
        # (n, n) @ (n, months - 1), transposed back: the weighed sum of the neighbours' posteriors.
        summed = np.asarray(near @ posterior[1:-1].T).T * possible
        total = summed.sum(axis=0)
        # One certain neighbour nearby counts in full, improbable ones in proportion; none leaves the uniform prior.
        trust = params.neighbour_weight * np.minimum(total, 1)
        share = np.divide(summed, total, out=np.zeros_like(summed), where=total > 0)
        posterior = _apply_prior(likelihood, uniform * (1 - trust) + share * trust, params.birth_prior)
    return posterior


def _log_normal(values: Floats, mean: float, spread: float) -> Floats:
    """Log density of a normal distribution without its constant, which all share; 0 where there is no value."""
    density: Floats = np.nan_to_num(-0.5 * ((values - mean) / spread) ** 2 - np.log(spread))
    return density


def _apply_prior(likelihood: Floats, when: Floats, birth_prior: float) -> Floats:
    """Return the posterior of log-likelihoods, with ``when``, (months - 1, n), as prior over the months of birth."""
    # Born after month 0 with ``birth_prior``; the rest goes in halves to "always" and "never".
    static = np.full((1, likelihood.shape[1]), (1 - birth_prior) / 2)
    with np.errstate(divide="ignore"):  # a month that cannot be the birth has a probability of 0
        weighted = likelihood + np.log(np.vstack([static, birth_prior * when, static]))
    posterior: Floats = np.exp(weighted - logsumexp(weighted, axis=0))
    return posterior


def _neighbour_weights(places: Floats, params: BirthParams) -> csr_array:
    """Return weights (n, n), sparse: a Gaussian of the distance, 0 for itself; empty if neighbours are disabled."""
    count = len(places)
    if not count or not params.neighbour_weight:
        return csr_array((0, 0))
    tree = KDTree(places)
    pairs = tree.sparse_distance_matrix(tree, REACH * params.neighbour_px, output_type="coo_matrix")
    others = pairs.row != pairs.col
    weights = np.exp(-0.5 * (pairs.data[others] / params.neighbour_px) ** 2)
    return csr_array((weights, (pairs.row[others], pairs.col[others])), shape=(count, count))
