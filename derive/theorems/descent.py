"""Steepest descent: the update p -> p - eta g, and why the minus sign.

To first order the cost changes by sum_q g_q (p'_q - p_q), which the update makes -eta ||g||^2 <= 0. Equation
number 3.1.
"""

from __future__ import annotations

from sympy import Expr, IndexedBase

from derive.calculus.normal_form import equal
from derive.equation import Equation
from derive.quantities import Index, eta, total
from derive.theorems.levenberg_marquardt import p_new, p_old, s

gradient = IndexedBase("g")


def descent_update() -> Equation:
    """Return (3.1): p'_q = p_q - eta g_q."""
    q = Index("q", s)
    return Equation("3.1", "descent step", p_new[q], p_old[q] - eta * gradient[q])


def prove_descent(update: Equation) -> bool:
    """Decide that the first-order change of the cost is -eta times a sum of squares."""
    (q,) = update.lhs.indices
    change: Expr = total(gradient[q] * (update.rhs - p_old[q]), q)
    m = Index("m", s)
    return equal(change, -eta * total(gradient[m] ** 2, m))
