"""Equations in the functions and numbers that code is read as."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from operator import is_

from sympy import (
    Abs,
    Add,
    Expr,
    Indexed,
    Max,
    Min,
    Mul,
    Number,
    NumberSymbol,
    Piecewise,
    Pow,
    Rational,
    Sum,
    Symbol,
    erf,
    exp,
)
from sympy.codegen.cfunctions import hypot

from derive.activations.functions import Above, NormalCdf, expm1, log1p
from derive.quantities import Greatest, Partial, is_number, summed
from derive.remembered import remembered
from derive.verification.calls import ELEMENTWISE
from derive.verification.functions import (
    ErrorFunction,
    Exponential,
    Maximum,
    NormalLaw,
    Positive,
    Where,
    largest,
    magnitude,
    minimum,
    relation,
)

DENOMINATOR = 10**6  # a float that a fraction with at most this denominator rounds to stands for it

_FRACTION = re.compile(r"(-?[0-9]+)/([0-9]+)")
_SPELLED = {
    exp: Exponential,
    expm1: ELEMENTWISE["expm1"][1],
    log1p: ELEMENTWISE["log1p"][1],
    hypot: ELEMENTWISE["hypot"][1],
    NormalCdf: NormalLaw,
    erf: ErrorFunction,
    Abs: magnitude,
    Above: Positive,
}


@remembered
def as_code(expr: Expr) -> Expr:
    """Write functions, minima, maxima and cases as emitted calls are read; round constants."""
    if isinstance(expr, (Number, NumberSymbol)):
        return constant(expr)
    if isinstance(expr, (Indexed, Partial)) or not expr.args:
        return expr
    if isinstance(expr, Expr) and is_number(expr):
        return constant(expr)
    if getattr(expr, "is_Relational", False):
        return relation(type(expr).__name__, *(as_code(arg) for arg in expr.args))
    if isinstance(expr, Piecewise):
        *cases, last = expr.args
        value = as_code(last[0])
        for case in reversed(cases):
            value = Where(as_code(case[1]), as_code(case[0]), value)
        return value
    if isinstance(expr, Greatest):
        return largest(as_code(expr.function), expr.limits[0][0])
    if isinstance(expr, Sum):
        return summed(as_code(expr.function), *expr.limits)
    if isinstance(expr, Mul):
        return _product(expr)
    if isinstance(expr, Pow) and expr.exp.is_Integer:
        return as_code(expr.base) ** expr.exp
    arguments = [as_code(arg) for arg in expr.args]
    if isinstance(expr, Add) and all(map(is_, arguments, expr.args)):
        return expr
    if isinstance(expr, Max):
        return Maximum(*arguments)
    if isinstance(expr, Min):
        value = arguments[0]
        for other in arguments[1:]:
            value = minimum(value, other)
        return value
    return _SPELLED.get(type(expr), expr.func)(*arguments)


def _product(expr: Mul) -> Expr:
    """Round the constants of a product at once, as they are printed."""
    numbers: list[Expr] = []
    rest: list[Expr] = []
    for arg in expr.args:
        (numbers if is_number(arg) else rest).append(arg)
    written = [as_code(arg) for arg in rest]
    number = constant(numbers[0] if len(numbers) == 1 else Mul(*numbers))
    if all(map(is_, written, rest)) and (not numbers or (len(numbers) == 1 and number is numbers[0])):
        return expr
    return Mul(number, *written)


def constant(value: Expr | float) -> Expr:
    """Return a number as floating point sees it: a simple fraction that rounds to it, else the float.

    1/3 and the literal 0.3333333333333333 are then the same: rounding is trusted, arithmetic is not.
    """
    if isinstance(value, (Rational, int)) and Rational(value).q <= DENOMINATOR:
        return Rational(value)
    number = float(value)
    if not isfinite(number):
        return Symbol(f"float {number}")
    simple = Fraction(number).limit_denominator(DENOMINATOR)
    if simple.numerator / simple.denominator == number:
        return Rational(simple.numerator, simple.denominator)
    return Rational(number)


def rounded(key: str) -> str:
    """Round the fractions in a normal form to 12 digits: products of floats are no better known."""
    return _FRACTION.sub(_round, key)


def _round(found: re.Match[str]) -> str:
    digits = f"{Decimal(int(found[1])) / Decimal(int(found[2])):.11e}"
    whole = int(Decimal(digits))
    return str(whole) if Decimal(digits) == whole else digits
