"""What a claim about parameters and costs is worth in one instance, in fractions.

It reads the tree, and differentiates by carrying a slope through the costs. The network is any function of
the parameters: here F(x[i]) = X[i] p, or X[i] (p + p^2) with p^2 entry by entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from sympy import Expr, Rational

from derive.claims.algebra.syntax import (
    Call,
    Component,
    Factors,
    Letter,
    Method,
    Node,
    OfSample,
    Over,
    Pick,
    Power,
    Terms,
    Transposed,
)
from derive.claims.exact import Dual
from derive.claims.matrices.rewriting import DRAWN
from derive.claims.syntax import Number
from derive.quantities import N, eta
from derive.theorems.descent import descent_update, gradient
from derive.theorems.levenberg_marquardt import p_old

Vector = list[Dual]
Value = Dual | Vector

ZERO = Dual(Fraction(0))


class Undefined(Exception):
    """A division by 0."""


@dataclass(frozen=True)
class Instance:
    """Numbers for p, f, g, d (``vectors``), for y[i] and X[i], and for what is a number."""

    sizes: Mapping[Expr, int]
    vectors: Mapping[str, list[Fraction]]
    targets: list[list[Fraction]]
    inputs: list[list[list[Fraction]]]
    scalars: Mapping[str, Fraction]
    squared: bool = False

    def output(self, i: int, p: Vector) -> Vector:
        """Return F(x[i])."""
        moved = [entry + entry * entry for entry in p] if self.squared else p
        return [_total([Dual(w) * entry for w, entry in zip(r, moved, strict=True)]) for r in self.inputs[i]]


@dataclass
class Worth:
    """Works out a node; ``sums`` are the ranges of summed indices, ``at`` the values of indices, from 0."""

    instance: Instance
    sums: Mapping[int, Expr]
    at: Mapping[str, int]
    p: Vector = field(default_factory=list)

    def of(self, node: Node) -> Value:
        """Return the value of a node.

        Raises:
            Undefined: if it divides by 0.
        """
        instance = self.instance
        if isinstance(node, Number):
            return Dual(node.value)
        if isinstance(node, Letter):
            return self.letter(node.name)
        if isinstance(node, OfSample):
            return self.of_sample(node)
        if isinstance(node, Method):
            return self.method(node)
        if isinstance(node, Call):
            return self.call(node)
        if isinstance(node, Component):
            return _vector(self.of(node.of))[self.at[node.index.name]]
        if isinstance(node, Over):
            total: Value = ZERO
            for place in range(instance.sizes[self.sums[node.at]]):
                inner = Worth(instance, self.sums, {**self.at, node.index.name: place}, self.p)
                total = _sum(total, inner.of(node.of))
            return total
        if isinstance(node, Terms):
            total = ZERO
            for term, sign in zip(node.terms, node.signs, strict=True):
                total = _sum(total, _product(Dual(Fraction(sign)), self.of(term)))
            return total
        if isinstance(node, Factors):
            total = self.of(node.factors[0])
            for factor, operator in zip(node.factors[1:], node.operators, strict=True):
                value = self.of(factor)
                total = _product(total, _inverse(value) if operator == "/" else value)
            return total
        inner_value = self.of(node.of)
        if isinstance(node, Transposed):
            return inner_value
        assert isinstance(node, Power)
        total = inner_value
        for _ in range(node.exponent - 1):
            total = _product(total, inner_value)
        return total

    def letter(self, name: str) -> Value:
        """Return the value of a letter."""
        if name == "p":
            return self.p
        if name == "Cost":
            return self.mean([self.cost(i) for i in range(len(self.instance.targets))])
        sizes = {"N": N, "m": DRAWN}
        if name in sizes:
            return Dual(Fraction(self.instance.sizes[sizes[name]]))
        if name in self.instance.scalars:
            return Dual(self.instance.scalars[name])
        return [Dual(entry) for entry in self.instance.vectors[name]]

    def mean(self, costs: list[Dual]) -> Dual:
        """Return the mean of some costs."""
        return Dual(Fraction(1, len(costs))) * _total(costs)

    def cost(self, i: int) -> Dual:
        """Return 1/2 ||y - F||^2 of a sample."""
        misfits = [
            Dual(y) - f
            for y, f in zip(self.instance.targets[i], self.instance.output(i, self.p), strict=True)
        ]
        return Dual(Fraction(1, 2)) * _total([misfit * misfit for misfit in misfits])

    def drawn(self, place: int) -> int:
        """Return the sample that is drawn in a place: the last first, round and round."""
        return -1 - place % self.instance.sizes[N] + self.instance.sizes[N]

    def pick(self, pick: Pick) -> int:
        """Return the number of a sample, from 0."""
        place = self.at[pick.index.name]
        return self.drawn(place) if pick.drawn else place

    def of_sample(self, node: OfSample) -> Value:
        """Return C[i], y[i] or F(x[i])."""
        i = self.pick(node.pick)
        if node.letter == "C":
            return self.cost(i)
        return (
            [Dual(y) for y in self.instance.targets[i]]
            if node.letter == "y"
            else self.instance.output(i, self.p)
        )

    def along(self, node: Node, direction: list[Fraction]) -> Dual:
        """Return the derivative of a number along a direction."""
        moved = [Dual(entry.value, slope) for entry, slope in zip(self.p, direction, strict=True)]
        value = Worth(self.instance, self.sums, self.at, moved).of(node)
        assert isinstance(value, Dual)
        return Dual(value.slope)

    def units(self) -> Iterator[list[Fraction]]:
        """Yield the unit vectors."""
        for q in range(len(self.p)):
            yield [Fraction(int(q == place)) for place in range(len(self.p))]

    def call(self, node: Call) -> Value:
        """Return a gradient, a first-order change or an inner product."""
        if node.name == "grad":
            return [self.along(node.arguments[0], unit) for unit in self.units()]
        if node.name == "first":
            step = _vector(self.of(node.arguments[1]))
            return self.along(node.arguments[0], [entry.value for entry in step])
        vectors = [self.of(argument) for argument in node.arguments]
        return _product(vectors[0], vectors[-1])

    def method(self, node: Method) -> Value:
        """Return the next parameters by (3.1)."""
        update = descent_update()
        (q,) = update.lhs.indices
        found: Vector = []
        for entry, unit in zip(self.p, self.units(), strict=True):
            moved = [Dual(value.value, slope) for value, slope in zip(self.p, unit, strict=True)]
            slope = Worth(self.instance, self.sums, self.at, moved).descended(node).slope
            values = {p_old[q]: entry.value, gradient[q]: slope, eta: self.step_size()}
            rational = {name: Rational(v.numerator, v.denominator) for name, v in values.items()}
            found.append(Dual(Fraction(str(update.rhs.xreplace(rational)))))
        return found

    def step_size(self) -> Fraction:
        """Return t, or eta where it is so called."""
        scalars = self.instance.scalars
        return scalars["t"] if "t" in scalars else scalars["eta"]

    def descended(self, node: Method) -> Dual:
        """Return the cost whose gradient a method goes against."""
        samples = range(len(self.instance.targets))
        if node.pick is not None:
            return self.cost(self.pick(node.pick))
        if node.name == "minibatch":
            samples = range(self.instance.sizes[DRAWN])
            return self.mean([self.cost(self.drawn(place)) for place in samples])
        return self.mean([self.cost(i) for i in samples])


def _vector(value: Value) -> Vector:
    assert isinstance(value, list)
    return value


def _total(values: list[Dual]) -> Dual:
    total = ZERO
    for value in values:
        total = total + value
    return total


def _sum(left: Value, right: Value) -> Value:
    if isinstance(left, list) and isinstance(right, list):
        return [p + q for p, q in zip(left, right, strict=True)]
    if isinstance(left, list):
        return left  # the other one is the number 0
    return right if isinstance(right, list) else left + right


def _product(left: Value, right: Value) -> Value:
    if isinstance(left, list) and isinstance(right, list):
        return _total([p * q for p, q in zip(left, right, strict=True)])
    if isinstance(right, list):
        left, right = right, left
    if isinstance(left, list):
        return [entry * right for entry in left]  # type: ignore[operator]
    return left * right  # type: ignore[operator]


def _inverse(value: Value) -> Value:
    assert isinstance(value, Dual)
    if not value.value:
        raise Undefined
    return Dual(1 / value.value, -value.slope / value.value**2)
