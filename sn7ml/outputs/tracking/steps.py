"""Where the ground itself changed: the brightness of a candidate, cut in two at every month.

A roof is seldom as bright as the field that it stands on. The network is asked about each month by itself and sees a house
well or badly; the colour of the ground, before and after, is one more witness of the month.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_SPREAD = 0.02
"""Deviation, in those of the frame, that any series has at least: the values are kept in steps of 1/32."""


def step_log_likelihoods(shades: Floats) -> Floats:
    """Tell how much likelier one step in brightness is, at every month, than none.

    Each band scatters around one level before the step and around another after it, with one variance that is not known
    beforehand: with RSS the sum of squares left over, the log-likelihood at its best is -N/2 log RSS (Hinkley 1970,
    Biometrika 57, pages 1 to 17). The further level of each band is paid for with log(N) / 2, as in Schwarz's criterion.

    Parameters
    ----------
    shades
        (months, bands, n) brightness; NaN where there is no evidence.

    Returns
    -------
    (months + 1, n)
        Log of the ratio of likelihoods: 0 for no step (rows 0, "always", and last, "never"), else a step at that month.
        Also 0 where one side of the step has no evidence.

    Examples
    --------
    >>> found = step_log_likelihoods(np.array([0.0, 0.1, 1.0, 1.1]).reshape(4, 1, 1))
    >>> found.argmax(), found[[0, 4]].tolist()
    (np.int64(2), [[0.0], [0.0]])
    """
    months, _, count = shades.shape
    seen = ~np.isnan(shades)
    values = np.where(seen, shades, 0)
    number, total, squares = seen.cumsum(axis=0), values.cumsum(axis=0), (values**2).cumsum(axis=0)
    floor = LEAST_SPREAD**2 * number[-1]
    none = _left_over(number[-1], total[-1], squares[-1]) + floor
    steps = np.zeros((months + 1, count))
    for month in range(1, months):
        before = number[month - 1], total[month - 1], squares[month - 1]
        after = tuple(whole[-1] - part for whole, part in zip((number, total, squares), before, strict=True))
        left = _left_over(*before) + _left_over(*after) + floor
        judged = ((before[0] > 0) & (after[0] > 0)).all(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):  # candidates without any evidence
            gain = number[-1] / 2 * np.log(none / left) - np.log(number[-1]) / 2
        steps[month, judged] = gain.sum(axis=0)[judged]
    return steps


def _left_over(number: NDArray[np.int64], total: Floats, squares: Floats) -> Floats:
    """Sum of squares around the mean."""
    return np.asarray(np.maximum(squares - total**2 / np.maximum(number, 1), 0), dtype=np.float64)
