"""The formulas that exercises ask about: Lemma 1 at several layers, with deltas put into each other.

All are derived, at the layer that is named; the two ways to write them come from ``claim_text``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from sympy import Expr, Indexed, Integer

from derive.equation import Equation
from derive.exercises.blocks import Prose
from derive.exercises.claim_text import component_sides, matrix_sides
from derive.network import Network, sample_cost
from derive.quantities import L, delta, l
from derive.theorems.backpropagation import (
    Derived,
    bias_gradient,
    hidden_delta,
    output_delta,
    weight_gradient,
)

MATRICES, COMPONENTS = "matrices", "components"

NUDGES = {
    "1.1": "Only the output layer meets the target: go from the cost to the activations of that "
    "layer, then to "
    "its weighted inputs.",
    "1.2": "A weighted input acts on the cost only through the weighted inputs of the next layer: "
    "the chain rule "
    "through that layer.",
    "1.3": "How fast does a weighted input change with its bias?",
    "1.4": "A weight acts on the cost through one weighted input only. What is it multiplied by there?",
}
NOTATION = {
    MATRICES: Prose(
        "Notation: layers stand in brackets, vectors are columns, `@` is the matrix product, `*` "
        "multiplies entry "
        "by entry, `.T` transposes, `dsigma` is the derivative of `sigma`. In the network "
        "`z[l] = W[l] @ a[l-1] + b[l]`, `a[l] = sigma(z[l])` and `a[1] = x`; the cost C is half the squared "
        "distance of `a[L]` and `y`, and `delta[l]` is `dC/dz[l]`."
    ),
    COMPONENTS: Prose(
        "Notation: layers stand in the first brackets, subscripts in the second; `w[l][j,k]` leads "
        "from neuron k "
        "of layer l-1 to neuron j of layer l; `sum(k, ...)` sums over k; `dsigma` is the derivative "
        "of `sigma`. "
        "In the network `z[l][j] = sum(k, w[l][j,k] * a[l-1][k]) + b[l][j]`, `a[l][j] = sigma(z[l][j])` and "
        "`a[1] = x`; the cost C is half the squared distance of `a[L]` and `y`, and `delta[l]` is `dC/dz[l]`."
    ),
}


@dataclass(frozen=True)
class Formula:
    """An equation that was derived, its number in Lemma 1, and both sides as claims are typed."""

    number: str
    equation: Equation
    left: str
    right: str
    form: str

    @property
    def text(self) -> str:
        """The formula as a claim."""
        return f"{self.left} = {self.right}"

    @property
    def nudge(self) -> str:
        """Where to begin."""
        written_out = self.right.count("dsigma") > (self.number in ("1.1", "1.2"))
        return f"{NUDGES[self.number]}{' The delta that follows is written out.' if written_out else ''}"


@cache
def formulas() -> tuple[Formula, ...]:
    """Return every formula, in a fixed order, each with matrices and by components."""
    network, objective = Network(), sample_cost()
    hidden = [hidden_delta(network, objective, layer) for layer in (l, l - 1, L - 1, Integer(2), Integer(3))]
    found = [output_delta(network, objective), *hidden]
    found.append(bias_gradient(network, objective, l))
    found += [weight_gradient(network, objective, layer) for layer in (l, l + 1, L, Integer(2))]
    equations = [derived.equation for derived in found]
    layers = [(hidden_delta, layer) for layer in (l, L - 1, L - 2)]
    layers += [(gradient, layer) for gradient in (bias_gradient, weight_gradient) for layer in (l, L, L - 1)]
    equations += [_put_in(make(network, objective, layer)) for make, layer in layers]
    ways: tuple[tuple[str, Callable[[Equation], tuple[str, str]]], ...] = (
        (MATRICES, matrix_sides),
        (COMPONENTS, component_sides),
    )
    return tuple(Formula(eq.number, eq, *sides(eq), form) for eq in equations for form, sides in ways)


def _put_in(derived: Derived) -> Equation:
    """Replace the delta on the right-hand side by what is derived for it."""
    network, objective = Network(), sample_cost()
    equation = derived.equation
    (found,) = [node for node in equation.rhs.atoms(Indexed) if node.base == delta]
    layer, i, m = found.indices
    inner = output_delta(network, objective) if layer == L else hidden_delta(network, objective, layer)
    renaming: dict[Expr, Expr] = dict(zip(inner.free, (i, m), strict=True))
    right = equation.rhs.xreplace({found: inner.equation.rhs.xreplace(renaming)})
    return Equation(equation.number, equation.name, equation.lhs, right)
