"""From the dimensions that ``params.yaml`` declares to values that Optuna draws."""

from collections.abc import Mapping, Sequence

from optuna.trial import Trial

from sn7ml.params import Choice, Scalar

Values = dict[str, Scalar | None]
"""Dotted key to what a trial sets there; a dimension whose condition does not hold is left out."""

VALUES, GIVEN = "values", "given"
"""Attributes of a trial: what it tries, and what it was given to try, inside the space or not."""


def contains(choice: Choice, value: Scalar | None) -> bool:
    """Return whether a dimension can draw a value."""
    if choice.values:
        return value in choice.values
    low, high = choice.ends
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        return False
    step = choice.step or (1 if choice.integer else 0)
    return not step or abs((steps := (value - low) / step) - round(steps)) < 1e-9


def applies(choice: Choice, values: Mapping[str, Scalar | None]) -> bool:
    """Return whether a dimension's conditions hold for the values of those before it."""
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

    A trial that was given its values has exactly those; Optuna does not learn of values outside the space.
    """
    given: Values = trial.user_attrs.get(GIVEN, {})
    values: Values = {}
    for choice in space:
        if not applies(choice, values):
            continue
        name = choice.param
        if name in given and not contains(choice, given[name]):
            values[name] = given[name]
        elif choice.values:
            values[name] = trial.suggest_categorical(name, choice.values)
        elif choice.integer:
            low, high = map(int, choice.ends)
            values[name] = trial.suggest_int(name, low, high, log=choice.log, step=int(choice.step or 1))
        else:
            values[name] = trial.suggest_float(name, *choice.ends, log=choice.log, step=choice.step)
    trial.set_user_attr(VALUES, values)
    return values
