"""The words of a claim, and what every grammar of claims needs to read them one by one.

What is typed is data: nothing here evaluates it, and what is too long, too deep or too large is refused.
The spellings that the terminal prints (s', Greek letters, a small circle) are read as the plain ones, and
each word keeps the column in which it stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import NoReturn

from derive.claims.syntax import MalformedClaim, Name

MAX_LENGTH = 400
MAX_NESTING = 25
MAX_SUMS = 4
MAX_DIGITS = 12

SPELLINGS = {
    "lambda": "lam",
    "\N{GREEK SMALL LETTER LAMDA}": "lam",
    "\N{GREEK SMALL LETTER MU}": "mu",
    "\N{MICRO SIGN}": "mu",
    "\N{GREEK SMALL LETTER ETA}": "eta",
    "\N{GREEK SMALL LETTER DELTA}": "delta",
    "\N{GREEK SMALL LETTER SIGMA}": "sigma",
    "\N{NABLA}": "grad",
    "\N{RING OPERATOR}": "*",
    "\N{CIRCLED DOT OPERATOR}": "*",
    "\N{MINUS SIGN}": "-",
}
_TRANSPOSED = "\N{MODIFIER LETTER CAPITAL T}"
_PARTIAL = "\N{PARTIAL DIFFERENTIAL}"
_GREEK = "".join(letter for letter in SPELLINGS if len(letter) == 1 and letter.isalpha()) + "\N{NABLA}"
_SIGNS = "".join(letter for letter in SPELLINGS if len(letter) == 1 and letter not in _GREEK)

_TOKEN = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]+)?)"
    r"|(?P<slope>(?:sigma|s|\N{GREEK SMALL LETTER SIGMA})['\N{PRIME}\N{RIGHT SINGLE QUOTATION MARK}])"
    rf"|(?P<name>norm2|{_PARTIAL}?[A-Za-z_]+|[{_GREEK}])"
    rf"|(?P<sign>[-+*/@=()\[\],.^{_SIGNS}{_TRANSPOSED}])"
)
_BLANK = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class Token:
    """A word of the claim; ``kind`` is number, name, sign, end, or bad for what begins no word."""

    kind: str
    text: str
    at: int


def tokens(text: str) -> list[Token]:
    """Return the words of a text and its end; what follows the first bad character is left out.

    Raises:
        MalformedClaim: if the text is too long.
    """
    if len(text) > MAX_LENGTH:
        raise MalformedClaim(f"expected at most {MAX_LENGTH} characters, got {len(text)}", MAX_LENGTH)
    found: list[Token] = []
    at = 0
    while (at := _end_of_blank(text, at)) < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return _named([*found, Token("bad", text[at], at)])
        found += _plain(str(match.lastgroup), match.group(), at)
        at = match.end()
    return _named([*found, Token("end", "the end", len(text))])


def _plain(kind: str, text: str, at: int) -> list[Token]:
    if kind == "slope":
        return [Token("name", "dsigma", at)]
    if text == _TRANSPOSED:
        return [Token("sign", ".", at), Token("name", "T", at)]
    return [Token(kind, SPELLINGS.get(text, text.replace(_PARTIAL, "d")), at)]


def _named(found: list[Token]) -> list[Token]:
    """Read s before a bracket as sigma; elsewhere it is an index."""
    for place, (token, after) in enumerate(pairwise(found)):
        if token.text == "s" and after.text == "(":
            found[place] = Token("name", "sigma", token.at)
    return found


def _end_of_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


class Cursor:
    """One token ahead; ``INDICES`` are the letters that may be an index."""

    INDICES = ""

    def __init__(self, found: list[Token]) -> None:
        self.tokens = found
        self.place = 0
        self.nesting = 0
        self.summing = 0

    @property
    def next(self) -> Token:
        """The token that is read next."""
        return self.tokens[self.place]

    def take(self) -> Token:
        """Return the next token and go on, but not beyond the end."""
        token = self.next
        self.place += token.kind not in ("end", "bad")
        return token

    def found(self, *signs: str) -> Token | None:
        """Take one of some signs if it is next."""
        return self.take() if self.next.kind == "sign" and self.next.text in signs else None

    def expect(self, sign: str, after: str = "") -> Token:
        """Take a sign, or fail."""
        return self.found(sign) or self.fail(f"{sign!r}{after}")

    def fail(self, expected: str) -> NoReturn:
        """Say what was expected and what stands there."""
        if self.next.kind == "bad":
            hint = "; sigma' is written s' or dsigma" if self.next.text == "'" else ""
            raise MalformedClaim(f"unexpected character {self.next.text!a}{hint}", self.next.at)
        got = self.next.text if self.next.kind == "end" else repr(short(self.next.text))
        raise MalformedClaim(f"expected {expected}, got {got}", self.next.at)

    def equals(self) -> int:
        """Take the sign between the two sides and return its column."""
        if self.next.text != "=":
            self.fail("an operator or '='")
        return self.take().at

    def finish(self) -> None:
        """Refuse what follows the right side."""
        if self.next.text == "=":
            raise MalformedClaim("expected one '=' in a claim, got two; check each by itself", self.next.at)
        if self.next.kind != "end":
            self.fail("an operator or the end")

    def deeper(self) -> None:
        """Count one more bracket that is open."""
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise MalformedClaim(f"expected brackets at most {MAX_NESTING} deep", self.next.at)

    def index(self) -> Name:
        """Take an index."""
        token = self.next
        if len(token.text) != 1 or token.text not in self.INDICES:
            self.fail("an index, a small letter such as j or i")
        self.take()
        return Name(token.text, token.at)

    def whole(self, most: int, expected: str) -> int:
        """Take a whole number."""
        token = self.next
        if token.kind != "number" or "." in token.text:
            self.fail(expected)
        value = self.number()
        if value > most:
            raise MalformedClaim(f"expected at most {most} here, got {short(token.text)}", token.at)
        return int(value)

    def number(self) -> Fraction:
        """Take a number."""
        token = self.take()
        if len(token.text) > MAX_DIGITS:
            raise MalformedClaim(f"expected a number of at most {MAX_DIGITS} digits", token.at)
        return Fraction(token.text)


def short(text: str) -> str:
    """Return the beginning of a word."""
    return text if len(text) <= 20 else f"{text[:17]}..."
