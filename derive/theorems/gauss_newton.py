"""J^T U, the Gauss-Newton product J^T H J v, and what it drops of the Hessian.

The outputs o are a[L], or z[L] where loss and output activation belong together (the two cross-entropies):
then H, the Hessian of the cost in o, has no part that could be negative. With S = sum_ic U_ic o_ic, the
gradient of S is J^T U: (1.1)-(1.4) for another objective. For the Gauss-Newton product U is H J v:

    (8.5)  the slope of the mean cost in an output,
    (8.6)  U = R{that slope}, the network taken as linear: J v is (7.2), or (7.1) for z[L],
    (8.7)  H, whose product with J v that is, and
    (8.8)  the Hessian of the cost in p, taken apart: J^T H J, and what Gauss-Newton drops.

After Schraudolph, Fast curvature matrix-vector products (2002).
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Add, Expr

from derive.calculus.derivation import Deriving
from derive.calculus.rules import DEFINITION, PREMISE
from derive.equation import Equation
from derive.network import Network, Objective, mean_cost
from derive.quantities import Index, IndexedBase, N, Partial, S, U, a, psi, t, total, z
from derive.theorems.along import Along, open_along, split_sums
from derive.theorems.backpropagation import Derived, backpropagation, output_delta
from derive.theorems.levenberg_marquardt import J, M, s
from derive.theorems.theorem import Given, Part

c = IndexedBase("c")  # c[q], the slope of the cost in output q
Rc, RJ = IndexedBase("Rc"), IndexedBase("RJ")
H = IndexedBase("H")  # H[q, q'], the Hessian of the cost in the outputs
d = IndexedBase("d")  # d[p], the direction


def output_letter(network: Network) -> IndexedBase:
    """Return the letter of what the Gauss-Newton matrix takes as outputs."""
    return z if network.matched else a


def weighted_outputs(letter: IndexedBase = a) -> Objective:
    """Return S = sum_ic U_ic o_ic, whose gradient is J^T U."""

    def define(network: Network) -> Expr:
        i, k = Index("i", N), network.index("c", network.depth)
        return total(U[i, k] * letter[network.depth, i, k], i, k)

    return Objective("weighted outputs", S, Index("i", N), define, base=psi, over_samples=True)


def transposed(network: Network, letter: IndexedBase = a) -> tuple[Derived, ...]:
    """Derive J^T U for an architecture: (1.1)-(1.4) of the outputs weighed with u."""
    return backpropagation(network, weighted_outputs(letter))


@dataclass(frozen=True)
class Curved(Along):
    """What moves where the network is taken as linear: U is how the slope in an output moves."""

    slope: Equation | None = None

    def definition(self, quantity: Expr) -> Expr | None:
        """Return what defines a quantity; U is R of the slope in an output."""
        if self.slope is not None and getattr(quantity, "base", None) == U:
            pairs = zip(_places(self.slope.lhs), quantity.indices, strict=True)
            names = {old: new for old, new in pairs if old != new}  # or SymPy would multiply out 2 (a - y)
            return Partial(self.slope.rhs.xreplace(names), t)
        return super().definition(quantity)

    def label(self, quantity: Expr) -> str:
        """Return the number or name of what defines a quantity."""
        return "H J v" if getattr(quantity, "base", None) == U else super().label(quantity)


def output_slope(network: Network) -> Derived:
    """Derive (8.5): the slope of the mean cost in an output; it is delta[L] where the output is z[L]."""
    mean, last = mean_cost(), network.depth
    if output_letter(network) == z:
        found = output_delta(network, mean)
        equation = Equation("8.5", "slope in an output", found.derivation.start, found.equation.rhs)
        return Derived(equation, found.derivation, last, found.free)
    i, j = Index("i", N), network.index("j", last)
    work = Deriving(Partial(mean.symbol, a[last, i, j]), network)
    work.step(DEFINITION, mean.symbol, mean.define(network), "the objective")
    derivation = work.differentiate().arrive_at_fraction().done()
    equation = Equation("8.5", "slope in an output", derivation.start, derivation.result)
    return Derived(equation, derivation, last, (i, j))


def curved_outputs(network: Network) -> tuple[Curved, Derived]:
    """Derive (8.6): U = H J v, by moving the slope in an output along with the outputs."""
    slope = output_slope(network).equation
    known = Curved(network, (), slope)
    start = U[_places(slope.lhs)]
    derivation = open_along(Deriving(Partial(slope.rhs, t), known), known)
    equation = Equation("8.6", "H J v", start, derivation.result)
    return known, Derived(equation, derivation, network.depth, tuple(start.indices))


@dataclass(frozen=True)
class InOutputs:
    """What defines H: the slope in an output, differentiated in another output of the sample."""

    network: Network
    slope: Equation

    def definition(self, quantity: Expr) -> Expr | None:
        """Return what defines a quantity."""
        if getattr(quantity, "base", None) == H:
            i, j, k = quantity.indices
            rhs = self.slope.rhs.xreplace(dict(zip(_places(self.slope.lhs), (i, j), strict=True)))
            return Partial(rhs, output_letter(self.network)[self.network.depth, i, k])
        return self.network.definition(quantity)

    def depends(self, quantity: Expr, variable: Expr) -> bool:
        """Say what the forward pass says."""
        return self.network.depends(quantity, variable)

    def label(self, quantity: Expr) -> str:
        """Return the number of what defines a quantity."""
        return self.network.label(quantity)

    @property
    def premises(self) -> tuple[tuple[Expr, Expr, str], ...]:
        """What is assumed of the output layer."""
        return Along(self.network).premises


def output_hessian(network: Network) -> Part:
    """Derive (8.7): the entries of H for one sample, the slope in an output differentiated in another."""
    slope = output_slope(network).equation
    i, j = _places(slope.lhs)
    k, last = network.index("m", network.depth), network.depth
    known = InOutputs(network, slope)
    entry = H[i, j, k]
    work = Deriving(known.definition(entry), known)
    if network.softmax:
        work.open_derivatives(lambda f: getattr(f, "base", None) == a)
        pattern = network.softmax_slope()
        (_, own, m), (_, other, into) = pattern.lhs.f.indices, pattern.lhs.v.indices
        names = {own: i, m: j, other: i, into: k}
        work.step(PREMISE, Partial(a[last, i, j], z[last, i, k]), pattern.rhs.xreplace(names), "(1.7)")
    else:
        work.differentiate()
        for item in network.output_slopes() if network.cancels else ():
            work.unfold(item.lhs, item.rhs, PREMISE, f"({item.number})")
    derivation = work.done()
    return Part(Equation("8.7", "Hessian in the outputs", entry, derivation.result), derivation, known)


def taken_apart() -> Part:
    """Derive (8.8): the Hessian of the cost times a direction is J^T H J d, and a rest.

    The gradient is sum_q J_qp c_q with c the slope of the cost in the outputs. R{c} = H J d, for c depends
    on p through the outputs alone. Gauss-Newton drops the rest, sum_q c_q R{J_qp}.
    """
    p, q, r, m = Index("p", s), Index("q", M), Index("q'", M), Index("m", s)
    moved = Equation("", "R", RJ[q, p], Partial(J[q, p], t))
    slope = Equation("", "R", Rc[q], Partial(c[q], t))
    moving = total(H[q, r] * total(J[r, m] * d[m], m), r)
    through = Equation("", "c moves with the outputs alone", Rc[q], moving)
    given = Given((moved, slope), (through,), moving=(J, c))
    start = Partial(total(J[q, p] * c[q], q), t)
    work = Deriving(start, given).open_derivatives(lambda f: getattr(f, "base", None) in (J, c))
    for equation in (moved, slope):
        for node in sorted(work.now.atoms(Partial), key=str):
            if node.f.base == equation.rhs.f.base:
                names = dict(zip(equation.lhs.indices, node.f.indices, strict=True))
                work.step(DEFINITION, node, equation.lhs.xreplace(names), equation.name)
    work.unfold(through.lhs, through.rhs, PREMISE, through.name)
    split_sums(work)
    derivation = work.done()
    return Part(Equation("8.8", "Hessian taken apart", start, derivation.result), derivation, given)


def dropped(part: Part) -> Expr:
    """Return what Gauss-Newton drops of (8.8): the terms with a second derivative of an output."""
    return Add(*(term for term in Add.make_args(part.equation.rhs) if term.has(RJ)))


def _places(quantity: Expr) -> tuple[Expr, ...]:
    """Return sample and output of the slope in an output, dCost/da[L]_ic or delta[L]_ic's meaning."""
    return tuple(quantity.v.indices[1:])
