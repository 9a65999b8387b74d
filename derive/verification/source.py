"""The files of a package as syntax trees: functions, classes, constants, and the equations that lines cite.

A file is data: it is parsed and never run.
"""

from __future__ import annotations

import ast
import builtins
import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

_CITED = re.compile(r"# \((\d\.\d+(?:, \d\.\d+)*)\)")
_HEADING = re.compile(r"# \(\d\.\d")
# Text and comments of what is known to be Python: whichever begins first decides what the other is part of.
_TOKENS = re.compile(
    r"""(?s:\"""(?:\\.|[^\\])*?\"""|'''(?:\\.|[^\\])*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|(\#[^\n]*)"""
)

Definition = ast.FunctionDef | ast.ClassDef


class SourceError(ValueError):
    """A file that is not Python, or not of the form that packages have."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(eq=False)
class Source:
    """One file: what it defines and imports, and what its comments cite."""

    name: str
    lines: list[str]
    definitions: dict[str, Definition] = field(default_factory=dict)
    constants: dict[str, ast.expr] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)  # name: (module, its name there)
    cited: dict[int, str] = field(default_factory=dict)  # by line: the equation that a statement cites
    headings: list[int] = field(default_factory=list)  # lines, in order, with an equation's comment alone

    def statement(self, line: int) -> str:
        """Return the text of a line, without its comment."""
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return text.split("  #")[0].strip()

    def number(self, node: ast.stmt) -> str:
        """Return the number of the equation that a statement cites; empty if it cites none."""
        last = node.end_lineno or node.lineno
        return next((self.cited[k] for k in range(node.lineno, last + 1) if k in self.cited), "")

    def heading(self, line: int) -> int:
        """Return the line of the last equation's comment above a line."""
        above = bisect_left(self.headings, line)
        return self.headings[above - 1] if above else 0


class Sources(dict[str, Source]):
    """The files of a package by name.

    ``blaming`` says whether a group of statements that is wrong is searched for the one to blame.
    """

    def __init__(self, files: Mapping[str, Source], *, blaming: bool) -> None:
        super().__init__(files)
        self.blaming = blaming


@lru_cache(maxsize=64)
def read_source(name: str, text: str) -> Source:
    """Parse a file; what comes back is shared and only read.

    Raises:
        SourceError: if it is not Python, or does at the top what no package does.
    """
    try:
        tree = ast.parse(text)
        source = Source(name, text.splitlines())
        _comments(source, text)
    except SyntaxError as error:
        raise SourceError(f"is not Python: {error.args[0]}", getattr(error, "lineno", 1) or 1) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise SourceError(f"cannot be parsed: {error}", 1) from None
    for node in tree.body:
        _define(source, node)
    return source


def _define(source: Source, node: ast.stmt) -> None:
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            _free(source, name, node)
            source.definitions[name] = node
        case ast.ImportFrom(module=module, names=names, level=level):
            for alias in names:
                _free(source, alias.asname or alias.name, node)
                where = f".{module or ''}" if level else str(module)
                source.imports[alias.asname or alias.name] = (where, alias.name)
        case ast.Import(names=names):
            for alias in names:
                _free(source, alias.asname or alias.name, node)
                source.imports[alias.asname or alias.name] = (alias.name, "")
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            _free(source, name, node)
            source.constants[name] = value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            _free(source, name, node)
            source.constants[name] = value
        case ast.Expr(value=ast.Constant()):
            pass
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))) if source.name.endswith(
            ("__main__.py", "_scalar.py")
        ):
            pass
        case _:
            raise SourceError("does at the top of the file what no package does", node.lineno)


def _free(source: Source, name: str, node: ast.stmt) -> None:
    if hasattr(builtins, name):
        raise SourceError(f"takes the name of {name}, which is Python's own", node.lineno)
    if name in source.definitions or name in source.constants or name in source.imports:
        raise SourceError(f"defines {name} twice", node.lineno)


def _comments(source: Source, text: str) -> None:
    """Note what the comments of a file cite. What begins like text is text: nothing rests on a comment."""
    if _HEADING.search(text) is None:
        return
    line = begun = 0  # lines before the last comment, and where the search for more of them begins
    for token in _TOKENS.finditer(text):
        comment = token[1]
        if comment is None or not _HEADING.match(comment):
            continue
        line += text.count("\n", begun, token.start())
        begun = token.start()
        if not text[text.rfind("\n", 0, begun) + 1 : begun].strip():
            source.headings.append(line + 1)
        elif match := _CITED.fullmatch(comment.rstrip("\r")):
            source.cited[line + 1] = match[1]
