"""The step of ``curved`` with weighted samples and a ridge, the decrease that it predicts, and no Jacobian.

The objective is the sum of the samples' costs, each times t^2, plus ridge/2 ||p||^2. The factors t go to the
rows of J and to rho; in (2.27)-(2.32) J, rho and K = H J are those with their factors. E = rho - H J h is
rho after the step, as the model has it; shift = mu + ridge and share = ridge / shift. Then

    (2.27) A h - g = mu h + ridge (p + h) - J^T E, for A = J^T K + shift I and g = J^T rho - ridge p, minus
           the slope of the objective: A h = g is where its damped model is least;
    (2.28) the decrease of the objective that the step predicts is 1/2 sum_p h_p (g_p + mu h_p);
    (2.29) K J^T = H (J J^T), which needs no J where J J^T is known, (5.3);
    (2.30) rows with the factors t make the costs' second-order part t^2 times as large, if t belongs to the
           sample, or H is a diagonal;
    (2.31) h = J^T v - share p, where (K J^T + shift I) v = rho + share H J p;
    (2.32) J p is how the outputs move along p, (7.1) and (7.2) for the direction p.

Without factors and ridge this is (2.18), (2.2) and (2.19).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from sympy import Expr, Integer, Rational, Symbol

from derive.calculus.derivation import Deriving
from derive.calculus.rules import DEFINITION, PREMISE
from derive.equation import Equation
from derive.network import Network
from derive.quantities import Index, IndexedBase, N, Ra, Rz, kronecker, mu, total
from derive.theorems.along_parameters import MovedAlong, forward_along_p
from derive.theorems.convex import bending
from derive.theorems.curved import D, H, K, NetworkStep, diagonal, rho
from derive.theorems.lean_step import LeanStep, lean_step
from derive.theorems.levenberg_marquardt import A, G, J, M, g, h, p_old, s, v
from derive.theorems.theorem import Given, Part, Theorem, proved
from derive.theorems.trials import E, S, decrease

factor = IndexedBase("t")  # t[i, c], the factor of a row of J and of rho
of_sample = IndexedBase("t")  # t[i], the same for all outputs of a sample
plain_J, plain_rho = IndexedBase("J1"), IndexedBase("rho1")  # J and rho without their factors
plain_Jp, plain_v = IndexedBase("Jp1"), IndexedBase("v1")
JJ = IndexedBase("JJ")  # JJ[i, c, s, d], the entries of J J^T, with factors
plain_JJ = IndexedBase("JJ1")  # without factors
half_JJ = IndexedBase("JJ2")  # with the first of its two
B = IndexedBase("B")  # B[q, q'], K J^T; also B[i, c, s, d]
Jp, HJp = IndexedBase("Jp"), IndexedBase("HJp")
pulled = IndexedBase("pulled")  # pulled[p], an entry of J^T v or of J^T rho
right = IndexedBase("right")  # the right-hand side of the dual system
ridge = Symbol("ridge", positive=True)
shift = Symbol("shift", positive=True)  # mu + ridge
share = Symbol("share", positive=True)  # ridge / shift

SHIFT = Equation("2.27", "damping with ridge", shift, mu + ridge)
SHARE = Equation("2.31", "share of the ridge", share, ridge / shift)
n_outputs = Symbol("n_L", integer=True, positive=True)


# -- what is computed ------------------------------------------------------------------------------------


def predicted_decrease() -> Equation:
    """Return (2.28) as it is computed."""
    p = Index("p", s)
    return Equation("2.28", "predicted decrease", decrease, total(h[p] * (g[p] + mu * h[p]), p) / 2)


def slope_with_ridge() -> Equation:
    """Return g of (2.27), given J^T rho."""
    p = Index("p", s)
    return Equation("2.27", "slope with ridge", g[p], pulled[p] - ridge * p_old[p])


def normal_sums() -> tuple[Equation, Equation]:
    """Return J^T K and J^T rho of some samples."""
    p, m, q = Index("p", s), Index("m", s), Index("q", M)
    return (
        Equation("2.18", "normal matrix without damping", S[p, m], total(J[q, p] * K[q, m], q)),
        Equation("2.2", "right-hand side", g[p], total(J[q, p] * rho[q], q)),
    )


def right_side() -> Equation:
    """Return the right-hand side of (2.31)."""
    q = Index("q", M)
    return Equation("2.31", "right-hand side, dual", right[q], rho[q] + share * HJp[q])


def step_from_dual() -> Equation:
    """Return h of (2.31), given J^T v."""
    p = Index("p", s)
    return Equation("2.31", "step from the dual", h[p], pulled[p] - share * p_old[p])


@dataclass(frozen=True)
class Systems:
    """The systems with J at hand; free indices range over s or M."""

    matrix: Equation
    right: Equation
    primal: Equation
    gram: Equation
    moved: Equation  # H J p
    dual_right: Equation
    dual: Equation
    back: Equation


def systems() -> Systems:
    """Return (2.27) and (2.31); the parts of the theorem prove that they are the step."""
    p, m, k, n = (Index(name, s) for name in "pmkn")
    q, o, other = Index("q", M), Index("q", M), Index("q'", M)
    matrix = total(J[q, p] * K[q, m], q) + shift * kronecker(p, m)
    gram = total(K[q, k] * J[other, k], k) + shift * kronecker(q, other)
    return Systems(
        Equation("2.27", "normal matrix", A[p, m], matrix),
        Equation("2.27", "right-hand side", g[p], total(J[o, p] * rho[o], o) - ridge * p_old[p]),
        Equation("2.3", "primal system", total(A[p, m] * h[m], m), g[p]),
        Equation("2.31", "damped Gram matrix", G[q, other], gram),
        Equation("2.31", "H J p", HJp[q], total(K[q, n] * p_old[n], n)),
        right_side(),
        Equation("2.31", "dual system", total(G[q, other] * v[other], other), right[q]),
        Equation("2.31", "step from the dual", h[p], total(J[o, p] * v[o], o) - share * p_old[p]),
    )


@dataclass(frozen=True)
class Weighing:
    """What gets the factors t, for residuals (i, c): rows of J, rho, J J^T, J p; and v, before J^T."""

    rows: Equation
    slope: Equation
    gram: tuple[Equation, Equation]
    product: Equation
    vector: Equation


def weighing(n_outputs: Expr, n_parameters: Expr = s) -> Weighing:
    """Return (2.30) as it is computed, one factor after the other."""
    i, c, p = Index("i", N), Index("c", n_outputs), Index("p", n_parameters)
    j, d = Index("s", N), Index("d", n_outputs)

    def times(name: str, one: IndexedBase, other: IndexedBase, *more: Index) -> Equation:
        return Equation("2.30", name, one[(i, c, *more)], factor[i, c] * other[(i, c, *more)])

    return Weighing(
        times("weighed rows", J, plain_J, p),
        times("weighed slope", rho, plain_rho),
        (
            times("weighed Gram matrix", half_JJ, plain_JJ, j, d),
            Equation("2.30", "weighed Gram matrix", JJ[i, c, j, d], factor[j, d] * half_JJ[i, c, j, d]),
        ),
        times("weighed product", Jp, plain_Jp),
        times("weighed vector", v, plain_v),
    )


# -- of a network ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CurvedLean:
    """The step of one network without its Jacobian: J J^T and J^T v, H (J J^T), and J p; all that is new."""

    lean: LeanStep
    gram: Equation  # (2.29)
    moved: Equation  # H J p
    along: tuple[Equation, ...]  # J p
    parts: tuple[Part, ...]

    @property
    def holds(self) -> bool:
        """True if the replay accepts every step that led to a new equation."""
        return self.lean.holds and all(part.holds for part in self.parts)


def curved_lean(network: Network, found: NetworkStep) -> CurvedLean:
    """Derive what the step needs beside its rows, for a given network."""
    i, c, j = Index("i", N), network.index("c", network.depth), Index("s", N)
    d, k = network.index("d", network.depth), network.index("k", network.depth)
    gram = _bent(found.curvature.equation, JJ[i, k, j, d], B[i, c, j, d], i, c, k, "2.29")
    moved = _bent(found.curvature.equation, Jp[i, k], HJp[i, c], i, c, k, "2.31")
    equations, turned = along_p(network)
    return CurvedLean(
        lean_step(network, found.rows, found.objective),
        gram.equation,
        moved.equation,
        equations,
        (gram, moved, *turned),
    )


def _bent(curvature: Equation, of: Expr, left: Expr, i: Index, c: Index, k: Index, number: str) -> Part:
    """Multiply a quantity of output k of sample i by H, with D for the diagonal of H if that is all of it."""
    on_diagonal, meaning = diagonal(curvature), curvature
    if on_diagonal is not None:
        one, first, second = curvature.lhs.indices
        tie = kronecker(first, second) * D[one, first]
        meaning = Equation("", "H is a diagonal", curvature.lhs, tie)
    start = total(H[i, c, k] * of, k)
    name = f"H times {of.base}"
    work = Deriving(start, Given((meaning,)))
    work.unfold(
        meaning.lhs, meaning.rhs, DEFINITION, f"({meaning.number})" if meaning.number else meaning.name
    )
    work.multiply_out().tidy()
    work.arrive_at_fraction()
    lhs = Equation("", name, left, start)
    return Part(Equation(number, name, left, work.now), work.done(), Given((meaning, lhs)))


def along_p(network: Network) -> tuple[tuple[Equation, ...], tuple[Part, ...]]:
    """Derive J p: (7.1) and (7.2) for the direction p, and (2.32); return them, and what is new as parts."""
    letter = Rz if network.matched else Ra  # where the loss matches, the outputs that are linearised are z[L]
    moved = [one for one in forward_along_p(network) if not (network.matched and _is_output(one, network))]
    i, c = Index("i", N), network.index("c", network.depth)
    last = Equation("2.32", "product of J and p", plain_Jp[i, c], letter[network.depth, i, c])
    parts = tuple(one.turned for one in moved if one.turned is not None)
    return (*(one.equation for one in moved), last), parts


def _is_output(moved: MovedAlong, network: Network) -> bool:
    quantity = moved.equation.lhs
    return bool(quantity.base == Ra and quantity.indices[0] == network.depth)


# -- proofs ----------------------------------------------------------------------------------------------


def misfit(q: Expr, letter: IndexedBase = rho) -> Expr:
    """Return E = rho - H J h."""
    o, m = Index("q'", M), Index("m", s)
    return letter[q] - total(H[q, o] * total(J[o, m] * h[m], m), o)


def normal_equations() -> Part:
    """Derive (2.27)."""
    p, m, q = Index("p", s), Index("m", s), Index("q", M)
    found = systems()
    claimed = mu * h[p] + ridge * (p_old[p] + h[p]) - total(J[q, p] * misfit(q), q)
    equation = Equation("2.27", "normal equations", total(A[p, m] * h[m], m) - g[p], claimed)
    uses = (found.matrix, found.right, bending(), SHIFT)
    return proved(equation, Given(uses), uses)


def prediction() -> Part:
    """Derive (2.28): what the objective falls by, the outputs being linear and the cost quadratic in them."""
    p, q, n, m, o = Index("p", s), Index("q", M), Index("n", s), Index("m", s), Index("q'", M)
    found, there = systems(), Index("q", M)
    after = Equation("", "E = rho - H J h", E[there], misfit(there))
    at_step = (total(J[q, n] * E[q], q) - ridge * (p_old[n] + h[n])) / mu
    normal = Equation("2.27", "normal equations", h[n], at_step)
    claimed = total(rho[q] * total(J[q, m] * h[m], m), q)
    claimed -= Rational(1, 2) * total(
        total(J[q, p] * h[p], p) * total(H[q, o] * total(J[o, m] * h[m], m), o), q
    )
    claimed += ridge / 2 * total(p_old[m] ** 2 - (p_old[m] + h[m]) ** 2, m)
    given = Given((found.right, after), (normal,))
    equation = Equation("2.28", "predicted decrease", predicted_decrease().rhs, claimed)
    work = Deriving(equation.lhs, given)
    work.unfold(found.right.lhs, found.right.rhs, DEFINITION, "(2.27)")
    (own,) = (index for index in work.now.atoms(Index) if work.now.has(mu * h[index]))
    work.step(PREMISE, mu * h[own], mu * at_step.xreplace({n: own}), "(2.27)")
    work.unfold(after.lhs, after.rhs, DEFINITION, after.name)
    reason = "" if work.arrive(claimed) else "the two sides differ in their normal form"
    return Part(equation, work.done(), given, reason)


def without_rows() -> Part:
    """Derive (2.29)."""
    q, other, o, k, m = Index("q", M), Index("q'", M), Index("o", M), Index("k", s), Index("m", s)
    claimed = total(H[q, o] * total(J[o, m] * J[other, m], m), o)
    equation = Equation("2.29", "bent Gram matrix", total(K[q, k] * J[other, k], k), claimed)
    bend = bending()
    return proved(equation, Given((bend,)), (bend,))


def weighed_samples() -> Part:
    """Derive (2.30) where t belongs to the sample: the second-order part of the costs times t^2."""
    p, m, i, j = Index("p", s), Index("m", s), Index("i", N), Index("i", N)
    c, k, e = (Index(letter, n_outputs) for letter in "cke")
    rows = Equation("", "J = t J1", J[j, e, p], of_sample[j] * plain_J[j, e, p])
    left = total(J[i, c, p] * total(H[i, c, k] * J[i, k, m], k), i, c)
    larger = total(of_sample[i] ** 2 * H[i, c, k] * plain_J[i, k, m], k)
    equation = Equation("2.30", "weighed samples", left, total(plain_J[i, c, p] * larger, i, c))
    return proved(equation, Given((rows,)), (rows,))


def weighed_outputs() -> Part:
    """Derive (2.30) where H is a diagonal: then t may differ from output to output."""
    p, m, i, j = Index("p", s), Index("m", s), Index("i", N), Index("i", N)
    c, e = Index("c", n_outputs), Index("e", n_outputs)
    rows = Equation("", "J = t J1", J[j, e, p], factor[j, e] * plain_J[j, e, p])
    left = total(J[i, c, p] * (D[i, c] * J[i, c, m]), i, c)
    claimed = total(plain_J[i, c, p] * (factor[i, c] ** 2 * D[i, c] * plain_J[i, c, m]), i, c)
    return proved(Equation("2.30", "weighed outputs", left, claimed), Given((rows,)), (rows,))


def weighed_slope() -> Part:
    """Derive (2.30): the first-order part, likewise."""
    p, q = Index("p", s), Index("q", M)
    rows = Equation("", "J = t J1", J[q, p], factor[q] * plain_J[q, p])
    slope = Equation("", "rho = t rho1", rho[q], factor[q] * plain_rho[q])
    claimed = total(plain_J[q, p] * (factor[q] ** 2 * plain_rho[q]), q)
    equation = Equation("2.30", "weighed slope", total(J[q, p] * rho[q], q), claimed)
    return proved(equation, Given((rows, slope)), (rows, slope))


def dual() -> Part:
    """Derive (2.31): A h - g vanishes for h = J^T v - share p, where v solves the dual system."""
    p, m = Index("p", s), Index("m", s)
    found = systems()
    solved = Equation(found.dual.number, found.dual.name, found.dual.rhs, found.dual.lhs)
    q = found.dual_right.lhs.indices[0]
    system = Equation(
        "2.31",
        "dual system",
        rho[q],
        solved.rhs.xreplace({solved.lhs.indices[0]: q}) - share * HJp[q],
    )
    equation = Equation("2.31", "dual solves primal", total(A[p, m] * h[m], m) - g[p], Integer(0))
    uses = (found.back, found.matrix, found.right, system, found.moved, found.gram, SHARE)
    definitions = (found.matrix, found.right, found.moved, found.gram, SHARE)
    return proved(equation, Given(definitions, (found.back, system)), uses)


@cache
def curved_trials() -> Theorem:
    """State and prove what the step without J, its prediction, weights and a ridge rest on."""
    return Theorem(
        "curved-trials",
        "The step for a convex loss: weights, a ridge, its prediction, and no Jacobian",
        (
            "mu > 0 and ridge > 0; without a ridge g is J^T rho and shift is mu",
            "J and rho have their factors t, and K = H J; t belongs to the sample, or H is a diagonal",
            "shift = mu + ridge, share = ridge / shift and E = rho - H J h",
            "A h = g: (2.27) in (2.28); (K J^T + shift I) v = rho + share H J p in (2.31)",
        ),
        (
            normal_equations(),
            prediction(),
            without_rows(),
            weighed_samples(),
            weighed_outputs(),
            weighed_slope(),
            dual(),
        ),
        "the decrease of the objective that a step predicts needs no further product with J; the dual system "
        "needs J J^T, H and J p alone",
    )
