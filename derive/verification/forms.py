"""The form of statements: what they are up to the names that they use."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

METHODS = ("reshape", "ravel", "transpose")


class Untellable(Exception):
    """A part of a statement that is more than calls on arrays as they are."""


@dataclass(frozen=True)
class Form:
    """Some statements with numbers for names, and the names in the order of their numbers.

    Of ``made`` names the statements make the value, of the others they need it.
    """

    told: tuple[Any, ...]
    names: tuple[str, ...]
    made: tuple[str, ...]
    lines: tuple[int, ...]
    numpy: bool  # whether they call NumPy, by the name np


def form_of(statements: Sequence[ast.stmt]) -> Form | None:
    """Return the form of calls of NumPy on arrays as they are; None for anything else."""
    names: dict[str, int] = {}
    made: list[str] = []
    told: list[Any] = []
    lines: list[int] = []
    try:
        for statement in statements:
            lines.append(statement.lineno)
            match statement:
                case ast.Expr(value=ast.Call() as call):
                    told.append(_told(call, names))
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    told.append(("=", _told(value, names)))
                    if name in names and name not in made:
                        return None
                    made.append(name)
                    told.append(names.setdefault(name, len(names)))
                case ast.If(test=test, body=[ast.Expr(value=ast.Call() as call) as only], orelse=[]) if caps(
                    test, call
                ):
                    lines.append(only.lineno)
                    told.append(("if", _told(call, names)))
                case _:
                    return None
    except Untellable:
        return None
    numpy = "np" in names
    own = tuple(name for name in names if name != "np")
    return Form(tuple(told), own, tuple(dict.fromkeys(made)), tuple(lines), numpy)


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


def _told(node: ast.AST, names: dict[str, int]) -> Any:
    match node:
        case ast.Name(id="np"):
            names.setdefault("np", -1)
            return "np"
        case ast.Name(id=name):
            return names.setdefault(name, len(names))
        case ast.Constant(value=value):
            return type(value), value
        case ast.Call(func=ast.Attribute(attr=attribute, value=value) as function):
            if attribute not in METHODS and not _of_numpy(value):
                raise Untellable
            named = tuple((keyword.arg, _told(keyword.value, names)) for keyword in node.keywords)
            return "()", _told(function, names), tuple(_told(part, names) for part in node.args), named
        case ast.Attribute(attr=attribute, value=value):
            return ".", attribute, _told(value, names)
        case ast.Subscript(value=value, slice=index):
            return "[]", _told(value, names), _told(index, names)
        case ast.Slice(lower=None, upper=None, step=None):
            return ":"
        case ast.Tuple(elts=parts):
            return ",", *(_told(part, names) for part in parts)
        case ast.UnaryOp(op=operator, operand=operand):
            return type(operator), _told(operand, names)
        case ast.BinOp(left=left, op=operator, right=right):
            return type(operator), _told(left, names), _told(right, names)
    raise Untellable


def _of_numpy(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id == "np"
