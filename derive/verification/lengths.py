"""What is known of places and lengths in memory: which is greater, whatever the sizes are.

Most are sums of numbers of samples and the like, each so many times. Of these it is seen by comparing how
often each is in one and the other; SymPy is asked about the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from sympy import Add, Expr, Integer, Mul, Rational

from derive.remembered import remembered

_NONE = Fraction(0)


def apart(low: Expr, high: Expr, start: Expr, stop: Expr) -> bool:
    """Say whether two stretches, neither of them empty, are known to have no entry in common."""
    if isinstance(low, Integer) and isinstance(high, Integer):
        both = isinstance(start, Integer) and isinstance(stop, Integer)
        return bool(low.p >= stop.p or start.p >= high.p) if both else _apart(low, high, start, stop)
    return _apart(low, high, start, stop)


@remembered
def _apart(low: Expr, high: Expr, start: Expr, stop: Expr) -> bool:
    if low == start:
        return False
    return at_least(low, stop) or at_least(start, high)


def at_least(high: Expr, low: Expr) -> bool:
    """Say whether an expression is known to be no less than another; of multiples of letters we see it."""
    more = _difference(high, low)
    if more is not None and all(number >= 0 for number in more):
        return True
    if more is not None and all(number < 0 for number in more):
        return False
    return bool((high - low).is_nonnegative)


def beyond(high: Expr, low: Expr) -> bool:
    """Say whether an expression is known to be greater than another."""
    more = _difference(high, low)
    if more and all(number > 0 for number in more):
        return True
    return bool((high - low).is_positive)


def _difference(high: Expr, low: Expr) -> list[Fraction] | None:
    """Return how much more of each positive letter one expression has than another, where it is not as much.

    None if they are not fractions times positive letters, or products of such, each by itself.
    """
    ours, theirs = _multiples(high), _multiples(low)
    if ours is None or theirs is None:
        return None
    more = (ours.get(letter, _NONE) - theirs.get(letter, _NONE) for letter in {**ours, **theirs})
    return [number for number in more if number]


@remembered
def _multiples(expr: Expr) -> Mapping[Expr, Fraction] | None:
    """Return how much of each product of positive letters is in a sum; None if there is anything else."""
    found = {}
    for term in Add.make_args(expr):
        number, letters = term.as_coeff_Mul()
        positive = all(letter.is_Symbol and letter.is_positive for letter in Mul.make_args(letters))
        if not isinstance(number, Rational) or not (letters == 1 or positive):
            return None
        found[letters] = Fraction(number.p, number.q)
    return found
