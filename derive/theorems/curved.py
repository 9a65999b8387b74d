"""The Levenberg-Marquardt step for a loss that need not be a square: Gauss-Newton with the loss's curvature.

The outputs o that the network is linearised in are a[L], or z[L] where cost and output belong together (the
two cross-entropies): there the curvature stays bounded however certain the output is. With rho = -dC/do,
H = d2C/do2 and J the Jacobian of o, the step h minimises

    phi(h) = -sum_q rho_q (J h)_q + 1/2 sum_qq' (J h)_q H_qq' (J h)_q' + mu/2 sum_p h_p^2,       mu > 0,

C being the sum of the samples' costs: H has an entry for two outputs of one sample, and 0 for those of two.

    (2.15) rho, minus the slope of the cost of a sample in an output;
    (2.16) H for one sample, and where it is a diagonal its entries D;
    (2.17) K = H J;
    (2.18) A = J^T K + mu I, the normal matrix: A h = g is (2.3) with g as in (2.2), rho for r;
    (2.19) G = K J^T + mu I: h = J^T v, (2.7), with G v = rho, (2.6), solves the same system.

Nothing is divided by H, which may be 0: Huber's is, far out. With H = I these are (2.1)-(2.7).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sympy import Add, Expr, Indexed, Integer, KroneckerDelta, Mul, Rational, preorder_traversal

from derive.calculus.derivation import Deriving
from derive.calculus.normal_form import equal
from derive.calculus.rules import DEFINITION, PREMISE
from derive.equation import Equation
from derive.network import Network, Objective, output, sample_cost
from derive.quantities import Index, IndexedBase, N, Partial, a, delta, kronecker, mu, total, z
from derive.theorems.backpropagation import Derived, backpropagation, output_delta
from derive.theorems.levenberg_marquardt import A, G, J, M, StepEquations, g, h, p_new, p_old, phi, s, v
from derive.theorems.theorem import Given, Part

rho = IndexedBase("rho")  # rho[i, c], minus the slope of the cost in an output; rho[q] of all
U = IndexedBase("o")  # o[i, c], an output that the network is linearised in
GAMMA = IndexedBase("Gamma")  # its derivative in z[l]
H = IndexedBase("H")  # H[i, c, c'] of one sample, H[q, q'] of all
d = IndexedBase("d")  # d[q] = (J h)_q, how the outputs move
D = IndexedBase("D")  # D[i, c], the diagonal of H
K = IndexedBase("K")  # K[q, p] = H J, also K[i, c, p]
MODEL = "the cost to second order, the network to first, damped"
SYMMETRY = "second derivatives are the same in either order"
MOVE = "d = J h"


def linearised(network: Network) -> Objective:
    """Return output c as the step takes it: a[L]_ic, or z[L]_ic."""
    if not network.matched:
        return output(network)
    i, c = Index("i", N), network.index("c", network.depth)
    return Objective("linearised output", U[i, c], i, lambda net: z[net.depth, i, c], base=GAMMA, extra=(c,))


@dataclass(frozen=True)
class OfCost:
    """What the rules need to know: rho and H are derivatives of a sample's cost in the outputs."""

    network: Network

    @property
    def letter(self) -> IndexedBase:
        """The letter of the outputs that are linearised."""
        return z if self.network.matched else a

    @cached_property
    def delta(self) -> Derived:
        """(1.1), the slope in z[L]."""
        return output_delta(self.network, sample_cost())

    def definition(self, quantity: Expr) -> Expr | None:
        """Return what defines rho, H, delta[L] or the cost of a sample, or a quantity of the network."""
        base, last = getattr(quantity, "base", None), self.network.depth
        if base == rho:
            i, c = quantity.indices
            if self.letter == z:
                return -delta[last, i, c]
            cost = sample_cost()
            return -Partial(cost.symbol.base[i], a[last, i, c])
        if base == H:
            i, c, other = quantity.indices
            slope = slope_in_outputs(self.network).equation
            at = dict(zip(slope.lhs.indices, (i, c), strict=True))
            return Partial(-slope.rhs.xreplace(at), self.letter[last, i, other])
        if base == sample_cost().symbol.base:
            cost = sample_cost()
            return cost.define(self.network).xreplace({cost.i: quantity.indices[0]})
        if base == delta:
            names = dict(zip(self.delta.equation.lhs.indices[1:], quantity.indices[1:], strict=True))
            return self.delta.equation.rhs.xreplace(names)
        return self.network.definition(quantity)

    def depends(self, quantity: Expr, variable: Expr) -> bool:
        """Say what the forward pass says."""
        return self.network.depends(quantity, variable)

    def label(self, quantity: Expr) -> str:
        """Return the number or name of what defines a quantity."""
        base = getattr(quantity, "base", None)
        return {rho: "(2.15)", H: "(2.16)", delta: "(1.1)", sample_cost().symbol.base: "the objective"}.get(
            base, self.network.label(quantity)
        )

    @property
    def premises(self) -> tuple[tuple[Expr, Expr, str], ...]:
        """What is assumed or proved elsewhere of the output layer."""
        found = self.network.premises
        return tuple((eq.lhs, eq.rhs, f"({eq.number})" if eq.number else eq.name) for eq in found)


def slope_in_outputs(network: Network) -> Part:
    """Derive (2.15): minus the slope of the cost of a sample in an output."""
    known = OfCost(network)
    i, c = Index("i", N), network.index("c", network.depth)
    start = known.definition(rho[i, c])
    assert start is not None
    work = Deriving(start, known)
    if known.letter == z:
        entry = delta[network.depth, i, c]
        work.step(DEFINITION, entry, known.definition(entry), "(1.1)").tidy().arrive_at_fraction()
    else:
        cost = sample_cost().symbol.base[i]
        work.step(DEFINITION, cost, known.definition(cost), "the objective").differentiate()
    equation = Equation("2.15", "slope in the outputs", rho[i, c], work.now)
    return Part(equation, work.done(), known)


def curvature_in_outputs(network: Network) -> Part:
    """Derive (2.16): the second derivative of the cost of a sample in two outputs."""
    known = OfCost(network)
    i, c, other = Index("i", N), network.index("c", network.depth), network.index("k", network.depth)
    start = known.definition(H[i, c, other])
    assert start is not None
    work = Deriving(start, known)
    if network.softmax:
        work.open_derivatives(lambda f: getattr(f, "base", None) == a)
        slope = network.softmax_slope()
        places = (*slope.lhs.f.indices[1:], *slope.lhs.v.indices[1:])
        for partial in [node for node in preorder_traversal(work.now) if isinstance(node, Partial)]:
            at = (*partial.f.indices[1:], *partial.v.indices[1:])
            names = dict(zip(places, at, strict=True))
            work.step(PREMISE, partial, slope.rhs.xreplace(names), "(1.7)")
    else:
        work.differentiate()
        for item in network.output_slopes() if network.cancels else ():
            work.unfold(item.lhs, item.rhs, PREMISE, f"({item.number})")
    equation = Equation("2.16", "curvature in the outputs", H[i, c, other], work.now)
    return Part(equation, work.done(), known)


def diagonal(curvature: Equation) -> Equation | None:
    """Return D with H_icc' = delta_cc' D_ic; None if H is more than that, or the same for all samples."""
    i, c, other = curvature.lhs.indices
    factors = Mul.make_args(curvature.rhs)
    ties = [f for f in factors if isinstance(f, KroneckerDelta) and set(f.args[:2]) == {c, other}]
    if len(ties) != 1 or not curvature.rhs.has(i):
        return None
    entry = Mul(*(f for f in factors if f is not ties[0])).xreplace({other: c})
    return Equation(curvature.number, "curvature in an output", D[i, c], entry)


def bent_rows(network: Network, curvature: Equation, n_parameters: Expr) -> Part:
    """Derive (2.17): K = H J, one sample at a time, with D for the diagonal of H if that is all of it."""
    i, c, other = Index("i", N), network.index("c", network.depth), network.index("k", network.depth)
    p = Index("p", n_parameters)
    on_diagonal = diagonal(curvature)
    meaning = curvature
    if on_diagonal is not None:
        one, first, second = curvature.lhs.indices
        tie = kronecker(first, second) * D[one, first]
        meaning = Equation("", "H is a diagonal", curvature.lhs, tie)
    known = Given((meaning,))
    start = total(H[i, c, other] * J[i, other, p], other)
    work = Deriving(start, known)
    work.unfold(meaning.lhs, meaning.rhs, DEFINITION, _label(meaning))
    work.multiply_out().tidy()
    work.arrive_at_fraction()
    lhs = Equation("", "K = H J", K[i, c, p], start)
    return Part(Equation("2.17", "bent rows", K[i, c, p], work.now), work.done(), Given((meaning, lhs)))


def _label(equation: Equation) -> str:
    return f"({equation.number})" if equation.number else equation.name


@dataclass(frozen=True)
class NetworkStep:
    """What the step needs of one network: the rows of J, the slope and the curvature of its cost, K = H J."""

    objective: Objective
    rows: tuple[Derived, ...]
    slope: Part
    curvature: Part
    diagonal: Equation | None
    bent: Part
    step: StepEquations


def network_step(network: Network) -> NetworkStep:
    """Derive the step for a given network, whatever the sign of its curvature."""
    assert network.architecture is not None
    objective, curvature = linearised(network), curvature_in_outputs(network)
    return NetworkStep(
        objective,
        backpropagation(network, objective),
        slope_in_outputs(network),
        curvature,
        diagonal(curvature.equation),
        bent_rows(network, curvature.equation, Integer(network.architecture.n_parameters)),
        curved_equations(),
    )


def stated(found: NetworkStep | None) -> tuple[Equation, ...]:
    """Return (2.15)-(2.17) and (2.19) of a network, or of any loss of single outputs if none is given."""
    if found is not None:
        parts, step = (found.slope, found.curvature, found.bent), found.step
    else:
        network, step = Network(loss="huber"), curved_equations()
        curvature = curvature_in_outputs(network)
        parts = (slope_in_outputs(network), curvature, bent_rows(network, curvature.equation, s))
    return (*(part.equation for part in parts), step.normal_matrix, step.gram)


def is_identity(curvature: Equation) -> bool:
    """Say whether H = I: then the step is that of a sum of squares, (2.1)-(2.7)."""
    _, c, other = curvature.lhs.indices
    return equal(curvature.rhs, kronecker(c, other))


def of_squares(network: Network) -> bool:
    """Say whether the step is that of a sum of squares: the curvature is the identity."""
    return not network.softmax and is_identity(curvature_in_outputs(network).equation)


# -- the step, for any H ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class CurvedModel:
    """What the rules need to know: phi is a function of h alone, and H is symmetric."""

    def definition(self, quantity: Expr) -> Expr | None:
        """Return what defines phi, or an entry of K = H J."""
        if quantity == phi:
            return model()
        base = getattr(quantity, "base", None)
        if base == K:
            (q, p), other = quantity.indices, Index("q'", M)
            return total(H[q, other] * J[other, p], other)
        return moved(*quantity.indices).rhs if base == d else None

    def label(self, quantity: Expr) -> str:
        """Return the name of the definition of phi, the number of that of K."""
        labels: dict[Any, str] = {K: "(2.17)", d: MOVE}
        return MODEL if quantity == phi else labels.get(getattr(quantity, "base", None), "")

    def depends(self, quantity: Expr, variable: Expr) -> bool:
        """Say that phi, d and h move with h, and that J, H, rho and mu do not."""
        return bool(quantity == phi or getattr(quantity, "base", None) in (h, d))

    @property
    def premises(self) -> tuple[tuple[Expr, Expr, str], ...]:
        """H is symmetric."""
        q, other = Index("q", M), Index("q'", M)
        return ((H[q, other], H[other, q], SYMMETRY),)


def model() -> Expr:
    """Return phi(h), with fresh indices."""
    q, other, o, m = Index("q", M), Index("q'", M), Index("q", M), Index("m", s)
    bend = total(d[o] * H[o, other] * d[other], o, other)
    return -total(rho[q] * d[q], q) + Rational(1, 2) * bend + mu / 2 * total(h[m] ** 2, m)


def moved(q: Expr) -> Equation:
    """Return d = J h."""
    p = Index("p", s)
    return Equation("", MOVE, d[q], total(J[q, p] * h[p], p))


def curved_equations() -> StepEquations:
    """Derive the normal equations for any symmetric H and write down the dual system."""
    known = CurvedModel()
    p, m = Index("p", s), Index("m", s)
    work = Deriving(Partial(phi, h[p]), known)
    work.step(DEFINITION, phi, model(), MODEL)
    work.differentiate().multiply_out()
    _exchanged(work, p)
    q, other, k = Index("q", M), Index("q'", M), Index("p", s)
    found = total(J[q, p] * total(H[q, other] * d[other], other), q) + mu * h[p]
    work.arrive(found - total(J[q, p] * rho[q], q))
    gradient = work.done()
    at_zero = gradient.result.replace(lambda e: getattr(e, "base", None) in (h, d), lambda _: Integer(0))
    right = Deriving(-at_zero, known).tidy().done()
    second = Deriving(Partial(gradient.result, h[m]), known).differentiate()
    bent = total(H[q, other] * J[other, m], other)
    second.step(DEFINITION, bent, K[q, m], "(2.17)")
    hessian = second.done()
    o, o2 = Index("q", M), Index("q'", M)
    gram = total(K[o, k] * J[o2, k], k) + mu * kronecker(o, o2)
    return StepEquations(
        gradient,
        hessian,
        right,
        Equation("2.18", "normal matrix", A[p, m], hessian.result),
        Equation("2.2", "right-hand side", g[p], right.result),
        Equation("2.3", "primal system", total(A[p, m] * h[m], m), g[p]),
        Equation("2.4", "step", p_new[p], p_old[p] + h[p]),
        Equation("2.19", "damped Gram matrix", G[o, o2], gram),
        Equation("2.6", "dual system", total(G[o, o2] * v[o2], o2), rho[o]),
        Equation("2.7", "step from the dual", h[p], total(J[o, p] * v[o], o)),
    )


def _exchanged(work: Deriving, p: Index) -> None:
    """Exchange the places of H in the term in which its second one goes with p."""
    for term in Add.make_args(work.now):
        for entry in (e for e in term.atoms(Indexed) if e.base == H):
            q, other = entry.indices
            if term.has(J[other, p]):
                work.step(PREMISE, term, term.xreplace({entry: H[other, q]}), SYMMETRY)
