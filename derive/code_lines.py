"""Where an emitted package computes an equation: file and lines, read from the text that was emitted.

Every emitted statement ends with a comment that cites its equation, ``# (1.1)``. Nothing is remembered from
one run to the next, so a citation is as old as the text it was read from.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_STATEMENT = re.compile(r"# \((\d\.\d+(?:, \d\.\d+)*)\)")


@dataclass(frozen=True)
class Computed:
    """The lines of one file whose statements cite one equation, in order."""

    file: str
    number: str
    lines: tuple[int, ...]


def computed(files: Mapping[str, str]) -> tuple[Computed, ...]:
    """Return what the files of a package compute, file by file, equations in the order of their numbers."""
    found = []
    for file, source in files.items():
        lines: dict[str, list[int]] = {}
        for line, numbers in _citations(source):
            for number in numbers:
                lines.setdefault(number, []).append(line)
        found += [Computed(file, number, tuple(lines[number])) for number in sorted(lines, key=_order)]
    return tuple(found)


def first(found: Sequence[Computed], number: str) -> Computed | None:
    """Return where an equation is computed first, in the package's order of files; None if nowhere."""
    return next((place for place in found if place.number == number), None)


def spans(lines: Sequence[int], most: int) -> str:
    """Return line numbers in words: ``line 57``, ``lines 46-50, 57``; of many spans the first and last."""
    runs: list[list[int]] = []
    for line in lines:
        if runs and line == runs[-1][-1] + 1:
            runs[-1].append(line)
        else:
            runs.append([line])
    words = [f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    if len(words) > most:
        words = [*words[: most - 1], "...", words[-1]]
    return f"{'line' if len(lines) == 1 else 'lines'} {', '.join(words)}"


def _citations(source: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each line on which a statement cites equations; a comment on its own line computes nothing."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and token.line[: token.start[1]].strip():
            match = _STATEMENT.fullmatch(token.string)
            if match:
                yield token.start[0], match[1].split(", ")


def _order(number: str) -> tuple[int, ...]:
    return tuple(map(int, number.split(".")))
