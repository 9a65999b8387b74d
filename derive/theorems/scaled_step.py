"""The step with a diagonal D in the damping, min ||r - J h||^2 + ridge ||p + h||^2 + mu sum_p D_p h_p^2.

With h_p = scale_p x_p, scale_p = D_p^(-1/2), the system is symmetric and has mu on its diagonal again:

    (5.18) Z_pm = scale_p scale_m S_pm + ridge scale_p^2 delta_pm and (Z + mu I) x = gz, gz_p = scale_p g_p;
    (5.19) the predicted decrease sum_p h_p (g_p + mu D_p h_p) is sum_p x_p (gz_p + mu x_p), (5.8) for x.

D_p is the largest S_pp that was met, after Marquardt (1963) and MINPACK; where it is 0, it counts as 1. A
general D breaks the Gram form: J D^-1 J^T is no sum of products of deltas and activations.
"""

from __future__ import annotations

from functools import cache

from sympy import Expr, Max, Rational

from derive.activations.functions import Above
from derive.equation import Equation
from derive.quantities import Index, IndexedBase, kronecker, mu, total
from derive.theorems.levenberg_marquardt import g, h, s
from derive.theorems.theorem import Given, Part, Theorem, proved
from derive.theorems.trials import S
from derive.theorems.weighted_step import ridge

D = IndexedBase("D")  # D[p], the entries of the diagonal
x = IndexedBase("x")  # x[p] = h[p] / scale[p]
scale = IndexedBase("scale")  # scale[p] = D[p]^(-1/2)
Z = IndexedBase("Z")  # the scaled matrix
gz = IndexedBase("gz")  # the scaled right-hand side
column = IndexedBase("column")  # column[p], the squared norm of a column of J
largest, grown = IndexedBase("largest"), IndexedBase("grown")  # the largest of them before, and with this one


# -- what is computed -----------------------------------------------------------------------------------


def diagonal() -> tuple[Equation, Equation]:
    """Return how the largest squares grow, and the scales."""
    p = Index("p", s)
    never = 1 - Above(grown[p])  # 1 where the column has always been 0
    return (
        Equation("5.18", "largest square", grown[p], _greater(largest[p], column[p])),
        Equation("5.18", "scale", scale[p], _greater(grown[p], never) ** Rational(-1, 2)),
    )


def _greater(u: Expr, v: Expr) -> Expr:
    """Return the greater of two letters, or of a letter and what holds another: nothing tells them apart."""
    return Max(u, v, evaluate=False)


def scaled_system() -> tuple[Equation, Equation]:
    """Return (5.18)."""
    p, m = Index("p", s), Index("m", s)
    matrix = scale[p] * scale[m] * S[p, m] + ridge * scale[p] ** 2 * kronecker(p, m)
    return (
        Equation("5.18", "scaled matrix", Z[p, m], matrix),
        Equation("5.18", "scaled right-hand side", gz[p], scale[p] * g[p]),
    )


def unscaled() -> Equation:
    """Return h, given x."""
    p = Index("p", s)
    return Equation("5.18", "step of the scaled system", h[p], scale[p] * x[p])


# -- proofs ---------------------------------------------------------------------------------------------


def _inverse() -> Equation:
    p = Index("p", s)
    return Equation("", "scale = D^(-1/2)", D[p], scale[p] ** -2)


def system() -> tuple[Part, Part]:
    """Derive (5.18): (Z + mu I) x - gz is (S + ridge I + mu D) h - g, each row times its scale."""
    p, m, n = Index("p", s), Index("m", s), Index("n", s)
    matrix = S[p, m] + (ridge + mu * D[p]) * kronecker(p, m)
    rows = scale[p] * (total(matrix * h[m], m) - g[p])
    kept = ridge * scale[p] ** 2 * x[p] + mu * x[p] - scale[p] * g[p]
    both = total(scale[p] * scale[n] * S[p, n] * x[n], n) + kept
    start = total(Z[p, m] * x[m], m) + mu * x[p] - gz[p]
    uses, scaled = (unscaled(), _inverse()), scaled_system()
    return (
        proved(Equation("5.18", "rows times their scales", rows, both), Given(uses), uses),
        proved(Equation("5.18", "scaled system", start, both), Given(scaled), scaled),
    )


def prediction() -> Part:
    """Derive (5.19)."""
    p, m = Index("p", s), Index("m", s)
    start = total(h[p] * (g[p] + mu * D[p] * h[p]), p)
    claimed = total(x[m] * (scale[m] * g[m] + mu * x[m]), m)
    uses = (unscaled(), _inverse())
    return proved(Equation("5.19", "predicted decrease, scaled", start, claimed), Given(uses), uses)


@cache
def scaled_step() -> Theorem:
    """State and prove the step with a diagonal in the damping."""
    return Theorem(
        "scaled",
        "A diagonal in the damping",
        ("mu > 0 and D_p > 0", "h_p = scale_p x_p and D_p = scale_p^-2"),
        (*system(), prediction()),
        "with every unknown scaled, a diagonal in the damping is the identity again",
    )
