"""Numbers and vectors over a range, entry by entry, and how they are put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sympy import Expr, Integer, Mul

from derive.claims.matrices.rewriting import DRAWN
from derive.claims.syntax import MalformedClaim
from derive.quantities import Index, L, N, n, total
from derive.theorems.levenberg_marquardt import s

OUTPUTS = n[L]
RANGES = {N: "the samples", DRAWN: "the samples drawn", s: "the parameters", OUTPUTS: "the outputs"}


@dataclass(frozen=True)
class Value:
    """A number where ``over`` is None, else a column (or row) over a range, entry by entry."""

    over: Expr | None
    entry: Callable[[Expr], Expr]
    row: bool = False

    @property
    def number(self) -> Expr:
        """The number that this is."""
        return self.entry(Integer(1))


def scalar(expr: Expr) -> Value:
    """Return a number as a value."""
    return Value(None, lambda _: expr)


def inner_product(left: Value, right: Value) -> Value:
    """Return the sum of the products of entries."""
    c = Index("q", left.over)
    return scalar(total(left.entry(c) * right.entry(c), c))


def scaled(left: Value, right: Value) -> Value:
    """Return a product of which one factor at least is a number."""
    shape = left if right.over is None else right
    return replace(shape, entry=lambda q: Mul(left.entry(q), right.entry(q)))


def joined(left: Value, right: Value, what: str, at: int) -> Value:
    """Return the one that says the shape of two values that must have one; 0 fits all."""
    for value, other in ((left, right), (right, left)):
        if value.over is None and value.number == 0:
            return other
    if (left.over, left.row) == (right.over, right.row):
        return left
    said = " and ".join(_shape_text(value) for value in (left, right))
    raise MalformedClaim(f"{what} differ: {said}", at)


def _shape_text(value: Value) -> str:
    if value.over is None:
        return "a number"
    return f"a {'row' if value.row else 'vector'} over {RANGES[value.over]}"
