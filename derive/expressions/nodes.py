"""The tree of a formula, the functions that may stand in it, and its value in numbers.

Values are computed here by walking the tree with ``math`` or ``mpmath``; SymPy has no part in it, so that
they can check what SymPy made of the formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

# name: how many arguments
FUNCTIONS = {
    "exp": 1,
    "log": 1,
    "sqrt": 1,
    "tanh": 1,
    "sinh": 1,
    "cosh": 1,
    "sin": 1,
    "cos": 1,
    "atan": 1,
    "abs": 1,
    "max": 2,
    "min": 2,
    "sigmoid": 1,
    "relu": 1,
    "softplus": 1,
    "erf": 1,
    "log1p": 1,
    "expm1": 1,
}
CONSTANTS = ("pi", "e")
OPERATORS = ("+", "-", "*", "/", "^")


@dataclass(frozen=True)
class Number:
    """A number as it is written, exactly."""

    value: Fraction
    at: int = 0


@dataclass(frozen=True)
class Letter:
    """A variable, or pi or e."""

    name: str
    at: int = 0


@dataclass(frozen=True)
class Call:
    """An operator or a function and what it acts on; ``neg`` is the sign change."""

    name: str
    args: tuple[Node, ...]
    at: int = 0


Node = Number | Letter | Call


def inside(node: Node) -> Iterator[Node]:
    """Go through a tree, the node itself first."""
    unvisited = [node]
    while unvisited:
        current = unvisited.pop()
        yield current
        if isinstance(current, Call):
            unvisited.extend(reversed(current.args))


def letters(node: Node) -> set[str]:
    """Return the variables of a tree."""
    return {n.name for n in inside(node) if isinstance(n, Letter) and n.name not in CONSTANTS}


def evaluate(node: Node, values: Mapping[str, Any], library: Any = math) -> Any:
    """Return the value of a tree with ``math``, ``mpmath`` or a module like them.

    Raises:
        ArithmeticError, ValueError: where it is undefined, or too large for the library's numbers.
    """
    if isinstance(node, Number):
        return (
            library.fdiv(node.value.numerator, node.value.denominator)
            if library is not math
            else (node.value.numerator / node.value.denominator)
        )
    if isinstance(node, Letter):
        return values[node.name] if node.name not in CONSTANTS else +getattr(library, node.name)
    args = [evaluate(arg, values, library) for arg in node.args]
    return _apply(node.name, args, library)


def _apply(name: str, args: list[Any], library: Any) -> Any:
    if name == "^":
        base, power = args
        if base < 0 and power != int(power):
            raise ValueError("a root of a negative number")
        if base == 0 and power < 0:
            raise ZeroDivisionError
        return base ** (int(power) if power == int(power) else power)
    if name in _ARITHMETIC:
        return _ARITHMETIC[name](*args)
    (u, *others) = args
    match name:
        case "abs":
            return abs(u)
        case "max":
            return max(u, *others)
        case "min":
            return min(u, *others)
        case "relu":
            return u if u > 0 else 0 * u
        case "sigmoid":
            return 1 / (1 + library.exp(-u)) if u > 0 else library.exp(u) / (1 + library.exp(u))
        case "softplus":
            return max(u, 0 * u) + library.log1p(library.exp(-abs(u)))
        case "log" if u <= 0:
            raise ValueError("the logarithm of a number that is not positive")
        case "log1p" if u <= -1:
            raise ValueError("the logarithm of a number that is not positive")
        case "sqrt" if u < 0:
            raise ValueError("the root of a negative number")
    return getattr(library, name)(u)


_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": lambda u, v: u + v,
    "-": lambda u, v: u - v,
    "*": lambda u, v: u * v,
    "/": lambda u, v: u / v,
    "neg": lambda u: -u,
}
