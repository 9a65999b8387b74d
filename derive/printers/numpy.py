"""Array statements as NumPy source, one call a line.

Only spelling happens here: which view, which function, where the result goes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from textwrap import wrap

from sympy import Expr, NumberSymbol, preorder_traversal
from sympy.printing.str import StrPrinter

from derive.equation import Equation
from derive.printers.text import equation_text
from derive.program.routines import Routine
from derive.program.statements import ELEMENTWISE, Axes, Operand, Scalar, Statement, View
from derive.quantities import LossPrime, LossSecond, N, RhoPrime, SigmaPrime, SigmaSecond
from derive.remembered import remembered

SPECIAL = frozenset({"erf", "normal_cdf"})  # NumPy has none: see derive/special
_CALLS = {
    **{name: f"np.{name}" for name in ("matmul", "dot", *sorted(ELEMENTWISE - SPECIAL))},
    **{name: name for name in sorted(SPECIAL)},
    "sum": "np.add.reduce",
    "largest": "np.maximum.reduce",
}


WIDTH = 96


@dataclass(frozen=True)
class Block:
    """The lines that compute one equation, and the equation as a comment."""

    comment: str
    lines: tuple[str, ...]

    @property
    def heading(self) -> list[str]:
        """The comment on as many lines as it takes."""
        return wrap(self.comment, WIDTH, subsequent_indent="    ", break_long_words=False)


class _Code(StrPrinter):
    def _print_Float(self, expr: Expr) -> str:
        return repr(float(expr))

    def _print_Symbol(self, expr: Expr) -> str:
        return "n" if expr == N else str(expr.name)


def blocks(routine: Routine, given: frozenset[str] = frozenset()) -> tuple[Block, ...]:
    """Print a routine, one block an equation.

    Arrays in ``given`` exist before the routine runs and are written with ``out=``; any other is made by
    the first statement that writes it.
    """
    made = set(given)
    found: list[tuple[str, list[str]]] = []
    previous = None
    for statement in routine.statements:
        if statement.equation is not previous:
            previous = statement.equation
            found.append((comment(previous), []))
        if _keeps(statement):
            continue  # the value is in its place already, as where a = z
        lines = statement_lines(statement, routine.axes, statement.target.array in made)
        made.add(statement.target.array)
        found[-1][1].extend(f"{line}  # ({statement.equation.number})" for line in lines)
    return tuple(Block(comment, tuple(lines)) for comment, lines in found)


def special_functions(*routines: Routine) -> tuple[str, ...]:
    """Return the names of the functions that the lines of some routines take from ``special.py``."""
    used = {s.operation for routine in routines for s in routine.statements}
    return tuple(sorted(used & SPECIAL))


def _keeps(statement: Statement) -> bool:
    return statement.operation == "copyto" and statement.operands == (statement.target,)


_SOURCES = {
    SigmaPrime: "; s' by (1.5)",
    LossPrime: "; loss' by (1.8)",
    SigmaSecond: "; s'' by (1.11)",
    LossSecond: "; loss'' by (1.12)",
    RhoPrime: "; rho' by (5.29)",
}


@remembered
def comment(equation: Equation) -> str:
    """Print an equation with its number, and where sigma' comes from."""
    there = {type(node) for node in preorder_traversal(equation.rhs)}
    through = "".join(said for letter, said in _SOURCES.items() if letter in there)
    return f"({equation.number}) {equation_text(equation)}{through}"


def statement_lines(statement: Statement, axes: dict[str, Axes], exists: bool) -> tuple[str, ...]:
    """Print one statement, on two lines where it is only carried out if it changes something."""
    if statement.operation != "cap":
        return (statement_line(statement, axes, exists),)
    target, bound = (operand_code(operand, axes) for operand in statement.operands)
    line = statement_line(replace(statement, operation="minimum"), axes, exists)
    return f"if np.maximum.reduce({target}, axis=None) > {bound}:", f"    {line}"


def statement_line(statement: Statement, axes: dict[str, Axes], exists: bool) -> str:
    """Print one statement; ``exists`` says whether its target has storage already."""
    target = view_code(statement.target, axes)
    values = [operand_code(operand, axes) for operand in statement.operands]
    match statement.operation:
        case "scalar":
            return f"{target} = {values[0]}"
        case "vdot":
            return f"{target} = np.dot({values[0]}.ravel(), {values[1]}.ravel())"
        case "total":
            return f"{target} = np.add.reduce({values[0]}, axis=None)"
        case "solve":
            return f"{target} = np.linalg.solve({', '.join(values)})"
        case "copyto" if not exists:
            return f"{target} = np.array({values[0]})"
        case "copyto" | "fill":
            return f"np.copyto({target}, {values[0]})"
        case "greater" if not exists:
            return f"{target} = np.greater({', '.join(values)}) * 1.0"
        case "sum" | "largest":
            values.append(f"axis={statement.axis}")
        case "matmul" if statement.double:
            values.append("dtype=np.float64")
    call = f"{_CALLS[statement.operation]}({', '.join(values)}"
    if not exists:
        return f"{target} = {call})"
    return f"{call}, {target})" if statement.positional else f"{call}, out={target})"


def operand_code(operand: Operand, axes: dict[str, Axes]) -> str:
    """Print an operand: a view, or a number as a float with ``repr``."""
    return scalar_code(operand) if isinstance(operand, Scalar) else view_code(operand, axes)


def scalar_code(scalar: Scalar) -> str:
    """Print a scalar expression."""
    if scalar.value.is_number:
        return repr(float(scalar.value))
    constants = {constant: constant.evalf(20) for constant in scalar.value.atoms(NumberSymbol)}
    return str(_Code().doprint(scalar.value.xreplace(constants)))


def view_code(view: View, axes: dict[str, Axes]) -> str:
    """Print an array as a statement sees it."""
    if view.diagonal:
        letters = "".join(dict.fromkeys(view.diagonal))
        return f'np.einsum("{view.diagonal}->{letters}", {view.array})'
    shape = axes[view.array]
    code = view.array
    if view.flat:
        code += f".reshape(-1, {shape[-1]})"
    if view.tail:
        code += f".reshape({shape[0]}, -1)"
    if view.rows:
        code += f".reshape({_product(shape[: view.rows])}, -1)"
    if view.transpose:
        code += ".T"
    if view.order:
        code += f".transpose({', '.join(map(str, view.order))})"
    if view.insert:
        rank = len(shape) + len(view.insert)
        code += f"[{', '.join('None' if p in view.insert else ':' for p in range(rank))}]"
    return code


def _product(shape: Axes) -> str:
    return " * ".join(str(size) for size in shape if size != 1) or "1"


def tuple_code(names: list[str], indent: int, width: int = 100, *, bare: bool = False) -> str:
    """Print a tuple, on one line if it fits and else one name a line; ``bare`` drops the parentheses."""
    line = f"({', '.join(names)}{',' if len(names) == 1 else ''})"
    if indent + len(line) <= width:
        return line[1:-1] if bare and len(names) > 1 else line
    inner = "".join(f"{' ' * (indent + 4)}{name},\n" for name in names)
    return f"(\n{inner}{' ' * indent})"
