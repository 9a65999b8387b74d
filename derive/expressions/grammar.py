"""The grammar of a formula, by recursive descent.

sum     = product (("+" | "-") product)*
product = signed (("*" | "/") signed)*
signed  = ("+" | "-") signed | power
power   = atom (("^" | "**") signed)?          binds to the right, tighter than a sign before it
atom    = number | letter | function "(" sum ("," sum)* ")" | "(" sum ")"
"""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction
from typing import NoReturn

from derive.expressions.bounds import MAX_DIGITS, MAX_EXPONENT, MAX_NESTING, MAX_NODES
from derive.expressions.nodes import CONSTANTS, FUNCTIONS, Call, Letter, Node, Number
from derive.expressions.tokens import MalformedExpressionError, Token, tokens


def parse(text: str, symbols: Collection[str]) -> Node:
    """Return the tree of a formula in the given symbols.

    Raises:
        UserError: with one line that says what was expected and at which column, for anything else.
    """
    return _Parser(text, symbols).whole()


class _Parser:
    """One token ahead, with a count of brackets and nodes."""

    def __init__(self, text: str, symbols: Collection[str]) -> None:
        self.text = text
        self.symbols = symbols
        self.tokens = tokens(text)
        self.place = 0
        self.nesting = 0
        self.nodes = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.place]

    def take(self) -> Token:
        token = self.next
        self.place += token.kind != "end"
        return token

    def found(self, *signs: str) -> Token | None:
        return self.take() if self.next.kind == "sign" and self.next.text in signs else None

    def fail(self, message: str, at: int) -> NoReturn:
        raise MalformedExpressionError(message, self.text, at)

    def made(self, node: Node) -> Node:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self.fail(f"expected at most {MAX_NODES} numbers, letters and operations", node.at)
        return node

    def deeper(self, at: int) -> None:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            self.fail(f"expected brackets and signs at most {MAX_NESTING} deep", at)

    def whole(self) -> Node:
        node = self.sum()
        if self.next.kind != "end":
            self.fail(f"expected an operator or the end, got {self.next.shown}", self.next.at)
        return node

    def sum(self) -> Node:
        node = self.product()
        while (sign := self.found("+", "-")) is not None:
            node = self.made(Call(sign.text, (node, self.product()), sign.at))
        return node

    def product(self) -> Node:
        node = self.signed()
        while (sign := self.found("*", "/")) is not None:
            node = self.made(Call(sign.text, (node, self.signed()), sign.at))
        return node

    def signed(self) -> Node:
        sign = self.found("+", "-")
        if sign is None:
            return self.power()
        self.deeper(sign.at)
        node = self.signed()
        self.nesting -= 1
        return node if sign.text == "+" else self.made(Call("neg", (node,), sign.at))

    def power(self) -> Node:
        node = self.atom()
        sign = self.found("^", "**")
        if sign is None:
            return node
        self.deeper(sign.at)
        exponent = self.signed()
        self.nesting -= 1
        if isinstance(node, Letter) and node.name == "e":
            return self.made(Call("exp", (exponent,), sign.at))
        return self.made(Call("^", (node, exponent), sign.at))

    def atom(self) -> Node:
        token = self.take()
        if token.kind == "number":
            return self.made(self.number(token))
        if token.kind == "name":
            return self.name(token)
        if token.text == "(":
            self.deeper(token.at)
            node = self.sum()
            self.close()
            self.nesting -= 1
            return node
        self.fail(f"expected a number, a letter, a function or '(', got {token.shown}", token.at)

    def close(self) -> None:
        if self.found(")") is None:
            self.fail(f"expected ')', got {self.next.shown}", self.next.at)

    def number(self, token: Token) -> Node:
        digits, _, exponent = token.text.lower().partition("e")
        if len(digits) > MAX_DIGITS or len(exponent) > 4 or abs(int(exponent or 0)) > MAX_EXPONENT:
            self.fail(
                f"expected a number of at most {MAX_DIGITS} digits between 1e-{MAX_EXPONENT} and "
                f"1e{MAX_EXPONENT}, got {token.shown}",
                token.at,
            )
        return Number(Fraction(digits) * Fraction(10) ** int(exponent or 0), token.at)

    def name(self, token: Token) -> Node:
        name = token.text
        called = self.next.kind == "sign" and self.next.text == "("
        if name in FUNCTIONS:
            if not called:
                self.fail(f"expected '(' after {name}, got {self.next.shown}", self.next.at)
            return self.call(token)
        if name not in self.symbols and name not in CONSTANTS:
            known = ", ".join((*self.symbols, *CONSTANTS, *FUNCTIONS))
            self.fail(f"unknown name {token.shown}; known are {known}", token.at)
        if called:
            self.fail(f"{name} is not a function; write a product with *", self.next.at)
        return self.made(Letter(name, token.at))

    def call(self, token: Token) -> Node:
        self.deeper(token.at)
        opening = self.take()
        args = [self.sum()]
        while self.found(",") is not None:
            args.append(self.sum())
            if len(args) > max(FUNCTIONS.values()):
                break
        wanted = FUNCTIONS[token.text]
        if len(args) != wanted:
            count = "one argument" if wanted == 1 else f"{wanted} arguments"
            self.fail(f"expected {count} of {token.text}", opening.at)
        self.close()
        self.nesting -= 1
        return self.made(Call(token.text, tuple(args), token.at))
