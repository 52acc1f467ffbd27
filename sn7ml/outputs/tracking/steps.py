"""Steps in brightness: the series of a candidate, cut in two at every month.

A roof is seldom as bright as the field it was built on. The network looks at each month by itself and sees a house well
or badly; the colour of the ground before and after is further evidence of the month of birth.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_SPREAD = 0.02
"""Least spread of a series, in standard deviations of the frame: values are stored in steps of 1/32."""


def step_log_likelihoods(shades: Floats) -> Floats:
    """Return how much likelier one step in brightness at every month is than none.

    Each band scatters around one level before the step and around another after it, with one unknown variance. With
    RSS, the residual sum of squares, the largest log-likelihood is -N/2 log RSS (Hinkley 1970, Biometrika 57, pages 1
    to 17). The second level of each band costs log(N) / 2, as in Schwarz's criterion.

    ``shades`` are (months, bands, n) brightness; NaN where there is no evidence. Gives the log of the ratio of
    likelihoods, (months + 1, n): 0 for no step (rows 0, "always", and last, "never"), else a step at that month; also 0
    where one side of the step has no evidence.

    >>> found = step_log_likelihoods(np.array([0.0, 0.1, 1.0, 1.1]).reshape(4, 1, 1))
    >>> found.argmax(), found[[0, 4]].tolist()
    (np.int64(2), [[0.0], [0.0]])
    """
    months, _, count = shades.shape
    # number, total and squares are running sums, (months, bands, n); their last rows are the sums of the whole.
    seen = ~np.isnan(shades)
    values = np.where(seen, shades, 0)
    number, total, squares = seen.cumsum(axis=0), values.cumsum(axis=0), (values**2).cumsum(axis=0)
    floor = LEAST_SPREAD**2 * number[-1]
    none = _residuals(number[-1], total[-1], squares[-1]) + floor
    steps = np.zeros((months + 1, count))
    for month in range(1, months):
        before = number[month - 1], total[month - 1], squares[month - 1]
        after = tuple(whole[-1] - part for whole, part in zip((number, total, squares), before, strict=True))
        left = _residuals(*before) + _residuals(*after) + floor
        judged = ((before[0] > 0) & (after[0] > 0)).all(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):  # candidates without any evidence
            gain = number[-1] / 2 * np.log(none / left) - np.log(number[-1]) / 2
        steps[month, judged] = gain.sum(axis=0)[judged]
    return steps


def _residuals(number: NDArray[np.int64], total: Floats, squares: Floats) -> Floats:
    """Sum of squares around the mean: RSS = sum of x² - (sum of x)² / N, not below 0 where rounding would."""
    return np.asarray(np.maximum(squares - total**2 / np.maximum(number, 1), 0), dtype=np.float64)
