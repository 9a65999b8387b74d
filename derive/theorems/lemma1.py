"""Lemma 1 of Higham & Higham as a claim, and its proofs against the derivation.

The claim is data: it is compared with what the rules derive, and nothing is ever generated from it. A wrong
claim is told apart by the normal form, in general (symbolic layer and widths), at the depth of a given
architecture, and by differentiating straight through all layers without any delta.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sympy import Expr, Integer

from derive.calculus.normal_form import equal
from derive.calculus.rules import differentiate
from derive.costs import QUADRATIC
from derive.network import Network, Objective, sample_cost
from derive.quantities import L, LossPrime, SigmaPrime, a, b, delta, l, total, w, y, z
from derive.theorems.backpropagation import (
    Derived,
    backpropagation,
    bias_gradient,
    hidden_delta,
    output_delta,
    weight_gradient,
)

MAX_UNROLLED_DEPTH = 12


def _output(network: Network, layer: Expr, i: Expr, j: Expr) -> Expr:
    """Return the lemma's (1.1): sigma'(z) (a - y), and l'(y, a) sigma'(z) for another loss than the square.

    For a softmax or a logistic output with its cross-entropy it is a - y.
    """
    difference = a[layer, i, j] - y[i, j]
    if network.softmax or network.cancels:
        return difference
    slope = SigmaPrime(layer, z[layer, i, j])
    return slope * (difference if network.cost == QUADRATIC else LossPrime(y[i, j], a[layer, i, j]))


def _hidden(network: Network, layer: Expr, i: Expr, j: Expr) -> Expr:
    k = network.index("k", layer + 1)
    back = total(w[layer + 1, k, j] * delta[layer + 1, i, k], k)
    return SigmaPrime(layer, z[layer, i, j]) * back


def _bias(network: Network, layer: Expr, i: Expr, j: Expr) -> Expr:
    return delta[layer, i, j]


def _weight(network: Network, layer: Expr, i: Expr, j: Expr, k: Expr) -> Expr:
    return delta[layer, i, j] * a[layer - 1, i, k]


@dataclass(frozen=True)
class Claim:
    """Four right-hand sides, each a function of (network, layer, sample, neurons...)."""

    output_delta: Callable[[Network, Expr, Expr, Expr], Expr] = _output
    hidden_delta: Callable[[Network, Expr, Expr, Expr], Expr] = _hidden
    bias_gradient: Callable[[Network, Expr, Expr, Expr], Expr] = _bias
    weight_gradient: Callable[[Network, Expr, Expr, Expr, Expr], Expr] = _weight

    def of(self, network: Network, derived: Derived) -> Expr:
        """Return what is claimed for the left-hand side of a derived equation."""
        claims: dict[str, Callable[..., Expr]] = {
            "1.1": self.output_delta,
            "1.2": self.hidden_delta,
            "1.3": self.bias_gradient,
            "1.4": self.weight_gradient,
        }
        return claims[derived.equation.number](network, derived.layer, *derived.free)

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
    return (
        output_delta(network, objective),
        hidden_delta(network, objective, l),
        bias_gradient(network, objective, l),
        weight_gradient(network, objective, l),
    )


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
    if network.depth > MAX_UNROLLED_DEPTH or network.softmax or network.cancels:
        return ()
    objective = objective or sample_cost()
    activations = unfold_activations(network)

    def unfold(quantity: Expr) -> Expr | None:
        if getattr(quantity, "base", None) == delta:
            return claim.delta(network, *quantity.indices)
        return activations(quantity)

    findings = []
    for number in range(2, int(network.depth) + 1):
        layer = Integer(number)
        j, k = network.index("j", layer), network.index("k", layer - 1)
        cost = objective.define(network)
        cases = [("1.4", w[layer, j, k], claim.weight_gradient(network, layer, objective.i, j, k))]
        if network.has_bias(layer):
            cases.insert(0, ("1.3", b[layer, j], claim.bias_gradient(network, layer, objective.i, j)))
        for equation, parameter, claimed in cases:
            holds = equal(differentiate(cost, parameter, network), claimed, unfold)
            findings.append(Finding(equation, layer, holds))
    return tuple(findings)
