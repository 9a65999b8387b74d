"""Activations: the derivative through the output, wrong ones refused, and the form that is computed."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import mpmath
import pytest
from sympy import (
    Abs,
    Expr,
    Integer,
    Min,
    Piecewise,
    Rational,
    cancel,
    erf,
    exp,
    lambdify,
    log,
    sin,
    sinh,
    tanh,
)

from derive.activations import (
    ACTIVATIONS,
    OVERFLOW_GUARD,
    SIGMOID,
    A,
    Activation,
    Z,
    activation,
    derivatives,
    prove_slope,
    prove_through_output,
    scaled_sigmoid,
)
from derive.activations.derivatives import slope_interval
from derive.activations.functions import Above
from derive.activations.table import markdown
from derive.errors import NotProvedError, UserError

POINTS = sorted(
    {sign * size for sign in (-1, 1) for size in (0, 1e-300, 1e-17, 1e-8, 0.1, 0.5, 1, 2, math.pi, 10)}
    | {sign * size for sign in (-1, 1) for size in (36, 37, 40, 100, 300, 500.25, 700, 707.5, 708)}
)
BEYOND = [-708.5, -709.79, -710, -745.2, -1e3, -1e17, -math.inf]


def in_floats(expr: Expr) -> Callable[[float], float]:
    return lambdify(Z, expr, modules=[{"Min": min, "exp": math.exp}])


def logistic(z: float) -> mpmath.mpf:
    return 1 / (1 + mpmath.exp(-mpmath.mpf(z)))


def test_the_derivative_of_the_sigmoid_through_its_output_is_found():
    found = SIGMOID.derivative_through_output()
    assert found == A * (1 - A)
    assert str(found) == "a*(1 - a)"
    assert prove_through_output(SIGMOID.definition, found)


@pytest.mark.parametrize(
    "claimed",
    [
        A * (1 + A),
        A**2,
        -A * (1 - A),
        A - 1,
        A,
        1 - A,
        2 * A * (1 - A),
        A * (1 - A**2),
        Rational(1, 4),
        Integer(0),
        A * (1 - A) + Rational(1, 10**30),
        A * (1 - A) * Z,
        exp(A),
    ],
    ids=str,
)
def test_a_wrong_derivative_is_refused(claimed):
    assert not prove_through_output(SIGMOID.definition, claimed)


@pytest.mark.parametrize("same", [A - A**2, A * (1 - A), -(A**2) + A, (A**2 - A**3) / A], ids=str)
def test_every_spelling_of_the_derivative_is_accepted(same):
    assert prove_through_output(SIGMOID.definition, same)


def test_the_derivative_is_right_in_numbers_too():
    through = lambdify(A, SIGMOID.derivative_through_output(), "mpmath")
    with mpmath.workdps(60):
        for z in POINTS:
            wanted = mpmath.diff(logistic, mpmath.mpf(z)) if abs(z) < 50 else None
            plain = mpmath.exp(-mpmath.mpf(z)) / (1 + mpmath.exp(-mpmath.mpf(z))) ** 2
            assert mpmath.almosteq(plain, through(logistic(z)), rel_eps=mpmath.mpf(10) ** -20, abs_eps=1e-55)
            assert wanted is None or mpmath.almosteq(plain, wanted, rel_eps=1e-15, abs_eps=1e-15)


@pytest.mark.parametrize(
    ("definition", "wanted"),
    [
        (2 / (1 + exp(-Z)) - 1, (1 - A**2) / 2),
        (1 / (1 + exp(Z)), A * (A - 1)),
        (exp(-Z), -A),
        (1 / (1 + exp(15 - 3 * Z)), 3 * A * (1 - A)),
        (5 / (2 + 3 * exp(-Z)), A * (5 - 2 * A) / 5),
    ],
    ids=str,
)
def test_other_functions_of_exp_find_their_own_derivative(definition, wanted):
    found = Activation("other", definition, definition).derivative_through_output()
    assert cancel(found - wanted) == 0
    assert not prove_through_output(definition, found + A)
    assert not prove_through_output(definition, SIGMOID.derivative_through_output())


@pytest.mark.parametrize(
    "definition",
    [Z / (1 + exp(-Z)), exp(-Z) / (1 + exp(-Z)) ** 2, sin(Z), erf(Z), exp(-(Z**2) / 2), sinh(Z), Z**3],
    ids=str,
)
def test_what_does_not_determine_its_derivative_is_refused_and_not_guessed(definition):
    with pytest.raises(NotProvedError, match="expected"):
        Activation("other", definition, definition).derivative_through_output()


THROUGH_OUTPUT = {
    "sigmoid": A * (1 - A),
    "linear": Integer(1),
    "tanh": (1 - A) * (1 + A),
    "relu": Piecewise((1, A > 0), (0, True)),
    "leaky_relu": Piecewise((1, A > 0), (Rational(1, 100), True)),
    "elu": Piecewise((1, A > 0), (1 + A, True)),
    "softplus": 1 - exp(-A),
    "softsign": (1 - Abs(A)) ** 2,
    "exp": A,
    "one_minus_exp": 1 - A,
}
NEEDS_INPUT = {"silu", "gelu", "gelu_tanh", "sin", "gaussian"}
NOT_DIFFERENTIABLE = {"relu": "0", "leaky_relu": "0.01", "selu": "1.7581"}


@pytest.mark.parametrize("name", THROUGH_OUTPUT)
def test_the_derivative_through_the_output_is_found(name):
    found = ACTIVATIONS[name]
    assert found.derivative_through_output() == THROUGH_OUTPUT[name]
    assert prove_through_output(found.definition, THROUGH_OUTPUT[name])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_what_is_computed_is_proved_and_keeps_z_only_where_it_must(name):
    found = ACTIVATIONS[name]
    low, high = found.slope_interval()
    assert low <= -30
    assert high >= 30
    assert found.stable_is_definition()
    assert found.needs_input() == (name in NEEDS_INPUT)
    if found.proposed is None:
        assert prove_slope(found.definition, found.slope())


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("kind", ["plus", "times", "sign", "shift"])
def test_a_mutated_slope_or_stable_form_is_refused(name, kind):
    found = ACTIVATIONS[name]
    tiny = Rational(1, 10**12)
    mutate = {
        "plus": lambda e: e + tiny,
        "times": lambda e: e * (1 + tiny),
        "sign": lambda e: -e,
        "shift": lambda e: e + tiny * Z,
    }[kind]
    left = slope_interval(found.definition, mutate(found.slope()))
    assert left is None or not left[0] < 0 < left[1]
    wrong = Activation("wrong", found.definition, mutate(found.stable))
    assert not wrong.stable_is_definition()
    proposing = Activation("wrong", found.definition, found.stable, mutate(found.slope()))
    with pytest.raises(NotProvedError, match="is not proved"):
        proposing.slope()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_side_condition_stands_where_the_two_sides_differ_and_nowhere_else(name):
    found = ACTIVATIONS[name]
    if name in NOT_DIFFERENTIABLE:
        assert found.side_condition == "z is not 0"
        assert found.convention == f"the derivative at 0 is taken to be {NOT_DIFFERENTIABLE[name]}"
    else:
        assert found.side_condition == found.convention == ""


def test_a_formula_with_a_pole_is_not_the_derivative_there():
    assert prove_slope(Z**3, 3 * Z**2)
    assert not prove_slope(Z**3, 3 * A / Z)


@pytest.mark.parametrize(
    ("definition", "claimed"),
    [
        (Piecewise((Z, Z > 0), (0, True)), Piecewise((1, A > 0), (A, True)) + Above(A)),
        (Piecewise((Z, Z > 0), (0, True)), Piecewise((1, A >= 0), (0, True))),
        (Piecewise((Z, Z > 0), (exp(Z) - 1, True)), Piecewise((1, A > -1), (1 + A, True))),
        (Z / (1 + Abs(Z)), (1 - A) ** 2),
        (tanh(Z), 1 - A),
        (log(1 + exp(Z)), 1 - exp(-2 * A)),
    ],
    ids=str,
)
def test_a_wrong_derivative_by_cases_is_refused(definition, claimed):
    assert not prove_through_output(definition, claimed)


@pytest.mark.parametrize(
    ("name", "resolved"),
    [("logistic", "sigmoid"), ("swish", "silu"), ("identity", "linear"), (" tanh ", "tanh")],
)
def test_aliases_are_resolved(name, resolved):
    assert activation(name) is ACTIVATIONS[resolved]


def test_the_scaled_sigmoid_of_the_notes_has_its_derivative_found():
    found = activation("sigmoid(3,5)")
    assert found.definition == scaled_sigmoid(3, 5)
    assert found.slope() == 3 * A * (1 - A)
    assert activation("sigmoid(-0.5, 2.25)").name == "sigmoid(-0.5,2.25)"
    assert activation(activation("sigmoid(-0.5, 2.25)").name).slope() == -A * (1 - A) / 2


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tahn", "expected an activation among sigmoid, linear, tanh"),
        ("", "expected an activation among"),
        ("sigmoid(0,1)", "expected k other than 0"),
        ("sigmoid(a,b)", "expected two numbers"),
        ("sigmoid(1e9999,1)", "expected two numbers"),
        ("sigmoid(99999999,1)", "expected k and c between"),
        ("x" * 200, "expected an activation among"),
    ],
)
def test_a_name_that_is_not_known_is_refused_in_one_line(name, said):
    with pytest.raises(UserError, match=said) as caught:
        activation(name)
    assert "\n" not in str(caught.value)


def test_a_derivative_that_was_found_wrongly_fails_its_own_proof(monkeypatch):
    monkeypatch.setattr(derivatives, "_tidied", lambda found: found + A)
    definition = 7 / (1 + exp(-Z))
    with pytest.raises(NotProvedError, match="is not proved"):
        Activation("other", definition, definition).derivative_through_output()


def test_the_stable_form_is_the_definition_where_the_guard_is_inactive():
    guards = SIGMOID.stable.atoms(Min)
    assert guards == {Min(-Z, OVERFLOW_GUARD)}
    assert SIGMOID.stable.xreplace(dict.fromkeys(guards, -Z)) == SIGMOID.definition


def test_the_stable_form_is_right_to_the_last_digits_wherever_the_guard_is_inactive():
    computed = in_floats(SIGMOID.stable)
    for z in POINTS:
        value = computed(z)
        with mpmath.workdps(50):
            assert abs(value - logistic(z)) <= 4e-16 * logistic(z)


def test_the_stable_form_neither_overflows_nor_strays_beyond_the_guard():
    computed = in_floats(SIGMOID.stable)
    for z in BEYOND:
        with mpmath.workdps(50):
            assert abs(computed(z) - logistic(z)) < 1e-307
    assert computed(math.inf) == 1
    assert math.isfinite(math.exp(OVERFLOW_GUARD))
    with pytest.raises(OverflowError):
        in_floats(SIGMOID.definition)(-1e3)


def test_sigma_prime_by_differentiation_is_sigma_prime_through_the_output():
    difference = SIGMOID.derivative() - SIGMOID.derivative_through_output().subs(A, SIGMOID.definition)
    assert cancel(difference.subs(exp(-Z), A)) == 0


def test_each_activation_is_listed_under_its_own_name():
    assert all(name == found.name == found.spelling for name, found in ACTIVATIONS.items())
    assert len(ACTIVATIONS) == 16


def test_the_table_in_the_documentation_is_that_of_the_activations():
    text = (Path(__file__).parents[1] / "docs" / "activations.md").read_text(encoding="utf-8")
    assert markdown() in text
