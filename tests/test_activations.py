"""Activations: the derivative through the output, wrong ones refused, and the form that is computed."""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath
import pytest
from sympy import Expr, Integer, Min, Rational, cancel, exp, lambdify, log, tanh

from derive import activations
from derive.activations import (
    ACTIVATIONS,
    OVERFLOW_GUARD,
    SIGMOID,
    A,
    Activation,
    Z,
    prove_through_output,
)
from derive.errors import NotProvedError

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
    [Z, tanh(Z), log(1 + exp(Z)), Z / (1 + exp(-Z)), Integer(1), exp(-Z) / (1 + exp(-Z)) ** 2],
    ids=str,
)
def test_what_is_not_rational_in_exp_is_refused_and_not_guessed(definition):
    with pytest.raises(NotProvedError, match="expected"):
        Activation("other", definition, definition).derivative_through_output()


def test_a_derivative_that_was_found_wrongly_fails_its_own_proof(monkeypatch):
    monkeypatch.setattr(activations, "factor", lambda found: found + A)
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
    assert {name: activation.name for name, activation in ACTIVATIONS.items()} == {"sigmoid": "sigmoid"}
