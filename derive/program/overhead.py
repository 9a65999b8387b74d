"""Passes that lower what it costs to call NumPy, which is nearly all of the time that a tiny network takes.

Like those of ``speed``, they leave every number as it is. What each saves is measured: docs/speed.md.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import Expr, Integer, Rational

from derive.program.routines import Routine
from derive.program.statements import ELEMENTWISE, Operand, Statement, View
from derive.quantities import N

CONSTANTS: dict[str, Expr] = {
    "half": Rational(1, 2),
    "one": Integer(1),
    "two": Integer(2),
    "n": N,
}
"""Numbers that a workspace keeps as arrays with no axes, in its own dtype: any other would promote."""

BY_POSITION = (ELEMENTWISE - {"copyto", "erf", "normal_cdf", "minimum", "maximum"}) | {"dot"}
"""Operations that take the array they fill as a last argument; NumPy deprecates that of the other two."""


def called_cheaply(routine: Routine) -> Routine:
    """Return a routine whose calls cost as little as NumPy allows."""
    return by_position(constants_as_arrays(routine))


def constants_as_arrays(routine: Routine) -> Routine:
    """Let elementwise calls read numbers from arrays with no axes: of a plain number NumPy makes one anew.

    The number of samples is read as such only if the routine needs it for nothing else.
    """
    found = _reading(routine, {value: name for name, value in CONSTANTS.items()})
    return (
        _reading(routine, {v: name for name, v in CONSTANTS.items() if v != N})
        if found.reads_samples
        else found
    )


def _reading(routine: Routine, names: dict[Expr, str]) -> Routine:
    axes = dict(routine.axes)

    def read(operand: Operand) -> Operand:
        if isinstance(operand, View) or operand.value not in names:
            return operand
        axes[names[operand.value]] = ()
        return View(names[operand.value])

    def written(statement: Statement) -> Statement:
        if statement.operation not in ELEMENTWISE - {"copyto"}:
            return statement
        return replace(statement, operands=tuple(map(read, statement.operands)))

    return replace(routine, statements=tuple(map(written, routine.statements)), axes=axes)


def constants_of(*routines: Routine) -> list[str]:
    """Return the names of the constants that routines read, in a fixed order."""
    read = {name for routine in routines for statement in routine.statements for name in statement.reads}
    return [name for name in CONSTANTS if name in read]


def by_position(routine: Routine) -> Routine:
    """Give the array that is filled as the last argument: NumPy takes longer over names."""

    def written(statement: Statement) -> Statement:
        return replace(statement, positional=statement.operation in BY_POSITION)

    return replace(routine, statements=tuple(map(written, routine.statements)))
