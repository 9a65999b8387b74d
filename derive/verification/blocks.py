"""Groups of statements that compute one equation, as the comments of the emitted text divide them."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby
from typing import Any

from derive.verification.forms import Form, form_of
from derive.verification.source import Source


@dataclass(frozen=True)
class Group:
    """Statements under one comment; ``number`` is the equation that they cite, empty if they cite none."""

    statements: list[ast.stmt]
    number: str

    @cached_property
    def form(self) -> Form | None:
        """What the statements are up to names, if they are calls that can be told."""
        return form_of(self.statements)


@lru_cache(maxsize=1024)
def groups(node: ast.FunctionDef, source: Source) -> list[Group]:
    """Divide the statements of a function into groups. They only say where to look."""

    def key(statement: ast.stmt) -> tuple[int, str]:
        number = source.number(statement)
        return (source.heading(statement.lineno), number) if number else (-statement.lineno, "")

    return [Group(list(members), number) for (_, number), members in groupby(node.body, key)]


@lru_cache(maxsize=1024)
def assigned(node: ast.FunctionDef) -> frozenset[str]:
    """Return the names that a function assigns."""
    names: set[str] = set()
    rest: list[Any] = [*node.args.defaults, *node.body]
    while rest:
        part = rest.pop()
        kind = type(part)
        if kind is ast.Name:
            if type(part.ctx) is ast.Store:
                names.add(part.id)
        elif kind is list:
            rest += part
        elif kind not in _WITHOUT_NAMES:
            rest += part.__dict__.values()
    return frozenset(names)


_WITHOUT_NAMES = {str, int, float, bool, type(None), ast.Constant, ast.Load, ast.Store, ast.Pass}
_WITHOUT_NAMES |= {*ast.operator.__subclasses__(), *ast.cmpop.__subclasses__(), *ast.unaryop.__subclasses__()}


def nowhere(name: str) -> ast.FunctionDef:
    """Return the function to which the top of a file belongs."""
    node = ast.parse(f"def {name}(): pass").body[0]
    assert isinstance(node, ast.FunctionDef)
    return node
