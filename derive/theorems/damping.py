"""What the damping does: descent for every mu > 0, Gauss-Newton at one end, steepest descent at the other.

With A = J^T J + mu I, g = J^T r and A h = g:

    (2.8)  g^T h = ||J h||^2 + mu ||h||^2, which is positive unless h = 0: h leads downhill;
    (2.9)  at mu = 0 the matrix is J^T J, the normal matrix of Gauss-Newton;
    (2.10) for u = mu h and t = 1/mu, (I + t J^T J) u = g, which at t = 0 is u = g: steepest descent.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import Expr, IndexedBase, KroneckerDelta, Symbol

from derive.calculus.derivation import Derivation
from derive.calculus.normal_form import Rewrite
from derive.quantities import Index, mu, total
from derive.theorems.levenberg_marquardt import A, J, M, StepEquations, g, h, r, s, step_equations
from derive.theorems.theorem import Part, Theorem, compared

u = IndexedBase("u")
t = Symbol("t", positive=True)  # 1/mu


def descent_direction(step: StepEquations) -> Part:
    """Derive (2.8): g^T h = ||J h||^2 + mu ||h||^2."""
    p, m, q, k, n = Index("p", s), Index("m", s), Index("q", M), Index("k", s), Index("n", s)
    start = total(g[p] * h[p], p)
    unfolded = total(total(A[p, m] * h[m], m) * h[p], p)
    claimed = total(total(J[q, k] * h[k], k) ** 2, q) + mu * total(h[n] ** 2, n)
    return compared("2.8", "descent direction", start, claimed, [(unfolded, "(2.3)")], _normal_matrix(step))


def gauss_newton(step: StepEquations) -> Part:
    """Derive (2.9): without damping the normal matrix is J^T J."""
    p, m = step.normal_matrix.lhs.indices
    q = Index("q", M)
    without = step.normal_matrix.rhs.subs(mu, 0)
    return compared(
        "2.9", "Gauss-Newton limit", A[p, m], total(J[q, p] * J[q, m], q), [(without, "(2.1) at mu = 0")]
    )


def steepest_limit(step: StepEquations) -> Part:
    """Derive (2.10): A h = (I + t J^T J) u for u = mu h and t = 1/mu."""
    p, m, k, q = Index("p", s), Index("m", s), Index("k", s), Index("q", M)
    start = total(A[p, m] * h[m], m)
    unfolded = total(A[p, m] * u[m] * t, m)
    matrix = KroneckerDelta(p, k) + t * total(J[q, p] * J[q, k], q)
    claimed = total(matrix * u[k], k)
    inverse: dict[Expr, Expr] = {mu: 1 / t}
    return compared(
        "2.10",
        "steepest descent limit",
        start,
        claimed,
        [(unfolded, "u = mu h")],
        _normal_matrix(step, inverse),
    )


def _normal_matrix(step: StepEquations, values: dict[Expr, Expr] | None = None) -> Rewrite:
    """Return the rewriting that puts (2.1) in the place of A."""
    p, m = step.normal_matrix.lhs.indices

    def unfold(quantity: Expr) -> Expr | None:
        if getattr(quantity, "base", None) != A:
            return None
        row, column = quantity.indices
        return step.normal_matrix.rhs.xreplace({p: row, m: column, **(values or {})})

    return unfold


def levenberg_marquardt() -> Theorem:
    """State and prove the step and what its damping does."""
    step = step_equations()
    (p,) = step.gradient.start.v.indices
    m, q = Index("m", s), Index("q", M)
    matrix = total(J[q, p] * J[q, m], q) + mu * KroneckerDelta(p, m)
    claimed = total(matrix * h[m], m) - total(J[q, p] * r[q], q)
    last = compared("2.3", "normal equations", step.gradient.result, claimed)
    whole = Derivation(step.gradient.start, (*step.gradient.steps, *last.derivation.steps))
    gradient = replace(last, equation=replace(last.equation, lhs=whole.start), derivation=whole)
    return Theorem(
        "levenberg-marquardt",
        "The Levenberg-Marquardt step and its damping",
        ("mu > 0", "J is the Jacobian of F at p, r = y - F(p), and F is replaced by F(p) + J h"),
        (gradient, descent_direction(step), gauss_newton(step), steepest_limit(step)),
        "the minimiser h of ||r - J h||^2 + mu ||h||^2 solves (J^T J + mu I) h = J^T r and leads downhill",
    )
