"""The form in which a machine computes an expression: no overflow, no difference of nearly equal numbers.

Every rule here rewrites an identity, and ``stably`` keeps a rewriting only where the result is proved equal
to what was written; where the proof fails the expression stays as it is.
"""

from __future__ import annotations

from itertools import pairwise

from sympy import (
    Abs,
    Add,
    Expr,
    Integer,
    Max,
    Min,
    Mul,
    Piecewise,
    Pow,
    exp,
    log,
)
from sympy.core.relational import StrictGreaterThan

from derive.activations.equality import interval_of_equality
from derive.activations.functions import OVERFLOW_GUARD, A, Above, Z, expm1, log1p
from derive.errors import NotProvedError


def logistic(v: Expr) -> Expr:
    """Return 1 / (1 + exp(-v)) so that neither tail overflows or is cut off."""
    return exp(Min(v, 0)) / (1 + exp(-Abs(v)))


def softplus(v: Expr) -> Expr:
    """Return log(1 + exp(v)) so that neither tail overflows or is cut off."""
    return Max(v, 0) + log1p(exp(-Abs(v)))


def stably(expr: Expr) -> Expr:
    """Rewrite an expression in ``Z`` bottom-up by the rules whose outcome is proved equal."""
    rewritten = _rewrite(expr)
    try:
        found = interval_of_equality(rewritten, expr)
    except NotProvedError:
        return expr
    return expr if found is None else rewritten


def _rewrite(expr: Expr) -> Expr:
    if not expr.args or not expr.has(Z):
        return expr
    if isinstance(expr, log):
        return _logarithm(expr)
    if isinstance(expr, Add):
        return _difference(expr)
    if isinstance(expr, Mul):
        return _quotient(expr)
    if isinstance(expr, Pow) and expr.exp == -1 and (v := _one_plus_exp(expr.base)) is not None:
        return logistic(_rewrite(-v))
    args = [_rewrite(arg) for arg in expr.args]
    if isinstance(expr, exp):
        return _exponential(args[0])
    return expr.func(*args)


def _exponential(v: Expr) -> Expr:
    """Keep exp finite where its argument can grow."""
    return exp(v) if v.is_nonpositive or v.has(Min, Max, Abs) else exp(Min(v, OVERFLOW_GUARD))


def _logarithm(expr: log) -> Expr:
    v = _one_plus_exp(expr.args[0])
    if v is not None:
        return softplus(_rewrite(v))
    constant, rest = expr.args[0].as_coeff_Add()
    return log1p(_rewrite(rest)) if constant == 1 else log(_rewrite(expr.args[0]))


def _difference(expr: Add) -> Expr:
    """Write c (exp(v) - 1) by expm1."""
    constant, rest = expr.as_coeff_Add()
    coefficient, power = rest.as_coeff_Mul()
    if isinstance(power, exp) and constant == -coefficient != 0:
        return coefficient * expm1(_guarded(_rewrite(power.args[0])))
    return Add(*(_rewrite(term) for term in expr.args))


def _guarded(v: Expr) -> Expr:
    return v if v.is_nonpositive or v.has(Min, Max, Abs) else Min(v, OVERFLOW_GUARD)


def _quotient(expr: Mul) -> Expr:
    """Write exp(m v) / (1 + exp(v))^n with 0 <= m <= n as a product of logistic functions of v and -v."""
    factors = list(expr.args)
    for below in factors:
        power = -below.exp if isinstance(below, Pow) else Integer(0)
        if not (power.is_Integer and power > 0) or (v := _one_plus_exp(below.base)) is None:
            continue
        rest = [f for f in factors if f is not below]
        above = Integer(0)
        for factor in rest:
            if isinstance(factor, exp) and (times := factor.args[0] / v).is_Integer and 0 <= times <= power:
                rest.remove(factor)
                above = times
                break
        inner = _rewrite(v)
        logistics = logistic(inner) ** above * logistic(-inner) ** (power - above)
        return _rewrite(Mul(*rest)) * logistics
    return Mul(*(_rewrite(f) for f in factors))


def _one_plus_exp(expr: Expr) -> Expr | None:
    """Return v of 1 + exp(v), else None."""
    constant, rest = expr.as_coeff_Add()
    return rest.args[0] if constant == 1 and isinstance(rest, exp) else None


def without_cases(expr: Expr) -> Expr:
    """Write a formula by cases of one letter as one that selects by multiplication, each case clamped.

    With f on s <= r and g beyond, f(min(s, r)) + [s > r] (g(max(s, r)) - f(r)): nothing infinite or undefined
    can come from a case that is not selected. Anything else than cases ``s > r``, from above, stays as it is.
    """
    if not isinstance(expr, Piecewise):
        return expr
    *branches, (lowest, last) = expr.args
    conditions = [condition for _, condition in branches]
    if last != True or not all(isinstance(c, StrictGreaterThan) for c in conditions):  # noqa: E712
        return expr
    letters = {c.lhs for c in conditions}
    places = [c.rhs for c in conditions]
    if len(letters) != 1 or not letters <= {A, Z} or not all(p.is_number for p in places):
        return expr
    (letter,) = letters
    if any(low >= high for high, low in pairwise(places)):
        return expr
    found = lowest.xreplace({letter: Min(letter, places[-1])})
    below = lowest
    for position in range(len(branches) - 1, -1, -1):
        branch, place = branches[position][0], places[position]
        clamped = Max(letter, place)
        if position > 0:
            clamped = Min(clamped, places[position - 1])
        here = branch.xreplace({letter: clamped})
        meets = below.xreplace({letter: place})
        if here.has(letter) and branch.xreplace({letter: place}) == meets:
            found += here - meets
        elif here != meets:
            found += Above(letter - place) * (here - meets)
        below = branch
    return found


def by_expm1(expr: Expr) -> Expr:
    """Write 1 - exp(v) in a formula in a by expm1."""
    constant, rest = expr.as_coeff_Add()
    coefficient, power = rest.as_coeff_Mul()
    if isinstance(power, exp) and constant == -coefficient != Integer(0):
        return coefficient * expm1(power.args[0])
    return expr
