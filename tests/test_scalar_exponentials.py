"""Steps in scalars take exp without a guard or a sign; where it overflows, they are taken again with one."""

from __future__ import annotations

import math
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sympy import Expr, Min, Symbol, exp

from derive import package_python
from derive.architecture import Architecture
from derive.equation import Equation
from derive.package import render
from derive.printers.numpy import comment
from derive.printers.python import assignment_line
from derive.program.routines import forward_equations
from derive.program.scalar_exponentials import of_weighted_inputs, put_together, without_guards
from derive.program.scalars import Assignment
from derive.proof import Proof, prove
from derive.verification.python_file import verify_python
from derive.verification.verify import Verifier

u, v, w, x = (Symbol(name, real=True) for name in "uvwx")
FIRST, SECOND, THIRD = (Equation(number, number, u, v) for number in ("0.2", "0.3", "1.1"))


@cache
def proved(text: str, cost: str = "quadratic") -> Proof:
    return prove(Architecture.parse(text, cost), brute_force=False)


def lines(*assigned: tuple[str, Expr, Equation]) -> list[str]:
    given = [Assignment(*each) for each in assigned]
    return [assignment_line(item) for item in of_weighted_inputs(without_guards(given))]


# -- the passes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [-700.0, -30.0, -1e-3, 0.0, 0.5, 40.0, 700.0])
@pytest.mark.parametrize("argument", [-u, u, 15 - 3 * u])
def test_what_is_taken_without_a_guard_is_the_same_where_it_does_not_bind(at: float, argument: Expr) -> None:
    guarded = 1 / (1 + exp(Min(argument, 708)))
    (found,) = without_guards([Assignment("f", guarded, SECOND)])
    assert not found.value.has(Min)
    if argument.subs(u, at) < 708 and -argument.subs(u, at) < 708:
        here = (float(each.evalf(30, subs={u: at})) for each in (found.value, guarded))
        assert math.isclose(*here, rel_tol=1e-15)


def test_v_is_not_negated_in_a_logistic_function() -> None:
    (found,) = without_guards([Assignment("a", 1 / (1 + exp(Min(-u, 708))), SECOND)])
    assert found.value == exp(u) / (1 + exp(u))


@pytest.mark.parametrize(
    "kept", [exp(Min(u, 0)), exp(Min(u, v, 708)), Min(u, 708), exp(-u), 1 / (1 + exp(-u))]
)
def test_other_bounds_stay(kept: Expr) -> None:
    assert without_guards([Assignment("f", kept, SECOND)])[0].value == kept


def test_a_weighted_input_that_exp_alone_reads_is_not_named() -> None:
    assert lines(("z", u * v, FIRST), ("a", exp(Symbol("z")), SECOND)) == ["a = exp(u*v)"]


def test_a_weighted_input_is_named_where_more_than_exp_reads_it() -> None:
    z = Symbol("z")
    both = lines(("z", u * v, FIRST), ("a", exp(z), SECOND), ("d", z, THIRD))
    assert both == ["z = u*v", "a = exp(z)", "d = z"]


def test_all_weighted_inputs_of_a_layer_are_named_or_none() -> None:
    z1, z2 = Symbol("z1"), Symbol("z2")
    found = lines(
        ("z1", u, FIRST), ("z2", v, FIRST), ("a1", exp(z1), SECOND), ("a2", exp(z2), SECOND), ("d", z2, THIRD)
    )
    assert found[:2] == ["z1 = u", "z2 = v"]


def test_what_is_assigned_after_a_parameter_moved_is_named() -> None:
    z, p = Symbol("z"), Symbol("p")
    found = lines(("p", p - u, THIRD), ("z", u * p, FIRST), ("a", exp(z), SECOND))
    assert found == ["p = p - u", "z = p*u", "a = exp(z)"]


def test_the_comment_has_both_equations_in_one() -> None:
    first, second = (item.equation for item in forward_equations(proved("2-2-3-2").network)[2:4])
    joined = comment(put_together(first, second))
    assert joined == "(0.2, 0.3) a[3]_ij = s(sum_k w[3]_jk a[2]_ik + b[3]_j)"


# -- saturated networks ----------------------------------------------------------------------------------


def imported(text: str) -> Any:
    module = ModuleType("step")
    exec(compile(text, "step", "exec"), module.__dict__)  # noqa: S102
    return module


NETWORKS = [
    ("2-2-3-2", "quadratic"),
    ("2-3:sigmoid(3,5)-2:sigmoid", "binary-cross-entropy"),
    ("2-3:sigmoid-3:softmax", "cross-entropy"),
    ("2-3:sigmoid-2:tanh", "log-cosh"),
]


@pytest.mark.parametrize(("text", "cost"), NETWORKS)
@pytest.mark.parametrize("scale", [1.0, 100.0, 1e4, 1e9])
def test_steps_of_a_saturated_network_are_those_by_the_gradient(text: str, cost: str, scale: float) -> None:
    (source,) = package_python.render(proved(text, cost)).values()
    net = imported(source)
    rng = np.random.default_rng(1)
    X = (rng.standard_normal((6, 2)) * scale).tolist()
    Y = [[1.0, *([0.0] * (net.N_OUTPUTS - 1))]] * 6
    p = [value * 2 for value in rng.standard_normal(net.N_PARAMETERS)]
    by_gradient = p.copy()
    for row, target in zip(X, Y, strict=True):
        g = net.gradient(by_gradient, [row], [target])
        by_gradient = [value - 0.25 * slope for value, slope in zip(by_gradient, g, strict=True)]
    net.sgd(p, X, Y, eta=0.25, indices=range(6))
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p, by_gradient, rtol=1e-9, atol=1e-12)


def test_a_step_that_overflows_leaves_p_to_the_step_with_a_bound() -> None:
    (source,) = package_python.render(proved("2-2-3-2")).values()
    net = imported(source)
    p = [1.0] * net.N_PARAMETERS
    before = p.copy()
    samples = [[0.5, 0.5], [1e4, 1e4]], [[1.0, 0.0]] * 2
    with pytest.raises(OverflowError):
        net._descend(p, *samples, [0, 1], 0.5, math.exp)
    assert p == before
    net._steps(p, *samples, [0, 1], 0.5)
    bounded = before.copy()
    net._descend(bounded, *samples, [0, 1], 0.5, net._bounded_exp)
    assert p == bounded != before


# -- the reader ------------------------------------------------------------------------------------------

WRONG = [
    ("_descend(p, X, Y, rows, eta, exp)", "_descend(p, X, Y, rows, eta, abs)"),
    ("_descend(p, X, Y, rows, eta, exp)", "_descend(p, Y, X, rows, eta, exp)"),
    ("_descend(p, X, Y, rows, eta, exp)", "_descend(p, X, Y, rows[1:], eta, exp)"),
    ("_descend(p, X, Y, rows, eta, _bounded_exp)", "_descend(p, X, Y, rows, -eta, _bounded_exp)"),
    ("_descend(p, X, Y, rows, eta, _bounded_exp)", "_descend(p, X, Y, rows, eta, exp)"),
    ("_descend(p, X, Y, rows, eta, _bounded_exp)", "pass"),
    ("except OverflowError:", "except ValueError:"),
    ("return exp(u if u < 708.0 else 708.0)", "return exp(u)"),
    ("return exp(u if u < 708.0 else 708.0)", "return exp(u if u > 708.0 else 708.0)"),
    ("return exp(u if u < 708.0 else 708.0)", "return exp(u if u < 707.0 else 707.0)"),
    ("from math import exp", "from math import expm1 as exp"),
    ("def _bounded_exp(u: float)", "def _bounded_exp(u: float, v: float = 0.0)"),
    ("t1 = exp(W2_1_1*X_1", "t1 = exp(-W2_1_1*X_1"),
    ("t1 = exp(W2_1_1*X_1", "t1 = exp(W2_1_2*X_1"),
    ("a2_1 = t1/(t1 + 1.0)", "a2_1 = t2/(t1 + 1.0)"),
    ("a2_1 = t1/(t1 + 1.0)", "a2_1 = t1/(t1 + 2.0)"),
    ("a2_1 = t1/(t1 + 1.0)", "a2_1 = 1.0/(t1 + 1.0)"),
    ("t1 = exp(", "exp = exp("),
    (", exp: Callable[[float], float]", ""),
    ("_descend", "descend"),
]


@pytest.mark.parametrize(("old", "new"), WRONG)
def test_a_step_that_is_handed_something_else_or_is_wrong_is_refused(old: str, new: str) -> None:
    verifier, files = package()
    text = files["sample_steps.py"]
    assert old in text
    assert not verifier.holds(files | {"sample_steps.py": text.replace(old, new)})


@cache
def package() -> tuple[Verifier, dict[str, str]]:
    verifier, files = Verifier(proved("2-2-3-2")), render(proved("2-2-3-2"))
    assert verifier.holds(files)
    return verifier, files


def test_a_step_without_a_guard_that_nobody_catches_is_refused() -> None:
    verifier, files = package()
    head, _, body = files["sample_steps.py"].partition("def _descend(")
    loose = head[: head.index("def sample_steps(")] + "def sample_steps(" + body
    assert not verifier.holds(
        files | {"sample_steps.py": loose.replace(", exp: Callable[[float], float]", "")}
    )


@pytest.mark.parametrize(("text", "cost"), [*NETWORKS, ("2-2:exp-2:silu=2-2:sigmoid+1", "huber")])
def test_other_networks_are_proved_as_well(text: str, cost: str) -> None:
    file = package_python.render(proved(text, cost))
    assert verify_python(file, proved(text, cost), file).holds
