"""Where two expressions differ, for the replay to look there first; nothing rests on it but the time."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Add, Expr, Indexed, KroneckerDelta, Mul, Sum

from derive.quantities import Partial
from derive.replay.names import key


def near(start: Expr, goal: Expr) -> list[tuple[int, ...]]:
    """Return the path to the smallest part of ``start`` that holds all that differs, and those to what is
    around it.

    A part is found while one argument alone differs: of terms and factors while one is left when those that
    are on both sides are taken away.
    """
    path: tuple[int, ...] = ()
    bound: tuple[Expr, ...] = ()
    other: tuple[Expr, ...] = ()
    while not isinstance(start, (Indexed, KroneckerDelta)) and start.args:
        if isinstance(start, (Add, Mul)):
            found = _of_several(start, goal, bound, other)
        else:
            found = _of_one(start, goal, bound, other) if type(start) is type(goal) else None
        if found is None:
            break
        if isinstance(start, Sum):
            bound = (*bound, *(limit[0] for limit in reversed(start.limits)))
            other = (*other, *(limit[0] for limit in reversed(goal.limits)))
        at, goal = found
        start, path = start.args[at], (*path, at)
    return [path[:length] for length in range(len(path), -1, -1)]


def _of_one(
    start: Expr, goal: Expr, bound: tuple[Expr, ...], other: tuple[Expr, ...]
) -> tuple[int, Expr] | None:
    """Return the place of the only argument that differs, and what it has become."""
    if isinstance(start, Sum):
        return (0, goal.function) if len(start.limits) == len(goal.limits) else None
    if isinstance(start, Partial):
        return 0, goal.f
    pairs = enumerate(zip(start.args, goal.args, strict=False))
    differing = [(at, new) for at, (old, new) in pairs if key(old, bound) != key(new, other)]
    return differing[0] if len(differing) == 1 else None


def _of_several(
    start: Expr, goal: Expr, bound: tuple[Expr, ...], other: tuple[Expr, ...]
) -> tuple[int, Expr] | None:
    """Return the place of the only term, or factor but for a number, that differs, and what it has become."""
    kind = type(start)
    old, new = start.args, kind.make_args(goal)
    ours, theirs = [key(arg, bound) for arg in old], [key(arg, other) for arg in new]
    here, there = _left(ours, theirs), [new[at] for at in _left(theirs, ours)]
    numbers = [old[at] for at in here if isinstance(start, Mul) and old[at].is_Number]
    places = [at for at in here if not (isinstance(start, Mul) and old[at].is_Number)]
    if len(places) != 1:
        return None
    if len(there) == 1 and not numbers:
        return places[0], there[0]
    return places[0], kind(*there, *(1 / number for number in numbers))


def _left(ours: Sequence[str], theirs: Sequence[str]) -> list[int]:
    """List the places of what remains when everything that is on the other side is taken away."""
    rest = list(theirs)
    left = []
    for at, spelling in enumerate(ours):
        if spelling in rest:
            rest.remove(spelling)
        else:
            left.append(at)
    return left
