"""Exact values of one sample's forward and backward pass: the derived equations, at fractions.

No formula stands here: each value is that of a right-hand side that was derived, at the values before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from itertools import product

from sympy import Add, Expr, Indexed, Integer, Mul, Pow, Rational, Sum

from derive.activations import ACTIVATIONS, A
from derive.architecture import Architecture
from derive.claims.activations import StandIn
from derive.equation import Equation
from derive.network import Network, sample_cost
from derive.printers.naming import is_sample
from derive.quantities import Index, Partial, Sigma, SigmaPrime, a
from derive.theorems.backpropagation import backpropagation

Entry = tuple[str, tuple[int, ...]]
Numbers = dict[Entry, Fraction]


class Pass:
    """Every z, a, delta and gradient of one sample.

    With a stand-in for the activation all follows from parameters, input and target. Without one the
    activation is the logistic function, the activations must be among the numbers, and sigma' is what
    is derived for it through them.
    """

    def __init__(self, architecture: Architecture, numbers: Numbers, stand_in: StandIn | None) -> None:
        self.sizes = architecture.sizes
        self.known = dict(numbers)
        self.stand_in = stand_in
        forward, backward = _equations(architecture)
        for equation in (*(forward if stand_in is not None else ()), *backward):
            self._define(equation)

    def matrix(self, letter: str, layer: int) -> list[list[Fraction]]:
        """Return W, b, z, a, delta, dw or db of a layer, rows first; x is of the first, y of the last."""
        rows = range(1, self.sizes[layer - 1] + 1)
        if letter in ("w", "dw"):
            columns = range(1, self.sizes[layer - 2] + 1)
            return [[self.known[letter, (layer, j, k)] for k in columns] for j in rows]
        place = () if letter in ("x", "y") else (layer,)
        return [[self.known[letter, (*place, j)]] for j in rows]

    def slope(self, layer: int) -> list[list[Fraction]]:
        """Return sigma' of a layer."""
        return [[self._slope((layer, j))] for j in range(1, self.sizes[layer - 1] + 1)]

    def _define(self, equation: Equation) -> None:
        free = [
            index for index in equation.lhs.free_symbols if isinstance(index, Index) and not is_sample(index)
        ]
        for places in product(*(range(1, int(index.upper) + 1) for index in free)):
            at = dict(zip(free, places, strict=True))
            self.known[_entry(equation.lhs, at)] = self._value(equation.rhs, at)

    def _value(self, expr: Expr, at: Mapping[Expr, int]) -> Fraction:
        if isinstance(expr, Rational):
            return Fraction(int(expr.p), int(expr.q))
        if isinstance(expr, Add):
            return sum((self._value(arg, at) for arg in expr.args), Fraction(0))
        if isinstance(expr, Mul):
            found = Fraction(1)
            for arg in expr.args:
                found *= self._value(arg, at)
            return found
        if isinstance(expr, Pow):
            return Fraction(self._value(expr.base, at) ** int(expr.exp))
        if isinstance(expr, Sum):
            ((index, _, upper),) = expr.limits
            return sum(
                (self._value(expr.function, {**at, index: m}) for m in range(1, int(upper) + 1)), Fraction(0)
            )
        if isinstance(expr, Sigma):
            assert self.stand_in is not None
            return self.stand_in.value(self._value(expr.args[1], at))
        if isinstance(expr, SigmaPrime):
            return self._slope(_entry(expr.args[1], at)[1])
        if isinstance(expr, Indexed):
            return self.known[_entry(expr, at)]
        raise TypeError(f"expected a derived right-hand side, got {type(expr).__name__}: {expr}")

    def _slope(self, place: tuple[int, ...]) -> Fraction:
        if self.stand_in is not None:
            return self.stand_in.slope(self.known["z", place])
        through = ACTIVATIONS["sigmoid"].derivative_through_output()
        known = self.known[str(a), place]
        value = through.xreplace({A: Rational(known.numerator, known.denominator)})
        return Fraction(int(value.p), int(value.q))


@cache
def _equations(architecture: Architecture) -> tuple[tuple[Equation, ...], tuple[Equation, ...]]:
    """Return the equations of the forward and of the backward pass, in the order of their use."""
    network = Network(architecture)
    derived = backpropagation(network, sample_cost())
    return network.equations(), tuple(item.equation for item in derived)


def _entry(expr: Expr, at: Mapping[Expr, int]) -> Entry:
    """Name an entry by its letter, with a d before it for a derivative, and its places but the sample."""
    if isinstance(expr, Partial):
        letter, places = _entry(expr.v, at)
        return f"d{letter}", places
    places = tuple(
        int(place if isinstance(place, Integer) else at[place])
        for place in expr.indices
        if not is_sample(place)
    )
    return str(expr.base), places
