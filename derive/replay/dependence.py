"""What depends on what, found by taking quantities apart down to the last; for the replay alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sympy import Dummy, Expr, Indexed, Integer, Sum, Symbol, sympify

from derive.evaluation import Definitions, Problem
from derive.quantities import Index, L, N, Partial, a, b, w, x, z


def quantities(expr: Expr) -> Iterator[Expr]:
    """List the entries and symbols whose values an expression is made of."""
    if isinstance(expr, (Indexed, Symbol)):
        if not getattr(expr, "base", expr).is_integer:
            yield expr
    elif isinstance(expr, (Sum, Partial)):  # not the ranges, not the variable
        yield from quantities(expr.args[0])
    else:
        for arg in expr.args:
            yield from quantities(arg)


def letter(quantity: Expr) -> Expr | None:
    """Return the letter of an indexed quantity, None for anything else."""
    return getattr(quantity, "base", None)


def may_be(q: Expr, v: Expr) -> bool:
    """Say whether two quantities may be the same: indices may be equal, different numbers may not."""
    if not (isinstance(q, Indexed) and isinstance(v, Indexed)):
        return bool(q == v)
    gaps = (p - r for p, r in zip(q.indices, v.indices, strict=False))
    return q.base == v.base and not any(isinstance(gap, Integer) and gap != 0 for gap in gaps)


def depends(expr: Expr, v: Expr, known: Definitions) -> bool:
    """Say whether an expression may change with v, by taking its quantities apart down to the last."""
    return any(_changes(q, v, known, set()) for q in quantities(expr))


def _changes(q: Expr, v: Expr, known: Definitions, seen: set[Expr]) -> bool:
    if (letter(q) or q) in getattr(known, "fixed", ()):  # said not to change, whatever it stands for
        return False
    if may_be(q, v) or (letter(q) or q) in getattr(known, "moving", ()):
        return True
    shape = q.xreplace(dict.fromkeys(q.free_symbols & q.atoms(Index), Symbol("any")))
    meaning = known.definition(q)
    if meaning is None or shape in seen:
        return False
    seen.add(shape)
    if letter(q) in (z, a) and not isinstance(q.indices[0], Integer):
        below = v.indices[0] - q.indices[0] if letter(v) in (z, a, w, b) else None
        if not isinstance(below, Integer):
            return True  # cannot tell
        if below >= 2:  # one layer has been taken apart without climbing, and the others are like it
            return False
    return any(_changes(part, v, known, seen) for part in quantities(meaning))


def _height(quantity: Expr) -> Any:
    """Count z[2], a[2], z[3], ... upwards, parameters just below their z, x below all; None for the rest."""
    if letter(quantity) == x:
        return 2
    rises: dict[Any, int] = {z: 0, a: 1, w: -1, b: -1}
    rise = rises.get(letter(quantity))
    return None if rise is None else 2 * quantity.indices[0] + rise


def through(f: Expr, v: Expr, u: Expr, known: Problem, refuse: Callable[[str], None]) -> list[Expr | None]:
    """List the samples i for which f depends on v only through the u[layer, i, k]; None stands for all.

    Empty, with a complaint, if it is not so. A layer that has no number is taken to lie in the network.
    """
    layer, top, below, level = u.indices[0], known.network.depth, _height(v), _height(u)
    exists = layer >= 2 and not (layer - top).is_positive if isinstance(layer, Integer) else top == L
    if below is None or not (exists and isinstance(level - below, Integer) and level > below):
        refuse(f"{u.base}[{layer}] does not lie above {v}")
        return []
    samples: set[Expr] = set()
    for q in leaves(f, known):
        above = None if letter(q) not in (z, a) else _height(q) - level
        over = above >= 0 if isinstance(above, Integer) else letter(q) == a and q.indices[0] == top
        if not over and depends(q, v, known):
            refuse(f"{f} depends on {v} not only through {u.base}[{layer}]")
            return []
        samples |= {q.indices[1]} if above is not None else set()
    numbered = isinstance(layer, Integer) and isinstance(top, Integer)
    lowest = 1 if letter(v) == x else v.indices[0]
    layers = range(int(lowest), int(top) + 1) if numbered else (layer, Dummy("l", integer=True))
    if not all(_wired(sympify(here), known) for here in layers):
        refuse("a layer takes from more than the layer below")
        return []
    own = samples & f.free_symbols if len(samples) == 1 else ()
    places: dict[Any, int] = {z: 1, a: 1, x: 0}  # where the sample stands
    here = places.get(letter(v))
    return [None, *own, *([v.indices[here]] if here is not None else ())]


def leaves(f: Expr, known: Definitions) -> Iterator[Expr]:
    """List what f is made of, down to entries of z, entries of a, derivatives and what has no definition."""
    for q in quantities(f):
        meaning = None if letter(q) in (z, a) else known.definition(q)
        yield from [q] if meaning is None or meaning.has(Partial) else leaves(meaning, known)


def _wired(layer: Expr, known: Problem) -> bool:
    """Say whether z of a layer is made of its parameters and a of the layer below, and a of z."""
    i, j = Index("i", N), known.network.index("j", layer)
    pre, post = (known.definition(letter[layer, i, j]) for letter in (z, a))
    for q in () if pre is None else quantities(pre):
        parameter = letter(q) in (w, b) and q.indices[0] == layer
        if not parameter and (letter(q) != a or q.indices[:2] != (layer - 1, i)):
            return False
    inputs = () if post is None else tuple(quantities(post))  # of a softmax the z of the whole layer
    return bool(layer == 1) or (
        post is not None and all(letter(q) == z and q.indices[:2] == (layer, i) for q in inputs)
    )
