"""The derivation of backpropagation for any objective: what Lemma 1 states, found by the rules.

For an objective O and delta[l]_ij := dO/dz[l]_ij,

    (1.1)  delta[L]   from the definition of O,
    (1.2)  delta[l]   from delta[l+1], by the chain rule through layer l+1,
    (1.3)  dO/db[l]   and
    (1.4)  dO/dw[l]   from delta[l], by the chain rule through layer l.

Nothing here knows the answers: they are what ``calculus`` leaves when no derivative is left to open.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, Sum, preorder_traversal

from derive.calculus.derivation import Derivation, Deriving
from derive.calculus.rules import CHAIN, DEFINITION, PREMISE
from derive.costs import QUADRATIC
from derive.equation import Equation
from derive.network import Network, Objective
from derive.quantities import Index, N, Partial, a, b, total, w, y, z


@dataclass(frozen=True)
class Derived:
    """One equation of backpropagation with the steps that led to it."""

    equation: Equation
    derivation: Derivation
    layer: Expr
    free: tuple[Index, ...]


def output_delta(network: Network, objective: Objective) -> Derived:
    """Derive (1.1): the derivative of the objective in the output layer's weighted input."""
    last = network.depth
    j = network.index("j", last)
    variable = z[last, objective.i, j]
    work = Deriving(Partial(objective.symbol, variable), network)
    work.step(DEFINITION, objective.symbol, objective.define(network), "the objective")
    if network.softmax:
        _through_softmax(work, network)
    else:
        work.differentiate()
        for slope in network.output_slopes() if network.cancels and not objective.extra else ():
            work.unfold(slope.lhs, slope.rhs, PREMISE, f"({slope.number})")
    if network.cost != QUADRATIC and not objective.extra:
        work.arrive_at_fraction()
    derivation = work.done()
    return _derived("1.1", "output delta", network, objective, last, (j,), derivation)


def hidden_delta(network: Network, objective: Objective, layer: Expr) -> Derived:
    """Derive (1.2): delta[l] from delta[l+1], for 2 <= l <= L-1."""
    j = network.index("j", layer)
    k = network.index("k", layer + 1)
    i = objective.i
    variable, through = z[layer, i, j], z[layer + 1, i, k]
    work = Deriving(Partial(objective.symbol, variable), network)
    _chain(work, objective, variable, through, (k,), layer + 1, (i, k))
    derivation = work.differentiate().done()
    return _derived("1.2", "hidden delta", network, objective, layer, (j,), derivation)


def bias_gradient(network: Network, objective: Objective, layer: Expr) -> Derived:
    """Derive (1.3): the derivative in b[l]_j, for 2 <= l <= L."""
    j = network.index("j", layer)
    derivation = _parameter(network, objective, layer, b[layer, j])
    return _derived("1.3", "bias gradient", network, objective, layer, (j,), derivation)


def weight_gradient(network: Network, objective: Objective, layer: Expr) -> Derived:
    """Derive (1.4): the derivative in w[l]_jk, for 2 <= l <= L."""
    j, k = network.index("j", layer), network.index("k", layer - 1)
    derivation = _parameter(network, objective, layer, w[layer, j, k])
    return _derived("1.4", "weight gradient", network, objective, layer, (j, k), derivation)


def backpropagation(network: Network, objective: Objective) -> tuple[Derived, ...]:
    """Derive every equation of a given architecture, in the order of the backward pass."""
    found = []
    last = int(network.depth)
    for number in range(last, 1, -1):
        layer = network.depth - (last - number)
        if number == last:
            found.append(output_delta(network, objective))
        else:
            found.append(hidden_delta(network, objective, layer))
        if network.has_bias(layer):
            found.append(bias_gradient(network, objective, layer))
        found.append(weight_gradient(network, objective, layer))
    return tuple(found)


def _through_softmax(work: Deriving, network: Network) -> Deriving:
    """Open derivatives down to those of the softmax, which (1.7) gives; targets add up to 1."""
    slope, one = network.softmax_slope(), network.targets_add_up()

    def is_output(f: Expr) -> bool:
        return getattr(f, "base", None) == a and bool(f.indices[0] == network.depth)

    work.open_derivatives(is_output)
    (m, *_), (_, other, j) = slope.lhs.f.indices[2:], slope.lhs.v.indices
    i = slope.lhs.f.indices[1]
    for partial in [node for node in preorder_traversal(work.now) if isinstance(node, Partial)]:
        places = (*partial.f.indices[1:], *partial.v.indices[1:])
        work.step(
            PREMISE, partial, slope.rhs.xreplace(dict(zip((i, m, other, j), places, strict=True))), "(1.7)"
        )
    work.multiply_out().tidy()
    (targets,) = (limit[0] for limit in one.lhs.limits)
    for node in [node for node in preorder_traversal(work.now) if isinstance(node, Sum)]:
        if getattr(node.function, "base", None) == y and node.limits[0][0].upper == targets.upper:
            work.step(PREMISE, node, one.rhs, one.name)
    return work


def _parameter(network: Network, objective: Objective, layer: Expr, parameter: Expr) -> Derivation:
    m = network.index("m", layer)
    i = Index("i", N) if objective.over_samples else objective.i
    sums = (i, m) if objective.over_samples else (m,)
    work = Deriving(Partial(objective.symbol, parameter), network)
    _chain(work, objective, parameter, z[layer, i, m], sums, layer, (i, m))
    return work.differentiate().done()


def _chain(
    work: Deriving,
    objective: Objective,
    variable: Expr,
    through: Expr,
    sums: tuple[Index, ...],
    layer: Expr,
    place: tuple[Expr, Expr],
) -> None:
    """Write the derivative through the z of one layer and give the outer factor its name."""
    outer = Partial(objective.symbol, through)
    work.step(
        CHAIN,
        Partial(objective.symbol, variable),
        total(outer * Partial(through, variable), *sums),
        f"it acts only through z[{str(layer).replace(' ', '')}]",
    )
    work.step(DEFINITION, outer, objective.delta(layer, *place), "delta")


def _derived(
    number: str,
    name: str,
    network: Network,
    objective: Objective,
    layer: Expr,
    neurons: tuple[Index, ...],
    derivation: Derivation,
) -> Derived:
    is_delta = number in ("1.1", "1.2")
    lhs = objective.delta(layer, objective.i, neurons[0]) if is_delta else derivation.start
    free = (objective.i, *neurons)
    return Derived(Equation(number, name, lhs, derivation.result), derivation, layer, free)
