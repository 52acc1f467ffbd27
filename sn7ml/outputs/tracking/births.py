"""When a building was born: a change of rate in its series, month by month, with what its neighbours say.

A candidate has one mean footprint probability per month. In log-odds the months before a building stands scatter around one
level, those after around another, higher and wider one, for a roof is finished slowly and seen well or badly::

    log-odds   0 |                  . '  .  ' .      after: N(after_logit, after_spread)
              -2 |             .  '
              -4 | .   .   . '                       before: N(before_logit, before_spread)
              -6 |___'___'___________________
                               ^ birth

The four numbers differ from network to network and from place to place, so they are fitted to the candidates of each AOI.
Then every month has a likelihood of being the month of birth, as have "it always stood there" (month 0) and "there is no
building" (after the last month). With a prior they give a posterior; the ratio of the best month's likelihood to that of
no change is the test for a change point of Hinkley (1970, Biometrika 57, pages 1 to 17), here between two levels that all
candidates share. The brightness of the ground, where it is known, is a second witness of the month (``steps``).

Buildings come in streets. The prior over months is therefore a mixture of an even one and the mean posterior of
the neighbours, taken a few times over.
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
"""Added to p and 1 - p before log-odds are taken, which keeps them within ±log 257: about one step of 8 bits."""

ROUNDS = 4
"""How often neighbours are asked. On the whole real area 8 dropped 2 of 339 declared births and added 3 (a trial; no command
repeats it)."""

FITS = 5
"""How often the levels are fitted. They have not settled by then, but more was no better: on the whole real area the level
before was -5.06 after 5, -5.13 after 10, -5.16 after 20 and -5.20 after 100. Of the 339 births declared after 5, 10 dropped 31
and added 26, 20 dropped 52 and added 30. The change score was 0.248, 0.244, 0.244 and 0.247 (a trial; no command repeats it)."""

REACH = 3.0
"""Neighbours farther than so many standard deviations have no say."""


@dataclass(frozen=True)
class Levels:
    """What the detector says, in log-odds, where nothing stands yet and where a building does."""

    before: float
    before_spread: float
    after: float
    after_spread: float


@dataclass(frozen=True)
class Births:
    """What is known of each candidate's birth."""

    posterior: Floats
    """(months + 1, n): probability that it was born in each month (month 0: stands from the start), and, last, never. Columns
    add up to 1; months without evidence have 0."""

    log_ratio: Floats
    """(n,): log of the likelihood ratio of the best month of birth, of those with evidence, against no change (always or never);
    -inf where there is no such month."""

    month: NDArray[np.int64]
    """(n,): the likeliest month of birth after the first, ``month_offset`` included; 1 where there is one month only."""

    probability: Floats
    """(n,): of that very month."""

    declared: NDArray[np.bool_]
    """(n,): whether the birth passes the ratio test and the F-measure's rule."""

    levels: Levels
    """Those they were judged by."""


@dataclass(frozen=True)
class _Seen:
    """What was seen of the candidates."""

    odds: Floats
    """(months, n) log-odds."""

    steps: Floats
    """(months + 1, n): what their brightness adds to the log-likelihood of each history."""

    def log_likelihoods(self, levels: Levels) -> Floats:
        return log_likelihoods(self.odds, levels) + self.steps


def fit_births(series: Floats, places: Floats, params: BirthParams, shades: Floats | None = None) -> Births:
    """Fit the model to the candidates of one AOI.

    Expectation maximisation: the levels give each candidate's posterior, which says how probably each of its months lies
    before or after a birth, which gives the levels anew.

    Parameters
    ----------
    series
        (months, n) probabilities; NaN where there is no evidence: such a month says nothing and is no month of birth.
    places
        (n, 2) where the candidates lie, pixels of the original image.
    params
        The model.
    shades
        (months, bands, n) brightness, if it is known.

    Examples
    --------
    >>> series = np.array([[0.01, 0.01, 0.01, 0.8, 0.9, 0.9], [0.9, 0.8, 0.9, 0.9, 0.8, 0.9]]).T
    >>> params = BirthParams(before_logit=-5, before_spread=1, after_logit=-1, after_spread=2, levels_worth=20,
    ...     evidence_weight=0.5, brightness_weight=0, birth_prior=0.05, neighbour_px=8, neighbour_weight=0.5, month_offset=0,
    ...     min_log_ratio=1, min_probability=0.2)
    >>> births = fit_births(series, np.array([[0.0, 0.0], [50.0, 0.0]]), params)
    >>> births.month[0], births.declared
    (np.int64(3), array([ True, False]))
    """
    near = _neighbours(places, params)
    expected = Levels(params.before_logit, params.before_spread, params.after_logit, params.after_spread)
    levels, seen = expected, _seen(series, shades, params)
    for _ in range(FITS):
        levels = _fitted(seen.odds, _posterior(seen, levels, near, params), expected, params.levels_worth)
    return _judged(seen, near, params, levels)


def judge_births(
    series: Floats, places: Floats, params: BirthParams, levels: Levels, shades: Floats | None = None
) -> Births:
    """Judge candidates by levels that were fitted to others: see ``fit_births``."""
    return _judged(_seen(series, shades, params), _neighbours(places, params), params, levels)


def _seen(series: Floats, shades: Floats | None, params: BirthParams) -> _Seen:
    months, count = series.shape
    steps = np.zeros((months + 1, count)) if shades is None else step_log_likelihoods(shades)
    return _Seen(log_odds(series), params.brightness_weight * steps)


def _judged(seen: _Seen, near: csr_array, params: BirthParams, levels: Levels) -> Births:
    months, count = seen.odds.shape
    posterior = _posterior(seen, levels, near, params)
    if months < 2:
        nothing, never = np.zeros(count), np.zeros(count, dtype=bool)
        return Births(posterior, np.full(count, -np.inf), np.ones(count, np.int64), nothing, never, levels)
    likelihood = seen.log_likelihoods(levels)
    best = np.where(_possible(seen.odds), likelihood[1:-1], -np.inf).max(axis=0)
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
    """Return the log-likelihood of every history: (months + 1, n), born in month 0, 1, ..., never.

    Parameters
    ----------
    odds
        (months, n) log-odds; NaN says nothing.
    """
    before = _log_normal(odds, levels.before, levels.before_spread)
    after = _log_normal(odds, levels.after, levels.after_spread)
    nothing = np.zeros((1, odds.shape[1]))
    likelihoods: Floats = np.vstack([nothing, before.cumsum(axis=0)])
    likelihoods += np.vstack([after[::-1].cumsum(axis=0)[::-1], nothing])
    return likelihoods


def _fitted(odds: Floats, posterior: Floats, expected: Levels, worth: float) -> Levels:
    """Levels of highest probability, months weighed by how probably they lie before and after a birth.

    Only as far as a candidate was born does it count: what always stood there and flickers would pull the levels together.
    """
    born_by_now = posterior[1:-1].cumsum(axis=0)
    stands = np.vstack([np.zeros_like(posterior[:1]), born_by_now])
    waits = stands[-1] - stands
    before = _level(odds, waits, expected.before, expected.before_spread, worth)
    after = _level(odds, stands, expected.after, expected.after_spread, worth)
    return Levels(*before, *after)


def _level(odds: Floats, weights: Floats, mean: float, spread: float, worth: float) -> tuple[float, float]:
    """Mean and spread of weighed log-odds, pulled to those expected as if these were ``worth`` values more."""
    seen = ~np.isnan(odds)
    weight, values = weights[seen], odds[seen]
    total = weight.sum() + worth
    fitted = (weight @ values + worth * mean) / total
    variance = (weight @ (values - fitted) ** 2 + worth * (spread**2 + (mean - fitted) ** 2)) / total
    return float(fitted), float(np.sqrt(variance))


def _possible(odds: Floats) -> NDArray[np.bool_]:
    """(months - 1, n): months after the first that may be the month of birth."""
    return ~np.isnan(odds[1:])


def _posterior(seen: _Seen, levels: Levels, near: csr_array, params: BirthParams) -> Floats:
    """(months + 1, n): what a candidate's series and its neighbours say of its birth."""
    likelihood = params.evidence_weight * seen.log_likelihoods(levels)
    possible = _possible(seen.odds)
    posterior = _weighed(likelihood, _even(possible), params.birth_prior)
    for _ in range(ROUNDS if near.nnz else 0):
        when = _mixed(posterior[1:-1], near, possible, params.neighbour_weight)
        posterior = _weighed(likelihood, when, params.birth_prior)
    return posterior


def _log_normal(values: Floats, mean: float, spread: float) -> Floats:
    """Log density, without the constant that all share; 0 where there is no value."""
    density: Floats = np.nan_to_num(-0.5 * ((values - mean) / spread) ** 2 - np.log(spread))
    return density


def _even(possible: NDArray[np.bool_]) -> Floats:
    """Prior over months of birth: (months - 1, n), even over those with evidence; columns add up to 1, or to 0 without any."""
    return np.asarray(possible / np.maximum(possible.sum(axis=0), 1), dtype=np.float64)


def _weighed(likelihood: Floats, when: Floats, birth_prior: float) -> Floats:
    """Posterior from likelihoods and a prior over the months of birth."""
    static = np.full((1, likelihood.shape[1]), (1 - birth_prior) / 2)
    with np.errstate(divide="ignore"):  # a month that cannot be the birth has a probability of 0
        weighted = likelihood + np.log(np.vstack([static, birth_prior * when, static]))
    posterior: Floats = np.exp(weighted - logsumexp(weighted, axis=0))
    return posterior


def _neighbours(places: Floats, params: BirthParams) -> csr_array:
    """Weights (n, n), sparse: a Gaussian of the distance, 0 for oneself; (0, 0) where nobody is to be heard."""
    count = len(places)
    if not count or not params.neighbour_weight:
        return csr_array((0, 0))
    tree = KDTree(places)
    pairs = tree.sparse_distance_matrix(tree, REACH * params.neighbour_px, output_type="coo_matrix")
    others = pairs.row != pairs.col
    weights = np.exp(-0.5 * (pairs.data[others] / params.neighbour_px) ** 2)
    return csr_array((weights, (pairs.row[others], pairs.col[others])), shape=(count, count))


def _mixed(posterior: Floats, near: csr_array, possible: NDArray[np.bool_], weight: float) -> Floats:
    """Prior over months from the neighbours' births, a share of it even; who has no neighbour with a birth has the even one."""
    even = _even(possible)
    heard = np.asarray(near @ posterior.T).T * possible
    total = heard.sum(axis=0)
    # One sure neighbour at hand counts in full; the whisper of improbable ones in proportion.
    trust = weight * np.minimum(total, 1)
    mixed: Floats = even * (1 - trust) + np.divide(heard, total, out=np.zeros_like(heard), where=total > 0) * trust
    return mixed
