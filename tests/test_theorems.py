"""Descent and Levenberg-Marquardt: what is stated is proved, and each wrong form of it is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache

import pytest
from evaluation import Evaluation, arbitrary
from sympy import Expr, IndexedBase, Integer, KroneckerDelta, Matrix, Rational, Symbol

from derive import proof
from derive.architecture import Architecture
from derive.calculus.normal_form import equal
from derive.calculus.rules import RULES
from derive.errors import NotProvedError
from derive.quantities import Index, Partial, eta, mu, total
from derive.theorems.descent import descent_update, gradient, prove_descent
from derive.theorems.levenberg_marquardt import (
    J,
    M,
    StepEquations,
    g,
    h,
    model,
    p_new,
    p_old,
    prove_dual,
    prove_primal,
    r,
    s,
    step_equations,
    v,
)

honest = cache(step_equations)


# -- descent -------------------------------------------------------------------------------------------


def test_the_descent_step_is_proved():
    assert prove_descent(descent_update())


@pytest.mark.parametrize(
    "step",
    [
        lambda p, g_q: p + eta * g_q,  # uphill
        lambda p, g_q: eta * g_q,  # as it is often misprinted: p is forgotten
        lambda p, g_q: -eta * g_q,
        lambda p, g_q: p - g_q,
        lambda p, g_q: p - 2 * eta * g_q,
        lambda p, g_q: p - eta**2 * g_q,
        lambda p, g_q: p - eta * p,
        lambda p, g_q: p,
        lambda p, g_q: p - eta * g_q**2,
        lambda p, g_q: 2 * p - eta * g_q,
    ],
)
def test_a_wrong_descent_step_is_refused(step):
    update = descent_update()
    (q,) = update.lhs.indices
    assert not prove_descent(replace(update, rhs=step(p_old[q], gradient[q])))


# -- Levenberg-Marquardt -------------------------------------------------------------------------------


def product_of(q: Expr, q2: Expr) -> Expr:
    """(J J^T)_qq'."""
    k = Index("k", s)
    return total(J[q, k] * J[q2, k], k)


def transposed_product(p: Expr, m: Expr) -> Expr:
    """(J^T J)_pm."""
    q = Index("q", M)
    return total(J[q, p] * J[q, m], q)


def untransposed(p: Expr, entries: IndexedBase) -> Expr:
    """J e where J^T e is right."""
    q = Index("q", M)
    return total(J[p, q] * entries[q], q)


def changed(name: str, side: str, change: Callable[..., Expr]) -> StepEquations:
    """Return the step equations with one side of one of them changed; ``change`` gets it and its indices."""
    step = honest()
    equation = getattr(step, name)
    known = equation.lhs if name not in ("primal", "dual") else equation.rhs
    side_changed = change(getattr(equation, side), *known.indices)
    return replace(step, **{name: replace(equation, **{side: side_changed})})


def subtractive(power: int) -> Callable[..., Expr]:
    """h = g/mu - J^T (mu I + J J^T)^-1 J g / mu^power; J g = J J^T r, which commutes with the inverse."""

    def back(_: Expr, p: Index) -> Expr:
        q, q2 = Index("q", M), Index("q2", M)
        correction = total(J[q, p] * total(product_of(q, q2) * v[q2], q2), q)
        return total(J[q, p] * r[q], q) / mu - correction / mu**power

    return back


WRONG_PRIMAL = {
    "mu dropped": ("normal_matrix", "rhs", lambda rhs, p, m: rhs.subs(mu, 0)),
    "sign of mu": ("normal_matrix", "rhs", lambda rhs, p, m: rhs.subs(mu, -mu)),
    "half of mu": ("normal_matrix", "rhs", lambda rhs, p, m: rhs.subs(mu, mu / 2)),
    "mu on every entry": ("normal_matrix", "rhs", lambda rhs, p, m: transposed_product(p, m) + mu),
    "Marquardt's scaling": (
        "normal_matrix",
        "rhs",
        lambda rhs, p, m: transposed_product(p, m) * (1 + mu * KroneckerDelta(p, m)),
    ),
    "J J^T for J^T J": (
        "normal_matrix",
        "rhs",
        lambda rhs, p, m: product_of(p, m) + mu * KroneckerDelta(p, m),
    ),
    "sign of the right side": ("right_side", "rhs", lambda rhs, p: -rhs),
    "factor in the right side": ("right_side", "rhs", lambda rhs, p: 2 * rhs),
    "J not transposed in the right side": (
        "right_side",
        "rhs",
        lambda rhs, p: untransposed(p, r),
    ),
    "sign in the system": ("primal", "rhs", lambda rhs, p: -rhs),
    "right side forgotten": ("primal", "lhs", lambda lhs, p: lhs + g[p]),
    "step backwards": ("update", "rhs", lambda rhs, p: p_old[p] - h[p]),
    "parameters forgotten": ("update", "rhs", lambda rhs, p: h[p]),
    "half a step": ("update", "rhs", lambda rhs, p: p_old[p] + h[p] / 2),
}

WRONG_DUAL = {
    "mu dropped": ("gram", "rhs", lambda rhs, q, q2: rhs.subs(mu, 0)),
    "sign of mu": ("gram", "rhs", lambda rhs, q, q2: rhs.subs(mu, -mu)),
    "inverse of mu": ("gram", "rhs", lambda rhs, q, q2: rhs.subs(mu, 1 / mu)),
    "J^T J for J J^T": (
        "gram",
        "rhs",
        lambda rhs, q, q2: transposed_product(q, q2) + mu * KroneckerDelta(q, q2),
    ),
    "sign of the right side": ("dual", "rhs", lambda rhs, q: -rhs),
    "factor in the system": ("dual", "lhs", lambda lhs, q: 2 * lhs),
    "sign of the step": ("back", "rhs", lambda rhs, p: -rhs),
    "J not transposed": ("back", "rhs", lambda rhs, p: untransposed(p, v)),
    "J dropped": ("back", "rhs", lambda rhs, p: v[p]),
    "divided by mu": ("back", "rhs", lambda rhs, p: rhs / mu),
    "divided by mu once more": ("back", "rhs", subtractive(2)),
    "sign in the subtractive form": ("back", "rhs", lambda rhs, p: -subtractive(1)(rhs, p)),
}


def test_both_forms_of_the_step_are_proved():
    step = honest()
    assert prove_primal(step)
    assert prove_dual(step)


@pytest.mark.parametrize("name", WRONG_PRIMAL)
def test_a_wrong_normal_system_is_refused(name):
    assert not prove_primal(changed(*WRONG_PRIMAL[name]))


@pytest.mark.parametrize("name", WRONG_DUAL)
def test_a_wrong_dual_system_is_refused(name):
    assert not prove_dual(changed(*WRONG_DUAL[name]))


@pytest.mark.parametrize(
    ("wrong", "claim"),
    [
        (WRONG_PRIMAL["sign of mu"], "Levenberg-Marquardt normal equations"),
        (WRONG_PRIMAL["step backwards"], "Levenberg-Marquardt normal equations"),
        (WRONG_DUAL["sign of mu"], "dual form"),
        (WRONG_DUAL["divided by mu once more"], "dual form"),
    ],
)
def test_nothing_is_emitted_from_a_wrong_step(monkeypatch, wrong, claim):
    step = changed(*wrong)
    monkeypatch.setattr(proof, "step_equations", lambda: step)
    found = proof.prove(Architecture((1, 1)), brute_force=False)
    assert any(v.claim.startswith(claim) and v.holds is False for v in found.verdicts)
    with pytest.raises(NotProvedError, match="not proved for 1-1"):
        found.require()


def at_damping(step: StepEquations, value: Expr) -> StepEquations:
    """Return the step equations with a number for mu."""
    numbers = {mu: value}
    named = ("normal_matrix", "right_side", "primal", "update", "gram", "dual", "back")
    equations = {name: getattr(step, name) for name in named}
    return replace(
        step,
        **{
            name: replace(e, lhs=e.lhs.xreplace(numbers), rhs=e.rhs.xreplace(numbers))
            for name, e in equations.items()
        },
    )


def test_the_subtractive_woodbury_form_is_right_with_one_division_and_wrong_with_two_save_at_one():
    right, misprinted = changed("back", "rhs", subtractive(1)), changed("back", "rhs", subtractive(2))
    assert prove_dual(right)
    assert not prove_dual(misprinted)
    assert prove_dual(at_damping(misprinted, Integer(1))), "which is why one value of mu is no test"
    assert not prove_dual(at_damping(misprinted, Rational(1, 2)))
    assert prove_dual(at_damping(right, Rational(1, 2)))


def test_the_identity_behind_the_subtractive_form_holds_for_every_right_hand_side():
    """(lam I + J^T J) h - g is J^T (J g - (lam I + J J^T) u) / lam, hence zero for the u that it defines."""
    lam = Symbol("lam", positive=True)
    u = v
    p, m, q, q2 = Index("p", s), Index("m", s), Index("q", M), Index("q2", M)

    def residual(power: int) -> Expr:
        def step(at: Index) -> Expr:
            row = Index("q", M)
            return g[at] / lam - total(J[row, at] * u[row], row) / lam**power

        return lam * step(p) + total(transposed_product(p, m) * step(m), m) - g[p]

    misfit = total(J[q, m] * g[m], m) - lam * u[q] - total(product_of(q, q2) * u[q2], q2)
    claimed = total(J[q, p] * misfit, q) / lam
    assert equal(residual(1), claimed)
    assert not equal(residual(2), claimed)
    assert equal(residual(2).subs(lam, 1), claimed.subs(lam, 1))


def test_the_steps_of_the_derivation_chain_and_name_their_rules():
    step = honest()
    for derivation in (step.gradient, step.hessian):
        now = derivation.start
        for each in derivation.steps:
            assert each.before == now
            assert each.rule in RULES
            now = each.after
        assert now == derivation.result
        assert not now.has(Partial)


# -- numbers: more parameters than residuals, so that J^T J alone is singular --------------------------

ROWS, COLUMNS = 2, 3
DAMPING = Fraction(3, 7)


def numbers(more: dict[str, list[Fraction]] | None = None) -> Evaluation:
    def entry(name: str, place: tuple[int, ...]) -> Fraction:
        if name == "mu":
            return DAMPING
        return more[name][place[0] - 1] if more and name in more else arbitrary(name, place)

    return Evaluation({M: ROWS, s: COLUMNS}, entry)


def matrix(equation: object, rows: int, columns: int) -> Matrix:
    row, column = equation.lhs.indices
    value = numbers()
    return Matrix(rows, columns, lambda m, n: Rational(value.of(equation.rhs, {row: m + 1, column: n + 1})))


def vector(lhs: Expr, rhs: Expr, length: int, more: dict[str, list[Fraction]] | None = None) -> Matrix:
    (index,) = lhs.indices
    value = numbers(more)
    return Matrix([Rational(value.of(rhs, {index: m})) for m in range(1, length + 1)])


def as_fractions(values: Matrix) -> list[Fraction]:
    return [Fraction(int(value.p), int(value.q)) for value in values]


def test_the_dual_step_is_the_primal_step_and_minimises_the_damped_model():
    step = honest()
    normal, right = step.normal_matrix, step.right_side
    primal = matrix(normal, COLUMNS, COLUMNS).LUsolve(vector(right.lhs, right.rhs, COLUMNS))
    gram = matrix(step.gram, ROWS, ROWS)
    solved = gram.LUsolve(vector(step.dual.rhs, step.dual.rhs, ROWS))
    dual = vector(step.back.lhs, step.back.rhs, COLUMNS, {"v": as_fractions(solved)})
    assert primal == dual
    found = as_fractions(primal)
    least = numbers({"h": found}).of(model(), {})
    for m in range(COLUMNS):
        for nudge in (Fraction(1, 1000), Fraction(-1, 1000)):
            nudged = [value + nudge * (m == n) for n, value in enumerate(found)]
            assert numbers({"h": nudged}).of(model(), {}) > least
    updated = vector(p_new[step.update.lhs.indices[0]], step.update.rhs, COLUMNS, {"h": found})
    assert as_fractions(updated) == [arbitrary("p", (m + 1,)) + found[m] for m in range(COLUMNS)]
