"""The decrease of the sum of squares that a step predicts, without another product with J.

With E = r - J h, the residual of the linear model at the step h,

    (5.5)  E = mu v in the dual, where (J J^T + mu I) v = r and h = J^T v;
    (5.6)  ||r||^2 - ||E||^2 = sum_q (r_q - mu v_q)(r_q + mu v_q);
    (5.7)  J^T E = mu h in the primal, where (J^T J + mu I) h = J^T r;
    (5.8)  ||r||^2 - ||E||^2 = sum_p h_p (g_p + mu h_p).

(5.9) only says that J^T J and J^T r are sums over samples, to be added up chunk by chunk.
"""

from __future__ import annotations

from functools import cache

from sympy import Expr, Symbol

from derive.calculus.derivation import Deriving
from derive.calculus.rules import DEFINITION, PREMISE
from derive.equation import Equation
from derive.quantities import Index, IndexedBase, mu, total
from derive.theorems.levenberg_marquardt import A, J, M, StepEquations, g, h, r, s, step_equations, v
from derive.theorems.theorem import Given, Part, Theorem, proved

E = IndexedBase("E")  # E[q], the residual of the linear model
S = IndexedBase("S")  # S[p, m], the normal matrix without damping
part_S, part_g = IndexedBase("part_S"), IndexedBase("part_g")  # sums over further samples
all_S, all_g = IndexedBase("all_S"), IndexedBase("all_g")  # sums over all of them
decrease = Symbol("decrease")  # ||r||^2 - ||r - J h||^2


def dual_decrease() -> Equation:
    """Return (5.6) as it is computed."""
    q = Index("q", M)
    predicted = total((r[q] - mu * v[q]) * (r[q] + mu * v[q]), q)
    return Equation("5.6", "predicted decrease, dual", decrease, predicted)


def primal_decrease() -> Equation:
    """Return (5.8) as it is computed."""
    p = Index("p", s)
    return Equation("5.8", "predicted decrease, primal", decrease, total(h[p] * (g[p] + mu * h[p]), p))


def normal_matrix() -> Equation:
    """Return J^T J, which (2.11) derives, with a letter of its own."""
    p, m, q = Index("p", s), Index("m", s), Index("q", M)
    return Equation("2.11", "Gauss-Newton matrix", S[p, m], total(J[q, p] * J[q, m], q))


def sums_over_chunks() -> tuple[Equation, Equation]:
    """Return (5.9): a sum over samples is the sum over some of them and the sum over the others."""
    p, m = Index("p", s), Index("m", s)
    return (
        Equation("5.9", "sum over chunks", all_S[p, m], S[p, m] + part_S[p, m]),
        Equation("5.9", "sum over chunks", all_g[p], g[p] + part_g[p]),
    )


def dual_residual(step: StepEquations) -> Part:
    """Derive (5.5)."""
    q = Index("q", M)
    system = Equation(step.dual.number, step.dual.name, step.dual.rhs, step.dual.lhs)
    given = Given((step.gram,), (step.back, system))
    equation = Equation("5.5", "residual of the model, dual", _misfit(q), mu * v[q])
    return proved(equation, given, (step.back, system, step.gram))


def dual_prediction() -> Part:
    """Derive (5.6) from (5.5)."""
    q, m = Index("q", M), Index("q", M)
    misfit = Equation("5.5", "residual of the model, dual", E[m], mu * v[m])
    difference = total(r[q] ** 2 - E[q] ** 2, q)
    equation = Equation("5.6", "predicted decrease, dual", difference, dual_decrease().rhs)
    return proved(equation, Given((), (misfit,)), (misfit,))


def primal_residual(step: StepEquations) -> Part:
    """Derive (5.7) as what the normal equations say: A h - g = mu h - J^T (r - J h)."""
    p, m, q = Index("p", s), Index("m", s), Index("q", M)
    uses = (step.normal_matrix, step.right_side)
    claimed = mu * h[p] - total(J[q, p] * _misfit(q), q)
    equation = Equation("5.7", "residual of the model, primal", total(A[p, m] * h[m], m) - g[p], claimed)
    return proved(equation, Given(uses), uses)


def primal_prediction(step: StepEquations) -> Part:
    """Derive (5.8) from (5.7)."""
    q, p, k = Index("q", M), Index("p", s), Index("k", s)
    here, there = Index("q", M), Index("q", M)
    model = Equation("", "E = r - J h", r[here], E[here] + total(J[here, k] * h[k], k))
    normal = Equation("5.7", "residual of the model, primal", h[p], total(J[there, p] * E[there], there) / mu)
    claimed = total(r[q] ** 2 - E[q] ** 2, q)
    given = Given((step.right_side,), (model, normal))
    equation = Equation("5.8", "predicted decrease, primal", primal_decrease().rhs, claimed)
    work = Deriving(equation.lhs, given)
    work.unfold(step.right_side.lhs, step.right_side.rhs, DEFINITION, "(2.2)")
    (m,) = equation.lhs.variables
    work.step(PREMISE, mu * h[m], mu * normal.rhs.xreplace({p: m}), "(5.7)")
    work.unfold(model.lhs, model.rhs, PREMISE, model.name)
    squares = total(model.rhs.xreplace({here: q}) ** 2 - E[q] ** 2, q)
    reason = "" if work.arrive(squares) else "the two sides differ in their normal form"
    work.step(PREMISE, work.now, claimed, model.name)
    return Part(equation, work.done(), given, reason)


def _misfit(q: Expr) -> Expr:
    p = Index("p", s)
    return r[q] - total(J[q, p] * h[p], p)


@cache
def trials() -> Theorem:
    """State and prove what further trials of the damping rest on."""
    step = step_equations()
    return Theorem(
        "trials",
        "Other values of the damping at the same parameters",
        ("mu > 0", "E = r - J h", "h and v are the steps (2.3) and (2.6)"),
        (dual_residual(step), dual_prediction(), primal_residual(step), primal_prediction(step)),
        "the decrease of the sum of squares that the linear model predicts needs no further product with J",
    )
