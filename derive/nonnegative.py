"""Is an expression at least 0 for all real values of its variables? Yes is a proof, no means "not proved".

Squares, exponentials, selections, sums of such terms and products are seen from their form. What has one
variable is also taken piece by piece: in how far it is beyond an end of the piece, and as a fraction in the
variable and positive letters for the exponentials, whose factors have a sign if all their coefficients are
positive, as have polynomials without a real root on the piece, which Sturm's theorem counts.
"""

from __future__ import annotations

from sympy import (
    Abs,
    Add,
    Dummy,
    Expr,
    Max,
    Min,
    Mul,
    Poly,
    Pow,
    Rational,
    Symbol,
    cancel,
    exp,
    expand,
    factor_list,
    fraction,
    oo,
    together,
)
from sympy.polys.polyerrors import BasePolynomialError

from derive.activations.equality import Letters, in_exponentials
from derive.activations.functions import Above, Z
from derive.activations.regions import Region, between, breaks, on
from derive.errors import NotProvedError

MAX_OPERATIONS = 300
_MORE = Dummy("p", positive=True)
_LINE = Region(-oo, oo)


def nonnegative(expr: Expr, within: Region = _LINE) -> bool:
    """Decide that an expression in real symbols is at least 0 wherever it is defined.

    ``within`` is where its variable lies, if it has but one.
    """
    if _by_form(expr, 1):
        return True
    variables = expr.free_symbols
    if len(variables) != 1 or expr.count_ops() > MAX_OPERATIONS:
        return False
    expr = expr.xreplace({variables.pop(): Z})
    try:
        pieces = between(breaks(expr, within=within), within.low, within.high)
        return all(_on_piece(on(expr, region), region) for region in pieces)
    except (NotProvedError, BasePolynomialError, TypeError):
        return False


def _by_form(expr: Expr, sign: int) -> bool:
    """Say whether sign times the expression is seen to be at least 0."""
    if expr.is_number or isinstance(expr, Symbol):
        return bool((sign * expr).is_nonnegative)
    if isinstance(expr, (exp, Abs, Above)):
        return sign > 0
    if isinstance(expr, Add):
        return all(_by_form(term, sign) for term in expr.args)
    if isinstance(expr, Mul):
        for factor in expr.args:
            if _by_form(factor, 1):
                continue
            if not _by_form(factor, -1):
                return False
            sign = -sign
        return sign > 0
    if isinstance(expr, Pow):
        even = expr.exp.is_Rational and expr.exp.q == 1 and expr.exp.p % 2 == 0
        return sign > 0 and (even or _by_form(expr.base, 1))
    if isinstance(expr, (Max, Min)):
        some = any if isinstance(expr, Max) == (sign > 0) else all
        return some(_by_form(arg, sign) for arg in expr.args)
    return False


def _on_piece(expr: Expr, region: Region) -> bool:
    """Decide it for a function of ``Z`` without case distinctions, as a fraction."""
    if _by_form(expr, 1) or _by_form(_beyond_an_end(expr, region), 1):
        return True
    above, below = fraction(together(expr))
    if _by_form(expand(above) / below, 1):
        return True
    letters = Letters(in_exponentials(expr))
    above, below = fraction(cancel(together(letters.rational(expr))))
    positive = set(letters.meaning)
    sign = 1
    for part in (above, below):
        content, factors = factor_list(part)
        if not (content.is_positive or content.is_negative):
            return bool(content == 0)
        sign *= 1 if content.is_positive else -1
        for factor, times in factors:
            if times % 2:
                found = _sign(factor, positive, region)
                if not found:
                    return False
                sign *= found
    return sign > 0


def _beyond_an_end(expr: Expr, region: Region) -> Expr:
    """Put for z what is more than the lower end of its piece, or less than the upper one."""
    if region.low.is_finite:
        return expr.xreplace({Z: region.low + _MORE})
    return expr.xreplace({Z: region.high - _MORE}) if region.high.is_finite else expr


def _sign(factor: Expr, positive: set[Expr], region: Region) -> int:
    """Return the sign that a factor has or 0 keeps on a piece, 0 if it is not known."""
    symbols = factor.free_symbols
    if not symbols <= positive | {Z}:
        return 0
    letters = sorted(symbols & positive, key=str)
    terms = Poly(factor, *letters).coeffs() if letters else [factor]
    signs = {_sign_of_polynomial(term, region) for term in terms}
    return signs.pop() if len(signs) == 1 else 0


def _sign_of_polynomial(term: Expr, region: Region) -> int:
    """Return the sign of a polynomial in ``Z`` over the rationals on an open interval, 0 if it has none."""
    polynomial = Poly(term, Z, domain="QQ") if term.has(Z) else Poly(term, Z)
    if not all(c.is_Rational for c in polynomial.coeffs()):
        return 0
    ends = [None if end in (-oo, oo) else end for end in (region.low, region.high)]
    if not all(end is None or isinstance(end, Rational) for end in ends):
        return 0
    if not polynomial.is_ground:
        at_ends = sum(end is not None and polynomial.eval(end) == 0 for end in ends)
        if polynomial.count_roots(*ends) > at_ends:
            return 0
    return 1 if polynomial.eval(region.sample) > 0 else -1
