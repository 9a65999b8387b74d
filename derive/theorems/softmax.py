"""The softmax and its cross-entropy: the slope of each output in each input, and the delta that it leads to.

For a_j = exp(z_j) / sum_k exp(z_k), the outputs of one sample,

    (1.7) da_m/dz_j = a_m (delta_mj - a_j), and 0 for another sample's z.

By (1.7) and if the targets of a sample add up to 1, (1.1) becomes delta_j = a_j - y_j: see
``backpropagation.output_delta``.
"""

from __future__ import annotations

from derive.calculus.derivation import Deriving
from derive.calculus.rules import DEFINITION, DISTRIBUTIVE
from derive.equation import Equation
from derive.network import Network
from derive.quantities import L, a
from derive.theorems.theorem import Given, Part, Theorem


def softmax_slope(network: Network) -> Part:
    """Derive (1.7) for the output layer of a network."""
    last = network.depth
    equation = network.softmax_slope()
    own, variable = equation.lhs.args
    meaning = Equation("0.3", "softmax", own, network.definition(own))
    given = Given((meaning,))
    work = Deriving(equation.lhs, given)
    work.step(DEFINITION, own, given.definition(own), "(0.3)")
    work.open_derivatives().collapse()
    other = a[last, own.indices[1], variable.indices[2]]
    one_left = equation.rhs.xreplace({other: given.definition(other)})
    work.step(DISTRIBUTIVE, work.now, one_left.xreplace({own: given.definition(own)}))
    work.step(DEFINITION, work.now, one_left, "(0.3)")
    work.step(DEFINITION, work.now, equation.rhs, "(0.3)")
    return Part(equation, work.done(), given)


def softmax() -> Theorem:
    """State and prove the slope of the softmax at symbolic widths."""
    network = Network(loss="cross-entropy")
    assert network.depth == L
    return Theorem(
        "softmax",
        "The softmax",
        ("a_j = exp(z_j) / sum_k exp(z_k) in the output layer",),
        (softmax_slope(network),),
        "da_m/dz_j = a_m (delta_mj - a_j)",
    )
