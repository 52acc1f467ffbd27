"""Ratios of summed counts."""


def precision_recall_f1(tp: int, fp: int, fn: int) -> tuple[float, float, float]:
    """Return the three ratios of summed counts.

    A ratio of nothing is 0, as the challenge's scorer has it: it stays a number that can be logged, compared and
    searched, and finding nothing is never rewarded.

    >>> precision_recall_f1(tp=3, fp=1, fn=3)
    (0.75, 0.5, 0.6)
    >>> precision_recall_f1(0, 0, 0)
    (0.0, 0.0, 0.0)
    """
    if min(tp, fp, fn) < 0:
        raise ValueError(f"counts cannot be negative, got tp={tp}, fp={fp}, fn={fn}")
    return ratio(tp, tp + fp), ratio(tp, tp + fn), ratio(tp, tp + (fp + fn) / 2)


def ratio(part: float, whole: float) -> float:
    """Return ``part / whole``, or 0 where there is nothing."""
    return float(part / whole) if whole > 0 else 0.0
