"""The part of C that is emitted, read into trees: loops with constant bounds, declarations and assignments.

Whatever else stands in a function is refused, with its line. Nothing is compiled or run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Tree = tuple[Any, ...]
"""("number", text), ("name", n), ("entry", n, tree), ("call", f, trees), ("cast", tree), ("minus", tree),
(operator, left, right) or ("?", test, yes, no)."""

_TOKEN = re.compile(
    r"\s*(?P<text>[0-9]+\.?[0-9]*(?:e[-+]?[0-9]+)?|[A-Za-z_]\w*|->|\+\+|\+=|-=|==|//[^\n]*|[-+*/=<>?:;,.(){}\[\]])"
)
_NAME = re.compile(r"[A-Za-z_]\w*")
_WORDS = frozenset({"for", "const", "real", "restrict", "void", "return", "size_t"})


class CSyntaxError(Exception):
    """Text that is not of the emitted kind."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Token:
    """A piece of text and its line."""

    text: str
    line: int


@dataclass(frozen=True)
class Loop:
    """``for (size_t letter = start; letter < size; letter++)``."""

    line: int
    letter: str
    start: str
    size: int
    body: tuple[CStatement, ...]


@dataclass(frozen=True)
class Declare:
    """A local number with its first value; ``const`` ones keep it."""

    line: int
    const: bool
    name: str
    value: Tree


@dataclass(frozen=True)
class Reserve:
    """A local array of so many numbers."""

    line: int
    name: str
    size: int


@dataclass(frozen=True)
class Point:
    """A name for a stretch of memory: ``where`` as it is written, without blanks."""

    line: int
    const: bool
    name: str
    where: str


@dataclass(frozen=True)
class Assign:
    """``target operation value``; the subscript is None for a local number."""

    line: int
    name: str
    subscript: Tree | None
    operation: str
    value: Tree


@dataclass(frozen=True)
class Return:
    """The value that a function gives back."""

    line: int
    value: Tree


CStatement = Loop | Declare | Reserve | Point | Assign | Return


def tokens(text: str, line: int) -> list[Token]:
    """Divide text into tokens; comments are dropped.

    Raises:
        CSyntaxError: if a character belongs to none.
    """
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            here = line + text.count("\n", 0, at)
            raise CSyntaxError(
                here, f"has a character that is not known: {text[at:].split(maxsplit=1)[0][:20]}"
            )
        if not match["text"].startswith("//"):
            found.append(Token(match["text"], line + text.count("\n", 0, match.start("text"))))
        at = match.end()
    return found


def statements(text: str, line: int) -> tuple[CStatement, ...]:
    """Read the inside of a function that begins in a line.

    Raises:
        CSyntaxError: if anything is not of the emitted kind.
    """
    parser = _Parser(tokens(text, line), line)
    found = []
    while parser.peek():
        found += parser.statement()
    return tuple(found)


def expression(text: str, line: int) -> Tree:
    """Read one expression.

    Raises:
        CSyntaxError: if anything is not of the emitted kind.
    """
    parser = _Parser(tokens(text, line), line)
    tree = parser.expression()
    if parser.peek():
        raise CSyntaxError(line, f"expected the end of an expression, got {parser.peek()}")
    return tree


class _Parser:
    def __init__(self, found: list[Token], line: int) -> None:
        self.found, self.at, self.line = found, 0, line

    def peek(self, ahead: int = 0) -> str:
        return self.found[self.at + ahead].text if self.at + ahead < len(self.found) else ""

    def take(self, wanted: str = "") -> str:
        text = self.peek()
        if not text or (wanted and text != wanted):
            raise CSyntaxError(self.line, f"expected {wanted or 'more'}, got {text or 'the end'}")
        self.line = self.found[self.at].line
        self.at += 1
        return text

    def all(self, *wanted: str) -> None:
        for text in wanted:
            self.take(text)

    def name(self) -> str:
        text = self.take()
        if not _NAME.fullmatch(text) or text in _WORDS:
            raise CSyntaxError(self.line, f"expected a name, got {text}")
        return text

    def whole(self) -> int:
        text = self.take()
        if not text.isdigit():
            raise CSyntaxError(self.line, f"expected a whole number, got {text}")
        return int(text)

    # -- statements -------------------------------------------------------------------------------------

    def statement(self) -> list[CStatement]:
        if self.peek() == "for":
            return [self.loop()]
        if self.peek() == "return":
            self.take()
            line, value = self.line, self.expression()
            self.take(";")
            return [Return(line, value)]
        if self.peek() == "(" and self.peek(1) == "void":
            self.all("(", "void", ")")
            self.name()
            self.take(";")
            return []
        if self.peek() in ("const", "real"):
            return [self.declaration()]
        name = self.name()
        line, subscript = self.line, None
        if self.peek() == "[":
            self.take()
            subscript = self.expression()
            self.take("]")
        operation = self.take()
        if operation not in ("=", "+=", "-="):
            raise CSyntaxError(line, f"expected an assignment, got {operation}")
        value = self.expression()
        self.take(";")
        return [Assign(line, name, subscript, operation, value)]

    def loop(self) -> Loop:
        self.all("for", "(", "size_t")
        line, letter = self.line, self.name()
        self.take("=")
        start = self.take()
        self.all(";", letter, "<")
        size = self.whole()
        self.all(";", letter, "++", ")", "{")
        body: list[CStatement] = []
        while self.peek() != "}":
            body += self.statement()
        self.take("}")
        return Loop(line, letter, start, size, tuple(body))

    def declaration(self) -> CStatement:
        const = self.peek() == "const"
        if const:
            self.take()
        self.take("real")
        line = self.line
        if self.peek() == "*":
            self.all("*", "restrict", "const")
            name, where = self.name(), ""
            self.take("=")
            while self.peek() != ";":
                where += self.take()
            self.take(";")
            return Point(line, const, name, where)
        name = self.name()
        if self.peek() == "[" and not const:
            self.take()
            size = self.whole()
            self.all("]", ";")
            return Reserve(line, name, size)
        self.take("=")
        value = self.expression()
        self.take(";")
        return Declare(line, const, name, value)

    # -- expressions ------------------------------------------------------------------------------------

    def expression(self) -> Tree:
        tree = self.compared()
        if self.peek() != "?":
            return tree
        self.take()
        yes = self.expression()
        self.take(":")
        return ("?", tree, yes, self.expression())

    def compared(self) -> Tree:
        return self.chain(self.added, ("==", ">", "<"))

    def added(self) -> Tree:
        return self.chain(self.multiplied, ("+", "-"))

    def multiplied(self) -> Tree:
        return self.chain(self.signed, ("*", "/"))

    def chain(self, inner: Callable[[], Tree], operators: tuple[str, ...]) -> Tree:
        tree = inner()
        while self.peek() in operators:
            operator = self.take()
            tree = (operator, tree, inner())
        return tree

    def signed(self) -> Tree:
        if self.peek() == "-":
            self.take()
            return ("minus", self.signed())
        if self.peek() == "(" and self.peek(1) == "real" and self.peek(2) == ")":
            self.all("(", "real", ")")
            return ("cast", self.signed())
        return self.primary()

    def primary(self) -> Tree:
        if self.peek() == "(":
            self.take()
            tree = self.expression()
            self.take(")")
            return tree
        if self.peek()[:1].isdigit():
            return ("number", self.take())
        name = self.name()
        if self.peek() == "[":
            self.take()
            tree = ("entry", name, self.expression())
            self.take("]")
            return tree
        if self.peek() == "(":
            self.take()
            arguments = [self.expression()]
            while self.peek() == ",":
                self.take()
                arguments.append(self.expression())
            self.take(")")
            return ("call", name, tuple(arguments))
        return ("name", name)
