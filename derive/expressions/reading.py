"""A formula that has been read: its text, its tree and what it is in SymPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sympy import (
    Abs,
    E,
    Expr,
    Integer,
    Max,
    Min,
    Rational,
    atan,
    cos,
    cosh,
    erf,
    exp,
    log,
    nan,
    oo,
    pi,
    sin,
    sinh,
    sqrt,
    tanh,
    zoo,
)

from derive.expressions.bounds import check, power_of
from derive.expressions.grammar import parse
from derive.expressions.nodes import Letter, Node, Number
from derive.expressions.tokens import MalformedExpressionError


@dataclass(frozen=True)
class Expression:
    """A formula: as typed, as a tree, and as a SymPy expression in the given symbols."""

    text: str
    tree: Node
    value: Expr


def read_expression(text: str, symbols: Mapping[str, Expr]) -> Expression:
    """Read a formula; ``symbols`` says what its letters stand for.

    Raises:
        UserError: with one line that says what was expected and at which column.
    """
    tree = parse(text, tuple(symbols))
    check(tree, text)
    value = _sympy(tree, symbols, text)
    if not value.is_finite and value.is_number:
        raise MalformedExpressionError("expected a finite number", text, tree.at)
    return Expression(text.strip(), tree, value)


def _sympy(node: Node, symbols: Mapping[str, Expr], text: str) -> Expr:
    if isinstance(node, Number):
        return Rational(node.value.numerator, node.value.denominator)
    if isinstance(node, Letter):
        return _LETTERS[node.name] if node.name in _LETTERS else symbols[node.name]
    if node.name == "^":
        power = power_of(node, text)
        found = _sympy(node.args[0], symbols, text) ** Rational(power.numerator, power.denominator)
    else:
        found = _BUILD[node.name](*(_sympy(arg, symbols, text) for arg in node.args))
    if not _sound(found):
        raise MalformedExpressionError(f"{node.name!r} has no real value here", text, node.at)
    return found


def _sound(value: Any) -> bool:
    if not isinstance(value, Expr) or value.has(zoo, oo, nan):
        return False
    return value.is_extended_real is not False and value.is_finite is not False


_LETTERS = {"pi": pi, "e": E}
_BUILD: dict[str, Any] = {
    "+": lambda u, v: u + v,
    "-": lambda u, v: u - v,
    "*": lambda u, v: u * v,
    "/": lambda u, v: u / v,
    "neg": lambda u: -u,
    "exp": exp,
    "log": log,
    "sqrt": sqrt,
    "tanh": tanh,
    "sinh": sinh,
    "cosh": cosh,
    "sin": sin,
    "cos": cos,
    "atan": atan,
    "abs": Abs,
    "max": Max,
    "min": Min,
    "sigmoid": lambda u: 1 / (1 + exp(-u)),
    "relu": lambda u: Max(u, Integer(0)),
    "softplus": lambda u: log(1 + exp(u)),
    "erf": erf,
    "log1p": lambda u: log(1 + u),
    "expm1": lambda u: exp(u) - 1,
}
