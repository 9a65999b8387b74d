"""Special cases in which a claim may hold although it does not in general."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

from derive.claims.activations import ACTIVATIONS
from derive.claims.layers import widths
from derive.claims.meaning import width_text
from derive.claims.syntax import ONE, Claim, Layer, Node, Number, Scalar

SCALES = tuple(map(Fraction, ("1", "-1", "2", "1/2", "0")))
MAX_WIDTHS = 5

Case = tuple[str, Claim]


def layer_cases(claim: Claim) -> Iterator[Case]:
    """Yield the claim at l = L, L-1, 2, or in networks just deep enough for the layers in it."""
    bases = {quantity.layer.base for quantity in claim.quantities()}
    if "l" in bases:
        for layer in (Layer("L", 0), Layer("L", -1), Layer("", 2)):
            yield f"l = {layer}", claim.where("l", layer)
    elif bases >= {"", "L"}:
        highest = max(q.layer.offset for q in claim.quantities() if not q.layer.base)
        for depth in (highest, highest + 1, highest + 2):
            if depth >= 2:
                yield f"L = {depth}", claim.where("L", Layer("", depth))


def scalar_cases(claim: Claim) -> Iterator[Case]:
    """Yield the claim at some values of each letter for a number."""
    names = sorted({node.name for node in claim.nodes() if isinstance(node, Scalar)})
    for name in names:
        for value in SCALES:

            def change(node: Node, name: str = name, value: Fraction = value) -> Node:
                return Number(value, node.at) if isinstance(node, Scalar) and node.name == name else node

            yield f"{name} = {value}", claim.rewritten(change)


def activation_cases(claim: Claim) -> Iterator[Case]:
    """Yield the claim for some kinds of sigma."""
    for kind, activation in ACTIVATIONS.items():
        if activation.said:
            yield activation.said, replace(claim, activation=kind)


def width_cases(claim: Claim) -> Iterator[Case]:
    """Yield the claim where a layer has one neuron, or two layers as many."""
    mentioned = widths(claim)[:MAX_WIDTHS]
    for layer in mentioned:
        yield f"{width_text(layer)} = 1", replace(claim, widths=((layer, ONE),))
    for pair in combinations(mentioned, 2):
        yield equal_widths(claim, *pair)


def equal_widths(claim: Claim, first: Layer, second: Layer) -> Case:
    """Return the claim where two layers have as many neurons."""
    first, second = sorted((first, second))
    return f"{width_text(second)} = {width_text(first)}", replace(claim, widths=((second, first),))
