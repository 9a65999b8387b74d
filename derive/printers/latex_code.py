"""Where emitted code computes an equation, in LaTeX: beside it, and as a table of files and lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from derive.code_lines import Computed, first, spans
from derive.equation import Equation
from derive.numbering import Numbering
from derive.printers.latex import ranges_latex
from derive.printers.latex_spelling import escape

MAX_SPANS_BESIDE = 3
MAX_SPANS_IN_TABLE = 40


def place(number: str, code: Sequence[Computed]) -> str:
    """Say where an equation is computed first; nothing if nowhere, or if code is not cited."""
    found = first(code, number)
    if found is None:
        return ""
    return rf"\texttt{{{escape(found.file)}}}, {_lines(found, MAX_SPANS_BESIDE)}"


def _lines(found: Computed, most: int) -> str:
    return spans(found.lines, most).replace("-", "--").replace("...", r"\ldots")


def beside(eq: Equation, code: Sequence[Computed]) -> str:
    """Return the ranges of an equation and, below them, where it is computed."""
    where, ranges = place(eq.number, code), ranges_latex(eq)
    if not where:
        return ranges
    return rf"\begin{{aligned}}&{ranges}\\&\text{{\normalfont\footnotesize {where}}}\end{{aligned}}"


def code_table(code: Sequence[Computed], numbering: Numbering) -> Mapping[str, list[tuple[str, str, str]]]:
    """Return, by file, the number printed, the number in the program and the lines of each equation."""
    table: dict[str, list[tuple[str, str, str]]] = {}
    for found in code:
        row = (numbering.number(found.number), found.number, _lines(found, MAX_SPANS_IN_TABLE))
        table.setdefault(escape(found.file), []).append(row)
    return table
