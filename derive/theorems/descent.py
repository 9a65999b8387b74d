"""Steepest descent: the first-order change, Cauchy-Schwarz with its equality case, the update.

To first order the cost changes by sum_q g_q d_q for a step d. By Lagrange's identity

    sum_p f_p^2 sum_q g_q^2 - (sum_p f_p g_p)^2 = 1/2 sum_p sum_q (f_p g_q - f_q g_p)^2 >= 0,

which is Cauchy-Schwarz, with equality if and only if f and g are parallel. So among all steps of one
length the change is least along -g. Equation numbers 3.x.
"""

from __future__ import annotations

from sympy import IndexedBase, Rational

from derive.equation import Equation
from derive.quantities import Index, eta, total
from derive.theorems.levenberg_marquardt import p_new, p_old, s
from derive.theorems.theorem import Part, Theorem, compared

gradient = IndexedBase("g")
f = IndexedBase("f")


def descent_update() -> Equation:
    """Return (3.1): p'_q = p_q - eta g_q."""
    q = Index("q", s)
    return Equation("3.1", "descent step", p_new[q], p_old[q] - eta * gradient[q])


def first_order_change(update: Equation) -> Part:
    """Derive (3.2): the first-order change of the cost under an update is -eta ||g||^2."""
    (q,) = update.lhs.indices
    m, k = Index("m", s), Index("q", s)
    start = total(gradient[k] * (p_new[k] - p_old[k]), k)
    unfolded = total(gradient[q] * (update.rhs - p_old[q]), q)
    claimed = -eta * total(gradient[m] ** 2, m)
    return compared("3.2", "first-order change", start, claimed, [(unfolded, "the update")])


def cauchy_schwarz() -> Part:
    """Derive (3.3), Lagrange's identity: the defect of Cauchy-Schwarz is a sum of squares."""
    p, q = Index("p", s), Index("q", s)
    k, m, r = Index("k", s), Index("m", s), Index("r", s)
    start = total(f[k] ** 2, k) * total(gradient[m] ** 2, m) - total(f[r] * gradient[r], r) ** 2
    squares = Rational(1, 2) * total((f[p] * gradient[q] - f[q] * gradient[p]) ** 2, p, q)
    return compared("3.3", "Cauchy-Schwarz", start, squares)


def prove_descent(update: Equation) -> bool:
    """Decide that the first-order change of the cost is -eta times a sum of squares."""
    return first_order_change(update).holds


def steepest_descent() -> Theorem:
    """State and prove why the step goes against the gradient."""
    return Theorem(
        "descent",
        "Steepest descent",
        ("the cost is differentiable at p, and g is its gradient there", "eta > 0"),
        (first_order_change(descent_update()), cauchy_schwarz()),
        "the first-order change is -eta ||g||^2 <= 0; no step of the same length has a smaller one, and only "
        "steps parallel to -g have the same",
    )
