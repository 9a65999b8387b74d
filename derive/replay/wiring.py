"""Derivatives in which other weighted inputs are held, and the chain rule through several layers.

A direct derivative holds every z but those of the layer of its variable; a z by itself stands there for what
defines it. Found from the definitions alone, for the replay of a derivation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sympy import Expr, Integer

from derive.evaluation import Definitions, Problem
from derive.quantities import Direct, Index, N, Partial, a, b, u, w, x, z
from derive.replay.dependence import depends, leaves, letter, may_be, quantities


def moves(expr: Expr, node: Partial, known: Definitions) -> bool:
    """Say whether an expression may change with the variable of a derivative."""
    if not isinstance(node, Direct):
        return depends(expr, node.v, known)
    bare = is_held(expr, node.v)
    return any(_moves(q, node.v, known) for q in quantities(known.definition(expr) if bare else expr))


def is_held(quantity: Expr, v: Expr) -> bool:
    """Say whether a quantity is a z that a direct derivative in v holds wherever it is a part."""
    return letter(quantity) == z and not may_be(quantity, v)


def _moves(q: Expr, v: Expr, known: Definitions) -> bool:
    if may_be(q, v):
        return True
    meaning = None if letter(q) == z else known.definition(q)
    return meaning is not None and any(_moves(part, v, known) for part in quantities(meaning))


def through_layers(
    f: Expr, v: Expr, layers: Iterable[Expr], known: Problem, refuse: Callable[[str], None]
) -> list[Expr | None]:
    """List the samples i for which f depends on v only through the z of some layers; None stands for all.

    Every z that is made with v while all other z are held must be among them, and every layer must take from
    earlier ones alone: then df/dv is the sum of df/dz times the direct derivative of z, over those z. Empty,
    with a complaint, if it is not so.
    """
    top, parts = known.network.depth, list(leaves(f, known))
    if not isinstance(top, Integer):
        refuse("a network without a number of layers skips none")
        return []
    if any(letter(q) not in (z, a) and depends(q, v, known) for q in parts):
        refuse(f"{f} depends on {v} not only through weighted inputs")
        return []
    i = Index("i", N)
    places: dict[Any, int] = {z: 1, x: 0}
    place = places.get(letter(v))
    moved = v if place is None else v.xreplace({v.indices[place]: i})
    for layer in map(Integer, range(2, int(top) + 1)):
        meaning = known.definition(z[layer, i, Index("j", known.network.width(layer))])
        if meaning is None or not _rises(meaning, layer, i, known):
            refuse(f"layer {layer} takes from more than earlier layers")
            return []
        if layer not in layers and any(_moves(q, moved, known) for q in quantities(meaning)):
            refuse(f"{v} acts on z[{layer}], too")
            return []
    samples = {q.indices[1] for q in parts if letter(q) in (z, a)}
    own = samples & f.free_symbols if len(samples) == 1 else ()
    return [None, *own, *([] if place is None else [v.indices[place]])]


def _rises(meaning: Expr, layer: Expr, i: Expr, known: Problem) -> bool:
    """Say whether a z is made of parameters and of a of earlier layers, those of z of their own layer."""
    for q in quantities(meaning):
        if letter(q) == a:
            post = known.definition(q)
            made = () if post is None or q.indices[0] == 1 else quantities(post)
            if not (q.indices[0] < layer and q.indices[1] == i):
                return False
            if not all(letter(part) == z and part.indices[:2] == q.indices[:2] for part in made):
                return False
        elif letter(q) not in (w, u, b):
            return False
    return True
