"""Equality of two expressions in one real variable, decided as equality of rational functions.

On each piece of the real line hyperbolic functions are written in exponentials, every exp(c m) with rational
c becomes a power of one positive letter for each monomial m, the logarithm of a product of positive factors
becomes a sum, and any other function of an argument becomes a letter of its own. Two expressions are equal if
the difference is 0 as a rational function of these letters; the converse need not hold, so ``False`` means
"not proved". ``simplify`` is never asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import (
    Add,
    Dummy,
    Expr,
    Integer,
    Mul,
    Poly,
    PolynomialError,
    Pow,
    Rational,
    cancel,
    cosh,
    erfc,
    exp,
    expand,
    factor_list,
    fraction,
    gcd,
    log,
    sinh,
    tanh,
    together,
)
from sympy.core.function import Function
from sympy.functions.special.error_functions import erf

from derive.activations.functions import A, Z, plainly
from derive.activations.regions import CASES, Region, between, breaks, on
from derive.errors import NotProvedError

MAX_OPERATIONS = 400


def same_on_reals(left: Expr, right: Expr, *, at_breaks: bool = True) -> bool:
    """Decide whether two expressions in ``Z`` agree for all real z.

    ``at_breaks`` includes the places where a case distinction changes; a derivative leaves them out.
    """
    try:
        places = breaks(left, right)
        pieces = all(same_on(left, right, region) for region in between(places))
        return pieces and (not at_breaks or all(_same_at(left, right, place) for place in places))
    except NotProvedError:
        return False


def interval_of_equality(left: Expr, right: Expr) -> tuple[Expr, Expr] | None:
    """Return the widest interval that holds 0 on which two expressions are proved to agree; None if none.

    Raises:
        NotProvedError: if the places where their cases change cannot be found.
    """
    places = breaks(left, right)
    agrees = [same_on(left, right, region) for region in between(places)]
    joins = [_same_at(left, right, place) for place in places]
    return around_zero(places, agrees, joins)


def around_zero(
    places: Sequence[Expr], agrees: Sequence[bool], joins: Sequence[bool]
) -> tuple[Expr, Expr] | None:
    """Return the run of pieces that agree, and join, which holds 0 inside or at an end."""
    runs: list[tuple[Expr, Expr]] = []
    for position, region in enumerate(between(places)):
        if not agrees[position]:
            continue
        if runs and runs[-1][1] == region.low and joins[position - 1]:
            runs[-1] = (runs[-1][0], region.high)
        else:
            runs.append((region.low, region.high))
    return next((run for run in runs if run[0] <= 0 <= run[1]), None)


def same_on(left: Expr, right: Expr, region: Region) -> bool:
    """Decide whether two expressions agree on a piece of the line."""
    return same(on(left, region), on(right, region))


def _same_at(left: Expr, right: Expr, place: Expr) -> bool:
    return same(at_place(left, place), at_place(right, place))


def at_place(expr: Expr, place: Expr, value: Expr | None = None) -> Expr:
    """Return an expression at z = place, and at a = value if it is given.

    Raises:
        NotProvedError: if SymPy cannot compare the numbers that a case distinction meets there.
    """
    try:
        return expr.xreplace({Z: place} if value is None else {Z: place, A: value})
    except (TypeError, ValueError) as error:
        raise NotProvedError(f"cannot tell the value of {expr} at z = {place}") from error


def same(left: Expr, right: Expr) -> bool:
    """Decide whether two expressions without case distinctions agree."""
    if left == right:
        return True
    letters = Letters(left, right)
    return bool(vanishes(letters.rational(left) - letters.rational(right)))


def vanishes(expr: Expr) -> bool:
    """Decide whether a rational function is 0."""
    if expr.count_ops() > MAX_OPERATIONS * 4:
        return False
    try:
        return bool(expand(fraction(together(expr))[0]) == 0)
    except PolynomialError:
        return False


class Letters:
    """Names for the exponentials, logarithms and other functions of some expressions."""

    def __init__(self, *exprs: Expr) -> None:
        self.scale: dict[Expr, Rational] = {}
        self.powers: dict[Expr, Expr] = {}  # monomial m -> the letter for exp(scale m)
        self.meaning: dict[Expr, Expr] = {}  # letter of an exponential -> its exponent
        self.others: dict[Expr, Expr] = {}
        for expr in exprs:
            for power in in_exponentials(expr).atoms(exp):
                for c, m in _terms(power.args[0]):
                    self.scale[m] = gcd(self.scale.get(m, c), c)

    def rational(self, expr: Expr) -> Expr:
        """Return the expression as a rational function of the letters and ``Z``."""
        return self._read(in_exponentials(expr))

    def _read(self, expr: Expr) -> Expr:
        if not expr.args:
            return expr
        if isinstance(expr, (Add, Mul)):
            return expr.func(*(self._read(arg) for arg in expr.args))
        if isinstance(expr, exp):
            return Mul(*(self._power(c, m) for c, m in _terms(expr.args[0])))
        if isinstance(expr, Pow):
            if isinstance(expr.exp, Integer):
                return self._read(expr.base) ** expr.exp
            if not expr.has(Z):
                return expr
        if isinstance(expr, log) and (found := self._logarithm(expr)) is not None:
            return found
        if isinstance(expr, CASES):
            raise NotProvedError(f"expected no case distinction in {expr}")
        return self._other(expr)

    def _power(self, c: Rational, m: Expr) -> Expr:
        scale = self.scale.setdefault(m, abs(c))
        if not (c / scale).is_Integer:
            return self._other(exp(c * m))
        letter = self.powers.get(m)
        if letter is None:
            letter = self.powers[m] = Dummy("u", positive=True)
            self.meaning[letter] = scale * m
        return letter ** (c / scale)

    def _logarithm(self, expr: Expr) -> Expr | None:
        try:
            above, below = fraction(cancel(together(self._read(expr.args[0]))))
            total = Integer(0)
            for part, sign in ((above, 1), (below, -1)):
                content, factors = factor_list(part)
                if not content.is_positive:
                    return None
                total += sign * log(content)
                for factor, times in factors:
                    if factor in self.meaning:
                        total += sign * times * self._read(self.meaning[factor])
                    elif self._positive(factor):
                        total += sign * times * self._other(log(factor))
                    else:
                        return None
        except PolynomialError:
            return None
        return total

    def _positive(self, factor: Expr) -> bool:
        letters = factor.free_symbols
        return letters <= set(self.meaning) and all(c.is_positive for c in Poly(factor, *letters).coeffs())

    def _other(self, expr: Expr) -> Expr:
        if not expr.has(Z, Dummy):
            key = expr
        elif isinstance(expr, (Function, Pow)):
            key = expr.func(*(_lowest_terms(self._read(arg)) for arg in expr.args))
        else:
            raise NotProvedError(f"no rule of equality knows {expr}")
        if key.could_extract_minus_sign():
            return -self.others.setdefault(-key, Dummy("f", real=True))
        return self.others.setdefault(key, Dummy("f", real=True))


def in_exponentials(expr: Expr) -> Expr:
    """Write hyperbolic functions by exponentials, expm1 and log1p plainly, and erfc by erf."""
    expr = plainly(expr)
    if expr.has(tanh):
        expr = expr.replace(tanh, lambda u: (exp(2 * u) - 1) / (exp(2 * u) + 1))
    if expr.has(sinh, cosh):
        expr = expr.replace(sinh, lambda u: (exp(u) - exp(-u)) / 2)
        expr = expr.replace(cosh, lambda u: (exp(u) + exp(-u)) / 2)
    return expr.replace(erfc, lambda u: 1 - erf(u)) if expr.has(erfc) else expr


def _terms(exponent: Expr) -> list[tuple[Rational, Expr]]:
    """Return the terms of an exponent as rational coefficient and monomial, in a fixed order."""
    found = []
    for term in Add.make_args(expand(exponent)):
        c, m = term.as_coeff_Mul()
        found.append((c, m) if c.is_Rational else (Rational(1), term))
    return sorted(found, key=lambda pair: str(pair[1]))


def _lowest_terms(expr: Expr) -> Expr:
    try:
        return cancel(together(expr))
    except PolynomialError:
        return expr
