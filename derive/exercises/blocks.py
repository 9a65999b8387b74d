"""What an exercise says, before it is known where: prose, lines of mathematics, lines of code.

Prose is ASCII, with ``code`` between backticks. Mathematics comes spelled from the printers, once for each
place where it may be read.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr

from derive.equation import Equation
from derive.printers.latex_spelling import Latex
from derive.printers.naming import is_sample
from derive.printers.text import Text, Unicode
from derive.quantities import Index


@dataclass(frozen=True)
class Maths:
    """One formula: in ASCII, with Greek letters, in LaTeX."""

    ascii: str
    greek: str
    latex: str


@dataclass(frozen=True)
class Prose:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Row:
    """A formula with what stands before it, such as ``(A)``, and behind it, such as a rule."""

    label: str
    maths: Maths
    note: str = ""


@dataclass(frozen=True)
class Rows:
    """Formulas, one a line."""

    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Code:
    """Lines to be shown as they are typed."""

    lines: tuple[str, ...]


Block = Prose | Rows | Code


def spelled(*expressions: Expr) -> tuple[Maths, ...]:
    """Spell expressions that are read together, so that they share their letters.

    The index of the sample is hidden where one sample is meant.
    """
    samples = {index for expr in expressions for index in expr.atoms(Index) if is_sample(index)}
    readers = [reader(expressions, len(samples) > 1) for reader in (Text, Unicode, Latex)]
    return tuple(Maths(*(reader.read(expr) for reader in readers)) for expr in expressions)


def spelled_equation(equation: Equation, samples: bool = False) -> Maths:
    """Spell ``lhs = rhs``."""
    both = (equation.lhs, equation.rhs)
    readers = [reader(both, samples) for reader in (Text, Unicode, Latex)]
    return Maths(*(" = ".join(reader.read(side) for side in both) for reader in readers))
