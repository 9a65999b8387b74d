"""Expressions apart from the names of their bound indices and the order of their terms and factors."""

from __future__ import annotations

from functools import cache

from sympy import Add, Expr, KroneckerDelta, Mul, Sum, Tuple, srepr

from derive.quantities import Index, exchanged, summed
from derive.remembered import remembered


def same(left: Expr, right: Expr) -> bool:
    """Decide equality up to the names of bound indices and the order of terms and factors."""
    return bool(left == right) or key(left, ()) == key(right, ())


@remembered
def cut_short(expr: Expr) -> tuple[Expr, ...]:
    """Return what a sum runs over that is no Index, or not over the whole range of it."""
    found = [index for arg in expr.args for index in cut_short(arg)]
    for index, *ends in expr.limits if isinstance(expr, Sum) else ():
        if not isinstance(index, Index) or ends != [1, index.upper]:
            found.append(index)
    return tuple(found)


def apart(expr: Expr, scope: frozenset[Expr], fresh: dict[Expr, Expr]) -> Expr:
    """Rename every bound index that is free or bound further out, so that no rule can capture one."""
    if not _clashes(expr, scope):
        return expr
    if not isinstance(expr, Sum):
        return expr.func(*(apart(arg, scope, fresh) for arg in expr.args))
    names, limits = {}, []
    for index, lower, upper in reversed(expr.limits):
        name = index
        while name in scope:
            name = fresh.setdefault(name, Index(index.name, upper))
        names[index] = name
        scope |= {name}
        limits.append(Tuple(name, lower, upper))
    body = expr.function if all(old is new for old, new in names.items()) else exchanged(expr.function, names)
    return summed(apart(body, scope, fresh), *reversed(limits))


def _clashes(expr: Expr, scope: frozenset[Expr]) -> bool:
    """Say whether an index is bound that is free or bound further out."""
    if not _has_sum(expr):
        return False
    if isinstance(expr, Sum):
        for index, *_ in reversed(expr.limits):
            if index in scope:
                return True
            scope |= {index}
        return _clashes(expr.function, scope)
    return any(_clashes(arg, scope) for arg in expr.args)


@remembered
def _has_sum(expr: Expr) -> bool:
    return isinstance(expr, Sum) or any(map(_has_sum, expr.args))


@remembered
def key(expr: Expr, bound: tuple[Expr, ...]) -> str:
    """Spell an expression with its bound indices numbered from outside in, terms and factors in order."""
    if isinstance(expr, Index):
        if expr not in bound:
            return f"{expr.name}@{expr.dummy_index}"
        return f"#{max(place for place, index in enumerate(bound) if index == expr)}"
    if not expr.args:
        return _spelling(expr)
    name = type(expr).__name__
    if isinstance(expr, Sum):
        ranges = []
        for index, lower, upper in reversed(expr.limits):
            ranges.append(f"{key(lower, bound)}..{key(upper, bound)}")
            bound = (*bound, index)
        return f"Sum[{','.join(ranges)}]({key(expr.function, bound)})"
    if isinstance(expr, (Add, Mul)):  # sums and products that differ only in the names of bound indices merge
        merged: dict[str, Expr] = {}
        word = [arg for arg in expr.args if not arg.is_commutative] if isinstance(expr, Mul) else []
        for arg in (arg for arg in expr.args if arg not in word):
            count, rest = arg.as_coeff_Mul() if isinstance(expr, Add) else arg.as_base_exp()[::-1]
            spelled = key(rest, bound)
            merged[spelled] = merged[spelled] + count if spelled in merged else count
        counted = sorted(f"{part}:{key(count, bound)}" for part, count in merged.items() if count)
        return f"{name}({','.join(counted)};{'.'.join(key(letter, bound) for letter in word)})"
    keys = [key(arg, bound) for arg in expr.args]
    return f"{name}({','.join(sorted(keys) if isinstance(expr, KroneckerDelta) else keys)})"


@cache
def _spelling(leaf: Expr) -> str:
    return str(leaf) if leaf.is_number else srepr(leaf)
