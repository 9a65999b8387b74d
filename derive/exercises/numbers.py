"""Numbers that a person types: fractions, lists and lists of rows. Nothing is evaluated."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from derive.errors import UserError

MAX_DIGITS = 12
_NUMBER = re.compile(
    rf"[+-]?\s*\d{{1,{MAX_DIGITS}}}(?:\s*/\s*\d{{1,{MAX_DIGITS}}}|\.\d{{1,{MAX_DIGITS}}})?", re.ASCII
)

Matrix = list[list[Fraction]]


def read_number(text: str) -> Fraction:
    """Read ``-3``, ``3/4`` or ``0.75``.

    Raises:
        UserError: if it is none of these.
    """
    if _NUMBER.fullmatch(text.strip()) is None:
        raise UserError(f"expected a number such as -3 or 3/4, got {text.strip()[:30]!r}")
    above, _, below = text.replace(" ", "").partition("/")
    if below and not int(below):
        raise UserError("expected a number, got a division by zero")
    return Fraction(above) / Fraction(below or 1)


def read_matrix(text: str, rows: int, columns: int) -> Matrix:
    """Read ``[1, 2]`` or ``[[1, 2], [3, 4]]`` into so many rows and columns; a column may be flat.

    Raises:
        UserError: if the text is no such list, or of another shape.
    """
    text = text.strip()
    shape = f"a column of {rows}" if columns == 1 else f"{rows} rows of {columns}"
    if not text.startswith("["):
        lines = [[text]]
    elif "[" in text[1:]:
        inner = _items(text)
        lines = [_items(line) for line in inner]
    else:
        flat = _items(text)
        lines = [[item] for item in flat] if columns == 1 else [flat]
    if len(lines) != rows or any(len(line) != columns for line in lines):
        raise UserError(f"expected {shape}, got {' '.join(text.split())[:40]!r}")
    return [[read_number(item) for item in line] for line in lines]


def _items(text: str) -> list[str]:
    """Split the inside of brackets at its own commas."""
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")):
        raise UserError(f"expected a list in square brackets, got {text[:30]!r}")
    return split(text[1:-1], ",")


def split(text: str, separators: str) -> list[str]:
    """Split at separators that stand in no bracket.

    Raises:
        UserError: if brackets do not match.
    """
    parts, depth, start = [], 0, 0
    for at, character in enumerate(text):
        depth += (character in "[(") - (character in "])")
        if depth < 0:
            break
        if character in separators and not depth:
            parts.append(text[start:at])
            start = at + 1
    if depth:
        raise UserError("expected as many opening as closing brackets")
    return [*parts, text[start:]]


def written(matrix: Sequence[Sequence[Fraction]]) -> str:
    """Spell a matrix as ``read_matrix`` reads it; a column is flat, a single number bare."""
    if len(matrix) == len(matrix[0]) == 1:
        return str(matrix[0][0])
    if len(matrix[0]) == 1:
        return f"[{', '.join(str(row[0]) for row in matrix)}]"
    return f"[{', '.join('[' + ', '.join(map(str, row)) + ']' for row in matrix)}]"
