"""Lines of NumPy that a person types, run without running them as Python.

A line is parsed with ``ast`` and carried out here, node by node: calls of a few NumPy functions, arithmetic,
``.T``, ``.sum(axis=0)``, assignments to arrays that exist. Whatever else stands in it is refused, so that a
grade in the terminal can do nothing but arithmetic on small arrays.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.errors import UserError

MAX_LINE = 300
MAX_ENTRIES = 10_000

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "matmul": np.matmul,
    "dot": np.dot,
    "outer": np.outer,
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "negative": np.negative,
    "square": np.square,
    "exp": np.exp,
    "minimum": np.minimum,
    "sum": np.sum,
    "add.reduce": np.add.reduce,
    "copyto": np.copyto,
    "transpose": np.transpose,
}
_BINARY: dict[type[ast.operator], Callable[..., Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.MatMult: np.matmul,
    ast.Pow: np.power,
}
_KEYWORDS = {"out", "axis"}

Arrays = dict[str, NDArray[np.float64]]


def run_line(line: str, arrays: Arrays) -> None:
    """Carry out one statement on the arrays; names may be bound to new ones.

    Raises:
        UserError: if the statement is not of the few kinds that are known, or does not work.
    """
    if len(line) > MAX_LINE:
        raise UserError(f"expected at most {MAX_LINE} characters, got {len(line)}")
    try:
        body = ast.parse(line.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UserError("expected one statement of Python, got something that is none") from None
    if len(body) != 1:
        raise UserError(f"expected one statement, got {len(body)}")
    try:
        with np.errstate(all="ignore"):
            _statement(body[0], arrays)
    except (ValueError, TypeError, IndexError, OverflowError, RecursionError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"NumPy refuses it: {str(error).splitlines()[0]}") from None


def _statement(node: ast.stmt, arrays: Arrays) -> None:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        _value(node.value, arrays)
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        target, value = node.targets[0], _array(node.value, arrays)
        if isinstance(target, ast.Name):
            arrays[target.id] = value
        elif isinstance(target, ast.Subscript) and _is_whole(target.slice):
            np.copyto(_array(target.value, arrays), value)
        else:
            raise UserError("expected an assignment to an array or to array[:]")
    elif isinstance(node, ast.AugAssign) and type(node.op) in _BINARY:
        target = node.target.value if isinstance(node.target, ast.Subscript) else node.target
        array = _array(target, arrays)
        _BINARY[type(node.op)](array, _array(node.value, arrays), out=array)
    else:
        raise UserError("expected a call such as np.add(...), or an assignment")


def _is_whole(node: ast.expr) -> bool:
    return (isinstance(node, ast.Slice) and not (node.lower or node.upper or node.step)) or (
        isinstance(node, ast.Constant) and node.value is Ellipsis
    )


def _array(node: ast.expr, arrays: Arrays) -> NDArray[np.float64]:
    value = (
        np.asarray(_value(node, arrays), dtype=float)
        if not isinstance(node, ast.Name)
        else _value(node, arrays)
    )
    if value.size > MAX_ENTRIES:
        raise UserError("expected small arrays")
    return value


def _value(node: ast.expr, arrays: Arrays) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return np.float64(node.value)
    if isinstance(node, ast.Name):
        if node.id not in arrays:
            raise UserError(f"there is no array {node.id[:20]!r} here; there are {', '.join(sorted(arrays))}")
        return arrays[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        value = _array(node.operand, arrays)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _BINARY[type(node.op)](_array(node.left, arrays), _array(node.right, arrays))
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return _array(node.value, arrays).T
    if isinstance(node, ast.Subscript):
        return _array(node.value, arrays)[_places(node.slice)]
    if isinstance(node, ast.Call):
        return _call(node, arrays)
    raise UserError(
        f"{ast.unparse(node)[:40]!r} is not among what is known here: np functions, + - * / @ and .T"
    )


def _places(node: ast.expr) -> Any:
    """Read ``[:, None]`` and its kin."""
    places = node.elts if isinstance(node, ast.Tuple) else [node]
    read: list[Any] = []
    for place in places:
        if _is_whole(place):
            read.append(Ellipsis if isinstance(place, ast.Constant) else slice(None))
        elif isinstance(place, ast.Constant) and place.value is None:
            read.append(None)
        else:
            raise UserError("expected only ':' and None between brackets")
    return tuple(read)


def _call(node: ast.Call, arrays: Arrays) -> Any:
    name = ast.unparse(node.func)
    known = name.removeprefix("np.") if name.startswith("np.") else ""
    arguments = [_array(argument, arrays) for argument in node.args]
    if known not in _FUNCTIONS:
        if not (isinstance(node.func, ast.Attribute) and node.func.attr == "sum"):
            raise UserError(f"{name[:40]!r} is none of np.{', np.'.join(_FUNCTIONS)}")
        arguments, known = [_array(node.func.value, arrays), *arguments], "sum"
    keywords: dict[str, Any] = {}
    for keyword in node.keywords:
        if keyword.arg not in _KEYWORDS:
            raise UserError(f"expected only the keywords out and axis, got {str(keyword.arg)[:20]!r}")
        if keyword.arg == "out":
            keywords["out"] = _array(keyword.value, arrays)
        elif isinstance(keyword.value, ast.Constant) and isinstance(axis := keyword.value.value, int):
            keywords["axis"] = axis
        else:
            raise UserError("expected axis to be 0 or 1")
    return _FUNCTIONS[known](*arguments, **keywords)
