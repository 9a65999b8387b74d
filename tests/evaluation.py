"""Exact values of index expressions at small widths: an oracle that knows no rule and no normal form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from itertools import product
from math import prod
from random import Random
from typing import Any

from sympy import Add, Expr, Function, Indexed, KroneckerDelta, Mul, Pow, Rational, Sum

from derive.quantities import Index

Entry = Callable[[str, tuple[int, ...]], Any]


@cache
def arbitrary(name: str, place: tuple[int, ...], seed: int = 0) -> Fraction:
    """Return a fixed fraction for an entry, never 0, different from entry to entry."""
    random = Random(repr((name, place, seed)))
    return Fraction(random.choice((-1, 1)) * random.randint(1, 97), random.randint(1, 13))


@dataclass
class Evaluation:
    """Adds and multiplies out an index expression, every sum term by term."""

    widths: Mapping[Expr, int]
    entry: Entry = arbitrary
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)

    def of(self, expr: Expr, at: Mapping[Index, int]) -> Any:
        if isinstance(expr, Rational):
            return Fraction(int(expr.p), int(expr.q))
        if isinstance(expr, Index):
            return at[expr]
        if expr in self.widths:
            return Fraction(self.widths[expr])
        if isinstance(expr, Add):
            return sum((self.of(arg, at) for arg in expr.args), Fraction(0))
        if isinstance(expr, Mul):
            return prod((self.of(arg, at) for arg in expr.args), start=Fraction(1))
        if isinstance(expr, Pow):
            return self.of(expr.base, at) ** int(expr.exp)
        if isinstance(expr, Sum):
            (index, _, upper), *outer = expr.limits
            ranges = [range(1, int(self.of(limit[2], {})) + 1) for limit in outer]
            values = []
            for places in product(*ranges):
                inner = {**at, **{limit[0]: m for limit, m in zip(outer, places, strict=True)}}
                for m in range(1, int(self.of(upper, {})) + 1):
                    values.append(self.of(expr.function, {**inner, index: m}))
            return sum(values, Fraction(0))
        if isinstance(expr, KroneckerDelta):
            p, q = (self.of(arg, at) for arg in expr.args[:2])
            return Fraction(p == q)
        if isinstance(expr, Indexed):
            return self.entry(str(expr.base), tuple(int(self.of(arg, at)) for arg in expr.indices))
        if isinstance(expr, Function):
            return self.functions[type(expr).__name__](*(self.of(arg, at) for arg in expr.args))
        return self.entry(str(expr), ())


@dataclass(frozen=True)
class Dual:
    """A value and its derivative in one variable, carried forward by the rules of dual numbers."""

    value: Fraction
    slope: Fraction

    def __add__(self, other: Any) -> Dual:
        other = _dual(other)
        return Dual(self.value + other.value, self.slope + other.slope)

    def __mul__(self, other: Any) -> Dual:
        other = _dual(other)
        return Dual(self.value * other.value, self.value * other.slope + self.slope * other.value)

    __radd__ = __add__
    __rmul__ = __mul__

    def __sub__(self, other: Any) -> Dual:
        return self + other * Fraction(-1)


def _dual(number: Any) -> Dual:
    return number if isinstance(number, Dual) else Dual(Fraction(number), Fraction(0))


class ExactNetwork:
    """A forward pass in rational arithmetic, written out by hand: sigma_l(z) = l z^2 + z.

    ``moving`` is the parameter, such as ``("w", (2, 1, 1))``, in which every dual number is differentiated.
    """

    def __init__(self, sizes: tuple[int, ...], moving: tuple[str, tuple[int, ...]] | None = None) -> None:
        self.sizes = sizes
        self.moving = moving

    @staticmethod
    def sigma(layer: Fraction, z: Any) -> Any:
        return z * z * layer + z

    @staticmethod
    def sigma_prime(layer: Fraction, z: Any) -> Any:
        return z * 2 * layer + 1

    def parameter(self, name: str, place: tuple[int, ...]) -> Dual:
        small = arbitrary(name, place) / 40
        return Dual(small, Fraction((name, place) == self.moving))

    def z(self, layer: int, i: int, j: int) -> Dual:
        below = range(1, self.sizes[layer - 2] + 1)
        products = [self.parameter("w", (layer, j, k)) * self.a(layer - 1, i, k) for k in below]
        return sum(products, start=self.parameter("b", (layer, j)))

    def a(self, layer: int, i: int, j: int) -> Dual:
        if layer == 1:
            return _dual(arbitrary("x", (i, j)) / 40)
        return self.sigma(Fraction(layer), self.z(layer, i, j))

    def cost(self, i: int) -> Dual:
        """1/2 ||y_i - a[L]_i||^2."""
        last = len(self.sizes)
        misfits = [self.a(last, i, j) - arbitrary("y", (i, j)) for j in range(1, self.sizes[-1] + 1)]
        return sum((misfit * misfit * Fraction(1, 2) for misfit in misfits), start=_dual(0))

    def parameters(self) -> list[tuple[str, tuple[int, ...]]]:
        found: list[tuple[str, tuple[int, ...]]] = []
        for layer in range(2, len(self.sizes) + 1):
            for j in range(1, self.sizes[layer - 1] + 1):
                found.append(("b", (layer, j)))
                found += [("w", (layer, j, k)) for k in range(1, self.sizes[layer - 2] + 1)]
        return found
