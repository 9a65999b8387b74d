"""The softmax and its cross-entropy: the slope of each output in each input, and the delta that it leads to.

For a_j = exp(z_j) / sum_k exp(z_k), the outputs of one sample,

    (1.7) da_m/dz_j = a_m (delta_mj - a_j), and 0 for another sample's z;
    (1.9) the same fractions come out if every z is shifted, so that the greatest can be taken off.

By (1.7) and if the targets of a sample add up to 1, (1.1) becomes delta_j = a_j - y_j: see
``backpropagation.output_delta``.
"""

from __future__ import annotations

from sympy import Expr, Symbol, exp, expand, log, symbols

from derive.calculus.derivation import Deriving
from derive.calculus.rules import DEFINITION, DISTRIBUTIVE
from derive.equation import Equation
from derive.network import Network
from derive.quantities import Index, IndexedBase, L, N, a, e, total, z
from derive.theorems.theorem import Given, Part, Theorem

h = IndexedBase("h")  # h[i] = exp(-m), of sample i


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


def shifted_softmax() -> Part:
    """Derive (1.9): with every z of a sample shifted by the same m, the fractions stay what they are.

    For e_j = exp(z_j - m) = exp(z_j) h with h = exp(-m): e_j / sum_k e_k = exp(z_j) / sum_k exp(z_k),
    multiplied out by both denominators, which are positive.
    """
    network = Network(loss="cross-entropy")
    i, j, k = Index("i", N), network.index("j", L), network.index("k", L)
    shifted = Equation("", "exp(z - m) = exp(z) h", e[L, i, j], exp(z[L, i, j]) * h[i])
    equation = Equation(
        "1.9",
        "shifted softmax",
        e[L, i, j] * total(exp(z[L, i, k]), k),
        exp(z[L, i, j]) * total(e[L, i, k], k),
    )
    given = Given((shifted,))
    work = Deriving(equation.lhs, given)
    work.unfold(shifted.lhs, shifted.rhs, DEFINITION, shifted.name)
    work.step(DISTRIBUTIVE, work.now, exp(z[L, i, j]) * total(exp(z[L, i, k]) * h[i], k))
    work.step(DEFINITION, work.now, equation.rhs, shifted.name)
    return Part(equation, work.done(), given)


def surprise(greatest: Expr, weighted_input: Expr, sum_of_exponentials: Expr) -> Expr:
    """Return -log a for a = exp(z - m) / q in the form that is computed: m - z + log q."""
    return greatest - weighted_input + log(sum_of_exponentials)


def surprise_is_the_definition() -> bool:
    """Decide that exp(-surprise) = exp(z - m) / q for real z, m and q > 0; exp is injective."""
    greatest, weighted = symbols("m z", real=True)
    whole = Symbol("q", positive=True)
    found = expand(exp(-surprise(greatest, weighted, whole)))
    return bool(found == expand(exp(weighted - greatest) / whole))


def softmax() -> Theorem:
    """State and prove the slope of the softmax at symbolic widths."""
    network = Network(loss="cross-entropy")
    assert network.depth == L
    return Theorem(
        "softmax",
        "The softmax",
        (
            "a_j = exp(z_j) / sum_k exp(z_k) in the output layer",
            "e_j = exp(z_j - m) and h = exp(-m) in (1.9)",
        ),
        (softmax_slope(network), shifted_softmax()),
        "da_m/dz_j = a_m (delta_mj - a_j); a shift of all z by the same m changes no output",
    )
