"""Loops as C99: one statement a line, the numbers of an array's axes worked out into one subscript.

The text is the same for ``float`` and ``double``: numbers that are not whole are cast to ``real``, and
functions are called by macros that name the one of the right width.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

from sympy import (
    Abs,
    Expr,
    KroneckerDelta,
    Max,
    Min,
    Pow,
    Rational,
    Symbol,
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
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from derive.activations.functions import NARROW_GUARD, OVERFLOW_GUARD, Above, NormalCdf, expm1, log1p
from derive.equation import Equation
from derive.printers.python import with_numbers
from derive.printers.text import equation_text
from derive.program.loops import MAX_WRITTEN_POWER, Element, For, Nest, Put, Step, without_kronecker
from derive.quantities import LossPrime, SigmaPrime

WIDTH = 100
EXACT_WHOLE = 2**24  # whole numbers up to here are exact in float
ROOT_OF_TWO = "1.4142135623730951"
TRIANGLE = "triangle"

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
}
FUNCTIONS = tuple(sorted((*_NAMES.values(), "erfc", "fabs", "pow", "sqrt")))  # of math.h
EXP_LIMIT = "EXP_LIMIT"  # the macro for the bound of exp, by the width of numbers
SELECTIONS = ("larger", "smaller")  # of the emitted file itself


@dataclass(frozen=True)
class Layout:
    """How arrays lie in memory: the stride of each axis, or ``TRIANGLE`` with the order of the matrix."""

    strides: Mapping[str, tuple[int, ...]]
    triangles: Mapping[str, int]

    def subscript(self, element: Element) -> str:
        """Print an entry with one subscript."""
        if element.name in self.triangles:
            row, column = element.at
            order = self.triangles[element.name]
            return f"{element.name}[{row}*({2 * order - 1} - {row})/2 + {column}]"
        strides = self.strides[element.name]
        terms = []
        for letter, stride in zip(element.at, strides, strict=True):
            if letter != "0":
                terms.append(letter if stride == 1 else f"{stride}*{letter}")
        return f"{element.name}[{' + '.join(terms) or '0'}]"


class _C(StrPrinter):
    """Whole numbers as they are, others cast, functions by macro, selections by function or conditional."""

    def __init__(self, spelled: Mapping[str, str]) -> None:
        super().__init__()
        self.spelled = spelled

    def _print_Symbol(self, expr: Symbol) -> str:
        return self.spelled.get(expr.name, expr.name)

    def _number(self, expr: Expr) -> str:
        value = repr(float(abs(expr)))
        return f"-(real){value}" if expr < 0 else f"(real){value}"

    _print_Rational = _print_Float = _print_NumberSymbol = _number

    def _print_Integer(self, expr: Expr) -> str:
        return str(int(expr)) if abs(expr) <= EXACT_WHOLE else self._number(expr)

    def _print_Mul(self, expr: Expr) -> str:
        delta, rest = without_kronecker(expr)
        if delta is None:
            return str(super()._print_Mul(expr))
        return self._chosen(delta, rest)

    def _print_KroneckerDelta(self, expr: Expr) -> str:
        return self._chosen(expr, None)

    def _chosen(self, delta: KroneckerDelta, rest: Expr | None) -> str:
        left, right = sorted(self._print(arg) for arg in delta.args)
        return f"({left} == {right} ? {'1' if rest is None else self._print(rest)} : 0)"

    def _print_Function(self, expr: Expr) -> str:
        if isinstance(expr, Above):
            bound, compared = expr.args[0].as_coeff_Add()
            return f"(real)({self._print(compared)} > {self._print(-bound)})"
        if isinstance(expr, NormalCdf):
            inner = self.parenthesize(expr.args[0], PRECEDENCE["Func"])
            return f"((real)0.5*ERFC(-{inner}/(real){ROOT_OF_TWO}))"
        if type(expr) not in _NAMES:
            raise TypeError(f"no function of math.h is known for {expr}")
        inner, name = expr.args[0], _NAMES[type(expr)].upper()
        if isinstance(inner, Min) and OVERFLOW_GUARD in inner.args and len(inner.args) == 2:
            (bounded,) = (arg for arg in inner.args if arg != OVERFLOW_GUARD)
            return f"{name}(smaller({self._print(bounded)}, {EXP_LIMIT}))"
        return f"{name}({self._print(inner)})"

    _print_exp = _print_log = _print_Function

    def _print_Abs(self, expr: Abs) -> str:
        return f"FABS({self._print(expr.args[0])})"

    def _print_Min(self, expr: Min) -> str:
        return self._selected("smaller", expr)

    def _print_Max(self, expr: Max) -> str:
        return self._selected("larger", expr)

    def _selected(self, name: str, expr: Expr) -> str:
        """Print a choice among values, a bound last."""
        first, *others = sorted(expr.args, key=lambda arg: (bool(arg.is_number), str(arg)))
        text = str(self._print(first))
        for other in others:
            text = f"{name}({text}, {self._print(other)})"
        return text

    def _print_Pow(self, expr: Pow, rational: bool = False) -> str:
        base, power = expr.args
        if not isinstance(power, Rational) or power.q > 2:
            raise TypeError(f"expected a whole power or a root, got {expr}")
        if power < 0:
            return f"1/{self.parenthesize(Pow(base, -power), PRECEDENCE['Mul'] + 1)}"
        if power.q == 2:
            root = f"SQRT({self._print(base)})"
            return f"({'*'.join([root] * int(power.p))})" if power.p > 1 else root
        if power > MAX_WRITTEN_POWER:
            return f"POW({self._print(base)}, {int(power)})"
        factor = str(self.parenthesize(base, PRECEDENCE["Mul"] + 1))
        return f"({'*'.join([factor] * int(power))})"  # in brackets, for it may stand below a fraction


def expression(expr: Expr, spelled: Mapping[str, str] | None = None) -> str:
    """Print an expression; ``spelled`` says how symbols are written."""
    return str(_C(spelled or {}).doprint(with_numbers(expr)))


@dataclass(frozen=True)
class Block:
    """The lines of one equation, and the equation as a comment."""

    comment: tuple[str, ...]
    lines: tuple[str, ...]


def block(nest: Nest, layout: Layout) -> Block:
    """Print the loops of one equation."""
    spelled = {symbol.name: layout.subscript(element) for symbol, element in nest.elements.items()}
    return Block(comment(nest.equation), tuple(_lines(nest.steps, layout, spelled, 0)))


def comment(equation: Equation) -> tuple[str, ...]:
    """Print an equation with its number, and where its slopes come from, on as many lines as it takes."""
    through = "; s' by (1.5)" if equation.rhs.has(SigmaPrime) else ""
    through += "; loss' by (1.8)" if equation.rhs.has(LossPrime) else ""
    text = f"// ({equation.number}) {equation_text(equation, samples=False)}{through}"
    return tuple(wrap(text, WIDTH - 4, subsequent_indent="//     ", break_long_words=False))


def _lines(steps: Sequence[Step], layout: Layout, spelled: Mapping[str, str], depth: int) -> list[str]:
    indent = "    " * depth
    found: list[str] = []
    for step in steps:
        if isinstance(step, For):
            letter = step.letter
            head = f"for (size_t {letter} = {step.start}; {letter} < {step.size}; {letter}++) {{"
            found += [indent + head, *_lines(step.body, layout, spelled, depth + 1), f"{indent}}}"]
        else:
            found += _broken(f"{indent}{_put(step, layout, spelled)};", depth)
    return found


def _put(step: Put, layout: Layout, spelled: Mapping[str, str]) -> str:
    value = expression(step.value, spelled)
    target = layout.subscript(step.target) if isinstance(step.target, Element) else step.target
    if step.operation in ("const", "real"):
        kind = "const real" if step.operation == "const" else "real"
        return f"{kind} {target} = {value}"
    return f"{target} {step.operation} {value}"


def _broken(line: str, depth: int) -> list[str]:
    """Break a long line at blanks."""
    indent = "    " * depth
    return wrap(
        line.strip(),
        WIDTH - 4,
        initial_indent=indent,
        subsequent_indent=f"{indent}    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def used(blocks: Iterable[Block], names: Iterable[str]) -> tuple[str, ...]:
    """Return those names of macros or functions that some blocks call, in order."""
    called = {name for one in blocks for line in one.lines for name in re.findall(r"(\w+)\(", line)}
    return tuple(name for name in names if name in called)


def exp_limits(blocks: Iterable[Block]) -> tuple[int, ...]:
    """Return the bounds of exp in float and in double, if some blocks need one."""
    named = any(EXP_LIMIT in line for one in blocks for line in one.lines)
    return (NARROW_GUARD, OVERFLOW_GUARD) if named else ()
