"""How many parameters the samples determine, from either matrix.

For S = J^T J, G = J J^T, P = (S + ridge I)^-1 and K = (G + ridge I)^-1,

    (5.16) tr(S P) = tr(G K): both are sum_qm J_qm X_mq for X = P J^T, which is J^T K by push-through (4.3);
    (5.17) tr(S P) = sum_i lambda_i / (lambda_i + ridge), lambda_i being the eigenvalues of S; likewise for G.

This is the effective number of parameters, gamma, of MacKay (1992) and of Foresee and Hagan (1997). With
weights J and G stand for Jt and Gt.
"""

from __future__ import annotations

from functools import cache

from sympy import Expr, Max, Symbol

from derive.equation import Equation
from derive.quantities import Index, IndexedBase, kronecker, total
from derive.theorems.levenberg_marquardt import J, M, s
from derive.theorems.theorem import Given, Part, Theorem, proved
from derive.theorems.trials import S
from derive.theorems.weighted_step import ridge

P, K = IndexedBase("P"), IndexedBase("K")  # the two inverses
X = IndexedBase("X")  # P J^T
V = IndexedBase("V")  # V[p, i], entry p of eigenvector i
W = IndexedBase("W")  # V^T V
values = IndexedBase("values")  # values[i], an eigenvalue
gamma = Symbol("gamma")


def effective() -> Equation:
    """Return (5.17) as it is computed: an eigenvalue that rounding made negative counts as 0."""
    i = Index("i", s)
    positive = Max(values[i], 0)
    return Equation("5.17", "effective parameters", gamma, total(positive / (positive + ridge), i))


def traces() -> tuple[Part, Part]:
    """Derive (5.16): tr(S P), and tr(G K), from the same sum."""
    p, m, q, q2 = Index("p", s), Index("m", s), Index("q", M), Index("q'", M)
    primal = Equation("", "X = P J^T", X[m, q], total(P[m, p] * J[q, p], p))
    dual = Equation("4.3", "push-through", X[m, q], total(J[q2, m] * K[q2, q], q2))
    of_primal = total(total(J[q, p] * J[q, m], q) * P[m, p], p, m)
    of_dual = total(total(J[q, m] * J[q2, m], m) * K[q2, q], q, q2)
    start = total(J[q, m] * X[m, q], q, m)
    return (
        proved(Equation("5.16", "trace, primal", start, of_primal), Given((), (primal,)), (primal,)),
        proved(Equation("5.16", "trace, dual", start, of_dual), Given((), (dual,)), (dual,)),
    )


def by_eigenvalues() -> tuple[Part, Part, Part]:
    """Derive (5.17): tr(S P) in eigenvectors, and what it is where they are orthonormal."""
    p, m, n, i, j = Index("p", s), Index("m", s), Index("n", s), Index("i", s), Index("j", s)
    matrix = Equation("", "S = V lambda V^T", S[p, m], total(V[p, i] * values[i] * V[m, i], i))
    inverse = Equation(
        "", "P = V (lambda + ridge)^-1 V^T", P[p, m], total(V[p, i] * V[m, i] / (values[i] + ridge), i)
    )
    product = Equation("", "W = V^T V", W[i, j], total(V[m, i] * V[m, j], m))
    unit = Equation("", "V^T V = I", W[i, j], kronecker(i, j))

    def start() -> Expr:
        return total(values[i] / (values[j] + ridge) * W[i, j] * W[j, i], i, j)

    def put_in(x: Index, y: Index, at: Index) -> Expr:
        return total(V[x, at] * values[at] * V[y, at], at)

    other = total(V[n, j] * V[p, j] / (values[j] + ridge), j)
    apart = total(put_in(p, n, i) * other, p, n)
    trace = total(S[p, m] * P[m, p], p, m)
    lowest = total(values[i] / (values[i] + ridge), i)
    return (
        proved(Equation("5.17", "trace", trace, apart), Given((), (matrix, inverse)), (matrix, inverse)),
        proved(Equation("5.17", "trace in eigenvectors", start(), apart), Given((), (product,)), (product,)),
        proved(Equation("5.17", "effective parameters", start(), lowest), Given((), (unit,)), (unit,)),
    )


@cache
def evidence() -> Theorem:
    """State and prove that both matrices give the same effective number of parameters."""
    return Theorem(
        "evidence",
        "The effective number of parameters",
        (
            "ridge > 0, so that P and K, the inverses of both matrices with the ridge on the diagonal, exist",
            "X = P J^T, which is J^T K by push-through",
            "S = J^T J is symmetric: S = V lambda V^T with V V^T = V^T V = I",
            "so P = V (lambda + ridge)^-1 V^T",
        ),
        (*traces(), *by_eigenvalues()),
        "the trace of S P is that of G K: how many parameters the samples determine. It is the sum over the "
        "eigenvalues of either matrix, each over itself plus the ridge; those that only one has are 0",
    )
