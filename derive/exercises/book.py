"""Exercises as a notebook in the conventions of nbgrader. Needs the extra ``notebook``.

For each exercise there is a cell to read, a cell to answer in, and a cell of tests worth one point. The
source version, which the teacher keeps, holds solutions and hidden tests between nbgrader's marks; the
student version is what ``nbgrader generate_assignment`` makes of it, so that either way leads to the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from derive.exercises.blocks import Block, Code, Prose, Row
from derive.exercises.exercise import Exercise, Function
from derive.version import MARKER, tool_version

STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")
_SOLUTION = ("### BEGIN SOLUTION", "### END SOLUTION")
_HIDDEN = ("### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS")


def exercise_book(exercises: Sequence[Exercise], student: bool = False) -> str:
    """Return the notebook as JSON, the same bytes every time; the source version, or the student's."""
    cells = [
        new_markdown_cell(
            f"# Exercises on backpropagation\n\n{MARKER} {tool_version()}. "
            "Each exercise has three hints, which unfold. Write your answer in the cell below it."
        )
    ]
    for number, drawn in enumerate(exercises, 1):
        name = f"exercise_{number}"
        cells.append(new_markdown_cell(_task(number, drawn), metadata=_metadata(f"{name}_task", locked=True)))
        solution, tests = _cells(number, drawn)
        if student:
            solution, tests = cleared(solution), without_hidden_tests(tests)
        cells.append(new_code_cell(solution, metadata=_metadata(f"{name}_answer", solution=True)))
        cells.append(new_code_cell(tests, metadata=_metadata(f"{name}_tests", locked=True, points=1)))
    for place, cell in enumerate(cells):
        cell["id"] = f"cell-{place:03d}"
    book = new_notebook(cells=cells)
    book.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book.metadata["language_info"] = {"name": "python"}
    nbformat.validate(book)
    return f"{nbformat.writes(book, version=4)}\n"


def cleared(source: str) -> str:
    """Replace each solution by the stub, as nbgrader's ClearSolutions does."""
    return _between(source, _SOLUTION, STUB)


def without_hidden_tests(source: str) -> str:
    """Take out hidden tests, as nbgrader's ClearHiddenTests does."""
    return _between(source, _HIDDEN, ())


def _between(source: str, marks: tuple[str, str], new: tuple[str, ...]) -> str:
    lines: list[str] = []
    inside = False
    for line in source.split("\n"):
        if line.strip() == marks[0]:
            inside = True
            lines += [f"{line[: len(line) - len(line.lstrip())]}{added}" for added in new]
        elif line.strip() == marks[1]:
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def _metadata(
    grade_id: str, *, locked: bool = False, solution: bool = False, points: int = 0
) -> dict[str, Any]:
    """Return what nbgrader reads of a cell."""
    cell: dict[str, Any] = {
        "grade": bool(points),
        "grade_id": grade_id,
        "locked": locked,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    return {"nbgrader": cell | ({"points": points} if points else {})}


def _cells(number: int, drawn: Exercise) -> tuple[str, str]:
    """Return the cell to answer in, with the solution, and the cell of tests, with the hidden ones."""
    draw = f"exercise({drawn.kind!r}, {drawn.seed})"
    if drawn.function is None:
        name = f"answer_{number}"
        answer = [_SOLUTION[0], f"{name} = {_literal(drawn.answer)}", _SOLUTION[1]]
        seen = [
            f"assert isinstance({name}, str), \"the answer is a text: {name} = '...'\"",
            f'assert {name}.strip(), "the answer is empty"',
        ]
        grade = f"{draw}.grade({name})"
    else:
        name = f"compute_{number}"
        answer = _definition(name, drawn.function)
        arrays = ", ".join(f"{key}=np.ones({shape})" for key, shape in drawn.function.shapes.items())
        seen = ["import numpy as np", "", f"{name}({arrays})  # it runs"]
        grade = f"{draw}.grade_function({name})"
    hidden = [
        _HIDDEN[0],
        "from derive.exercises import exercise",
        "",
        f"result = {grade}",
        "assert result.right, result.reason",
        _HIDDEN[1],
    ]
    return "\n".join(answer), "\n".join([*seen, *hidden])


def _literal(answer: str) -> str:
    """Write a text as Python; one of several lines in triple quotes."""
    return f'"""\n{answer}\n"""' if "\n" in answer else repr(answer)


def _definition(name: str, function: Function) -> list[str]:
    lines = ["import numpy as np", "", "", f"def {name}({', '.join(function.shapes)}):"]
    for place, line in enumerate(function.lines):
        body = [_SOLUTION[0], line, _SOLUTION[1]] if place == function.blank else [line]
        lines += [f"    {text}" for text in body]
    return lines


# -- markdown ----------------------------------------------------------------------------------------------


def _task(number: int, drawn: Exercise) -> str:
    name = f"compute_{number}" if drawn.function else f"answer_{number}"
    how = (
        f"Complete the function `{name}` below."
        if drawn.function
        else f"Assign your answer, as a text, to `{name}` below."
    )
    parts = [f"## {number}. {drawn.title}", *map(_block, drawn.task), how]
    for level, said in enumerate(drawn.hints, 1):
        inner = "\n\n".join(map(_block, said))
        parts.append(f"<details>\n<summary>Hint {level}</summary>\n\n{inner}\n\n</details>")
    return "\n\n".join(parts)


def _block(block: Block) -> str:
    if isinstance(block, Prose):
        pieces = block.text.split("`")
        return "`".join(piece if at % 2 else _escaped(piece) for at, piece in enumerate(pieces))
    if isinstance(block, Code):
        return "\n".join(["```text", *block.lines, "```"])
    return "\n".join(map(_row, block.rows))


def _escaped(text: str) -> str:
    return re.sub(r"([*_<>\[\]\\])", r"\\\1", text)


def _row(row: Row) -> str:
    sign = {"=": "{}=", "->": r"\longrightarrow"}.get(row.label, "")
    label = f"**{row.label}** " if row.label and not sign else ""
    note = f" &emsp; *{row.note}*" if row.note else ""
    return f"- {label}$\\displaystyle {sign} {row.maths.latex}${note}"
