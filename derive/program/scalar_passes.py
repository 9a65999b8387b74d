"""Passes over scalar assignments: what several of them need is computed once.

A pass takes assignments in their order and gives back others that compute the same. A parameter that moves
has two values, so a part that holds one is shared only as long as no parameter has moved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from sympy import Abs, Expr, Function, Max, Min, Pow, Symbol

from derive.program.scalars import Assignment, costs, named
from derive.remembered import remembered

MAX_WRITTEN_POWER = 3  # x*x*x is faster than x**3, and inf where the power raises OverflowError


def name_common(assignments: Sequence[Assignment]) -> tuple[Assignment, ...]:
    """Name functions, choices, sums and quotients that occur more than once, in one assignment or several.

    The names t1, t2, ... come just before the first assignment that needs them; where the part is all of an
    earlier assignment, its name serves. Bases of small powers are named, too: they are multiplied out.
    """
    uses = _uses(assignments)
    moving = moved(assignments)
    first_move = _first_move(assignments, moving)
    names: dict[Expr, Expr] = {}
    found: list[Assignment] = []
    count = 0
    for place, item in enumerate(assignments):
        fixed = place < first_move
        if place == first_move:
            names = {node: name for node, name in names.items() if not names_in(node) & moving}
        parts = [
            node
            for node in _nodes(item.value)
            if uses[node] > 1 and costs(node) and node not in names and node != item.value
        ]
        if not fixed:
            parts = [node for node in parts if not names_in(node) & moving]
        for node in sorted(parts, key=lambda node: (node.count_ops(), str(node))):
            count += 1
            symbol = Symbol(f"t{count}")
            found.append(Assignment(symbol.name, named(node, names), item.equation))
            names[node] = symbol
        found.append(Assignment(item.name, named(item.value, names), item.equation))
        if uses[item.value] and costs(item.value) and item.name not in moving and fixed:
            names.setdefault(item.value, Symbol(item.name))
    return tuple(found)


def without_unread(assignments: Sequence[Assignment], wanted: Collection[str]) -> tuple[Assignment, ...]:
    """Leave out what neither the caller wants nor a later assignment reads."""
    needed = set(wanted)
    found: list[Assignment] = []
    for item in reversed(assignments):
        if item.name in needed:
            found.append(item)
            needed |= names_in(item.value)
    return tuple(reversed(found))


def moved(assignments: Sequence[Assignment]) -> set[str]:
    """Return the names that are read before they are assigned, or assigned twice: they have two values."""
    read: set[str] = set()
    assigned: set[str] = set()
    found: set[str] = set()
    for item in assignments:
        read |= names_in(item.value)
        if item.name in read | assigned:
            found.add(item.name)
        assigned.add(item.name)
    return found


def _first_move(assignments: Sequence[Assignment], moving: set[str]) -> int:
    places = (place for place, item in enumerate(assignments) if item.name in moving)
    return next(places, len(assignments))


def _uses(assignments: Sequence[Assignment]) -> Counter[Expr]:
    """Count how often each part would be written; inside a part that occurs again it counts once."""
    uses: Counter[Expr] = Counter()
    unvisited = [item.value for item in assignments]
    while unvisited:
        node = unvisited.pop()
        for arg in node.args:
            times = _times(node, arg)
            if arg not in uses:
                unvisited.append(arg)
            uses[arg] += times
    for item in assignments:
        if item.value in uses:  # a part of another assignment is all of this one
            uses[item.value] += 1
    return uses


def _times(node: Expr, arg: Expr) -> int:
    """Return how often an argument is written: a choice writes it in the test, too, a power as a product."""
    if isinstance(node, (Abs, Max, Min)):
        return 2 if arg.has(Function, Max, Min) else 1
    if isinstance(node, Pow) and arg == node.base and node.exp.is_Integer:
        return abs(int(node.exp)) if abs(node.exp) <= MAX_WRITTEN_POWER else 1
    return 1


def _nodes(value: Expr) -> list[Expr]:
    """Return the parts of an expression, each once."""
    found: dict[Expr, None] = {}
    unvisited = [value]
    while unvisited:
        node = unvisited.pop()
        if node not in found:
            found[node] = None
            unvisited += node.args
    return list(found)


@remembered
def names_in(expr: Expr) -> frozenset[str]:
    """Return the names that an expression reads."""
    return frozenset((expr.name,) if expr.is_Symbol else ()).union(*map(names_in, expr.args))
