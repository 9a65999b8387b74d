"""Functions that are not written out, such as an activation: made without asking SymPy for a value."""

from __future__ import annotations

from typing import Any

from sympy import Expr, Function, sympify
from sympy.core.basic import Basic

from derive.remembered import remembered


class Opaque(Function):
    """A function without values, so that SymPy need not look for one."""

    def __new__(cls, *args: Any, **options: Any) -> Expr:  # noqa: D102
        if options or len(args) not in _counts(cls)[1]:
            return super().__new__(cls, *args, **options)
        return applied(cls, *map(sympify, args))


@remembered
def applied(function: type[Function], *args: Expr) -> Expr:
    """Return a function of arguments that decide nothing, as SymPy makes it of them."""
    made = Expr.__new__(function, *args)
    made.nargs, _ = _counts(function)
    return made


@remembered
def _counts(function: type[Function]) -> tuple[Basic, frozenset[int]]:
    """Return how many arguments a function takes, as SymPy holds it and as numbers."""
    return function.nargs, frozenset(map(int, function.nargs))
