"""Dimensions of a search: what they contain, when they apply, what is drawn from them."""

import optuna
import pytest
from optuna.study import Study

from sn7ml.params import Choice
from sn7ml.search.space import GIVEN, Values, applies, contains, inside, suggest

SPACE = (
    Choice(param="method", values=("adamw", "sgd")),
    Choice(param="momentum", low=0.5, high=1.0, step=0.25, when={"method": ("sgd",)}),
    Choice(param="months", low=0, high=6, step=2, integer=True),
    Choice(param="nesterov", values=(True, False), when={"method": ("sgd",), "momentum": (0.5,)}),
)


@pytest.fixture
def study() -> Study:
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=7))


@pytest.mark.parametrize(
    ("choice", "within", "without"),
    [
        (Choice(param="a", values=("x", None)), ["x", None], ["y", 0]),
        (Choice(param="a", low=0.1, high=0.7, step=0.2), [0.1, 0.3, 0.5, 0.7], [0.2, 0.9, "x", None]),
        (Choice(param="a", low=1, high=3, integer=True), [1, 2, 3], [0, 4, 1.5, True]),
        (Choice(param="a", low=0.5, high=1.0), [0.5, 0.77, 1], [0.4, True]),
    ],
)
def test_a_dimension_contains_what_it_can_draw(choice: Choice, within: list[object], without: list[object]) -> None:
    assert all(contains(choice, value) for value in within)  # type: ignore[arg-type]
    assert not any(contains(choice, value) for value in without)  # type: ignore[arg-type]


def test_numbers_are_drawn_in_steps_and_integers_are_integers(study: Study) -> None:
    drawn = [suggest(study.ask(), SPACE) for _ in range(40)]
    months = [values["months"] for values in drawn]
    assert set(months) == {0, 2, 4, 6}
    assert {type(month) for month in months} == {int}
    assert {values["momentum"] for values in drawn if "momentum" in values} == {0.5, 0.75, 1.0}


def test_a_dimension_is_drawn_just_where_its_conditions_hold(study: Study) -> None:
    drawn = [suggest(study.ask(), SPACE[:3]) for _ in range(40)]
    assert {("momentum" in values, values["method"]) for values in drawn} == {(True, "sgd"), (False, "adamw")}


def test_all_conditions_must_hold_and_one_on_a_dimension_that_is_left_out_does_not() -> None:
    last = SPACE[3]
    assert applies(last, {"method": "sgd", "momentum": 0.5})
    assert not applies(last, {"method": "sgd", "momentum": 0.75})
    assert not applies(last, {"method": "adamw"})


def test_given_values_are_tried_as_they_are_inside_the_space_or_not(study: Study) -> None:
    recipe: Values = {"method": "sgd", "momentum": 0.9, "months": 4, "nesterov": True, "other": 1.0}
    given, known = inside(SPACE, recipe)
    assert given == {"method": "sgd", "momentum": 0.9, "months": 4}  # nesterov wants a momentum of 0.5
    assert known == {"method": "sgd", "months": 4}
    study.enqueue_trial(known, user_attrs={GIVEN: given})
    trial = study.ask()
    assert suggest(trial, SPACE) == given
    assert trial.params == known
