"""What a claim about matrices is worth in one instance, in fractions.

It reads the tree, not the sums of words, and inverts by elimination. What the Levenberg-Marquardt step means
is read off its equations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from sympy import Rational

from derive.claims.algebra.syntax import Call, Factors, Letter, Method, Node, Power, Terms, Transposed
from derive.claims.matrices.meaning import Meaning
from derive.claims.matrices.rewriting import SCALARS, Poly
from derive.claims.matrices.step import normal_matrix, right_side, update
from derive.claims.syntax import Number

Matrix = list[list[Fraction]]
Value = Fraction | Matrix


class Singular(Exception):
    """An inverse that does not exist, or a division by 0."""


@dataclass(frozen=True)
class Instance:
    """Numbers for the letters; ``dims`` are the sizes by the name of their root."""

    dims: Mapping[str, int]
    matrices: Mapping[str, Matrix]
    scalars: Mapping[str, Fraction]


@dataclass(frozen=True)
class Worth:
    """Works out a node in one instance."""

    meaning: Meaning
    instance: Instance

    def of(self, node: Node) -> Value:
        """Return the value of a node.

        Raises:
            Singular: if an inverse does not exist.
        """
        if isinstance(node, Number):
            return node.value
        if isinstance(node, Letter):
            return self.letter(node)
        if isinstance(node, Terms):
            total: Value = Fraction(0)
            for term, sign in zip(node.terms, node.signs, strict=True):
                total = _sum(total, _product(Fraction(sign), self.of(term)))
            return total
        if isinstance(node, Factors):
            total = self.of(node.factors[0])
            for factor, operator in zip(node.factors[1:], node.operators, strict=True):
                value = self.of(factor)
                total = _product(total, inverse(value) if operator == "/" else value)
            return total
        if isinstance(node, Transposed):
            value = self.of(node.of)
            return [list(row) for row in zip(*value, strict=True)] if isinstance(value, list) else value
        if isinstance(node, Power):
            total = value = self.of(node.of)
            for _ in range(node.exponent - 1):
                total = _product(total, value)
            return total
        if isinstance(node, Call):
            return inverse(self.of(node.arguments[0]))
        assert isinstance(node, Method)
        return self.method(node)

    def letter(self, node: Letter) -> Value:
        """Return the value of a letter, or of I."""
        if node.name in SCALARS:
            return self.instance.scalars["eta" if node.name == "t" else node.name]
        if node.name == "I":
            root = self.meaning.sizes.root(self.meaning.identities[node.at])
            return _identity(self.instance.dims.get(root, 1))
        return self.matrix(node.name)

    def matrix(self, name: str) -> Matrix:
        """Return a matrix by its name; r is y - F where those are drawn."""
        if name == "r" and self.meaning.opened:
            outcome = _sum(self.matrix("y"), _product(Fraction(-1), self.matrix("F")))
            assert isinstance(outcome, list)
            return outcome
        return self.instance.matrices[name]

    def method(self, node: Method) -> Value:
        """Return the step, or the next parameters."""
        damping = self.instance.scalars["mu"] if node.of is None else self.of(node.of)
        side = len(self.matrix("J")[0])
        matrix = self.words(normal_matrix(SCALARS["mu"]), damping, side)
        step = _product(inverse(matrix), self.words(right_side(), damping, side))
        if node.name == "lm.step":
            return step
        weights = update({("p",): Fraction(1)}, {("h",): Fraction(1)})
        return _sum(
            _product(_rational(weights[("p",)]), self.matrix("p")), _product(_rational(weights[("h",)]), step)
        )

    def words(self, poly: Poly, damping: Value, side: int) -> Value:
        """Return the value of a sum of words in J and r, whose coefficients are numbers or mu."""
        assert isinstance(damping, Fraction)
        total: Value = Fraction(0)
        for word, coefficient in poly.items():
            value = coefficient.as_expr().subs(
                SCALARS["mu"], Rational(damping.numerator, damping.denominator)
            )
            term: Value = _identity(side)
            for letter in word:
                matrix = self.matrix(letter.removesuffix("^T"))
                if letter.endswith("^T"):
                    matrix = [list(row) for row in zip(*matrix, strict=True)]
                term = _product(term, matrix)
            total = _sum(total, _product(_rational(value), term))
        return total


def _rational(value: object) -> Fraction:
    return Fraction(str(value))


def _identity(size: int) -> Matrix:
    return [[Fraction(int(r == c)) for c in range(size)] for r in range(size)]


def _sum(left: Value, right: Value) -> Value:
    if isinstance(left, list) and isinstance(right, list):
        return [[p + q for p, q in zip(*rows, strict=True)] for rows in zip(left, right, strict=True)]
    if isinstance(left, list):
        return left  # the other one is the number 0
    return right if isinstance(right, list) else left + right


def _product(left: Value, right: Value) -> Value:
    if isinstance(left, list) and isinstance(right, list):
        columns = list(zip(*right, strict=True))
        return [
            [sum((p * q for p, q in zip(row, column, strict=True)), Fraction(0)) for column in columns]
            for row in left
        ]
    if isinstance(right, list):
        left, right = right, left
    if isinstance(left, list):
        return [[entry * right for entry in row] for row in left]  # type: ignore[operator]
    return left * right  # type: ignore[operator]


def inverse(value: Value) -> Value:
    """Return the inverse, by elimination.

    Raises:
        Singular: if there is none.
    """
    if not isinstance(value, list):
        if not value:
            raise Singular
        return 1 / value
    size = len(value)
    work = [row + unit for row, unit in zip(value, _identity(size), strict=True)]
    for c in range(size):
        pivot = next((r for r in range(c, size) if work[r][c]), None)
        if pivot is None:
            raise Singular
        work[c], work[pivot] = work[pivot], work[c]
        work[c] = [entry / work[c][c] for entry in work[c]]
        for r in range(size):
            if r != c and work[r][c]:
                factor = work[r][c]
                work[r] = [p - factor * q for p, q in zip(work[r], work[c], strict=True)]
    return [row[size:] for row in work]
