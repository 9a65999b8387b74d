"""Steepest descent: the first-order change, Cauchy-Schwarz with its equality case, the update.

To first order the cost changes by sum_q g_q d_q for a step d. By Lagrange's identity

    sum_p f_p^2 sum_q g_q^2 - (sum_p f_p g_p)^2 = 1/2 sum_p sum_q (f_p g_q - f_q g_p)^2 >= 0,

which is Cauchy-Schwarz. There is equality if and only if every square is 0: f_p g_q = f_q g_p, which for
g_q /= 0 makes f_p = (f_q/g_q) g_p, a multiple of g; (3.4) is the converse. So among all steps of one
length the change is least along -g. Equation numbers 3.x.
"""

from __future__ import annotations

from sympy import Expr, Integer, Rational, Symbol

from derive.equation import Equation
from derive.quantities import Index, IndexedBase, eta, total
from derive.theorems.levenberg_marquardt import p_new, p_old, s
from derive.theorems.theorem import Given, Part, Theorem, proved

gradient = IndexedBase("g")
f = IndexedBase("f")
c = Symbol("c", real=True)


def descent_update() -> Equation:
    """Return (3.1): p'_q = p_q - eta g_q."""
    q = Index("q", s)
    return Equation("3.1", "descent step", p_new[q], p_old[q] - eta * gradient[q])


def first_order_change(update: Equation) -> Part:
    """Derive (3.2): the first-order change of the cost under an update is -eta ||g||^2."""
    m, k = Index("m", s), Index("q", s)
    start = total(gradient[k] * (p_new[k] - p_old[k]), k)
    equation = Equation("3.2", "first-order change", start, -eta * total(gradient[m] ** 2, m))
    return proved(equation, Given((update,)), (update,))


def cauchy_schwarz() -> Part:
    """Derive (3.3), Lagrange's identity: the defect of Cauchy-Schwarz is a sum of squares."""
    k, m, r = Index("k", s), Index("m", s), Index("r", s)
    start = total(f[k] ** 2, k) * total(gradient[m] ** 2, m) - total(f[r] * gradient[r], r) ** 2
    return proved(Equation("3.3", "Cauchy-Schwarz", start, _squares()), Given())


def equality_case() -> Part:
    """Derive (3.4): the squares vanish where f is a multiple of g."""
    q = Index("q", s)
    parallel = Equation("", "f = c g", f[q], c * gradient[q])
    return proved(Equation("3.4", "equality", _squares(), Integer(0)), Given((), (parallel,)), (parallel,))


def _squares() -> Expr:
    p, q = Index("p", s), Index("q", s)
    return Rational(1, 2) * total((f[p] * gradient[q] - f[q] * gradient[p]) ** 2, p, q)


def prove_descent(update: Equation) -> bool:
    """Decide that the first-order change of the cost is -eta times a sum of squares."""
    return first_order_change(update).holds


def steepest_descent() -> Theorem:
    """State and prove why the step goes against the gradient."""
    return Theorem(
        "descent",
        "Steepest descent",
        ("the cost is differentiable at p, and g is its gradient there", "eta > 0", "f = c g in (3.4)"),
        (first_order_change(descent_update()), cauchy_schwarz(), equality_case()),
        "the first-order change is -eta ||g||^2 <= 0; no step of the same length has a smaller one, and only "
        "steps parallel to -g have the same",
    )
