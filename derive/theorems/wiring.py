"""Lemma 1 where layers take from several layers or share weights: the equations that change, with steps."""

from __future__ import annotations

from dataclasses import replace

from sympy import Integer

from derive.architecture import Architecture
from derive.calculus.normal_form import equal
from derive.equation import Equation
from derive.evaluation import Problem
from derive.network import Network, sample_cost
from derive.printers.text import equation_text
from derive.quantities import Index, N, z
from derive.theorems.backpropagation import Derived, backpropagation
from derive.theorems.lemma1 import LEMMA_1
from derive.theorems.theorem import Part, Theorem

EXAMPLE = "3-3-3=2-3+2-2+W1"


def changed_definitions(network: Network) -> tuple[Equation, ...]:
    """Return (0.2) for each layer that takes from more than the layer before, or shares parameters."""
    assert network.architecture is not None
    i, found = Index("i", N), []
    for layer, text in enumerate(network.architecture.wiring, start=2):
        if text:
            pre = z[Integer(layer), i, network.index("j", Integer(layer))]
            found.append(Equation("0.2", "weighted input", pre, network.definition(pre)))
    return tuple(found)


def changed_equations(network: Network) -> tuple[Derived, ...]:
    """Return those of (1.1)-(1.4), for the cost of a sample, that are not what Lemma 1 says by itself.

    Each is compared by the normal form with the lemma of the same network without its wiring.
    """
    shape = network.architecture
    assert shape is not None
    if shape.plain:
        return ()
    plain = Network(replace(shape, wiring=()))
    return tuple(
        item
        for item in backpropagation(network, sample_cost())
        if item.source or not equal(item.equation.rhs, LEMMA_1.of(plain, item))
    )


def wiring(shape: Architecture | None = None) -> Theorem:
    """State and prove what the lemma becomes for a network; without one, for a small example."""
    shape = shape or Architecture.parse(EXAMPLE)
    network, sample = Network(shape), sample_cost()
    problem = Problem(network, sample)
    parts = (Part(item.equation, item.derivation, problem) for item in changed_equations(network))
    return Theorem(
        "wiring",
        f"Lemma 1 for the network {shape.label}",
        (
            *(equation_text(equation) for equation in changed_definitions(network)),
            "every layer takes from earlier layers alone",
            "sigma is differentiable",
        ),
        tuple(parts),
        "delta gathers over all layers that a neuron feeds, and a gradient over all layers that use the "
        "parameter; what is not listed stays as in the lemma",
    )
