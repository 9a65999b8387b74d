"""Robust losses of a residual by name: what they are, and what is proved of them.

A robust loss bounds the pull of a residual that is far off. The objective is C^2 sum_q rho((r_q/C)^2) with a
scale C, as in SciPy's ``least_squares``. Each rho is defined once, in ``Z`` for z >= 0; its slope is found
from the definition, and the forms that a machine computes, in ``Z`` for the scaled residual r/C, are used
only if they are proved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from sympy import Abs, Expr, Integer, Max, Min, Piecewise, Pow, log, oo, sqrt
from sympy.codegen.cfunctions import hypot, log1p

from derive.activations.derivatives import derivative, kinks
from derive.activations.equality import at_place, same, vanishes
from derive.activations.functions import A, Z, plainly
from derive.activations.regions import Region, between, breaks, on
from derive.errors import NotProvedError
from derive.nonnegative import nonnegative


@dataclass(frozen=True)
class RobustLoss:
    """A function rho of a square.

    ``definition`` is rho in ``Z``, for z >= 0. ``stable`` is rho(z^2), and ``root`` the square root of
    rho'(z^2), as they are computed without overflow or loss of digits. ``A`` in ``stable`` stands for
    ``part``, which is computed first: multiplied into the rest, its square might overflow.
    """

    name: str
    definition: Expr
    stable: Expr
    root: Expr
    part: Expr | None = None

    def slope(self) -> Expr:
        """Return rho' in ``Z``, found from the definition."""
        return derivative(self.definition)

    @cached_property
    def concave(self) -> bool:
        """True if it is proved that for z >= 0 rho' exists, is at least 0 and never rises."""
        try:
            smooth = not [place for place in kinks(self.definition) if place.is_nonnegative is not False]
            bend = derivative(self.slope())
        except NotProvedError:
            return False
        return smooth and _nonnegative_from_zero(self.slope()) and _nonnegative_from_zero(-bend)

    @cached_property
    def normal(self) -> bool:
        """True if rho(0) = 0 and rho'(0) = 1: small residuals count as in a sum of squares."""
        at_zero = (self.definition.xreplace({Z: Integer(0)}), self.slope().xreplace({Z: Integer(0)}))
        return at_zero == (0, 1)

    def value(self) -> Expr:
        """Return rho(z^2) as it is computed, in ``Z`` and ``A``.

        Raises:
            NotProvedError: if that is not proved to be the definition.
        """
        whole = _plain(self.stable)
        if self.part is not None:
            whole = put_in(whole, {A: _plain(self.part)})
        if not _agree(_of_square(self.definition), whole):
            raise NotProvedError(f"{self.stable} is not proved to be the robust loss {self.name}")
        return self.stable

    def factor(self) -> Expr:
        """Return the square root of rho'(z^2) as it is computed.

        Raises:
            NotProvedError: if it is not proved to be at least 0 with that square.
        """
        if not (nonnegative(_plain(self.root)) and _agree(_of_square(self.slope()), self.root**2)):
            raise NotProvedError(f"{self.root} is not proved to be the root of the slope of {self.name}")
        return self.root


def put_in(expr: Expr, names: Mapping[Expr, Expr]) -> Expr:
    """Return ``expr.xreplace(names)``; no maximum, minimum or logarithm is looked at for a simpler form."""
    found = names.get(expr)
    if found is not None or not expr.args:
        return expr if found is None else found
    args = [put_in(arg, names) for arg in expr.args]
    if isinstance(expr, (Max, Min, log)):
        return expr.func(*args, evaluate=False)
    return expr.func(*args)


def _nonnegative_from_zero(expr: Expr) -> bool:
    """Decide that a function of z is at least 0 for all z >= 0."""
    return bool(at_place(expr, Integer(0)).is_nonnegative) and nonnegative(expr, Region(Integer(0), oo))


def _of_square(expr: Expr) -> Expr:
    """Put z^2 for z."""
    return expr.xreplace({Z: Z**2})


def _plain(expr: Expr) -> Expr:
    return plainly(expr.replace(hypot, lambda u, v: sqrt(u**2 + v**2)))


def _agree(left: Expr, right: Expr) -> bool:
    """Decide that two expressions agree for all real z; False means "not proved".

    On each piece of the line they have the same form, or the same derivative and the same value at an end.
    Where both are even, as functions of a square are, z >= 0 says it all.
    """
    left, right = _plain(left), _plain(right)
    low = Integer(0) if _even(left) and _even(right) else -oo
    try:
        places = sorted({*breaks(left, right, within=Region(low, oo)), Integer(0)})
        at_places = all(_equal(at_place(left, place), at_place(right, place)) for place in places)
        pieces = between([place for place in places if place > low], low)
        return at_places and all(_agree_on(left, right, region) for region in pieces)
    except NotProvedError:
        return False


def _even(expr: Expr) -> bool:
    """Say whether a function is seen to be even: z stands in it as |z| and in even powers alone."""
    if isinstance(expr, Abs) and expr.args[0] == Z:
        return True
    if isinstance(expr, Pow) and expr.base == Z and isinstance(expr.exp, Integer):
        return bool(expr.exp.is_even)
    return expr != Z and all(map(_even, expr.args))


def _agree_on(left: Expr, right: Expr, region: Region) -> bool:
    u, v = on(left, region), on(right, region)
    return u == v or vanishes(u - v) or _agree_by_slope(u, v, region) or same(u, v)


def _agree_by_slope(u: Expr, v: Expr, region: Region) -> bool:
    return _equal(u.diff(Z), v.diff(Z)) and _agree_at_an_end(u, v, region)


def _agree_at_an_end(u: Expr, v: Expr, region: Region) -> bool:
    """Say whether two functions that are continuous up to an end of a piece have the same value there."""
    for end in (region.low, region.high):
        if end not in (-oo, oo):
            at_end = at_place(u, end), at_place(v, end)
            if all(value.is_finite for value in at_end) and _equal(*at_end):
                return True
    return False


def _equal(u: Expr, v: Expr) -> bool:
    """Decide whether two expressions without cases agree, as fractions, square roots multiplied out."""
    return u == v or vanishes(u - v) or same(u, v)


def _known() -> tuple[RobustLoss, ...]:
    size = Abs(Z)
    near, far = Min(size, 1), Max(size, 1)
    return (
        RobustLoss(
            "soft_l1",
            2 * (sqrt(1 + Z) - 1),
            2 * A * size,
            1 / sqrt(hypot(1, Z)),
            part=size / (1 + hypot(1, Z)),
        ),
        RobustLoss(
            "huber",
            Piecewise((Z, Z <= 1), (2 * sqrt(Z) - 1, True)),
            near * (2 * size - near),
            1 / sqrt(far),
        ),
        RobustLoss(
            "cauchy",
            log(1 + Z),
            2 * log(far) + log1p(A**2),
            1 / hypot(1, Z),
            part=near / far,
        ),
    )


ROBUST: dict[str, RobustLoss] = {loss.name: loss for loss in _known()}
