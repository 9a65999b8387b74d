"""The words of a formula, each with the column in which it stands."""

from __future__ import annotations

import re
from dataclasses import dataclass

from derive.errors import UserError

MAX_LENGTH = 300

_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<sign>\*\*|[-+*/^(),])",
    flags=re.ASCII,
)
_BLANK = re.compile(r"[ \t]*")


@dataclass(frozen=True)
class Token:
    """A word of a formula; ``kind`` is number, name, sign or end, ``at`` its column from 0."""

    kind: str
    text: str
    at: int

    @property
    def shown(self) -> str:
        """The word as a message quotes it."""
        text = self.text if len(self.text) <= 20 else f"{self.text[:17]}..."
        return "the end" if self.kind == "end" else f"{text!a}"


class MalformedExpressionError(UserError):
    """A formula that is refused, with the column at which it goes wrong."""

    def __init__(self, message: str, text: str, at: int) -> None:
        window = text[max(0, at - 25) : at + 25]
        shown = ("..." if at > 25 else "") + window + ("..." if at + 25 < len(text) else "")
        super().__init__(f"{message}, at column {at + 1} of {shown!a}")
        self.at = at


def tokens(text: str) -> list[Token]:
    """Return the words of a formula and its end.

    Raises:
        UserError: if the text is too long or has a character that begins no word.
    """
    if len(text) > MAX_LENGTH:
        raise UserError(f"expected a formula of at most {MAX_LENGTH} characters, got {len(text)}")
    found: list[Token] = []
    at = 0
    while True:
        blank = _BLANK.match(text, at)
        at = blank.end() if blank else at
        if at >= len(text):
            return [*found, Token("end", "", len(text))]
        match = _TOKEN.match(text, at)
        if match is None:
            raise MalformedExpressionError(f"unexpected character {text[at]!a}", text, at)
        found.append(Token(str(match.lastgroup), match.group(), at))
        at = match.end()
