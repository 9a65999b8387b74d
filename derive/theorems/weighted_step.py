"""The step for weighted rows and a ridge: min ||t (r - J h)||^2 + ridge ||p + h||^2 + mu ||h||^2.

t_q are square roots of the weights of the residuals; J, r and J J^T with these factors are Jt, rt and Gt, and
shift = mu + ridge, share = ridge / shift. Then

    (5.10) rt - Jt h = t (r - J h), Gt_qq' = t_q t_q' (J J^T)_qq' and Jt^T v = J^T w for w_q = t_q v_q;
    (5.11) the normal matrix Jt^T Jt + shift I, the second derivative of the damped model;
    (5.12) its right-hand side Jt^T rt - ridge p, minus half of the objective's slope;
    (5.13) h = Jt^T v - share p, where (Gt + shift I) v = rt + share Jt p;
    (5.14) the predicted decrease of ||t r||^2 + ridge ||p||^2 is sum_p h_p (g_p + mu h_p), g being (5.12);
    (5.15) J p is how the outputs move along p, (7.1)-(7.3) for the direction p.

With t = 1 this is the step of a ridge alone; without a ridge it is (2.1)-(2.7) for Jt and rt.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from sympy import Expr, Integer, Symbol

from derive.calculus.derivation import Deriving
from derive.calculus.rules import DEFINITION, PREMISE
from derive.equation import Equation
from derive.network import Network
from derive.quantities import Index, IndexedBase, N, Partial, Ra, kronecker, mu, total
from derive.theorems.along_parameters import forward_along_p
from derive.theorems.levenberg_marquardt import A, G, J, M, g, h, p_old, r, s, v
from derive.theorems.theorem import Given, Part, Theorem, proved
from derive.theorems.trials import E

t = IndexedBase("t")  # t[q], the factor of a row of J and of r
Jt, rt = IndexedBase("Jt"), IndexedBase("rt")  # J and r with these factors
JJ, JJt = IndexedBase("JJ"), IndexedBase("JJt")  # J J^T, and with these factors
tv = IndexedBase("tv")  # tv[q] = t[q] v[q]
Jp = IndexedBase("Jp")  # J p
pulled = IndexedBase("pulled")  # pulled[p], an entry of Jt^T v or of Jt^T rt
ridge = Symbol("ridge", positive=True)
shift = Symbol("shift", positive=True)  # mu + ridge
share = Symbol("share", positive=True)  # ridge / shift

kept = Symbol("kept")  # half of ridge ||p + h||^2
RIDGE = "half of the ridge's part"


# -- what is computed -----------------------------------------------------------------------------------


def weighed_rows_computed(outputs: Expr) -> tuple[Equation, Equation]:
    """Return (5.10) for rows of J and r, a residual being output c of sample i."""
    i, c, p = Index("i", N), Index("c", outputs), Index("p", s)
    return (
        Equation("5.10", "weighed rows", Jt[i, c, p], t[i, c] * J[i, c, p]),
        Equation("5.10", "weighed residual", rt[i, c], t[i, c] * r[i, c]),
    )


def weighed_gram_computed(outputs: Expr) -> tuple[Equation, Equation]:
    """Return (5.10) for J J^T and r."""
    i, c, n, d = Index("i", N), Index("c", outputs), Index("s", N), Index("d", outputs)
    weighed = t[i, c] * t[n, d] * JJ[i, c, n, d]
    matrix = Equation("5.10", "weighed Gram matrix", JJt[i, c, n, d], weighed)
    return matrix, weighed_rows_computed(outputs)[1]


def weighed_vector_computed(outputs: Expr) -> Equation:
    """Return (5.10) for v."""
    i, c = Index("i", N), Index("c", outputs)
    return Equation("5.10", "weighed vector", tv[i, c], t[i, c] * v[i, c])


def shifts() -> tuple[Equation, Equation]:
    """Return what (5.13) takes of mu and of the ridge."""
    return (
        Equation("5.13", "damping with ridge", shift, mu + ridge),
        Equation("5.13", "share of the ridge", share, ridge / shift),
    )


def slope_with_ridge() -> Equation:
    """Return (5.12), given Jt^T rt."""
    p = Index("p", s)
    return Equation("5.12", "slope with ridge", g[p], pulled[p] - ridge * p_old[p])


def step_with_ridge() -> Equation:
    """Return (5.13), given Jt^T v."""
    p = Index("p", s)
    return Equation("5.13", "step with ridge, dual", h[p], pulled[p] - share * p_old[p])


def along_p(network: Network) -> tuple[tuple[Equation, ...], tuple[Part, ...]]:
    """Derive J p: (7.1)-(7.3) with p as the direction, and (5.15); return them, and their proofs."""
    moved = forward_along_p(network)
    i, c = Index("i", N), network.index("c", network.depth)
    last = Equation("5.15", "product of J and p", Jp[i, c], Ra[network.depth, i, c])
    parts = tuple(part for one in moved for part in (one.found, one.turned) if part is not None)
    return (*(one.equation for one in moved), last), parts


# -- proofs ---------------------------------------------------------------------------------------------


def weighed_rows() -> tuple[Equation, Equation]:
    """Return what Jt and rt stand for."""
    q, p = Index("q", M), Index("p", s)
    return (
        Equation("", "Jt = t J", Jt[q, p], t[q] * J[q, p]),
        Equation("", "rt = t r", rt[q], t[q] * r[q]),
    )


def weighed_misfit() -> Part:
    """Derive rt - Jt h = t (r - J h)."""
    q, p, m = Index("q", M), Index("p", s), Index("m", s)
    rows = weighed_rows()
    claimed = t[q] * (r[q] - total(J[q, m] * h[m], m))
    equation = Equation("5.10", "weighed misfit", rt[q] - total(Jt[q, p] * h[p], p), claimed)
    return proved(equation, Given(rows), rows)


def weighed_gram() -> Part:
    """Derive Gt = t t' J J^T."""
    q, q2, p, m = Index("q", M), Index("q'", M), Index("p", s), Index("m", s)
    rows = weighed_rows()[:1]
    claimed = t[q] * t[q2] * total(J[q, m] * J[q2, m], m)
    equation = Equation("5.10", "weighed Gram matrix", total(Jt[q, p] * Jt[q2, p], p), claimed)
    return proved(equation, Given(rows), rows)


def weighed_product() -> Part:
    """Derive Jt^T v = J^T (t v)."""
    q, p, k = Index("q", M), Index("p", s), Index("q", M)
    rows = weighed_rows()[:1]
    claimed = total(J[k, p] * (t[k] * v[k]), k)
    equation = Equation("5.10", "product with weighed rows", total(Jt[q, p] * v[q], q), claimed)
    return proved(equation, Given(rows), rows)


def gradient() -> Part:
    """Derive what the ridge adds to the gradient (2.8) of the damped model, with Jt and rt for J and r."""
    p, m = Index("p", s), Index("m", s)
    meaning = ridge / 2 * total((p_old[m] + h[m]) ** 2, m)
    given = Given((Equation("", RIDGE, kept, meaning),))
    work = Deriving(Partial(kept, h[p]), given).step(DEFINITION, kept, meaning, RIDGE).differentiate()
    claimed = ridge * (p_old[p] + h[p])
    reason = "" if work.arrive(claimed) else "the two sides differ in their normal form"
    equation = Equation("5.12", "gradient of the ridge", Partial(kept, h[p]), claimed)
    return Part(equation, work.done(), given, reason)


@dataclass(frozen=True)
class WeightedEquations:
    """The systems of the step, with free indices that range over s or M."""

    matrix: Equation
    right: Equation
    gram: Equation
    dual: Equation  # rt, as the dual system has it
    back: Equation


def weighted_equations() -> WeightedEquations:
    """Return (5.11)-(5.13); the parts of the theorem prove that they are the step."""
    p, m, k, n = Index("p", s), Index("m", s), Index("k", s), Index("n", s)
    q, q2, o = Index("q", M), Index("q'", M), Index("o", M)
    gram = total(Jt[q, k] * Jt[q2, k], k) + shift * kronecker(q, q2)
    return WeightedEquations(
        Equation("5.11", "normal matrix", A[p, m], total(Jt[q, p] * Jt[q, m], q) + shift * kronecker(p, m)),
        Equation("5.12", "right-hand side", g[p], total(Jt[q, p] * rt[q], q) - ridge * p_old[p]),
        Equation("5.13", "damped Gram matrix", G[q, q2], gram),
        Equation(
            "5.13",
            "dual system",
            rt[q],
            total(G[q, o] * v[o], o) - share * total(Jt[q, n] * p_old[n], n),
        ),
        Equation("5.13", "step from the dual", h[p], total(Jt[q, p] * v[q], q) - share * p_old[p]),
    )


_SHIFT = Equation("", "mu = shift - ridge", mu, shift - ridge)
_SHARE = Equation("", "share = ridge / shift", share, ridge / shift)


def normal_equations() -> Part:
    """Derive (5.11) and (5.12): A h - g is the gradient (2.8) of the damped model and that of the ridge."""
    p, q, m, k = Index("p", s), Index("q", M), Index("m", s), Index("k", s)
    found = weighted_equations()
    misfit = rt[q] - total(Jt[q, k] * h[k], k)
    claimed = mu * h[p] + ridge * (p_old[p] + h[p]) - total(Jt[q, p] * misfit, q)
    summed = Equation("", "shift = mu + ridge", shift, mu + ridge)
    equation = Equation("5.11", "normal equations", total(A[p, m] * h[m], m) - g[p], claimed)
    uses = (found.matrix, found.right, summed)
    return proved(equation, Given(uses), uses)


def dual() -> Part:
    """Derive (5.13): A h - g vanishes for h = Jt^T v - share p."""
    p, m = Index("p", s), Index("m", s)
    found = weighted_equations()
    equation = Equation("5.13", "dual solves primal", total(A[p, m] * h[m], m) - g[p], Integer(0))
    uses = (found.back, found.matrix, found.right, found.dual, found.gram, _SHARE)
    definitions = (found.matrix, found.right, found.gram, _SHARE)
    return proved(equation, Given(definitions, (found.back, found.dual)), uses)


def predicted() -> Part:
    """Derive (5.14): sum_p h_p (g_p + mu h_p) is what the objective falls by, if F is linear."""
    p, q, k, here, there = Index("p", s), Index("q", M), Index("k", s), Index("q", M), Index("q", M)
    m = Index("m", s)
    right = weighted_equations().right
    misfit = Equation("", "E = rt - Jt h", rt[here], E[here] + total(Jt[here, k] * h[k], k))
    at_step = (total(Jt[there, p] * E[there], there) - ridge * (p_old[p] + h[p])) / mu
    normal = Equation("5.11", "normal equations", h[p], at_step)
    falls = total(rt[q] ** 2 - E[q] ** 2, q)
    claimed = falls + ridge * total(p_old[m] ** 2 - (p_old[m] + h[m]) ** 2, m)
    given = Given((right,), (misfit, normal))
    equation = Equation("5.14", "predicted decrease with ridge", total(h[p] * (g[p] + mu * h[p]), p), claimed)
    work = Deriving(equation.lhs, given)
    work.unfold(right.lhs, right.rhs, DEFINITION, "(5.12)")
    (n,) = equation.lhs.variables
    work.step(PREMISE, mu * h[n], mu * at_step.xreplace({p: n}), "(5.11)")
    work.unfold(misfit.lhs, misfit.rhs, PREMISE, misfit.name)
    squares = total(misfit.rhs.xreplace({here: q}) ** 2 - E[q] ** 2, q)
    put_in = squares + ridge * total(p_old[m] ** 2 - (p_old[m] + h[m]) ** 2, m)
    reason = "" if work.arrive(put_in) else "the two sides differ in their normal form"
    work.step(PREMISE, work.now, claimed, misfit.name)
    return Part(equation, work.done(), given, reason)


@cache
def weighted_step() -> Theorem:
    """State and prove the step of a weighted objective with a ridge."""
    return Theorem(
        "weighted",
        "Weighted rows and a ridge",
        (
            "mu > 0 and ridge > 0; without a ridge the step is that of Jt and rt alone",
            "Jt_qp = t_q J_qp and rt_q = t_q r_q",
            "shift = mu + ridge and share = ridge / shift",
            "the objective is ||t r||^2 + ridge ||p||^2, and E = rt - Jt h",
            "A h = g in (5.14)",
            "(Gt + shift I) v = rt + share Jt p and h = Jt^T v - share p in (5.13)",
        ),
        (
            weighed_misfit(),
            weighed_gram(),
            weighed_product(),
            gradient(),
            normal_equations(),
            dual(),
            predicted(),
        ),
        "factors of the rows enter J J^T twice and J^T v once; a ridge adds to the damping, in the dual with "
        "J p on the right-hand side",
    )
