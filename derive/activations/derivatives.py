"""sigma' of an activation: by differentiation, and through the activation's own value where there is a way.

A way is looked for piece by piece: a piece that is linear, rational in one exponential, the logarithm of such
a function, or rational in z is solved for its exponential (or for z), and what is found is put into the
derivative. Two pieces make one formula by cases of a if they rise. Nothing is believed because it was found:
``prove_slope`` decides it piece by piece from the definition.
"""

from __future__ import annotations

from functools import cache

from sympy import (
    Abs,
    Dummy,
    Expr,
    Heaviside,
    Integer,
    Mul,
    Piecewise,
    Poly,
    PolynomialError,
    Pow,
    cancel,
    exp,
    factor,
    fraction,
    log,
    oo,
    sign,
    together,
)

from derive.activations.equality import Letters, around_zero, at_place, in_exponentials, same
from derive.activations.functions import A, Z
from derive.activations.regions import CASES, Region, Split, between, breaks, on, sign_on
from derive.errors import NotProvedError
from derive.remembered import remembered


@cache
def derivative(definition: Expr) -> Expr:
    """Return sigma' by differentiation in ``Z``, by cases where the definition has them.

    At a place where the two sides differ, the value is the one that the last case gives.

    Raises:
        NotProvedError: if the places where the cases change cannot be found.
    """
    if not definition.has(*CASES):
        return definition.diff(Z)
    if isinstance(definition, Piecewise):
        found = definition.diff(Z)
        if not found.has(Abs, sign, Heaviside):
            return found
    places = breaks(definition)
    slopes = [on(definition, region).diff(Z) for region in between(places)]
    above = [(slope, place < Z) for place, slope in reversed(list(zip(places, slopes[1:], strict=True)))]
    return Piecewise(*above, (slopes[0], True))


@cache
def kinks(definition: Expr) -> tuple[Expr, ...]:
    """Return the places at which the definition has a derivative from each side, but not the same."""
    places = breaks(definition)
    slopes = [on(definition, region).diff(Z) for region in between(places)]
    pairs = zip(places, slopes, slopes[1:], strict=False)
    return tuple(at for at, left, right in pairs if not same(at_place(left, at), at_place(right, at)))


def prove_slope(definition: Expr, claimed: Expr) -> bool:
    """Decide whether sigma'(z) equals ``claimed`` in z and a = sigma(z), for all real z that are no kinks.

    ``False`` means that it is not proved.
    """
    return slope_interval(definition, claimed) == (-oo, oo)


@remembered
def slope_interval(definition: Expr, claimed: Expr) -> tuple[Expr, Expr] | None:
    """Return the widest interval that holds 0 on which ``claimed`` is proved to be sigma', kinks left out."""
    try:
        bent, places = kinks(definition), set(breaks(definition))
        for region in between(sorted(places)):
            inside = claimed.xreplace({A: on(definition, region)})
            places.update(breaks(inside, within=region))
        cuts = sorted(places)
        parts = between(cuts)
        slopes = [on(definition, part).diff(Z) for part in parts]
        claims = [on(claimed.xreplace({A: on(definition, part)}), part) for part in parts]
        agrees = [
            same(slope, claim) and _without_poles(claimed, on(definition, part), part)
            for slope, claim, part in zip(slopes, claims, parts, strict=True)
        ]
        joins = [
            place in bent or _same_at(slope, definition, claimed, place)
            for place, slope in zip(cuts, slopes[1:], strict=True)
        ]
    except NotProvedError:
        return None
    return around_zero(cuts, agrees, joins)


def _without_poles(claimed: Expr, piece: Expr, region: Region) -> bool:
    """Say whether every denominator is proved to have one sign on a region: 3 a / z is not 3 z^2 at 0."""
    for node in claimed.atoms(Pow):
        if node.exp.is_negative and node.base.has(A, Z):
            try:
                if sign_on(on(node.base.xreplace({A: piece}), region), region) == 0:
                    return False
            except Split:
                return False
    return True


def _same_at(slope: Expr, definition: Expr, claimed: Expr, place: Expr) -> bool:
    value = at_place(definition, place)
    return same(at_place(slope, place), at_place(claimed, place, value))


def prove_through_output(definition: Expr, claimed: Expr) -> bool:
    """Decide whether sigma'(z) equals ``claimed`` at a = sigma(z), for all real z that are no kinks."""
    return not claimed.has(Z) and prove_slope(definition, claimed)


@cache
def through_output(definition: Expr) -> Expr:
    """Return sigma' as an expression in ``A``, the activation's own value.

    Raises:
        NotProvedError: if no such expression is found, or it fails its own proof.
    """
    places = breaks(definition)
    found = [_of_piece(on(definition, region), definition) for region in between(places)]
    claimed = found[0] if len(set(found)) == 1 else _joined(definition, places, found)
    if not prove_through_output(definition, claimed):
        raise NotProvedError(f"the derivative of {definition} through its output is not proved")
    return claimed


@cache
def through_both(definition: Expr) -> Expr | None:
    """Return sigma' as r(z) a with a polynomial r, for what is its own exponential; None if it is not."""
    if definition.has(*CASES) or definition == 0:
        return None
    try:
        letters = Letters(definition, definition.diff(Z))
        ratio = cancel(together(letters.rational(definition.diff(Z)) / letters.rational(definition)))
    except (NotProvedError, PolynomialError):
        return None
    claimed = ratio * A
    if not ratio.is_polynomial(Z) or ratio.free_symbols - {Z} or not prove_slope(definition, claimed):
        return None
    return claimed


def _of_piece(piece: Expr, definition: Expr) -> Expr:
    """Return the derivative of one piece through its value."""
    slope = piece.diff(Z)
    if not slope.has(Z):
        return slope
    inner, target = (piece.args[0], exp(A)) if isinstance(in_exponentials(piece), log) else (piece, A)
    letters = Letters(inner, slope)
    in_letters, slope = _reduced(letters.rational(inner)), _reduced(letters.rational(slope))
    symbols = in_letters.free_symbols | slope.free_symbols
    moving = {s for s in symbols if letters.meaning.get(s, s).has(Z)}
    opaque = symbols & set(letters.others.values())
    if len(moving) != 1 or opaque or (moving == {Z} and not definition.has(*CASES)):
        raise NotProvedError(f"expected an activation that is rational in one exponential, got {definition}")
    (unknown,) = moving
    if not in_letters.is_rational_function(unknown):
        raise NotProvedError(f"expected an activation that is rational in one exponential, got {definition}")
    value = Dummy("v")
    equation = Poly(fraction(together(in_letters - value))[0], unknown)
    if equation.degree() != 1:
        raise NotProvedError(f"expected {definition} to be solvable for its exponential")
    solution = -equation.coeff_monomial(1) / equation.coeff_monomial(unknown)
    constants = {s: exp(letters.meaning[s]) for s in symbols & set(letters.meaning) - moving}
    found = cancel(together(slope.xreplace({unknown: solution}))).xreplace({value: target, **constants})
    found = _expanded(cancel(found)) if target != A else factor(found)
    return _tidied(found)


def _tidied(found: Expr) -> Expr:
    """Write -(a - 1)(a + 1) as (1 - a)(1 + a) and (|a| - 1)^2 as (1 - |a|)^2: no factor tends to -1 x 0."""
    factors = []
    sign = Integer(1)
    for factor_ in Mul.make_args(found):
        base, power = factor_.as_base_exp()
        constant, rest = base.as_coeff_Add()
        if isinstance(power, Integer) and constant < 0 < rest.as_coeff_Mul()[0]:
            factors.append((-base) ** power)
            sign *= (-1) ** power
        else:
            factors.append(factor_)
    return sign * Mul(*factors)


def _expanded(found: Expr) -> Expr:
    """Write (exp(a) - 1) exp(-a) as 1 - exp(-a)."""
    return found.expand()


def _reduced(expr: Expr) -> Expr:
    return cancel(together(expr))


def _joined(definition: Expr, places: tuple[Expr, ...], found: list[Expr]) -> Expr:
    """Make one formula of two, if the activation rises through the place where they meet."""
    if len(places) != 1:
        raise NotProvedError(f"expected one place where the cases of {definition} change, got {len(places)}")
    below, above = between(places)
    threshold = definition.xreplace({Z: places[0]})
    rising = sign_on(on(definition, above).diff(Z), above) > 0
    if not rising or sign_on(on(definition, below).diff(Z), below) < 0:
        raise NotProvedError(f"expected {definition} to rise, so that a tells on which side z is")
    lower, upper = found
    if threshold == 0 and cancel(lower - upper.xreplace({A: -A})) == 0:
        return _tidied(upper).xreplace({A: Abs(A)})
    return Piecewise((upper, threshold < A), (lower, True))
