"""A network in exact numbers for the tests of claims, and what a claim's text is worth in it.

Texts are read by Python's own parser and worked out on NumPy arrays of fractions. With sigma(z) = z^2 + z
the cost is a polynomial in whatever is moved, so that a central difference of high enough order is its
exact derivative: no rule of differentiation takes part, only the forward pass.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from math import factorial
from random import Random

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.object_]

_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.MatMult: operator.matmul,
}
_LETTERS = {"W": "w", "delta": "dC_dz", "dC_dW": "dC_dw"}


def sigma(z: Array) -> Array:
    return z * z + z


def dsigma(z: Array) -> Array:
    return 2 * z + 1


class Numbers:
    """A network whose entries are given by letter and layer; x is ("x", 1) and y is ("y", L)."""

    def __init__(self, sizes: tuple[int, ...], entries: dict[tuple[str, int], Array]) -> None:
        self.sizes = sizes
        self.depth = len(sizes)
        self.entries = entries
        self.derivatives: dict[tuple[str, int], Array] = {}

    @classmethod
    def drawn(cls, sizes: tuple[int, ...], seed: int) -> Numbers:
        random = Random(seed)

        def some(rows: int, columns: int = 1) -> Array:
            values = [
                [
                    Fraction(random.choice((-4, -2, -1, 1, 2, 4)), random.choice((1, 3)))
                    for _ in range(columns)
                ]
                for _ in range(rows)
            ]
            return np.array(values, dtype=object)

        entries = {("x", 1): some(sizes[0]), ("y", len(sizes)): some(sizes[-1])}
        for layer in range(2, len(sizes) + 1):
            entries["w", layer] = some(sizes[layer - 1], sizes[layer - 2])
            entries["b", layer] = some(sizes[layer - 1])
        return cls(sizes, entries)

    def forward(
        self, letter: str = "", layer: int = 0, shift: Array | int = 0
    ) -> dict[tuple[str, int], Array]:
        """Every z and a, with ``shift`` added to one quantity."""

        def shifted(name: str, at: int, value: Array) -> Array:
            return value + shift if (name, at) == (letter, layer) else value

        found = {("a", 1): shifted("a", 1, self.entries["x", 1])}
        for at in range(2, self.depth + 1):
            weights, bias = (shifted(name, at, self.entries[name, at]) for name in "wb")
            found["z", at] = shifted("z", at, weights @ found["a", at - 1] + bias)
            found["a", at] = shifted("a", at, sigma(found["z", at]))
        return found

    def cost(self, letter: str, layer: int, shift: Array) -> Fraction:
        misfit = self.entries["y", self.depth] - self.forward(letter, layer, shift)["a", self.depth]
        return Fraction((misfit * misfit).sum()) / 2

    def quantity(self, letter: str, layer: int) -> Array:
        if letter.startswith("dC_d"):
            if (letter, layer) not in self.derivatives:
                self.derivatives[letter, layer] = self.derivative(letter.removeprefix("dC_d"), layer)
            return self.derivatives[letter, layer]
        return self.forward()[letter, layer] if letter in ("a", "z") else self.entries[letter, layer]

    def derivative(self, letter: str, layer: int) -> Array:
        """The derivative of the cost in a quantity, exactly."""
        like = self.quantity(letter, layer)
        found = np.empty(like.shape, dtype=object)
        m = 2 ** (self.depth - 1)  # the cost is of degree 2^L in a[1], less in what comes after
        for place in np.ndindex(like.shape):
            unit = np.zeros(like.shape, dtype=object)
            unit[place] = 1
            found[place] = sum(
                Fraction(-((-1) ** k) * factorial(m) ** 2, k * factorial(m - k) * factorial(m + k))
                * (self.cost(letter, layer, k * unit) - self.cost(letter, layer, -k * unit))
                for k in range(1, m + 1)
            )
        return found


class Worth:
    """Works a text out; ``l`` is a layer, or None if no text has it."""

    def __init__(self, numbers: Numbers, chosen: int | None) -> None:
        self.numbers = numbers
        self.layers = {"L": numbers.depth, "l": chosen}

    def differing(self, claim: str) -> list[tuple[Fraction, Fraction]]:
        """The pairs of entries in which the two sides differ, for every value of the free indices."""
        sides = [self.tree(side) for side in claim.split("=")]
        free = sorted({name for side in sides for name in self.indices(side)} - {"l", "L", "x", "y"})
        ranges = [next(r for side in sides if (r := self.range_of(name, side))) for name in free]
        found = []
        for places in product(*map(range, ranges)):
            at = dict(zip(free, places, strict=True))
            pair = np.broadcast_arrays(*(np.array(self.of(side, at), dtype=object) for side in sides))
            found += [(p, q) for p, q in zip(pair[0].flat, pair[1].flat, strict=True) if p != q]
        return found

    def tree(self, text: str) -> ast.expr:
        return ast.parse(text.strip().replace("dC/d", "dC_d"), mode="eval").body

    def indices(self, tree: ast.AST) -> set[str]:
        """The one-letter names that are not summed."""
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id == "sum":
            return self.indices(tree.args[1]) - {tree.args[0].id}
        if isinstance(tree, ast.Name):
            return {tree.id} if len(tree.id) == 1 and tree.id not in "WwbzaCT" else set()
        return set().union(*map(self.indices, ast.iter_child_nodes(tree)))

    def range_of(self, name: str, tree: ast.AST) -> int | None:
        """The range of an index, from an array in which it is a subscript."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Subscript) and not self.is_layer(node):
                places = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
                for axis, place in enumerate(places):
                    if isinstance(place, ast.Name) and place.id == name:
                        return int(self.of(node.value, {}).shape[axis])
        return None

    @staticmethod
    def is_layer(node: ast.Subscript) -> bool:
        return isinstance(node.value, ast.Name) and node.value.id not in ("x", "y")

    def layer(self, tree: ast.expr) -> int:
        if isinstance(tree, ast.BinOp):
            return int(_OPERATORS[type(tree.op)](self.layer(tree.left), self.layer(tree.right)))
        return int(tree.value if isinstance(tree, ast.Constant) else self.layers[tree.id])

    def of(self, tree: ast.expr, at: Mapping[str, int]) -> Array | Fraction:
        if isinstance(tree, ast.Constant):
            return Fraction(str(tree.value))
        if isinstance(tree, ast.UnaryOp):
            return -self.of(tree.operand, at)
        if isinstance(tree, ast.BinOp):
            return _OPERATORS[type(tree.op)](self.of(tree.left, at), self.of(tree.right, at))
        if isinstance(tree, ast.Attribute):
            return self.of(tree.value, at).T
        if isinstance(tree, ast.Name) and tree.id == "C":
            return self.numbers.cost("", 0, 0)
        if isinstance(tree, ast.Name):
            return self.numbers.quantity(tree.id, 1 if tree.id == "x" else self.numbers.depth)
        if isinstance(tree, ast.Subscript):
            if self.is_layer(tree):
                name = _LETTERS.get(tree.value.id, tree.value.id)
                return self.numbers.quantity(name, self.layer(tree.slice))
            places = tree.slice.elts if isinstance(tree.slice, ast.Tuple) else [tree.slice]
            column = [0] if len(places) == 1 else []
            return self.of(tree.value, at)[tuple([at[place.id] for place in places] + column)]
        assert isinstance(tree, ast.Call)
        if tree.func.id == "sum":
            name, body = tree.args
            width = self.range_of(name.id, body)
            return sum(self.of(body, {**at, name.id: place}) for place in range(width))
        return {"sigma": sigma, "dsigma": dsigma}[tree.func.id](self.of(tree.args[0], at))
