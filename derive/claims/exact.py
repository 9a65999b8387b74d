"""Exact values of a claim's two sides in one network, by rational arithmetic and dual numbers.

This is the check that shares nothing with the proof: it reads the tree of the claim, not its index
expressions, and differentiates the cost by carrying a slope through the forward pass, not by the lemma.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product

from derive.claims.activations import StandIn
from derive.claims.meaning import Meaning
from derive.claims.syntax import (
    ONE,
    Added,
    Apply,
    Entry,
    Layer,
    Node,
    Number,
    Quantity,
    Scalar,
    Total,
    Transpose,
)

Matrix = list[list[Fraction]]  # a number is 1 by 1 and fits everything
Moving = tuple[str, int, tuple[int, ...]]  # letter, layer and place, from 0, of what is moved


@dataclass(frozen=True)
class Dual:
    """A value and its derivative in whatever is moved."""

    value: Fraction
    slope: Fraction = Fraction(0)

    def __add__(self, other: Dual) -> Dual:
        return Dual(self.value + other.value, self.slope + other.slope)

    def __sub__(self, other: Dual) -> Dual:
        return Dual(self.value - other.value, self.slope - other.slope)

    def __mul__(self, other: Dual) -> Dual:
        return Dual(self.value * other.value, self.value * other.slope + self.slope * other.value)


@dataclass
class Instance:
    """One network with numbers in it; ``chosen`` is the layer l, None if the claim has none.

    ``entries`` are W[2], b[2], ..., x and y by letter and layer, as matrices; x is (x, 1), y is (y, L).
    """

    sizes: tuple[int, ...]
    chosen: int | None
    stand_in: StandIn
    entries: Mapping[tuple[str, int], Matrix]
    scalars: Mapping[str, Fraction]
    _values: dict[tuple[str, int], Matrix] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        """The number of layers."""
        return len(self.sizes)

    def size(self, layer: Layer) -> int:
        """Return the width of a layer."""
        return 1 if layer == ONE else self.sizes[layer.number(self.chosen, self.depth) - 1]

    def value(self, letter: str, layer: int) -> Matrix:
        """Return a quantity or a derivative of the cost."""
        if (letter, layer) not in self._values:
            self._values[letter, layer] = self._value("dz" if letter == "delta" else letter, layer)
        return self._values[letter, layer]

    def _value(self, letter: str, layer: int) -> Matrix:
        if letter in ("w", "b", "x", "y"):
            return self.entries[letter, layer]
        if letter == "C":
            return [[self._cost(None).value]]
        if letter in ("z", "a"):
            return [[entry.value] for entry in self.forward(None)[letter, layer]]
        moved = letter[1:]
        columns = range(self.sizes[layer - 2] if moved == "w" else 1)
        return [[self._slope((moved, layer, (r, c))) for c in columns] for r in range(self.sizes[layer - 1])]

    def _slope(self, moving: Moving) -> Fraction:
        return self._cost(moving).slope

    def _cost(self, moving: Moving | None) -> Dual:
        """Return 1/2 ||y - a[L]||^2 and its derivative in what is moved."""
        half, cost = Dual(Fraction(1, 2)), Dual(Fraction(0))
        output = self.forward(moving)["a", self.depth]
        for wanted, entry in zip(self.entries["y", self.depth], output, strict=True):
            misfit = Dual(wanted[0]) - entry
            cost = cost + half * misfit * misfit
        return cost

    def forward(self, moving: Moving | None) -> dict[tuple[str, int], list[Dual]]:
        """Return every z and a, with their slopes in what is moved."""

        def moved(entry: Dual, letter: str, layer: int, r: int, c: int = 0) -> Dual:
            at_it = moving == (letter, layer, (r, c))
            return Dual(entry.value, entry.slope + 1) if at_it else entry

        below = [moved(Dual(row[0]), "a", 1, r) for r, row in enumerate(self.entries["x", 1])]
        found = {("a", 1): below}
        for layer in range(2, self.depth + 1):
            weights, biases = self.entries["w", layer], self.entries["b", layer]
            z = []
            for r, row in enumerate(weights):
                entry = moved(Dual(biases[r][0]), "b", layer, r)
                for c, weight in enumerate(row):
                    entry = entry + moved(Dual(weight), "w", layer, r, c) * below[c]
                z.append(moved(entry, "z", layer, r))
            below = [moved(self._activated(entry), "a", layer, r) for r, entry in enumerate(z)]
            found["z", layer], found["a", layer] = z, below
        return found

    def _activated(self, z: Dual) -> Dual:
        return Dual(self.stand_in.value(z.value), self.stand_in.slope(z.value) * z.slope)


@dataclass(frozen=True)
class Difference:
    """Where the two sides of a claim differ, in words, and their values there."""

    where: str
    left: Fraction
    right: Fraction


def first_difference(meaning: Meaning, instance: Instance) -> Difference | None:
    """Compare the two sides entry by entry, for every value of the free indices."""
    claim, names = meaning.claim, sorted(meaning.free)
    for places in product(*(range(instance.size(meaning.free[name])) for name in names)):
        at = dict(zip(names, places, strict=True))
        evaluation = Evaluation(instance, meaning.sums, at)
        left, right = evaluation.of(claim.left), evaluation.of(claim.right)
        rows, columns = _joint(left, right)
        for r, c in product(range(rows), range(columns)):
            if _at(left, r, c) != _at(right, r, c):
                said = [f"{name} = {place + 1}" for name, place in at.items()]
                said += [f"row {r + 1}"] if rows > 1 else []
                said += [f"column {c + 1}"] if columns > 1 else []
                return Difference(", ".join(said), _at(left, r, c), _at(right, r, c))
    return None


@dataclass(frozen=True)
class Evaluation:
    """Works out a node; ``sums`` are the ranges of summed indices, ``at`` the values of indices, from 0."""

    instance: Instance
    sums: Mapping[int, Layer]
    at: Mapping[str, int]

    def of(self, node: Node) -> Matrix:
        """Return the value of a node."""
        if isinstance(node, Number):
            return [[node.value]]
        if isinstance(node, Scalar):
            return [[self.instance.scalars[node.name]]]
        if isinstance(node, Quantity):
            layer = node.layer.number(self.instance.chosen, self.instance.depth)
            return self.instance.value(node.letter, layer)
        if isinstance(node, Total):
            return self._total(node)
        if isinstance(node, Added):
            result: Matrix = [[Fraction(0)]]
            for sign, term in zip(node.signs, node.terms, strict=True):
                join = Fraction.__add__ if sign > 0 else Fraction.__sub__
                result = _entrywise(join, result, self.of(term))
            return result
        if isinstance(node, (Entry, Transpose, Apply)):
            inner = self.of(node.of)
            if isinstance(node, Transpose):
                return [list(column) for column in zip(*inner, strict=True)]
            if isinstance(node, Apply):
                stand_in = self.instance.stand_in
                function = stand_in.value if node.function == "sigma" else stand_in.slope
                return [[function(entry) for entry in row] for row in inner]
            r, *c = (self.at[name.name] for name in node.places)
            return [[_at(inner, r, c[0] if c else 0)]]
        result, *others = (self.of(factor) for factor in node.factors)
        for other in others:
            result = _contract(result, other) if node.matrix else _entrywise(Fraction.__mul__, result, other)
        return result

    def _total(self, node: Total) -> Matrix:
        result: Matrix = [[Fraction(0)]]
        for place in range(self.instance.size(self.sums[node.at])):
            inner = Evaluation(self.instance, self.sums, {**self.at, node.index.name: place})
            result = _entrywise(Fraction.__add__, result, inner.of(node.of))
        return result


def _at(matrix: Matrix, r: int, c: int) -> Fraction:
    return matrix[0][0] if len(matrix) == len(matrix[0]) == 1 else matrix[r][c]


def _joint(left: Matrix, right: Matrix) -> tuple[int, int]:
    return max(len(left), len(right)), max(len(left[0]), len(right[0]))


def _entrywise(join: Callable[[Fraction, Fraction], Fraction], left: Matrix, right: Matrix) -> Matrix:
    rows, columns = _joint(left, right)
    return [[join(_at(left, r, c), _at(right, r, c)) for c in range(columns)] for r in range(rows)]


def _contract(left: Matrix, right: Matrix) -> Matrix:
    columns = list(zip(*right, strict=True))
    return [
        [sum((p * q for p, q in zip(row, column, strict=True)), Fraction(0)) for column in columns]
        for row in left
    ]
