"""The bound of exp by the dtype: a workspace is for float64 or for float32, whose exp overflows far earlier.

In the proof every guard is ``OVERFLOW_GUARD``, that of float64. In a routine it becomes a name, which one
line before all others binds to the bound of the dtype at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sympy import Integer, Symbol

from derive.activations.functions import NARROW_GUARD, OVERFLOW_GUARD
from derive.program.routines import Routine
from derive.program.statements import Scalar, Statement, View

GUARD = Symbol("guard")
_BOUND = Scalar(Integer(OVERFLOW_GUARD))


def by_dtype(routine: Routine) -> tuple[Routine, str]:
    """Name the bound of what exp is taken of, and return the line that binds the name, empty if none does."""
    statements = list(routine.statements)
    asked = ""
    for place, statement in enumerate(statements):
        first = statement.operands[0]
        if isinstance(first, View) and _guards(statement, statements[place + 1 :]):
            statements[place] = replace(statement, operands=(first, Scalar(GUARD)))
            asked = asked or first.array
    if not asked:
        return routine, ""
    line = f"{GUARD} = {float(NARROW_GUARD)} if {asked}.itemsize == 4 else {float(OVERFLOW_GUARD)}"
    return replace(routine, statements=tuple(statements)), f"{line}  # exp overflows above"


def _guards(statement: Statement, later: Sequence[Statement]) -> bool:
    """Say whether a statement bounds what exp is taken of next; a bound of 708 may be meant as such."""
    if statement.operation not in ("minimum", "cap") or statement.operands[1:] != (_BOUND,):
        return False
    reader = next((s for s in later if statement.target.array in s.reads), None)
    return reader is not None and reader.operation in ("exp", "expm1")
