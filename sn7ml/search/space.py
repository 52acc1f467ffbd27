"""From the dimensions that ``params.yaml`` declares to values that Optuna draws."""

from collections.abc import Mapping, Sequence

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from sn7ml.params import Choice, Scalar

Values = dict[str, Scalar | None]
"""Dotted key to what a trial sets there; a dimension whose condition does not hold is left out."""

VALUES, GIVEN = "values", "given"
"""Attributes of a trial: what it tries, and what it was told to try, be it inside the space or not."""


def contains(choice: Choice, value: Scalar | None) -> bool:
    """Tell whether a value lies in a dimension of the space."""
    if choice.values:
        return value in choice.values
    assert choice.low is not None
    assert choice.high is not None
    if isinstance(value, bool) or not isinstance(value, int | float) or not choice.low <= value <= choice.high:
        return False
    step = choice.step or (1 if choice.integer else 0)
    return not step or abs((steps := (value - choice.low) / step) - round(steps)) < 1e-9


def applies(choice: Choice, values: Mapping[str, Scalar | None]) -> bool:
    """Tell whether a dimension's conditions hold for the values of those before it."""
    return all(key in values and values[key] in wanted for key, wanted in choice.when.items())


def inside(space: Sequence[Choice], recipe: Mapping[str, Scalar | None]) -> tuple[Values, Values]:
    """Return what a recipe sets of the dimensions that apply to it, and the part of it that Optuna can be given."""
    given: Values = {}
    for choice in space:
        if applies(choice, given):
            given[choice.param] = recipe[choice.param]
    return given, {c.param: given[c.param] for c in space if c.param in given and contains(c, given[c.param])}


def suggest(trial: Trial, space: Sequence[Choice]) -> Values:
    """Draw a value for each dimension that applies, and note them with the trial.

    A trial that was given its values has exactly those; of them, what lies outside the space is unknown to Optuna.
    """
    given: Values = trial.user_attrs.get(GIVEN, {})
    values: Values = {}
    for choice in space:
        if not applies(choice, values):
            continue
        if choice.param in given and not contains(choice, given[choice.param]):
            values[choice.param] = given[choice.param]
        else:
            values[choice.param] = _drawn(trial, choice)
    trial.set_user_attr(VALUES, values)
    return values


def distribution_of(choice: Choice) -> BaseDistribution:
    """Return a dimension in Optuna's words."""
    if choice.values:
        return CategoricalDistribution(choice.values)
    assert choice.low is not None
    assert choice.high is not None
    if choice.integer:
        return IntDistribution(int(choice.low), int(choice.high), log=choice.log, step=int(choice.step or 1))
    return FloatDistribution(choice.low, choice.high, log=choice.log, step=choice.step)


def _drawn(trial: Trial, choice: Choice) -> Scalar | None:
    match distribution_of(choice):
        case CategoricalDistribution(choices=choices):
            return trial.suggest_categorical(choice.param, choices)
        case IntDistribution(low=low, high=high, log=log, step=step):
            return trial.suggest_int(choice.param, low, high, log=log, step=step)
        case FloatDistribution(low=low, high=high, log=log, step=step):
            return trial.suggest_float(choice.param, low, high, log=log, step=step)
        case other:
            raise AssertionError(other)
