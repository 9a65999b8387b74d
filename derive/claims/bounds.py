"""How much work a claim asks for, estimated before any of it is done: what is too large is not begun."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import factorial, prod

from sympy import Add, Expr, Function, Indexed, Integer, Mul, Pow, Sum

from derive.claims.syntax import Apply, Claim, Node, Quantity, Scalar, Total, inside
from derive.quantities import Index, Partial

MAX_DEGREE = 200
MAX_VISITS = 100_000
MAX_WORK = 5_000
MAX_WORK_OF_A_CASE = 300


def degree(claim: Claim) -> int:
    """Return a bound on the degree of both sides, if sigma is of degree 3: the digits of exact values."""

    def of(node: Node) -> int:
        if isinstance(node, (Quantity, Scalar)):
            return 1
        return (3 if isinstance(node, Apply) else 1) * sum(map(of, inside(node)))

    return of(claim.left) + of(claim.right)


def visits(claim: Claim, free: int) -> Callable[[int], int]:
    """Return, for a width, how many nodes are visited to work out a claim with some free indices."""

    def of(node: Node, width: int) -> int:
        inner = 1 + sum(of(part, width) for part in inside(node))
        return width * inner if isinstance(node, Total) else inner

    return lambda width: int(width**free) * (of(claim.left, width) + of(claim.right, width))


@dataclass(frozen=True)
class Growth:
    """What an expression becomes when multiplied out.

    ``terms`` of them, each under at most ``bound`` sums of each width, with functions inside that take
    ``work`` by themselves.
    """

    terms: int = 1
    bound: Counter[Expr] = field(default_factory=Counter)
    work: int = 0

    @property
    def total(self) -> int:
        """An estimate of the work of the normal form: terms, times the orders of like indices to try."""
        orders = prod(factorial(min(count, 12)) * count for count in self.bound.values() if count > 1)
        return self.terms * orders * (1 + self.work)


def growth(expr: Expr) -> Growth:
    """Estimate what multiplying out leads to."""
    if isinstance(expr, Add):
        parts = [growth(arg) for arg in expr.args]
        most: Counter[Expr] = Counter()
        for part in parts:
            most |= part.bound
        return Growth(sum(part.terms for part in parts), most, max(part.work for part in parts))
    if isinstance(expr, Mul):
        return _multiplied([growth(arg) for arg in expr.args])
    if isinstance(expr, Pow) and isinstance(expr.exp, Integer) and expr.exp > 0:
        return _multiplied([growth(expr.base)] * int(expr.exp))
    if isinstance(expr, Sum):
        inner = growth(expr.function)
        widths = Counter(limit[2] for limit in expr.limits)
        return Growth(inner.terms, inner.bound + widths, inner.work)
    if isinstance(expr, (Indexed, Index, Partial)) or not expr.args:
        return Growth()
    return Growth(work=sum(growth(arg).total for arg in expr.args) if isinstance(expr, Function) else 1)


def _multiplied(parts: list[Growth]) -> Growth:
    together: Counter[Expr] = Counter()
    for part in parts:
        together += part.bound
    return Growth(prod(part.terms for part in parts), together, sum(part.work for part in parts))
