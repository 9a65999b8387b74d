"""sigma'' of every activation and the second derivative of every loss: proved, and right in numbers."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from activation_code import arrays
from sympy import Rational, cos, exp, lambdify
from test_activations_accuracy import ALL, BY_HAND, EPS, FROM_A_BOUND, GUARDED, OVERFLOWS

from derive.activations import ACTIVATIONS, A, Z, activation
from derive.activations.second import interval, jumps, second_derivative, second_interval
from derive.architecture import Architecture
from derive.costs import COSTS, Y
from derive.errors import NotProvedError
from derive.network import Network
from derive.own_cost import cost as cost_of

OWN = [
    "swoosh: z*tanh(log(1+exp(z)))",
    "root: sqrt(1+z^2)",
    "square: z^2",
    "half: max(z,0)*z",
    "tent: abs(z)",
]


@pytest.mark.parametrize("name", [*ACTIVATIONS, "sigmoid(3,5)", *OWN])
def test_the_second_derivative_is_proved_on_an_interval_around_0(name):
    found = second_interval(activation(name))
    assert found is not None
    assert found[0] <= -30 < 30 <= found[1]


def test_it_is_found_through_a_where_the_slope_is():
    for name in ("sigmoid", "tanh", "elu", "selu", "softplus", "softsign", "exp", "one_minus_exp"):
        assert not second_derivative(activation(name)).has(Z), name
    for name in ("relu", "leaky_relu", "linear"):
        assert second_derivative(activation(name)) == 0


def test_a_wrong_form_is_not_proved():
    sigmoid, sine = activation("sigmoid").definition, activation("sin").definition
    right = second_derivative(activation("sigmoid"))
    for wrong in (-right, 2 * right, right + Rational(1, 1000), right * A, A * (1 - A)):
        assert interval(sigmoid, wrong) is None
    assert interval(sine, cos(Z)) is None
    assert interval(activation("softsign").definition, exp(Z)) is None


def test_the_places_without_a_second_derivative_are_known():
    with_jumps = {"relu", "leaky_relu", "elu", "selu", "softsign"}
    assert {name for name in ACTIVATIONS if jumps(activation(name).definition)} == with_jumps


@pytest.mark.parametrize("name", BY_HAND)
def test_emitted_lines_are_right_in_both_tails(name: str, tmp_path: Path) -> None:
    function = activation(name)
    bent = SimpleNamespace(stable=function.stable, slope=lambda: second_derivative(function))
    with np.errstate(all="raise", under="ignore"):
        _, found = arrays(bent, tmp_path)(ALL)  # type: ignore[arg-type]
    slope, beyond = BY_HAND[name][1], OVERFLOWS.get(name, lambda z: False)
    for z, got in zip(ALL, found, strict=True):
        assert math.isfinite(got), (name, z)
        if beyond(z) or (z == 0 and jumps(function.definition)):
            continue
        with mp.workdps(1500 if abs(z) < 1e-100 else 700):
            h = (abs(mp.mpf(z)) or 1) * mp.mpf(10) ** -200
            at = [slope(mp.mpf(z) + k * h) for k in (-1, 0, 1)]
            wanted = (at[2] - at[0]) / (2 * h)
            around = abs(at[2] - 2 * at[1] + at[0]) / h**2 * abs(mp.mpf(z))  # what a rounding of z changes
        allowed = 16 * EPS * (abs(wanted) + around) + 1e-307
        if name in FROM_A_BOUND | GUARDED:
            allowed += 16 * EPS * 9
        assert abs(mp.mpf(float(got)) - wanted) <= allowed, (name, z, got, mp.nstr(wanted, 20))


@pytest.mark.parametrize("cost", [*COSTS, "mine: (a-y)^4", "poisson: exp(a)-y*a"])
def test_the_second_derivative_of_a_loss_is_that_of_its_definition(cost):
    if cost in ("binary-cross-entropy", "cross-entropy"):
        outputs = {"binary-cross-entropy": "2-1", "cross-entropy": "2-2:softmax"}[cost]
        assert Network(Architecture.parse(outputs, cost)).premises  # there no equation needs it
        return

    loss = lambdify((Y, A), cost_of(cost).definition, "mpmath")
    bend = lambdify((Y, A), cost_of(cost).curvature(), [{"Above": lambda u: mp.mpf(u > 0)}, "mpmath"])
    for target in (0, 0.3, 1, -2):
        for output in (-3.2, -0.4, 0.1, 0.8, 2.9):
            with mp.workdps(40):
                wanted: Any = mp.diff(lambda at, y=target: loss(mp.mpf(y), at), mp.mpf(output), 2)
                assert abs(bend(mp.mpf(target), mp.mpf(output)) - wanted) < 1e-15 * (1 + abs(wanted))


def test_what_cannot_be_proved_is_refused(monkeypatch):
    from derive.activations import second

    monkeypatch.setattr(second, "_candidates", lambda definition, slope: iter([Z]))
    with pytest.raises(NotProvedError, match="no form of the second derivative"):
        second._second.__wrapped__(activation("tanh").definition, activation("tanh").slope())
