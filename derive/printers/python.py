"""Scalar assignments as plain Python source that needs ``math`` alone."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from operator import itemgetter

from sympy import (
    Expr,
    Max,
    Min,
    Mul,
    Pow,
    Rational,
    S,
    Symbol,
    atan,
    cos,
    cosh,
    erf,
    exp,
    log,
    preorder_traversal,
    sin,
    sinh,
    tanh,
)
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from derive.activations.functions import Above, NormalCdf, expm1, log1p
from derive.program.building import with_parts
from derive.program.scalar_passes import MAX_WRITTEN_POWER
from derive.program.scalars import Assignment

_NAMES = {
    exp: "exp",
    expm1: "expm1",
    log: "log",
    log1p: "log1p",
    tanh: "tanh",
    sinh: "sinh",
    cosh: "cosh",
    sin: "sin",
    cos: "cos",
    atan: "atan",
    erf: "erf",
    NormalCdf: "erfc",
}
_LAST = chr(sys.maxunicode)  # what comes after every letter: a*b stands before a
_ROOT_OF_TWO = "1.4142135623730951"


class _Python(StrPrinter):
    """Numbers as floats with ``repr``, functions without a module prefix, selections as conditionals.

    A sum begins with ``target``, if it is a term of it: total = total + ...
    """

    def __init__(self, target: Symbol | None = None) -> None:
        super().__init__()
        self.target = target

    def _print_Integer(self, expr: Expr) -> str:
        return repr(float(expr))

    def _print_Rational(self, expr: Expr) -> str:
        return repr(float(expr))

    def _print_Float(self, expr: Expr) -> str:
        return repr(float(expr))

    def _print_NumberSymbol(self, expr: Expr) -> str:
        return repr(float(expr))

    def _as_ordered_terms(self, expr: Expr, order: str | None = None) -> list[Expr]:
        """Begin with a term that is added: a - y takes one operation less than -y + a."""
        terms = _ordered(expr.args) or list(super()._as_ordered_terms(expr, order))
        added = [term for term in terms if not term.could_extract_minus_sign()]
        first = next((term for term in terms if term == self.target), added[0] if added else terms[0])
        return [first, *(term for term in terms if term is not first)]

    def _print_Mul(self, expr: Expr) -> str:
        letters = _letters(expr)
        if letters is None:
            return str(super()._print_Mul(expr))
        return ("-" if expr.args[0] is S.NegativeOne else "") + "*".join(letters)

    def _print_Function(self, expr: Expr) -> str:
        if isinstance(expr, Above):
            bound, compared = expr.args[0].as_coeff_Add()
            return f"(1.0 if {self._print(compared)} > {self._print(-bound)} else 0.0)"
        if isinstance(expr, NormalCdf):
            return f"(0.5*erfc(-{self.parenthesize(expr.args[0], PRECEDENCE['Func'])}/{_ROOT_OF_TWO}))"
        if type(expr) not in _NAMES:
            raise TypeError(f"no function of math is known for {expr}")
        (inner,) = expr.args
        single = isinstance(inner, (Max, Min)) and len(inner.args) == 2
        return f"{_NAMES[type(expr)]}({self._conditional(inner) if single else self._print(inner)})"

    _print_exp = _print_log = _print_Function

    def _print_Abs(self, expr: Expr) -> str:
        return f"abs({self._print(expr.args[0])})"

    def _print_Min(self, expr: Min) -> str:
        return f"({self._conditional(expr)})"

    def _print_Max(self, expr: Max) -> str:
        return f"({self._conditional(expr)})"

    def _conditional(self, expr: Expr) -> str:
        """Print the smaller or larger of the arguments, a bound last."""
        sign = "<" if isinstance(expr, Min) else ">"
        first, *others = sorted(expr.args, key=lambda arg: (bool(arg.is_number), str(arg)))
        text = str(self._print(first))
        if (-first).is_Symbol and len(others) == 1 and others[0].is_number:  # negate what is chosen only
            turned = "<>"[sign == "<"]
            return f"{text} if {-first} {turned} {self._print(-others[0])} else {self._print(others[0])}"
        for place, other in enumerate(others):
            bound = self._print(other)
            text = f"{text} if {text} {sign} {bound} else {bound}"
            text = text if place == len(others) - 1 else f"({text})"
        return text

    def _print_Pow(self, expr: Pow, rational: bool = False) -> str:
        base, power = expr.args
        inner = self.parenthesize(base, PRECEDENCE["Pow"])
        if not isinstance(power, Rational) or power.q > 2:
            raise TypeError(f"expected a whole power or a root, got {expr}")
        if power.q == 2:
            times = f"**{abs(power.p)}" if abs(power.p) > 1 else ""
            return f"{'1.0/' if power < 0 else ''}sqrt({self._print(base)}){times}"
        if power == -1:
            return f"1.0/{self.parenthesize(base, PRECEDENCE['Mul'] + 1)}"
        if 1 < abs(power) <= MAX_WRITTEN_POWER and base.is_Symbol:
            product = f"({'*'.join([inner] * abs(int(power)))})"
            return product if power > 0 else f"1.0/{product}"
        return f"{inner}**{int(power)}"


def _letters(term: Expr) -> list[str] | None:
    """Return the names in a product of letters or minus one, in SymPy's order; None for anything else."""
    factors = term.args if term.is_Mul else (term,)
    if factors[0] is S.NegativeOne:
        factors = factors[1:]
    return sorted(factor.name for factor in factors) if all(factor.is_Symbol for factor in factors) else None


def _ordered(terms: Sequence[Expr]) -> list[Expr] | None:
    """Return products of letters in SymPy's order, by their letters; None if there are others."""
    by_letters = []
    for term in terms:
        letters = _letters(term)
        if letters is None:
            return None
        by_letters.append(([*letters, _LAST], term))
    return [term for _, term in sorted(by_letters, key=itemgetter(0))]


def assignment_line(assignment: Assignment) -> str:
    """Print one assignment; a parameter that moves is printed like any other."""
    code = _code(assignment.value, Symbol(assignment.name))
    enclosed = (Above, Max, Min, NormalCdf, Pow)  # printed in parentheses of their own
    alone = isinstance(assignment.value, enclosed) and code[0] + code[-1] == "()"
    return f"{assignment.name} = {code[1:-1] if alone else code}"


def expression_code(expr: Expr) -> str:
    """Print a scalar expression; constants are worked out."""
    return _code(expr)


def _code(expr: Expr, target: Symbol | None = None) -> str:
    return str(_Python(target).doprint(with_numbers(expr)))


def math_functions(assignments: Iterable[Assignment]) -> tuple[str, ...]:
    """Return the names that the printed assignments need from ``math``, in order."""
    names: set[str] = set()
    for assignment in assignments:
        for node in preorder_traversal(with_numbers(assignment.value)):
            names.update(_NAMES[kind] for kind in type(node).__mro__ if kind in _NAMES)
            if isinstance(node, Pow) and isinstance(node.exp, Rational) and node.exp.q == 2:
                names.add("sqrt")
    return tuple(sorted(names))


def with_numbers(expr: Expr) -> Expr:
    """Replace irrational constants by floats, products of them at once."""
    if expr.is_Rational or expr.is_Symbol:
        return expr
    if expr.is_number:
        return expr.evalf(20)
    if not expr.is_Mul:
        return with_parts(expr, [with_numbers(arg) for arg in expr.args])
    constants = [arg for arg in expr.args if arg.is_number]
    factor = constants[0] if len(constants) == 1 else Mul(*constants)
    rest = [with_numbers(arg) for arg in expr.args if not arg.is_number]
    simple = factor.is_Rational and 1 in (abs(factor.p), factor.q)
    return with_parts(expr, [*([] if factor == 1 else [factor if simple else factor.evalf(20)]), *rest])
