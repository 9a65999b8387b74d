"""The second derivative of a loss, and whether it is proved to be at least 0."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mpmath
import pytest
from sympy import Abs, Symbol, exp, expand, log, oo, sqrt, sympify

from derive import Architecture
from derive.activations import A
from derive.activations.numbers import value
from derive.activations.regions import Region
from derive.costs import COSTS, Y
from derive.errors import NotProvedError
from derive.network import Network
from derive.nonnegative import nonnegative
from derive.own_cost import cost
from derive.theorems.convex import applies

ELEMENTWISE = ["quadratic", "log-cosh", "huber", "binary-cross-entropy"]
OWN = ["four: (a-y)^4", "poisson: exp(a) - y*a", "pseudo: sqrt(1+(a-y)^2)-1", "cauchy: log(1+(a-y)^2)"]
T = Symbol("t", real=True)


@pytest.mark.parametrize("name", [*ELEMENTWISE, *OWN])
def test_the_curvature_is_the_second_difference_of_the_loss(name):
    loss, curvature = cost(name).definition, cost(name).curvature()
    with mpmath.workdps(40):
        step = mpmath.mpf("1e-10")
        for target, found in [(0.3, 0.9), (0.0, 0.25), (1.0, 0.5), (0.7, 0.1)]:
            at = [{Y: mpmath.mpf(target), A: mpmath.mpf(found) + k * step} for k in (-1, 0, 1)]
            behind, here, ahead = (value(loss, place) for place in at)
            assert abs(value(curvature, at[1]) - (behind - 2 * here + ahead) / step**2) < 1e-12


def test_huber_bends_inside_its_square_and_not_outside():
    curvature = cost("huber").curvature()
    found = [value(curvature, {Y: mpmath.mpf(0), A: mpmath.mpf(r)}) for r in (-2, 0, 2)]
    assert found == [0, 1, 0]


def test_a_wrong_curvature_is_refused():
    huber = cost("huber")
    for wrong in (-huber.proposed_curvature, A / A, huber.proposed_curvature + 1):
        with pytest.raises(NotProvedError, match="curvature"):
            replace(huber, proposed_curvature=wrong).curvature()


@pytest.mark.parametrize(
    ("name", "convex"),
    [
        ("quadratic", True),
        ("log-cosh", True),
        ("huber", True),
        ("four: (a-y)^4", True),
        ("poisson: exp(a) - y*a", True),
        ("pseudo: sqrt(1+(a-y)^2)-1", True),
        ("logist: log(1+exp(a)) - y*a", True),
        ("one_sided: max(a-y, 0)^2", True),
        ("cauchy: log(1+(a-y)^2)", False),
        ("welsch: 1-exp(-(a-y)^2)", False),
        ("hill: -(a-y)^2", False),
        ("wave: (a-y)^2 + 3*cos(a-y)", False),
        ("six: (a-y)^6-3*(a-y)^4+4*(a-y)^2", False),
    ],
)
def test_convexity_is_proved_where_it_holds_and_never_where_it_does_not(name, convex):
    assert cost(name).convex is convex


@pytest.mark.parametrize(
    ("expr", "wanted"),
    [
        (T**2 - 2 * T + 1, True),
        (T**2 - 2 * T + 2, True),
        (T**2 - 2 * T, False),
        (T**4 - T**2 + 1, True),
        (T**3, False),
        (exp(2 * T) - exp(T) + 1, False),  # true, but not seen: a no is no proof of the contrary
        (exp(T) - 1, False),
        (1 / (1 + T**2) ** 2 - 1 / (1 + T**2) ** 3, True),
        (sqrt(1 + T**2) - sqrt(1 + T**2), True),
        (log(1 + T**2), False),
        ((T**2 - 2) ** 2 * exp(T) - 0, True),
    ],
)
def test_a_sign_is_proved_only_if_it_is_so(expr, wanted):
    assert nonnegative(expr) is wanted
    if wanted:
        assert all(expr.subs(T, t / 4).evalf() >= 0 for t in range(-20, 21))


@pytest.mark.parametrize(
    ("expr", "low", "high", "wanted"),
    [
        (1 / sqrt(T), 0, oo, True),
        (1 / T, 0, oo, True),
        (1 / T, -oo, 0, False),
        (T - 1, 1, 2, True),
        (T - 1, 0, 2, False),
        (1 - T, -oo, 1, True),
        (Abs(T) - 1, 1, oo, True),
        (Abs(T) - 1, 0, oo, False),
        (T**3 - T, 0, 1, False),
        (T - T**3, 0, 1, True),
    ],
)
def test_a_sign_on_a_part_of_the_line_is_proved_only_if_it_is_so_there(expr, low, high, wanted):
    assert nonnegative(expr, Region(sympify(low), sympify(high))) is wanted


def test_every_known_cost_has_a_curvature():
    assert all(found.curvature() is not None for found in COSTS.values())


def test_the_documentation_lists_every_cost_with_its_curvature_and_its_step():
    text = (Path(__file__).parents[1] / "docs" / "costs.md").read_text(encoding="utf-8")
    rows = {row.split("`")[1]: row for row in text.splitlines() if row.startswith("| `")}
    distance = Symbol("r", real=True)
    for name, found in COSTS.items():
        shape = f"2-2:{found.output or 'linear'}"
        network = Network(Architecture.parse(shape, name))
        assert (f"| {'z[L]' if found.output else 'a[L]'} |") in rows[name]
        assert ("of a sum of squares" in rows[name]) == (applies(network) == "of a sum of squares")
        assert not applies(network).startswith("not")
        if found.output is None:
            form = expand(found.curvature().xreplace({A: distance + Y}))
            assert f"`{form}`" in rows[name] or name == "huber"
