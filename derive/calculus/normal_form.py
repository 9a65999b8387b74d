"""Equality of nested sums, decided by a normal form and nothing else.

An expression is flattened into terms ``coefficient * factors``, each under a set of summation indices:
products are multiplied out, nested sums are exchanged and merged, Kronecker sums collapse, sums of what
does not depend on their index become multiplications. The indices of each term are then named in an order
that depends only on the term's structure (colour refinement, ties broken by trying each), and like terms
are collected. Two expressions with the same normal form are equal for every value of their symbols, at
every width, provided that denominators do not vanish. There is no ``simplify`` here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import groupby, product
from typing import Any

from sympy import (
    Add,
    Expr,
    Function,
    Indexed,
    Integer,
    KroneckerDelta,
    Mul,
    Pow,
    Rational,
    Sum,
    srepr,
)

from derive.quantities import Index, Partial

Rewrite = Callable[[Expr], Expr | None]
"""Unfolds a definition: the replacement of an indexed quantity or function, or None to leave it."""

# An atom is ("indexed", name, arguments), ("function", name, arguments), ("delta", p, q),
# ("base", polynomial) or ("symbol", name); indices appear in it as Index objects.
Atom = tuple[object, ...]
Factors = tuple[tuple[Atom, int], ...]
Term = tuple[Rational, Factors, tuple[Index, ...]]
Polynomial = tuple[Term, ...]


def normal_form(expr: Expr, unfold: Rewrite | None = None) -> str:
    """Return a string that two expressions share only if they are equal."""
    return _polynomial_key(_flatten(expr, {}, unfold), {}, 0)


def equal(left: Expr, right: Expr, unfold: Rewrite | None = None) -> bool:
    """Decide whether two index expressions have the same normal form."""
    return normal_form(left, unfold) == normal_form(right, unfold)


# -- flattening ----------------------------------------------------------------------------------------


def _flatten(expr: Expr, env: dict[Index, object], unfold: Rewrite | None) -> Polynomial:
    """Multiply out; ``env`` says what stands for each index bound further out."""
    if isinstance(expr, Rational):
        return ((expr, (), ()),) if expr else ()
    if isinstance(expr, Add):
        return tuple(term for arg in expr.args for term in _flatten(arg, env, unfold))
    if isinstance(expr, Mul):
        return _product([_flatten(arg, env, unfold) for arg in expr.args])
    if isinstance(expr, Sum):
        return _flatten_sum(expr, env, unfold)
    if isinstance(expr, Pow) and isinstance(expr.exp, Integer):
        if expr.exp > 0:
            return _product([_flatten(expr.base, env, unfold) for _ in range(int(expr.exp))])
        base = _flatten(expr.base, env, unfold)
        if len(base) == 1 and not base[0][2]:
            coefficient, factors, _ = base[0]
            powers = tuple((atom, power * int(expr.exp)) for atom, power in factors)
            return ((coefficient**expr.exp, powers, ()),)
        return ((Rational(1), ((("base", base), int(expr.exp)),), ()),)
    if unfold is not None and isinstance(expr, (Indexed, Function)):
        unfolded = unfold(expr)
        if unfolded is not None:
            return _flatten(unfolded, env, unfold)
    return ((Rational(1), ((_atom(expr, env, unfold), 1),), ()),)


def _flatten_sum(expr: Sum, env: dict[Index, object], unfold: Rewrite | None) -> Polynomial:
    inner, bound = dict(env), []
    for index, lower, upper in reversed(expr.limits):
        if lower != 1 or not isinstance(index, Index) or upper != index.upper or upper.has(Index):
            raise ValueError(f"expected a sum over the whole range of an Index, got {expr}")
        fresh = Index(index.name, upper)
        inner[index] = fresh
        bound.append(fresh)
    return tuple(
        _collapse(coefficient, factors, (*bound, *more))
        for coefficient, factors, more in _flatten(expr.function, inner, unfold)
    )


def _product(factors: list[Polynomial]) -> Polynomial:
    terms = []
    for choice in product(*factors):
        coefficient = Rational(1)
        atoms: list[tuple[Atom, int]] = []
        bound: list[Index] = []
        for c, f, i in choice:
            coefficient *= c
            atoms.extend(f)
            bound.extend(i)
        terms.append(_collapse(coefficient, tuple(atoms), tuple(bound)))
    return tuple(terms)


def _atom(expr: Expr, env: dict[Index, object], unfold: Rewrite | None) -> Atom:
    if isinstance(expr, Indexed):
        arguments = tuple(_argument(arg, env) for arg in expr.indices)
        return ("indexed", _letter(expr.base), *arguments)
    if isinstance(expr, KroneckerDelta):
        return ("delta", *(_argument(arg, env) for arg in expr.args[:2]))
    if isinstance(expr, (Function, Partial)):
        name = type(expr).__name__
        return ("function", name, *(_flatten(arg, env, unfold) for arg in expr.args))
    if isinstance(expr, Pow):
        return ("function", "Pow", *(_flatten(arg, env, unfold) for arg in expr.args))
    if isinstance(expr, Index):
        return ("indexed", "", env.get(expr, expr))
    return ("symbol", _text(_free_of_indices(expr)))


def _argument(arg: Expr, env: dict[Index, object]) -> object:
    return env.get(arg, arg) if isinstance(arg, Index) else _text(_free_of_indices(arg))


def _free_of_indices(expr: Expr) -> Expr:
    if expr.has(Index):  # A[p + 1] and the like: renaming p would not reach it
        raise ValueError(f"expected an index by itself, got {expr}")
    return expr


@cache
def _text(expr: Expr) -> str:
    """Spell an expression without bound indices, unambiguously."""
    return str(expr) if isinstance(expr, Integer) else srepr(expr)


@cache
def _letter(base: Expr) -> str:
    return str(base)


# -- Kronecker collapse --------------------------------------------------------------------------------


def _collapse(coefficient: Rational, factors: Factors, bound: tuple[Index, ...]) -> Term:
    """Sum away every Kronecker delta that ties a bound index to one of the same range."""
    for position, (atom, _) in enumerate(factors):
        if atom[0] != "delta":
            continue
        p, q = atom[1], atom[2]
        rest = factors[:position] + factors[position + 1 :]
        if p is q:
            return _collapse(coefficient, rest, bound)
        for old, new in ((p, q), (q, p)):
            if not isinstance(old, Index) or not isinstance(new, Index):
                continue
            if old in bound and new.upper == old.upper:
                moved = tuple((_substitute(other, old, new), power) for other, power in rest)
                return _collapse(coefficient, moved, tuple(i for i in bound if i is not old))
        if isinstance(p, Index) and isinstance(q, Index):  # delta_pq f_q = delta_pq f_p
            p, q = sorted((p, q), key=lambda index: int(index.dummy_index))
            moved = tuple((_substitute(other, q, p), power) for other, power in rest)
            if moved != rest:
                return _collapse(coefficient, (*moved, (atom, 1)), bound)
    return coefficient, factors, bound


def _substitute(tree: Any, old: object, new: object) -> Any:
    if isinstance(tree, tuple):
        return tuple(_substitute(branch, old, new) for branch in tree)
    return new if tree is old else tree


# -- canonical names -----------------------------------------------------------------------------------


def _polynomial_key(terms: Polynomial, names: dict[Index, str], depth: int) -> str:
    collected: dict[str, Rational] = {}
    for term in terms:
        coefficient, key = _term_key(term, names, depth)
        collected[key] = collected.get(key, Rational(0)) + coefficient
    return " + ".join(f"{_number(c)}*{key}" for key, c in sorted(collected.items()) if c) or "0"


def _number(value: Rational) -> str:
    """Spell a fraction as SymPy does, and sooner."""
    return str(value.p) if value.q == 1 else f"{value.p}/{value.q}"


def _term_key(term: Term, names: dict[Index, str], depth: int) -> tuple[Rational, str]:
    coefficient, factors, bound = term
    used = _indices(factors)
    kept = []
    for index in bound:
        if index in used:
            kept.append(index)
        elif isinstance(index.upper, Integer):  # the sum of a constant
            coefficient *= index.upper
        else:
            factors = (*factors, (_atom(index.upper, {}, None), 1))
    colours = {index: f"<{_text(index.upper)}>" for index in kept}
    return coefficient, _canonical(factors, colours, names, depth)


def _canonical(factors: Factors, colours: dict[Index, str], names: dict[Index, str], depth: int) -> str:
    """Name the bound indices by structure alone and return the term's key."""
    colours = _refine(factors, colours, names, depth)
    order = sorted(colours, key=colours.__getitem__)
    for _, group in groupby(order, key=colours.__getitem__):
        tied = list(group)
        if len(tied) > 1:  # symmetric choices give the same key, so the least of all is canonical
            return min(_canonical(factors, {**colours, chosen: "!"}, names, depth) for chosen in tied)
    final = {index: f"#{depth}.{rank}" for rank, index in enumerate(order)}
    limits = ",".join(f"{final[index]}<={_text(index.upper)}" for index in order)
    powers: dict[str, int] = {}
    for atom, power in factors:
        key = _atom_key(atom, names | final, depth)
        powers[key] = 1 if atom[0] == "delta" else powers.get(key, 0) + power
    return f"[{limits}]" + "*".join(f"{k}^{p}" for k, p in sorted(powers.items()) if p)


def _refine(
    factors: Factors, colours: dict[Index, str], names: dict[Index, str], depth: int
) -> dict[Index, str]:
    """Split colours by the factors in which an index stands, until nothing splits any more."""
    if len(set(colours.values())) == len(colours):
        return colours
    held = [(atom, power, _indices(atom)) for atom, power in factors]
    occurrences = {
        index: [(atom, power) for atom, power, inside in held if index in inside] for index in colours
    }
    while len(set(colours.values())) < len(colours):
        signatures = {}
        for index, where in occurrences.items():
            seen = names | colours | {index: "self"}
            keys = sorted(f"{_atom_key(atom, seen, depth)}^{power}" for atom, power in where)
            signatures[index] = f"{colours[index]}({';'.join(keys)})"
        ranks = {signature: rank for rank, signature in enumerate(sorted(set(signatures.values())))}
        refined = {index: f"{ranks[signatures[index]]:06d}" for index in colours}
        if len(set(refined.values())) == len(set(colours.values())):
            return refined
        colours = refined
    return colours


def _atom_key(atom: object, names: dict[Index, str], depth: int) -> str:
    if isinstance(atom, Index):
        return names.get(atom) or f"{atom.name}@{atom.dummy_index}"
    if not isinstance(atom, tuple):
        return str(atom)
    kind, *rest = atom
    if kind == "delta":
        return "delta({},{})".format(*sorted(_atom_key(p, names, depth) for p in rest))
    if kind in ("function", "base"):
        parts = [part if isinstance(part, str) else _polynomial_key(part, names, depth + 1) for part in rest]
        return f"{kind}({';'.join(parts)})"
    return f"{rest[0]}[{','.join(_atom_key(part, names, depth) for part in rest[1:])}]"


def _indices(tree: object) -> set[Index]:
    """All Index objects in a tree of tuples."""
    found: set[Index] = set()
    rest = [tree]
    while rest:
        node = rest.pop()
        if isinstance(node, tuple):
            rest += node
        elif isinstance(node, Index):
            found.add(node)
    return found
