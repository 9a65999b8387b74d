"""Matrix algebra at unnamed sizes: sums of words whose letters do not commute.

A polynomial maps words, tuples of letters, to coefficients; the empty word is the identity. Premises such as
``A A^-1 = I`` are rewriting rules that replace a piece of a word, one at a time and on the record. Nothing
else is simplified: coefficients are rational functions of commuting symbols, and ``cancel`` decides when
one is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sympy import Add, Expr, Integer, Mul, Symbol, cancel

from derive.calculus.derivation import Derivation, Step
from derive.calculus.rules import DISTRIBUTIVE, PREMISE

Word = tuple[str, ...]
Polynomial = dict[Word, Expr]


@dataclass(frozen=True)
class Premise:
    """``left = right``: a piece of a word and what may stand in its place."""

    left: Word
    right: tuple[tuple[Word, Expr], ...]
    name: str


def polynomial(*terms: tuple[Expr | int, str]) -> Polynomial:
    """Return a sum of words, each given as a coefficient and letters with spaces between."""
    return collect([(tuple(text.split()), Integer(1) * c) for c, text in terms])


def collect(terms: Sequence[tuple[Word, Expr]]) -> Polynomial:
    """Add up like words and drop those whose coefficient cancels to zero."""
    total: Polynomial = {}
    for word, coefficient in terms:
        total[word] = total.get(word, Integer(0)) + coefficient
    reduced = {word: cancel(coefficient) for word, coefficient in total.items()}
    return {word: reduced[word] for word in sorted(reduced) if reduced[word] != 0}


def multiply(left: Polynomial, right: Polynomial) -> Polynomial:
    """Multiply out, keeping the order of the letters."""
    return collect([(u + v, c * d) for u, c in left.items() for v, d in right.items()])


def expression(poly: Polynomial) -> Expr:
    """Return a polynomial as a SymPy expression in non-commuting symbols."""
    return Add(*(Mul(c, *(_letter(name) for name in word)) for word, c in poly.items()))


def prove_product(factors: Sequence[Polynomial], premises: Sequence[Premise]) -> Derivation:
    """Multiply the factors out and apply premises until none applies; every step is kept.

    The premises must shorten words or lead to words that none of them matches, so that this ends.
    """
    start = Mul(*(expression(factor) for factor in factors))
    now = polynomial((1, ""))
    for factor in factors:
        now = multiply(now, factor)
    steps = [Step(start, DISTRIBUTIVE, expression(now))]
    while (found := _apply_one(now, premises)) is not None:
        premise, after = found
        steps.append(Step(expression(now), PREMISE, expression(after), premise.name))
        now = after
    return Derivation(start, tuple(steps))


def _apply_one(poly: Polynomial, premises: Sequence[Premise]) -> tuple[Premise, Polynomial] | None:
    for premise in premises:
        for word, coefficient in poly.items():
            for at in range(len(word) - len(premise.left) + 1):
                if word[at : at + len(premise.left)] == premise.left:
                    before, behind = word[:at], word[at + len(premise.left) :]
                    terms = [(other, c) for other, c in poly.items() if other != word]
                    terms += [(before + piece + behind, coefficient * c) for piece, c in premise.right]
                    return premise, collect(terms)
    return None


def _letter(name: str) -> Symbol:
    return Symbol(name, commutative=False)
