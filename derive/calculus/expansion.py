"""Products of sums multiplied out: the distributive law used until it no longer applies."""

from __future__ import annotations

from itertools import product

from sympy import Add, Expr, Integer, KroneckerDelta, Mul, Pow, Sum

from derive.quantities import Index, bound, exchanged, indices_in, total


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
    return bool(left == right) or _spelled(left, {}) == _spelled(right, {})


def _spelled(expr: Expr, names: dict[Expr, str]) -> object:
    """Return an expression as a tree in which a bound index is known by how deep it is bound."""
    if expr in names:
        return names[expr]
    if not expr.args or not (bound(expr) or any(index in names for index in indices_in(expr))):
        return expr
    if isinstance(expr, Sum):
        inner, ranges = dict(names), []
        for index, *ends in reversed(expr.limits):
            ranges.append(tuple(_spelled(end, inner) for end in ends))
            inner[index] = f"#{len(inner)}"
        return Sum, tuple(ranges), _spelled(expr.function, inner)
    if isinstance(expr, Add) or (isinstance(expr, Mul) and expr.is_commutative):
        merged: dict[object, Expr] = {}  # what differs in names alone is added up
        for arg in expr.args:
            count, rest = arg.as_coeff_Mul() if isinstance(expr, Add) else arg.as_base_exp()[::-1]
            spelled = _spelled(rest, names)
            merged[spelled] = merged[spelled] + count if spelled in merged else count
        return type(expr), frozenset(
            (part, _spelled(count, names)) for part, count in merged.items() if count
        )
    args = tuple(_spelled(arg, names) for arg in expr.args)
    return type(expr), frozenset(args) if isinstance(expr, KroneckerDelta) else args
