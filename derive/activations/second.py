"""sigma'' of an activation: from the sigma' that was found and proved, through a where that is through a.

With sigma' = s(a), sigma'' = s'(a) s(a); with sigma' = s(a, z), it is ds/dz + ds/da s; else the definition
is differentiated twice. What is found is used only if it is proved, piece by piece, to be the second
derivative of the definition on an interval around 0. At a place where sigma' or sigma'' jumps there is no
second derivative; what the computed form gives there is a convention.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from sympy import Dummy, Expr, Heaviside, Max, Min, Pow, exp, pi, sign, sqrt

from derive.activations.activation import Activation
from derive.activations.builtin import ACTIVATIONS, GELU_CUBIC
from derive.activations.derivatives import derivative
from derive.activations.equality import around_zero, at_place, same
from derive.activations.functions import A, Above, Z
from derive.activations.regions import Region, Split, between, breaks, on, sign_on
from derive.activations.stable import logistic, stably, without_cases
from derive.errors import NotProvedError


def second_derivative(function: Activation) -> Expr:
    """Return sigma'' as it is computed, in ``A`` and ``Z``.

    Raises:
        NotProvedError: if no form is proved.
    """
    return _second(function.definition, function.slope())


def second_interval(function: Activation) -> tuple[Expr, Expr] | None:
    """Return the widest interval around 0 on which ``second_derivative`` is proved, jumps left out."""
    return interval(function.definition, second_derivative(function))


def jumps(definition: Expr) -> tuple[Expr, ...]:
    """Return the places at which sigma' or sigma'' has two sides that differ."""
    places = breaks(definition)
    pieces = [on(definition, region) for region in between(places)]
    found = []
    for place, left, right in zip(places, pieces, pieces[1:], strict=False):
        orders = [(left.diff(Z), right.diff(Z)), (left.diff(Z).diff(Z), right.diff(Z).diff(Z))]
        if not all(same(at_place(p, place), at_place(q, place)) for p, q in orders):
            found.append(place)
    return tuple(found)


@cache
def _second(definition: Expr, slope: Expr) -> Expr:
    for claimed in _candidates(definition, slope):
        found = interval(definition, claimed)
        if found is not None and found[0] < 0 < found[1]:
            return claimed
    raise NotProvedError(f"no form of the second derivative of {definition} is proved")


def _candidates(definition: Expr, slope: Expr) -> Iterator[Expr]:
    """Yield forms of sigma'', the best for a machine first."""
    if definition in (proposed := _proposed()):
        yield proposed[definition]
    if not slope.has(Z):
        yield change(slope, A) * slope
    if slope.has(A):
        yield change(slope, Z) + change(slope, A) * slope
    try:
        twice = derivative(derivative(definition))
    except NotProvedError:
        return
    yield without_cases(stably(twice))
    yield without_cases(twice)
    yield twice


def change(expr: Expr, letter: Expr) -> Expr:
    """Return the derivative in a letter; selections are constant beside the places where they change."""
    chosen = {node: Dummy("s", real=True) for node in expr.atoms(Above)}
    found = expr.xreplace(chosen).diff(letter).xreplace({name: node for node, name in chosen.items()})
    found = found.replace(sign, lambda v: Above(v) - Above(-v))
    return found.replace(Heaviside, lambda v, *at_zero: Above(v))


@cache
def interval(definition: Expr, claimed: Expr) -> tuple[Expr, Expr] | None:
    """Return the widest interval around 0 on which ``claimed`` is proved to be sigma'', jumps left out."""
    try:
        bent, places = jumps(definition), set(breaks(definition))
        for region in between(sorted(places)):
            inside = claimed.xreplace({A: on(definition, region)})
            places.update(breaks(inside, within=region))
        cuts = sorted(places)
        parts = between(cuts)
        wanted = [on(definition, part).diff(Z).diff(Z) for part in parts]
        claims = [on(claimed.xreplace({A: on(definition, part)}), part) for part in parts]
        agrees = [
            same(second, claim) and _without_poles(claimed, on(definition, part), part)
            for second, claim, part in zip(wanted, claims, parts, strict=True)
        ]
        joins = [
            place in bent
            or same(at_place(second, place), at_place(claimed, place, at_place(definition, place)))
            for place, second in zip(cuts, wanted[1:], strict=True)
        ]
    except NotProvedError:
        return None
    return around_zero(cuts, agrees, joins)


def _without_poles(claimed: Expr, piece: Expr, region: Region) -> bool:
    for node in claimed.atoms(Pow):
        if node.exp.is_negative and node.base.has(A, Z):
            try:
                if sign_on(on(node.base.xreplace({A: piece}), region), region) == 0:
                    return False
            except (Split, NotProvedError):
                return False
    return True


# -- spellings for a machine, used only if they are proved ------------------------------------------------


def _clipped(bound: int) -> Expr:
    return Max(Min(Z, bound), -bound)


@cache
def _proposed() -> dict[Expr, Expr]:
    """Return stable spellings where the squares of z in the rule's own form could overflow."""
    near = _clipped(40)
    s, opposite = logistic(Z), logistic(-Z)
    inside = _clipped(30)
    gate = 2 * sqrt(2 / pi) * (inside + GELU_CUBIC * inside**3)
    first = 2 * sqrt(2 / pi) * (1 + 3 * GELU_CUBIC * inside**2)
    then = 12 * sqrt(2 / pi) * GELU_CUBIC * inside
    up, down = logistic(gate), logistic(-gate)
    forms = {
        "silu": s * opposite * (2 + Z * (opposite - s)),
        "gelu": (2 - near**2) * exp(-(near**2) / 2) / sqrt(2 * pi),
        "gelu_tanh": up * down * (2 * first + inside * (first**2 * (down - up) + then)),
        "gaussian": (near**2 - 1) * A,
        "sin": -A,
    }
    return {ACTIVATIONS[name].definition: form for name, form in forms.items()}
