"""The Gram matrix J J^T without the Jacobian: layer by layer, from deltas and activations.

With J_(ic),(ljk) = Delta[l]_icj a[l-1]_ik for a weight and Delta[l]_icj for a bias, layer l contributes

    sum_jk J_(ic),(ljk) J_(i'c'),(ljk) + sum_j J_(ic),(lj) J_(i'c'),(lj)
        = (sum_j Delta[l]_icj Delta[l]_i'c'j) (1 + sum_k a[l-1]_ik a[l-1]_i'k),

and without biases the 1 goes. J J^T is the sum over the layers. The entries of J come from the
derivation, not from here. Equation numbers 5.x.
"""

from __future__ import annotations

from sympy import Add, Expr, Integer

from derive.calculus.derivation import Deriving
from derive.equation import Equation
from derive.network import Network, Objective, output
from derive.quantities import Index, N, a, l, total
from derive.theorems.backpropagation import Derived, bias_gradient, weight_gradient
from derive.theorems.theorem import Given, Part, Theorem


def _entry(derived: Derived, objective: Objective, i: Index, c: Index, neurons: tuple[Index, ...]) -> Expr:
    """Return an entry of J as derived, at another sample, output and parameter."""
    renaming = dict(zip((objective.i, *objective.extra, *derived.free[1:]), (i, c, *neurons), strict=True))
    return derived.equation.rhs.xreplace(renaming)


def _rows(network: Network) -> tuple[tuple[Index, Index], tuple[Index, Index]]:
    return (
        (Index("i", N), network.index("c", network.depth)),
        (Index("i'", N), network.index("c'", network.depth)),
    )


def layer_contribution(bias: bool = True) -> Part:
    """Derive what layer l adds to an entry of J J^T, for any widths; (5.1) with biases, (5.2) without."""
    network = Network()
    objective = output(network)
    weights, biases = weight_gradient(network, objective, l), bias_gradient(network, objective, l)
    (i, c), (i2, c2) = _rows(network)
    j, k, m = network.index("j", l), network.index("k", l - 1), network.index("m", l)
    by_weight = [_entry(weights, objective, *row, (j, k)) for row in ((i, c), (i2, c2))]
    by_bias = [_entry(biases, objective, *row, (m,)) for row in ((i, c), (i2, c2))]
    start = total(by_weight[0] * by_weight[1], j, k)
    if bias:
        start += total(by_bias[0] * by_bias[1], m)
    claimed = claimed_contribution(objective, i, c, i2, c2, bias=bias)
    work = Deriving(start, network).tidy()
    reason = "" if work.arrive(claimed) else "the two sides differ in their normal form"
    number = "5.1" if bias else "5.2"
    name = "Gram matrix, layer l" if bias else "Gram matrix, layer l without biases"
    return Part(Equation(number, name, start, claimed), work.done(), Given(), reason)


def claimed_contribution(
    objective: Objective, i: Index, c: Index, i2: Index, c2: Index, *, bias: bool = True
) -> Expr:
    """Return (sum_j Delta_icj Delta_i'c'j) ([1 +] sum_k a_ik a_i'k) for layer l."""
    network = Network()
    j, k = network.index("j", l), network.index("k", l - 1)
    deltas = total(objective.base[l, i, c, j] * objective.base[l, i2, c2, j], j)
    activations = total(a[l - 1, i, k] * a[l - 1, i2, k], k)
    return deltas * Add(Integer(1 if bias else 0), activations)


def gram() -> Theorem:
    """State and prove the Gram theorem."""
    return Theorem(
        "gram",
        "The Gram matrix without the Jacobian",
        ("J has one row for each sample i and output c, one column for each weight and bias",),
        (layer_contribution(), layer_contribution(bias=False)),
        "(J J^T)_(ic),(i'c') is the sum over the layers l = 2..L of (5.1), or (5.2) where there is no bias",
    )
