"""The grammar of claims: text in, tree out, by recursive descent.

    claim    = sum "=" sum
    sum      = product { ("+" | "-") product }
    product  = chain { "*" chain | "/" number }
    chain    = factor { "@" factor }
    factor   = { "-" } atom { ".T" | "[" index [ "," index ] "]" }
    atom     = number | scalar | "x" | "y" | letter "[" layer "]" | "dC" "/" "d" letter "[" layer "]"
             | "(" sum ")" | ( "sigma" | "dsigma" ) "(" sum ")" | "sum" "(" index "," sum ")"
    layer    = ( "l" | "L" ) [ ( "+" | "-" ) number ] | number

What is typed is data: nothing here evaluates it, and what is too long, too deep or too large is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import NoReturn

from derive.claims.syntax import (
    Added,
    Apply,
    Claim,
    Entry,
    Layer,
    MalformedClaim,
    Name,
    Node,
    Number,
    Quantity,
    Scalar,
    Times,
    Total,
    Transpose,
)

MAX_LENGTH = 400
MAX_NESTING = 25
MAX_SUMS = 4
MAX_DIGITS = 12
MAX_LAYER = 6
MAX_OFFSET = 2

LETTERS = ("W", "w", "b", "z", "a", "delta")
VARIABLES = {"dW": "dw", "dw": "dw", "db": "db", "dz": "dz", "da": "da"}
FUNCTIONS = ("sigma", "dsigma")
SCALARS = ("eta", "lam", "mu")
INDICES = "cdefghijkmnopqrstuv"  # the letters that name nothing else

_TOKEN = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<name>[A-Za-z_]+)|(?P<sign>[-+*/@=()\[\],.])")
_BLANK = re.compile(r"[ \t\r\n]*")
_ATOM = "a quantity, a number or '('"


@dataclass(frozen=True)
class Token:
    """A word of the claim; ``kind`` is number, name, sign, end, or bad for what begins no word."""

    kind: str
    text: str
    at: int


def parse(text: str) -> Claim:
    """Return the tree of a claim.

    Raises:
        MalformedClaim: with the column of the first character that does not fit.
    """
    return _Parser(_tokens(text)).claim()


def _tokens(text: str) -> list[Token]:
    if len(text) > MAX_LENGTH:
        raise MalformedClaim(f"expected at most {MAX_LENGTH} characters, got {len(text)}", MAX_LENGTH)
    found: list[Token] = []
    at = 0
    while (at := _end_of_blank(text, at)) < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return [*found, Token("bad", text[at], at)]
        found.append(Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    return [*found, Token("end", "the end", len(text))]


def _end_of_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


class _Parser:
    """One token ahead, one method for each line of the grammar."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.place = 0
        self.nesting = 0
        self.summing = 0

    # -- tokens ----------------------------------------------------------------------------------------

    @property
    def next(self) -> Token:
        return self.tokens[self.place]

    def take(self) -> Token:
        token = self.next
        self.place += token.kind not in ("end", "bad")
        return token

    def found(self, *signs: str) -> Token | None:
        return self.take() if self.next.kind == "sign" and self.next.text in signs else None

    def expect(self, sign: str, after: str = "") -> Token:
        return self.found(sign) or self.fail(f"{sign!r}{after}")

    def fail(self, expected: str) -> NoReturn:
        if self.next.kind == "bad":
            hint = "; sigma' is written dsigma" if self.next.text == "'" else ""
            raise MalformedClaim(f"unexpected character {self.next.text!a}{hint}", self.next.at)
        got = self.next.text if self.next.kind == "end" else repr(_short(self.next.text))
        raise MalformedClaim(f"expected {expected}, got {got}", self.next.at)

    # -- the grammar -----------------------------------------------------------------------------------

    def claim(self) -> Claim:
        left = self.sum()
        if self.next.text != "=":
            self.fail("an operator or '='")
        at = self.take().at
        right = self.sum()
        if self.next.text == "=":
            raise MalformedClaim("expected one '=' in a claim, got two; check each by itself", self.next.at)
        if self.next.kind != "end":
            self.fail("an operator or the end")
        return Claim(left, right, at)

    def sum(self) -> Node:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise MalformedClaim(f"expected brackets at most {MAX_NESTING} deep", self.next.at)
        start = self.next.at
        terms, signs, ats = [self.product()], [1], []
        while operator := self.found("+", "-"):
            terms.append(self.product())
            signs.append(1 if operator.text == "+" else -1)
            ats.append(operator.at)
        self.nesting -= 1
        return terms[0] if len(terms) == 1 else Added(tuple(terms), tuple(signs), tuple(ats), start)

    def product(self) -> Node:
        start = self.next.at
        factors, ats = [self.chain()], []
        while operator := self.found("*", "/"):
            ats.append(operator.at)
            factors.append(self.chain() if operator.text == "*" else self.divisor())
        return factors[0] if len(factors) == 1 else Times(tuple(factors), tuple(ats), False, start)

    def divisor(self) -> Node:
        if self.next.kind != "number":
            self.fail("a number to divide by")
        at = self.next.at
        value = self.number()
        if not value:
            raise MalformedClaim("division by zero", at)
        return Number(1 / value, at)

    def chain(self) -> Node:
        start = self.next.at
        factors, ats = [self.factor()], []
        while operator := self.found("@"):
            ats.append(operator.at)
            factors.append(self.factor())
        return factors[0] if len(factors) == 1 else Times(tuple(factors), tuple(ats), True, start)

    def factor(self) -> Node:
        start, sign = self.next.at, 1
        while self.found("-"):
            sign = -sign
        node = self.atom()
        while operator := self.found(".", "["):
            if operator.text == ".":
                if self.next.text != "T":
                    self.fail("'T' after '.'")
                self.take()
                node = node.of if isinstance(node, Transpose) else Transpose(node, operator.at)
                continue
            if isinstance(node, Entry):
                raise MalformedClaim("an entry has no subscripts of its own", operator.at)
            places = [self.index()]
            while self.found(","):
                places.append(self.index())
            self.expect("]", " after the subscripts")
            node = Entry(node, tuple(places), operator.at)
        if sign > 0:
            return node
        return Times((Number(Fraction(-1), start), node), (start,), False, start)

    def atom(self) -> Node:
        token = self.next
        if token.kind == "number":
            return Number(self.number(), token.at)
        if self.found("("):
            node = self.sum()
            self.expect(")")
            return node
        if token.kind == "name" and token.text != "T":
            return self.named()
        self.fail(_ATOM)

    def named(self) -> Node:
        token = self.take()
        name, at = token.text, token.at
        if name in FUNCTIONS:
            return Apply(name, self.bracketed(name), at)
        if name == "sum":
            self.expect("(", " after sum")
            index = self.index()
            self.expect(",", " after the index")
            self.summing += 1
            if self.summing > MAX_SUMS:
                raise MalformedClaim(f"expected sums at most {MAX_SUMS} deep", at)
            node = self.sum()
            self.summing -= 1
            self.expect(")")
            return Total(index, node, at)
        if name in LETTERS:
            return Quantity(name.lower(), self.layer(name), at)
        if name == "dC":
            self.expect("/", " after dC")
            variable = self.next.text
            if variable not in VARIABLES:
                self.fail("dW, db, dz or da after dC/")
            self.take()
            return Quantity(VARIABLES[variable], self.layer(f"dC/{variable}"), at)
        if name in ("x", "y"):
            return Quantity(name, Layer("", 1) if name == "x" else Layer("L", 0), at)
        if name in SCALARS:
            return Scalar(name, at)
        raise MalformedClaim(f"expected {_ATOM}, got {_short(name)!r}, which names none", at)

    def bracketed(self, name: str) -> Node:
        self.expect("(", f" after {name}")
        node = self.sum()
        self.expect(")")
        return node

    # -- leaves ----------------------------------------------------------------------------------------

    def layer(self, name: str) -> Layer:
        self.expect("[", f" and a layer after {name}")
        if self.next.text in ("l", "L"):
            layer = Layer(self.take().text, self.offset())
        else:
            layer = Layer("", self.whole(MAX_LAYER, "a layer: l, l+1, l-1, L, L-1 or a number"))
        self.expect("]", " after the layer")
        return layer

    def offset(self) -> int:
        sign = self.found("+", "-")
        if sign is None:
            return 0
        size = self.whole(MAX_OFFSET, "a number")
        return size if sign.text == "+" else -size

    def whole(self, most: int, expected: str) -> int:
        token = self.next
        if token.kind != "number" or "." in token.text:
            self.fail(expected)
        value = self.number()
        if value > most:
            raise MalformedClaim(f"expected at most {most} here, got {_short(token.text)}", token.at)
        return int(value)

    def index(self) -> Name:
        token = self.next
        if len(token.text) != 1 or token.text not in INDICES:
            self.fail("an index, a small letter such as j or k")
        self.take()
        return Name(token.text, token.at)

    def number(self) -> Fraction:
        token = self.take()
        if len(token.text) > MAX_DIGITS:
            raise MalformedClaim(f"expected a number of at most {MAX_DIGITS} digits", token.at)
        return Fraction(token.text)


def _short(text: str) -> str:
    return text if len(text) <= 20 else f"{text[:17]}..."
