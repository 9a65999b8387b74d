"""Lemma 1 of Higham & Higham as a claim, and its proofs against the derivation.

The claim is data: it is compared with what the rules derive, and nothing is ever generated from it. A wrong
claim is told apart by the normal form, in general (symbolic layer and widths), at the depth of a given
architecture, and by differentiating straight through all layers without any delta.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sympy import Add, Expr, Integer

from derive.calculus.normal_form import equal
from derive.calculus.rules import differentiate
from derive.network import Network, Objective, array_of, sample_cost
from derive.quantities import (
    Index,
    L,
    LossPrime,
    Partial,
    SigmaPrime,
    a,
    b,
    delta,
    exchanged,
    l,
    omega,
    total,
    u,
    w,
    y,
    z,
)
from derive.theorems.backpropagation import (
    Derived,
    backpropagation,
    in_general,
    output_delta,
)

MAX_UNROLLED_DEPTH = 12


def _output(network: Network, layer: Expr, i: Expr, j: Expr) -> Expr:
    """Return the lemma's (1.1): sigma'(z) (a - y), and l'(y, a) sigma'(z) for another loss than the square.

    For a softmax or a logistic output with its cross-entropy it is a - y. A factor of the cost and the weight
    of the output multiply it.
    """
    terms = network.cost_terms
    share = terms.factor * (omega[j] if terms.weights else 1)
    difference = a[layer, i, j] - y[i, j]
    if network.matched:
        return share * difference
    slope = SigmaPrime(layer, z[layer, i, j])
    return share * slope * (difference if network.squares else LossPrime(y[i, j], a[layer, i, j]))


def _sample_delta(layer: Expr, i: Expr, j: Expr) -> Expr:
    return delta[layer, i, j]


Naming = Callable[[Expr, Expr, Expr], Expr]
"""The letter for the derivative in z[l]_ij, a function of (l, i, j)."""


def hidden(network: Network, layer: Expr, i: Expr, j: Expr, named: Naming = _sample_delta) -> Expr:
    """Return the lemma's (1.2): sigma'(z) times W^T delta, added up over the layers that layer l feeds."""
    back = Integer(0)
    for above in network.acts_on(z[layer, i, j]):
        k = network.index("k", above)
        for term in network.terms(above):
            if term.source == layer:
                weighted = term.weights is not None
                back += total(term.weight(k, j) * named(above, i, k), k) if weighted else named(above, i, j)
    return SigmaPrime(layer, z[layer, i, j]) * back


def bias(network: Network, layer: Expr, i: Expr, j: Expr, named: Naming = _sample_delta) -> Expr:
    """Return the lemma's (1.3): delta, added up over the layers that have the bias."""
    return Add(*(named(user, i, j) for user in network.acts_on(b[layer, j])))


def weight(
    network: Network,
    layer: Expr,
    i: Expr,
    j: Expr,
    k: Expr,
    source: Expr | None = None,
    named: Naming = _sample_delta,
) -> Expr:
    """Return the lemma's (1.4): delta a^T, added up over the layers that have the weights.

    ``source`` is the layer from which they take, where that is not layer l-1.
    """
    array = w[layer, j, k] if source is None else u[layer, source, j, k]
    found = Integer(0)
    for user in network.acts_on(array):
        for term in network.terms(user):
            if term.weights == array_of(array):
                row, column = (k, j) if term.transposed else (j, k)
                found += named(user, i, row) * a[term.source, i, column]
    return found


@dataclass(frozen=True)
class Claim:
    """Four right-hand sides, each a function of (network, layer, sample, neurons...).

    That of a weight gradient is given a ``source``, too, for the weights of a link from a layer that is not
    the one before.
    """

    output_delta: Callable[[Network, Expr, Expr, Expr], Expr] = _output
    hidden_delta: Callable[..., Expr] = hidden
    bias_gradient: Callable[..., Expr] = bias
    weight_gradient: Callable[..., Expr] = weight

    def of(self, network: Network, derived: Derived) -> Expr:
        """Return what is claimed for the left-hand side of a derived equation."""
        claims: dict[str, Callable[..., Expr]] = {
            "1.1": self.output_delta,
            "1.2": self.hidden_delta,
            "1.3": self.bias_gradient,
            "1.4": self.weight_gradient,
        }
        return claims[derived.equation.number](network, derived.layer, *derived.free, *derived.source)

    def gradient(self, network: Network, parameter: Expr, i: Expr) -> tuple[str, Expr]:
        """Return the number of the equation for a parameter's derivative, and what is claimed for it."""
        letter, (layer, *source) = array_of(parameter)
        neurons = parameter.indices[1 + len(source) :]
        if letter == b:
            return "1.3", self.bias_gradient(network, layer, i, *neurons)
        return "1.4", self.weight_gradient(network, layer, i, *neurons, *source)

    def delta(self, network: Network, layer: Expr, i: Expr, j: Expr) -> Expr:
        """Return what is claimed for delta[l]_ij at a given depth, (1.1) or (1.2)."""
        here = self.output_delta if layer == network.depth else self.hidden_delta
        return here(network, layer, i, j)


LEMMA_1 = Claim()


@dataclass(frozen=True)
class Finding:
    """The verdict on one equation."""

    number: str
    layer: Expr
    holds: bool


def unfold_activations(network: Network) -> Callable[[Expr], Expr | None]:
    """Return the rewriting a[l] -> sigma(z[l]), so that a and sigma(z) compare as equal."""

    def unfold(quantity: Expr) -> Expr | None:
        if getattr(quantity, "base", None) != a:
            return None
        layer = quantity.indices[0]
        known = isinstance(layer, Integer) or layer in (l, L)
        return network.definition(quantity) if known else None

    return unfold


def derive_in_general(
    objective: Objective | None = None, network: Network | None = None
) -> tuple[Derived, ...]:
    """Derive (1.1)-(1.4) at a symbolic layer l and symbolic widths, for any activation.

    The cost is the article's, or that of ``network``, which has no architecture.
    """
    network, objective = network or Network(), objective or sample_cost()
    return output_delta(network, objective), *(in_general(network, objective, letter) for letter in (z, b, w))


def check(network: Network, derived: tuple[Derived, ...], claim: Claim) -> tuple[Finding, ...]:
    """Compare each derived equation with the claim, by the normal form."""
    unfold = unfold_activations(network)
    return tuple(
        Finding(
            d.equation.number,
            d.layer,
            equal(d.equation.rhs, claim.of(network, d), unfold),
        )
        for d in derived
    )


def prove_in_general(
    claim: Claim = LEMMA_1, objective: Objective | None = None, network: Network | None = None
) -> tuple[Finding, ...]:
    """Prove (a): the four equations for every depth, width and differentiable activation."""
    return check(network or Network(), derive_in_general(objective, network), claim)


def prove_layers(
    network: Network, claim: Claim = LEMMA_1, objective: Objective | None = None
) -> tuple[Finding, ...]:
    """Prove (b), first half: the 3(L-1) equations of an architecture, each from its own layer."""
    return check(network, backpropagation(network, objective or sample_cost()), claim)


def prove_unrolled(
    network: Network, claim: Claim = LEMMA_1, objective: Objective | None = None
) -> tuple[Finding, ...]:
    """Prove (b), second half: all 2(L-1) gradients, differentiated through the whole depth.

    The cost is differentiated in w[l] and b[l] through every layer above, without a delta; the claim is
    unfolded down from (1.1). Quadratic in the depth, so deeper networks than ``MAX_UNROLLED_DEPTH`` rest
    on the other half alone, and ``()`` is returned; so do those with a cross-entropy, whose (1.1) rests on
    more than the rules.
    """
    if network.depth > MAX_UNROLLED_DEPTH or network.matched:
        return ()
    objective = objective or sample_cost()
    activations = unfold_activations(network)
    claims: dict[Expr, tuple[Index, Expr]] = {}  # what is claimed at neuron j of a layer, once for each layer

    def unfold(quantity: Expr) -> Expr | None:
        if getattr(quantity, "base", None) != delta:
            return activations(quantity)
        layer, i, j = quantity.indices
        if i != objective.i:
            return claim.delta(network, layer, i, j)
        if layer not in claims:
            neuron = network.index("j", layer)
            claims[layer] = neuron, claim.delta(network, layer, i, neuron)
        neuron, found = claims[layer]
        return exchanged(found, {neuron: j})

    findings = []
    parameters = network.parameters()
    straight = _straight_through(network, objective, parameters)
    for parameter, derivative in zip(parameters, straight, strict=True):
        number, claimed = claim.gradient(network, parameter, objective.i)
        findings.append(Finding(number, parameter.indices[0], equal(derivative, claimed, unfold)))
    return tuple(findings)


def _straight_through(network: Network, objective: Objective, parameters: tuple[Expr, ...]) -> list[Expr]:
    """Differentiate an objective in every parameter through all layers above.

    Where each layer takes from the one before alone and shares nothing, what lies above layer l is opened in
    the same way for every parameter of layer l or below: it is opened once, for the lowest, down to the
    derivative of z[l], and that is then taken in each.
    """
    meaning = objective.define(network)
    if network.architecture is None or not network.architecture.plain:
        return [differentiate(meaning, parameter, network) for parameter in parameters]
    above: Expr = Partial(meaning, parameters[0])
    found: dict[Expr, Expr] = {}
    for layer in map(Integer, range(int(network.depth), 1, -1)):
        above = _opened(network, above, parameters[0], layer)
        for parameter in (one for one in parameters if one.indices[0] == layer):
            found[parameter] = _opened(network, above, parameter)
    return [found[parameter] for parameter in parameters]


def _opened(network: Network, expr: Expr, v: Expr, down_to: Expr | None = None) -> Expr:
    """Open every derivative of an expression as one in v, down to those of the z of a layer, if of one."""

    def closed(f: Expr) -> bool:
        return down_to is not None and getattr(f, "base", None) == z and bool(f.indices[0] == down_to)

    partials = expr.atoms(Partial)
    return exchanged(expr, {one: differentiate(one.f, v, network, closed) for one in partials})
