"""What the derivation knows about a claim's quantities, put in their place.

The layers that a claim mentions fall into families: those counted from l, those counted from L, numbers.
In each, derivatives are opened by (1.1)-(1.4) and by the chain rule up to the highest layer that the
claim mentions, up to the cost itself where that is the last layer; above it a delta stays an opaque
vector. Activations are opened down to the lowest layer mentioned, where they stay opaque. Every equation
used holds for all l and L for which the claim is meant, so what is equal afterwards is equal.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

from sympy import Expr, Indexed, Integer, Sum

from derive.calculus.derivation import Derivation, Deriving
from derive.calculus.rules import CHAIN, DEFINITION
from derive.claims.activations import ACTIVATIONS
from derive.claims.layers import lowest
from derive.claims.meaning import OBJECTIVE, SAMPLE, ClaimNetwork
from derive.claims.syntax import Claim, Layer
from derive.equation import Equation
from derive.quantities import IndexedBase, Partial, Sigma, SigmaPrime, a, b, delta, total, w, z
from derive.theorems.backpropagation import (
    Derived,
    bias_gradient,
    hidden_delta,
    output_delta,
    weight_gradient,
)

_ABOVE_ITS_SOURCE = {"y", "C"}  # mentions no layer of the forward pass


@dataclass(frozen=True)
class Reach:
    """How far one family of layers is opened: activations above ``floor``, derivatives below ``ceiling``."""

    floor: int
    ceiling: int


def reaches(claim: Claim) -> dict[str, Reach]:
    """Return the reach of each family of layers in a claim."""
    floors, ceilings = defaultdict(list), defaultdict(list)
    for quantity in claim.quantities():
        layer = quantity.layer
        ceilings[layer.base].append(layer.offset)
        if quantity.letter not in _ABOVE_ITS_SOURCE:
            floors[layer.base].append(layer.offset - lowest(quantity) + 1)
    found = {}
    for base, mentioned in ceilings.items():
        last = claim.depth.offset if base == claim.depth.base else max(mentioned)
        found[base] = Reach(min(floors[base], default=last), last)
    return found


class Unfolding:
    """Opens the expressions of one claim; ``used`` keeps the equations that it took, in order."""

    def __init__(self, claim: Claim, network: ClaimNetwork, weighted_inputs: bool) -> None:
        self.claim = claim
        self.network = network
        self.weighted_inputs = weighted_inputs
        self.reaches = reaches(claim)
        self.through_activation = {q.layer for q in claim.quantities() if q.letter == "da"}
        self.used: list[Derived] = []
        self._derived: dict[tuple[str, Layer], Derived] = {}
        self._opened: dict[Expr, Expr] = {}

    def open(self, expr: Expr) -> Expr:
        """Return the expression in opaque quantities alone."""
        if expr not in self._opened:
            self._opened[expr] = self._open(expr)
        return self._opened[expr]

    def _open(self, expr: Expr) -> Expr:
        if isinstance(expr, (Indexed, Partial)):
            meaning = self._derivative(expr) if isinstance(expr, Partial) else self._quantity(expr)
            return expr if meaning is None else self.open(meaning)
        if isinstance(expr, Sum):
            single = {index: Integer(1) for index, _, upper in expr.limits if upper == 1}
            body = self.open(expr.function.xreplace(single))
            limits = [limit for limit in expr.limits if limit[0] not in single]
            return Sum(body, *limits) if limits else body
        if isinstance(expr, (Sigma, SigmaPrime)):
            activation, point = ACTIVATIONS[self.claim.activation], self.open(expr.args[1])
            return activation.sigma(point) if isinstance(expr, Sigma) else activation.sigma_prime(point)
        return expr.func(*(self.open(arg) for arg in expr.args)) if expr.args else expr

    # -- the forward pass ------------------------------------------------------------------------------

    def _quantity(self, entry: Indexed) -> Expr | None:
        if entry == OBJECTIVE.symbol:
            return OBJECTIVE.define(self.network)
        if entry.base not in (a, z, delta):
            return None
        layer = Layer.of(entry.indices[0])
        if entry.base == delta:
            return self._delta(layer, entry.indices[2])
        if layer == Layer("", 1) or (
            layer.offset > self.reaches[layer.base].floor and (entry.base == a or self.weighted_inputs)
        ):
            return self.network.definition(entry)
        return None

    # -- the backward pass -----------------------------------------------------------------------------

    def _delta(self, layer: Layer, j: Expr) -> Expr | None:
        if layer == self.claim.depth:
            return self._take("1.1", layer, j)
        if layer.offset < self.reaches[layer.base].ceiling:
            return self._take("1.2", layer, j)
        return self._take("through", layer, j) if layer in self.through_activation else None

    def _derivative(self, partial: Partial) -> Expr | None:
        base, places = partial.v.base, partial.v.indices
        layer = Layer.of(places[0])
        if base == z:
            return delta[places]
        if base in (w, b):
            return self._take("1.4" if base == w else "1.3", layer, *places[1:])
        opaque = layer != self.claim.depth and layer.offset == self.reaches[layer.base].ceiling
        return None if opaque else self._take("activation", layer, places[2])

    def _take(self, number: str, layer: Layer, *neurons: Expr) -> Expr:
        """Return the right-hand side of an equation at the given neurons."""
        if (number, layer) not in self._derived:
            derived = self._derive(number, layer)
            self._derived[number, layer] = derived
            self.used.append(derived)
        derived = self._derived[number, layer]
        return derived.equation.rhs.xreplace(dict(zip(derived.free, (SAMPLE, *neurons), strict=True)))

    def _derive(self, number: str, layer: Layer) -> Derived:
        network, at = self.network, layer.expr
        if number == "1.1":
            return output_delta(network, OBJECTIVE)
        if number == "1.2":
            return hidden_delta(network, OBJECTIVE, at)
        if number == "1.3":
            return bias_gradient(network, OBJECTIVE, at)
        if number == "1.4":
            return weight_gradient(network, OBJECTIVE, at)
        if number == "through":
            return delta_through_activation(network, layer)
        return activation_gradient(network, layer)


def activation_gradient(network: ClaimNetwork, layer: Layer) -> Derived:
    """Derive dC/da[l]: from the cost at the last layer, else by the chain rule through layer l+1."""
    at = layer.expr
    j = network.index("j", at)
    start = Partial(OBJECTIVE.symbol, a[at, SAMPLE, j])
    work = Deriving(start, network)
    if layer == network.claim.depth:
        work.step(DEFINITION, OBJECTIVE.symbol, OBJECTIVE.define(network), "the objective")
    else:
        k = network.index("k", at + 1)
        outer = Partial(OBJECTIVE.symbol, z[at + 1, SAMPLE, k])
        inner = Partial(z[at + 1, SAMPLE, k], a[at, SAMPLE, j])
        work.step(CHAIN, start, total(outer * inner, k), f"it acts only through z[{layer.shifted(1)}]")
        work.step(DEFINITION, outer, delta[at + 1, SAMPLE, k], "delta")
    derivation = work.differentiate().done()
    return Derived(Equation("", "activation gradient", start, derivation.result), derivation, at, (SAMPLE, j))


def delta_through_activation(network: ClaimNetwork, layer: Layer) -> Derived:
    """Derive delta[l] from dC/da[l] by the chain rule through a[l]."""
    at = layer.expr
    j, m = network.index("j", at), network.index("m", at)
    variable, through = z[at, SAMPLE, j], a[at, SAMPLE, m]
    outer = IndexedBase("outer")  # the derivative in a[l] stays closed while the other one is opened
    work = Deriving(Partial(OBJECTIVE.symbol, variable), network)
    chain = total(outer[at, SAMPLE, m] * Partial(through, variable), m)
    work.step(CHAIN, work.start, chain, f"it acts only through a[{layer}]")
    closed = work.differentiate().done()

    def named(expr: Expr) -> Expr:
        found: Expr = expr.replace(
            lambda e: isinstance(e, Indexed) and e.base == outer,
            lambda e: Partial(OBJECTIVE.symbol, a[e.indices]),
        )
        return found

    steps = tuple(replace(step, before=named(step.before), after=named(step.after)) for step in closed.steps)
    derivation = Derivation(closed.start, steps)
    lhs = delta[at, SAMPLE, j]
    return Derived(Equation("", "delta through a", lhs, derivation.result), derivation, at, (SAMPLE, j))
