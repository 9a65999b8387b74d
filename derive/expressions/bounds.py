"""What is refused before any algebra is done with a formula: too deep, too large, too high a power."""

from __future__ import annotations

import math
from fractions import Fraction

from derive.expressions.nodes import Call, Letter, Node, Number, evaluate, letters
from derive.expressions.tokens import MalformedExpressionError

MAX_NESTING = 20
MAX_NODES = 80
MAX_DIGITS = 18
MAX_EXPONENT = 30
MAX_POWER = 16
MAX_DEGREE = 32
LARGEST = 1e30  # of any number that stands in a formula or can be worked out in it
SMALLEST = 1e-30


def check(node: Node, text: str) -> None:
    """Refuse a tree whose numbers or powers are out of bounds.

    Raises:
        UserError: naming the column.
    """
    _degree(node, text)
    _constant(node, text)


def power_of(node: Call, text: str) -> Fraction:
    """Return the exponent of a power: a whole number or a half, small, and free of letters.

    Raises:
        UserError: if it is anything else.
    """
    exponent = _exact(node.args[1])
    if exponent is None or (2 * exponent).denominator != 1 or abs(exponent) > MAX_POWER:
        raise MalformedExpressionError(
            f"expected a power that is a whole number or a half, at most {MAX_POWER}", text, node.at
        )
    return exponent


def _exact(node: Node) -> Fraction | None:
    """Work out a number written with + - * / and signs, if it stays small."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Letter) or node.name not in ("neg", "+", "-", "*", "/"):
        return None
    args = [_exact(arg) for arg in node.args]
    known = [arg for arg in args if arg is not None]
    if len(known) < len(args) or any(abs(arg) > LARGEST or arg.denominator > LARGEST for arg in known):
        return None
    if node.name == "neg":
        return -known[0]
    left, right = known
    if node.name == "/":
        return left / right if right else None
    return left * right if node.name == "*" else left + right if node.name == "+" else left - right


def _degree(node: Node, text: str) -> Fraction:
    """Bound how often letters are multiplied with one another, so that nothing swells when multiplied out."""
    if isinstance(node, Number):
        return Fraction(0)
    if isinstance(node, Letter):
        return Fraction(1)
    degrees = [_degree(arg, text) for arg in node.args]
    if node.name == "^":
        found = degrees[0] * max(Fraction(1), abs(power_of(node, text)))
    elif node.name in ("*", "/", "+", "-"):
        found = degrees[0] + degrees[1] if node.name in "*/" else max(degrees)
    else:
        found = max(degrees)
    if found > MAX_DEGREE:
        raise MalformedExpressionError(
            f"expected powers that multiply to at most {MAX_DEGREE}, got {found}", text, node.at
        )
    return found


def _constant(node: Node, text: str) -> bool:
    """Say whether a tree is a constant; every one of them must be a number of moderate size."""
    if isinstance(node, Call):
        known = [_constant(arg, text) for arg in node.args]  # each one, to check it
        constant = all(known)
    else:
        constant = not letters(node)
    if isinstance(node, Call) and node.name == "/" and _is_zero(node.args[1]):
        raise MalformedExpressionError("expected no division by 0", text, node.at)
    if not constant:
        return False
    try:
        value = evaluate(node, {})
    except (ArithmeticError, ValueError):
        raise MalformedExpressionError("expected numbers that can be worked out", text, node.at) from None
    if not math.isfinite(value) or (value and not SMALLEST <= abs(value) <= LARGEST):
        raise MalformedExpressionError(
            f"expected numbers between {SMALLEST:g} and {LARGEST:g}, got {value:g}", text, node.at
        )
    return True


def _is_zero(node: Node) -> bool:
    return not letters(node) and evaluate(node, {}) == 0
