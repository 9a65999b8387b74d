"""The forward pass as equations in index notation, and what is differentiated: the objectives.

A ``Network`` with an architecture has its sizes and depth; without one it is the general network of the
theorem, with L layers (or a given number of them) of widths n_1..n_L. Equation numbers 0.x belong to this
module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sympy import Expr, IndexedBase, Integer, Rational

from derive.architecture import Architecture
from derive.equation import Equation
from derive.quantities import (
    C,
    Cost,
    F,
    Index,
    L,
    N,
    Sigma,
    a,
    b,
    delta,
    n,
    total,
    w,
    x,
    y,
    z,
)

ONE = Integer(1)
_FORWARD = {z, a}
_PARAMETERS = {w, b}


@dataclass(frozen=True)
class Network:
    """A feed-forward network: a[1] = x, z[l] = W[l] a[l-1] + b[l], a[l] = sigma_l(z[l])."""

    architecture: Architecture | None = None
    layers: int | None = None  # a depth with symbolic widths, where there is no architecture

    @property
    def depth(self) -> Expr:
        """The number of layers, a number or the symbol L."""
        if self.architecture is not None:
            return Integer(self.architecture.depth)
        return L if self.layers is None else Integer(self.layers)

    def width(self, layer: Expr) -> Expr:
        """Return n_l, a number for a given architecture and ``n[l]`` in general."""
        if self.architecture is None:
            return n[layer]
        if not 1 <= layer <= self.depth:
            raise ValueError(f"expected a layer from 1 to {self.depth}, got {layer}")
        return Integer(self.architecture.sizes[int(layer) - 1])

    def index(self, name: str, layer: Expr) -> Index:
        """Return a fresh index over the neurons of a layer."""
        return Index(name, self.width(layer))

    # -- definitions ------------------------------------------------------------------------------------

    def weighted_input(self, layer: Expr, i: Expr, j: Expr) -> Expr:
        """Return the right-hand side of (0.2): sum_k w[l]_jk a[l-1]_ik + b[l]_j."""
        k = self.index("k", layer - 1)
        return total(w[layer, j, k] * a[layer - 1, i, k], k) + b[layer, j]

    def activation(self, layer: Expr, i: Expr, j: Expr) -> Expr:
        """Return the right-hand side of (0.1) or (0.3): x_ij, or sigma_l(z[l]_ij)."""
        return x[i, j] if layer == 1 else Sigma(layer, z[layer, i, j])

    def definition(self, quantity: Expr) -> Expr | None:
        """Return what defines an entry of z or a, with fresh bound indices; None for anything else."""
        base = getattr(quantity, "base", None)
        if base == z:
            return self.weighted_input(*quantity.indices)
        if base == a:
            return self.activation(*quantity.indices)
        return None

    def depends(self, quantity: Expr, variable: Expr) -> bool:
        """Say whether a quantity of the forward pass can change with a parameter or a weighted input.

        The wiring is the premise: layer l feeds layer l+1 and nothing else.

        Raises:
            ValueError: where the two layers cannot be compared.
        """
        if quantity == variable:
            return True
        base = getattr(quantity, "base", None)
        if base in _PARAMETERS:  # parameters do not depend on z, nor on other layers' parameters
            return bool(base == variable.base and quantity.indices[0] == variable.indices[0])
        if base not in _FORWARD:
            return False
        distance = quantity.indices[0] - variable.indices[0]
        if not isinstance(distance, Integer):
            raise ValueError(f"cannot tell whether {quantity} depends on {variable}")
        return bool(distance >= 0)

    def equations(self) -> tuple[Equation, ...]:
        """Return (0.1)-(0.3), layer by layer; needs an architecture."""
        i = Index("i", N)
        k = self.index("k", Integer(1))
        found = [Equation("0.1", "input", a[1, i, k], x[i, k])]
        for layer in range(2, int(self.depth) + 1):
            j = self.index("j", Integer(layer))
            pre, post = z[layer, i, j], a[layer, i, j]
            found.append(Equation("0.2", "weighted input", pre, self.definition(pre)))
            found.append(Equation("0.3", "activation", post, self.definition(post)))
        return tuple(found)

    def _repr_latex_(self) -> str:
        from derive.printers.latex import network_latex

        return network_latex(self)


@dataclass(frozen=True)
class Objective:
    """A scalar (or output) whose derivatives are sought, as a function of the network's output.

    ``define(network)`` writes it out; ``delta(l, j)`` is the name of its derivative in z[l]_ij. If
    ``over_samples``, a parameter acts on it through the z of every sample, else of sample i alone.
    """

    name: str
    symbol: Expr
    i: Index
    define: Callable[[Network], Expr]
    base: IndexedBase = delta
    extra: tuple[Index, ...] = ()
    over_samples: bool = False

    def delta(self, layer: Expr, i: Expr, j: Expr) -> Expr:
        """Return the letter for the derivative of the objective in z[l]_ij."""
        return self.base[(layer, i, *self.extra, j)]


def half_square(network: Network, i: Expr) -> Expr:
    """Return 1/2 sum_j (y_ij - a[L]_ij)^2, the quadratic cost of sample i."""
    j = network.index("j", network.depth)
    return Rational(1, 2) * total((y[i, j] - a[network.depth, i, j]) ** 2, j)


def sample_cost(scale: Expr = ONE) -> Objective:
    """Return the article's C_i = 1/2 ||y_i - a[L]_i||^2, or a multiple of it."""
    i = Index("i", N)
    return Objective("sample cost", C[i], i, lambda network: scale * half_square(network, i))


def mean_cost() -> Objective:
    """Return the article's Cost = (1/N) sum_i C_i."""
    i = Index("i", N)

    def define(network: Network) -> Expr:
        s = Index("i", N)
        return total(half_square(network, s), s) / N

    return Objective("mean cost", Cost, i, define, over_samples=True)


def output(network: Network) -> Objective:
    """Return output c of the network, F_ic = a[L]_ic; its delta carries c: Delta[l]_icj."""
    i, c = Index("i", N), network.index("c", network.depth)
    return Objective(
        "output",
        F[i, c],
        i,
        lambda net: a[net.depth, i, c],
        base=IndexedBase("Delta"),
        extra=(c,),
    )
