"""The letters of an activation, and functions that its stable form needs beside SymPy's own.

``expm1`` and ``log1p`` are SymPy's nodes for exp(u) - 1 and log(1 + u) as a machine computes them. ``Above``
is a selection, ``NormalCdf`` the normal law.
"""

from __future__ import annotations

from sympy import Expr, Function, Integer, Symbol, erf, exp, log, sqrt
from sympy.codegen.cfunctions import expm1, log1p

__all__ = ["NARROW_GUARD", "OVERFLOW_GUARD", "A", "Above", "NormalCdf", "Z", "expm1", "log1p", "plainly"]

Z = Symbol("z", real=True)
A = Symbol("a", real=True)

OVERFLOW_GUARD = 708  # exp(708) is finite in float64
NARROW_GUARD = 88  # exp(88) is finite in float32, where it takes the place of 708


class Above(Function):
    """1 where u > 0 and 0 where u <= 0."""

    nargs = 1

    @classmethod
    def eval(cls, u: Expr) -> Expr | None:
        """Decide for a number; SymPy calls this."""
        if u.is_number and u.is_extended_real:
            return Integer(1) if u.is_positive else Integer(0)
        return None


class NormalCdf(Function):
    """The distribution function of the standard normal law, (1 + erf(u / sqrt(2))) / 2.

    A node of its own, because SymPy turns erfc(-u) into 2 - erfc(u), which loses the left tail.
    """

    nargs = 1

    def fdiff(self, argindex: int = 1) -> Expr:
        """Return the density; SymPy's ``diff`` calls this."""
        return plainly(self).diff(self.args[0])


def plainly(expr: Expr) -> Expr:
    """Write expm1, log1p and the normal law by exp, log and erf."""
    expr = expr.replace(expm1, lambda u: exp(u) - 1).replace(log1p, lambda u: log(1 + u))
    return expr.replace(NormalCdf, lambda u: (1 + erf(u / sqrt(2))) / 2)
