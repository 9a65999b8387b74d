"""Groups of statements that compute one equation, as the comments of the emitted text divide them."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from derive.verification.source import Source


@dataclass(frozen=True)
class Group:
    """Statements under one comment; ``number`` is the equation that they cite, empty if they cite none."""

    statements: list[ast.stmt]
    number: str


def groups(body: Sequence[ast.stmt], source: Source) -> list[Group]:
    """Divide statements into groups. They only say where to look."""

    def key(statement: ast.stmt) -> tuple[int, str]:
        number = source.number(statement)
        return (source.heading(statement.lineno), number) if number else (-statement.lineno, "")

    return [Group(list(members), number) for (_, number), members in groupby(body, key)]


def caps(test: ast.expr, call: ast.Call) -> bool:
    """Recognise ``if np.maximum.reduce(z, axis=None) > c: np.minimum(z, c, out=z)``, c a number.

    If no entry is above c, every minimum is the entry itself: the condition changes nothing but the time.
    """
    match call.args, call.keywords:
        case [ast.Name(id=array), ast.Constant(value=float()) | ast.Name() as bound], [
            ast.keyword(arg="out")
        ]:
            taken = f"np.minimum({array}, {ast.unparse(bound)}, out={array})"
            looked_at = f"np.maximum.reduce({array}, axis=None) > {ast.unparse(bound)}"
            return (ast.unparse(call), ast.unparse(test)) == (taken, looked_at)
    return False
