"""The real line in pieces, on each of which an expression has no case distinction left.

Absolute values, maxima, minima, selections and conditions change where one of their arguments changes sign.
Those places are found exactly: as the roots of a polynomial, or, for another function that vanishes at the
end of a piece, by the sign of its derivative. Where neither helps, ``NotProvedError`` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sympy import (
    Abs,
    Dummy,
    Expr,
    Integer,
    Max,
    Min,
    Piecewise,
    Poly,
    PolynomialError,
    Rational,
    cancel,
    degree,
    factor,
    floor,
    oo,
    real_roots,
    together,
)
from sympy.core.relational import GreaterThan, LessThan, Relational, StrictGreaterThan, StrictLessThan
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from derive.activations.functions import Above, Z
from derive.errors import NotProvedError
from derive.remembered import remembered

CASES = (Abs, Max, Min, Piecewise, Above)
MAX_BREAKS = 40
MAX_DEGREE = 6


class Split(Exception):
    """A piece has to be cut at these places before a sign is constant on it."""

    def __init__(self, places: set[Expr]) -> None:
        super().__init__(places)
        self.places = places


@dataclass(frozen=True)
class Region:
    """An open interval of the real line; either end may be infinite."""

    low: Expr
    high: Expr

    @property
    def sample(self) -> Expr:
        """A rational number inside, a whole one if there is one."""
        if self.low == -oo:
            return Integer(0) if self.high == oo else floor(self.high) - 1
        if self.high == oo:
            return floor(self.low) + 1
        whole = floor(self.low) + 1
        if whole < self.high:
            return whole
        middle = (self.low + self.high) / 2
        return middle if middle.is_Rational else Rational(str(middle.evalf(30)))

    def contains(self, place: Expr) -> bool:
        """Say whether a place lies inside."""
        return bool(self.low < place) and bool(place < self.high)


def breaks(*exprs: Expr, within: Region | None = None) -> tuple[Expr, ...]:
    """Return the places between which no case distinction of the expressions changes, in order.

    Raises:
        NotProvedError: if they cannot be found exactly.
    """
    low, high = (-oo, oo) if within is None else (within.low, within.high)
    places: set[Expr] = set()
    while len(places) <= MAX_BREAKS:
        try:
            for region in between(sorted(places), low, high):
                for expr in exprs:
                    on(expr, region)
        except Split as split:
            places |= split.places
        else:
            return tuple(sorted(places))
    raise NotProvedError(f"expected at most {MAX_BREAKS} places where the cases of an activation change")


def between(places: Sequence[Expr], low: Expr = -oo, high: Expr = oo) -> tuple[Region, ...]:
    """Return the open intervals between places in order."""
    return tuple(Region(left, right) for left, right in pairwise((low, *places, high)))


@remembered
def on(expr: Expr, region: Region) -> Expr:
    """Return what an expression is on a region, without case distinctions.

    Raises:
        NotProvedError: if a sign cannot be decided.
    """
    if not expr.args or not expr.has(*CASES):
        return expr
    if isinstance(expr, Piecewise):
        return _branch(expr, region)
    args = [on(arg, region) for arg in expr.args]
    if isinstance(expr, Abs):
        return args[0] if sign_on(args[0], region) >= 0 else -args[0]
    if isinstance(expr, Above):
        return Integer(1) if sign_on(args[0], region) > 0 else Integer(0)
    if isinstance(expr, (Max, Min)):
        best = args[0]
        for other in args[1:]:
            larger = sign_on(other - best, region) > 0
            best = other if larger == isinstance(expr, Max) else best
        return best
    return expr.func(*args)


def _branch(expr: Piecewise, region: Region) -> Expr:
    for value, condition in expr.args:
        if _holds(condition, region):
            return on(value, region)
    raise NotProvedError(f"expected {expr} to be defined everywhere")


def _holds(condition: Expr, region: Region) -> bool:
    if isinstance(condition, (BooleanTrue, BooleanFalse)):
        return bool(condition)
    if not isinstance(condition, Relational):
        raise NotProvedError(f"expected a comparison, got {condition}")
    sign = sign_on(on(condition.lhs - condition.rhs, region), region)
    if isinstance(condition, (StrictGreaterThan, GreaterThan)):
        return sign > 0 or (sign == 0 and isinstance(condition, GreaterThan))
    if isinstance(condition, (StrictLessThan, LessThan)):
        return sign < 0 or (sign == 0 and isinstance(condition, LessThan))
    raise NotProvedError(f"expected an inequality, got {condition}")


def sign_on(g: Expr, region: Region) -> int:
    """Return the sign that ``g`` has on a whole region: 1, 0 or -1.

    Raises:
        NotProvedError: if it cannot be decided.
    """
    if g == 0:
        return 0
    if not g.has(Z):
        return _sign_of_number(g)
    roots = _roots(g)
    if roots is not None:
        inside = {root for root in roots if region.contains(root)}
        if inside:
            raise Split(inside)
        return _sign_of_number(g.xreplace({Z: region.sample}))
    if sign := _assumed_sign(g, region):
        return sign
    for end, direction in ((region.low, 1), (region.high, -1)):
        if end.is_finite and g.xreplace({Z: end}) == 0:
            slope = _assumed_sign(g.diff(Z), region)  # it starts from 0 and keeps its direction
            if slope:
                return direction * slope
    raise NotProvedError(f"cannot tell the sign of {g} for {region.low} < z < {region.high}")


def _sign_of_number(value: Expr) -> int:
    if value.is_positive:
        return 1
    if value.is_negative:
        return -1
    if value.is_zero:
        return 0
    raise NotProvedError(f"cannot tell the sign of {value}")


def _assumed_sign(g: Expr, region: Region) -> int:
    """Return the sign that SymPy's assumptions prove, 0 if none; z is an end of the region and some more."""
    more = Dummy("p", positive=True)
    whole = Dummy("x", real=True)
    if region.low.is_finite:
        g = g.xreplace({Z: region.low + more})
    elif region.high.is_finite:
        g = g.xreplace({Z: region.high - more})
    else:
        g = g.xreplace({Z: whole})
    rational = g.is_rational_function(more, whole)  # exp(p + 708) would be multiplied out
    for form in (g, factor(cancel(together(g)))) if rational else (g,):
        if form.is_positive or form.is_negative:
            return 1 if form.is_positive else -1
    return 0


@remembered
def _roots(g: Expr) -> tuple[Expr, ...] | None:
    """Return the real roots of a polynomial; None for anything else."""
    try:
        polynomial = Poly(g, Z).monic()
    except PolynomialError:
        return None
    if polynomial.has(*CASES) or any(c.has(Z) for c in polynomial.coeffs()):
        return None
    if degree(polynomial) == 1:
        return (-polynomial.TC(),) if polynomial.TC() else (Integer(0),)
    if degree(polynomial) > MAX_DEGREE or not all(c.is_Rational for c in polynomial.coeffs()):
        return None
    return tuple(real_roots(Poly(polynomial.all_coeffs(), Z, domain="QQ")))
