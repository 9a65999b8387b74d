"""Products of sums multiplied out: the distributive law used until it no longer applies."""

from __future__ import annotations

from itertools import product

from sympy import Add, Expr, Function, Integer, Mul, Pow, Sum, Symbol

from derive.quantities import Index, bound, exchanged, total


class _Total(Function):
    """Stands for a sum whose indices are named by depth."""


def expanded(expr: Expr) -> Expr:
    """Return a sum of products, each under its own sums; only factors that are not sums are left whole."""
    return Add(*(total(body, *own) for body, own in _terms(expr)))


def _terms(expr: Expr) -> list[tuple[Expr, tuple[Index, ...]]]:
    if isinstance(expr, Add):
        return [term for arg in expr.args for term in _terms(arg)]
    if isinstance(expr, Mul):
        return _multiplied([_terms(arg) for arg in expr.args])
    if isinstance(expr, Pow) and isinstance(expr.exp, Integer) and expr.exp > 0:
        return _multiplied([_terms(expr.base) for _ in range(int(expr.exp))])
    if isinstance(expr, Sum):
        fresh = {index: Index(index.name, upper) for index, _, upper in expr.limits}
        own = tuple(fresh[index] for index, _, _ in reversed(expr.limits))
        return [(body, own + inner) for body, inner in _terms(exchanged(expr.function, fresh))]
    return [(expr, ())]


def _multiplied(factors: list[list[tuple[Expr, tuple[Index, ...]]]]) -> list[tuple[Expr, tuple[Index, ...]]]:
    return [
        (Mul(*(body for body, _ in choice)), tuple(index for _, own in choice for index in own))
        for choice in product(*factors)
    ]


def alike(left: Expr, right: Expr) -> bool:
    """Say whether two expressions differ at most in the names of their bound indices."""
    return bool(_by_depth(left, 0) == _by_depth(right, 0))


def _by_depth(expr: Expr, depth: int) -> Expr:
    """Name every bound index by how deep it is bound."""
    if not bound(expr):
        return expr
    if not isinstance(expr, Sum):
        return expr.func(*(_by_depth(arg, depth) for arg in expr.args))
    names = {}
    for index, _, _ in reversed(expr.limits):
        names[index] = Symbol(f"#{depth}")
        depth += 1
    ranges = [upper for _, _, upper in expr.limits]
    return _Total(_by_depth(exchanged(expr.function, names), depth), *ranges)
