r"""Long right-hand sides on several lines: broken before a plus or minus that stands in no bracket.

How wide a formula is set is estimated from its text, letter by letter in the sizes of a 10 pt article; that
is enough to break in time.
"""

from __future__ import annotations

import re

ROOM = 370.0  # points that a line of a display may take
_LETTER, _SMALL, _SIGN = 4.8, 3.7, 11.2  # points
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[_^]|[{}]|[^\\_^{}]")
_NO_WIDTH = {"\\mathrm", "\\biggl", "\\biggr", "\\Bigl", "\\Bigr", "\\bigl", "\\bigr", "\\left", "\\right"}


def width(text: str) -> float:
    """Return about how many points a formula takes."""
    total, depth = 0.0, 0
    levels: list[int] = []  # brace depths that hold a sub- or superscript
    pending = False
    for token in _TOKEN.findall(text):
        if token in "_^":
            pending = True
        elif token == "{":
            depth += 1
            if pending:
                levels.append(depth)
            pending = False
        elif token == "}":
            if levels and levels[-1] == depth:
                levels.pop()
            depth -= 1
        elif token == "\\sum":
            total -= 4.0  # its limits are counted with all else, and lie below and above it
        elif token not in _NO_WIDTH and token != " ":
            small = bool(levels) or pending
            sign = token in "+-=" and not small
            total += _SMALL if small else _SIGN if sign else _LETTER
            pending = False
    return total


def lines_of(text: str, room: float = ROOM) -> list[str]:
    """Return a formula in lines that are about as wide as there is room, if it can be broken.

    It is broken between the terms of its sum; if that is not enough, inside one bracket, then inside two.
    """
    lines = [text]
    for deep in range(3):
        if all(width(line) <= room for line in lines):
            break
        lines = _filled(_pieces(text, deep), room)
    return lines


def _filled(pieces: list[str], room: float) -> list[str]:
    lines: list[str] = []
    for piece in pieces:
        if lines and width(lines[-1] + piece) <= room:
            lines[-1] += piece
        else:
            lines.append(piece.lstrip(" "))
    return lines


def broken(text: str, room: float = ROOM) -> str:
    r"""Return a formula with ``\\ &\quad`` where it goes on on the next line."""
    return " \\\\\n&\\quad ".join(lines_of(text, room))


def _pieces(text: str, deep: int) -> list[str]:
    """Cut before every plus and minus where no brace and at most so many round brackets are open."""
    pieces, begun, braces, brackets = [], 0, 0, 0
    for found in re.finditer(r"[{}()]| [+-] ", text):
        token = found.group()
        if token in "{}":
            braces += 1 if token == "{" else -1
        elif token in "()":
            brackets += 1 if token == "(" else -1
        elif braces == 0 and brackets <= deep:
            pieces.append(text[begun : found.start()])
            begun = found.start()
    return [*pieces, text[begun:]]
