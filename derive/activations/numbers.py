"""Values of activations in many digits, for the checks that are made before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mpmath
from sympy import (
    Abs,
    Add,
    Expr,
    Max,
    Min,
    Mul,
    Piecewise,
    Pow,
    Rational,
    atan,
    cos,
    cosh,
    erf,
    exp,
    log,
    sin,
    sinh,
    tanh,
)
from sympy.core.relational import Relational

from derive.activations.functions import Above, NormalCdf, expm1, log1p

_FUNCTIONS: dict[type, Callable[..., Any]] = {
    Abs: abs,
    Above: lambda u: mpmath.mpf(u > 0),
    Max: max,
    Min: min,
    NormalCdf: lambda u: mpmath.erfc(-u / mpmath.sqrt(2)) / 2,
    atan: mpmath.atan,
    cos: mpmath.cos,
    cosh: mpmath.cosh,
    erf: mpmath.erf,
    exp: mpmath.exp,
    expm1: mpmath.expm1,
    log: mpmath.log,
    log1p: mpmath.log1p,
    sin: mpmath.sin,
    sinh: mpmath.sinh,
    tanh: mpmath.tanh,
}


def value(expr: Expr, at: Mapping[Expr, Any]) -> Any:
    """Return the value of an expression with the digits that mpmath is set to.

    Raises:
        ValueError: if the expression has a function without a known value.
    """
    if expr in at:
        return at[expr]
    if isinstance(expr, Rational):
        return mpmath.mpf(expr.p) / expr.q
    if isinstance(expr, Piecewise):
        return next(value(branch, at) for branch, condition in expr.args if _holds(condition, at))
    args = [value(arg, at) for arg in expr.args]
    if isinstance(expr, Add):
        return mpmath.fsum(args)
    if isinstance(expr, Mul):
        return mpmath.fprod(args)
    if isinstance(expr, Pow):
        return args[0] ** args[1]
    if type(expr) in _FUNCTIONS:
        return _FUNCTIONS[type(expr)](*args)
    if not expr.args and expr.is_number:
        return mpmath.mpf(str(expr.evalf(mpmath.mp.dps + 5)))
    raise ValueError(f"no value is known for {expr}")


def _holds(condition: Expr, at: Mapping[Expr, Any]) -> bool:
    if not isinstance(condition, Relational):
        return bool(condition)
    return bool(condition.func(mpmath.sign(value(condition.lhs - condition.rhs, at)), 0))
