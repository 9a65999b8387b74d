"""Exercises as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from derive.exercises.blocks import Block, Code, Prose
from derive.exercises.exercise import Exercise
from derive.exercises.kinds import KINDS

WIDTH = 100
INDENT = "    "


def terminal_text(
    exercises: Sequence[Exercise], hint: int = 0, solution: bool = False, greek: bool = True
) -> str:
    """Return exercises with the hints up to a level, and their solutions if they are wanted."""
    parts = []
    for number, drawn in enumerate(exercises, 1):
        lines = [
            f"{number}. {drawn.title}  ({drawn.kind}, seed {drawn.seed})",
            "",
            *_lines(drawn.task, greek),
        ]
        for level, said in enumerate(drawn.hints[:hint], 1):
            lines += [f"Hint {level}.", *_lines(said, greek)]
        if solution:
            lines += ["Solution.", *_lines(drawn.solution, greek)]
        parts.append("\n".join(lines).rstrip() + "\n")
    return "\n\n".join(parts)


def kinds_text() -> str:
    """Return the kinds, one a line."""
    return "".join(f"{kind.name:11s} {kind.asks:40s} graded {kind.graded}\n" for kind in KINDS.values())


def _lines(blocks: Sequence[Block], greek: bool) -> list[str]:
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, Prose):
            text = block.text.replace("`", "")
            lines += wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
        elif isinstance(block, Code):
            lines += [f"{INDENT}{line}" for line in block.lines]
        else:
            label = max(len(row.label) for row in block.rows)
            spelled = [row.maths.greek if greek else row.maths.ascii for row in block.rows]
            width = max(map(len, spelled))
            for row, text in zip(block.rows, spelled, strict=True):
                start = f"{row.label:{label}s} " if label else ""
                lines.append(f"{INDENT}{start}{text:{width}s}  {row.note}".rstrip())
        lines.append("")
    return lines
