"""Exercises as a LaTeX sheet, and the answer key; what is said around them stands in the template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from derive.exercises.blocks import Block, Code, Prose, Row
from derive.exercises.exercise import Exercise
from derive.printers.latex_prose import prose
from derive.printers.latex_spelling import escape
from derive.templating import latex_environment
from derive.version import MARKER, tool_version

TEMPLATE = "exercises.tex.j2"
MAX_TYPED = 80  # characters of a line that is not broken


@dataclass(frozen=True)
class _Set:
    """One exercise as the template places it."""

    title: str
    name: str
    task: tuple[str, ...]
    hints: tuple[tuple[str, ...], ...]
    solution: tuple[str, ...]


def sheet(exercises: Sequence[Exercise], hint: int = 0, solution: bool = False) -> str:
    """Return the sheet, with the hints up to a level, and with solutions if they are wanted."""
    shown = [_set(drawn, task=True, hint=hint, solution=solution) for drawn in exercises]
    return _rendered("Exercises on backpropagation", shown)


def answer_key(exercises: Sequence[Exercise]) -> str:
    """Return the solutions alone, numbered as on the sheet."""
    shown = [_set(drawn, task=False, hint=0, solution=True) for drawn in exercises]
    return _rendered("Exercises on backpropagation: answers", shown)


def _rendered(title: str, sets: list[_Set]) -> str:
    template = latex_environment().get_template(TEMPLATE)
    return template.render(marker=f"{MARKER} {tool_version()}", title=title, sets=sets)


def _set(drawn: Exercise, task: bool, hint: int, solution: bool) -> _Set:
    return _Set(
        drawn.title,
        escape(f"{drawn.kind} {drawn.seed}"),
        tuple(map(_block, drawn.task)) if task else (),
        tuple(tuple(map(_block, said)) for said in drawn.hints[:hint]),
        tuple(map(_block, drawn.solution)) if solution else (),
    )


def _block(block: Block) -> str:
    if isinstance(block, Prose):
        return _paragraph(block.text)
    if isinstance(block, Code):
        lines = "\\\\\n".join(_typed(line, breaks=len(line) > MAX_TYPED) for line in block.lines)
        return f"\\begin{{typed}}\n{lines}\n\\end{{typed}}"
    rows = "\n".join(map(_row, block.rows))
    return f"\\begin{{lines}}\n{rows}\n\\end{{lines}}"


def _paragraph(text: str) -> str:
    """Set prose; what stands between backticks as it is typed."""
    parts = []
    for place, part in enumerate(text.split("`")):
        if place % 2:
            parts.append(f"\\texttt{{{_typed(part, breaks=True)}}}")
        elif part.strip():
            before, after = (" " * part[end].isspace() for end in (0, -1))
            parts.append(f"{before}{prose(part.strip())}{after}")
        else:
            parts.append(part)
    return "".join(parts)


def _typed(line: str, breaks: bool = False) -> str:
    r"""Escape a line for a typewriter face; its blanks are kept unless it may break there."""
    quoted = escape(line).replace("'", r"\textquotesingle{}").replace("-", "{-}")
    return quoted if breaks else quoted.replace(" ", "~")


def _row(row: Row) -> str:
    label = f"{escape(row.label)}\\quad" if row.label and row.label not in ("=", "->") else ""
    sign = {"=": "{}=", "->": r"\longrightarrow"}.get(row.label, "")
    note = f"\\reason{{{escape(row.note)}}}" if row.note else ""
    return f"\\item {label}$\\displaystyle {sign} {row.maths.latex}${note}"
