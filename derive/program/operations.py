"""What is known of functions and factors when an equation becomes statements: names, and the better order."""

from __future__ import annotations

from collections.abc import Callable

from sympy import (
    Add,
    Expr,
    Indexed,
    Max,
    Min,
    Pow,
    Rational,
    Sum,
    atan,
    cos,
    cosh,
    erf,
    exp,
    log,
    sin,
    sinh,
    sqrt,
    tanh,
)
from sympy.codegen.cfunctions import hypot

from derive.activations.functions import Above, NormalCdf, expm1, log1p

FUNCTIONS: dict[type, str] = {
    exp: "exp",
    expm1: "expm1",
    log: "log",
    log1p: "log1p",
    tanh: "tanh",
    sinh: "sinh",
    cosh: "cosh",
    sin: "sin",
    cos: "cos",
    atan: "arctan",
    erf: "erf",
    NormalCdf: "normal_cdf",
    hypot: "hypot",
}

ON_NUMBERS: dict[str, Callable[..., Expr]] = {
    "add": lambda u, v: u + v,
    "subtract": lambda u, v: u - v,
    "multiply": lambda u, v: u * v,
    "divide": lambda u, v: u / v,
    "negative": lambda u: -u,
    "minimum": Min,
    "maximum": Max,
    "greater": lambda u, v: Above(u - v),
    "sqrt": sqrt,
    **{name: function for function, name in FUNCTIONS.items()},
}


def negative(term: Expr) -> bool:
    """Say whether a term begins with a minus."""
    return bool(term.as_coeff_Mul()[0] < 0)


def reciprocal(factor: Expr) -> bool:
    """Say whether a factor is one over something."""
    return isinstance(factor, Pow) and factor.exp == -1


def divides(factor: Expr) -> bool:
    """Say whether a factor is better divided by than multiplied with."""
    return isinstance(factor, Pow) and isinstance(factor.exp, Rational) and bool(factor.exp < 0)


def factor_order(factor: Expr) -> tuple[int, int, str]:
    """Sums first, then the fullest differences, so that the rest multiplies onto a fresh array."""
    if divides(factor):
        return 4, 0, str(factor)
    if isinstance(factor, Sum):
        return 0, 0, ""
    if isinstance(factor, Add):
        full = len(factor.atoms(Indexed))
        return (1 if full > 1 else 3), -full, ""
    return 2, 0, str(factor)
