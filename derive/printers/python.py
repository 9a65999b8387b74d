"""Scalar assignments as plain Python source that needs ``math`` alone."""

from __future__ import annotations

from sympy import Expr, Min
from sympy.printing.pycode import PythonCodePrinter

from derive.program.scalars import Assignment


class _Python(PythonCodePrinter):
    """Numbers as floats with ``repr``, functions without a module prefix, Min as a conditional."""

    def __init__(self) -> None:
        super().__init__({"fully_qualified_modules": False})

    def _print_Integer(self, expr: Expr) -> str:
        return repr(float(expr))

    def _print_Rational(self, expr: Expr) -> str:
        return repr(float(expr))

    def _print_Float(self, expr: Expr) -> str:
        return repr(float(expr))

    def _print_Min(self, expr: Min) -> str:
        return f"({self._conditional(expr)})"

    def _print_exp(self, expr: Expr) -> str:
        (power,) = expr.args
        return f"exp({self._conditional(power) if isinstance(power, Min) else self._print(power)})"

    def _conditional(self, expr: Min) -> str:
        bound, value = sorted(expr.args, key=lambda arg: not arg.is_number)
        value, bound = self._print(value), self._print(bound)
        return f"{value} if {value} < {bound} else {bound}"


def assignment_line(assignment: Assignment) -> str:
    """Print one assignment; a parameter that moves is printed like any other."""
    return f"{assignment.name} = {_Python().doprint(assignment.value)}"
