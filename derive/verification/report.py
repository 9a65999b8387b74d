"""What a verification found, in words."""

from __future__ import annotations

from dataclasses import dataclass

from derive.errors import NotProvedError


@dataclass(frozen=True)
class Finding:
    """A statement that does not compute what the proof says, or that is not understood."""

    file: str
    line: int
    statement: str
    number: str
    message: str
    last: int = 0  # the last of several lines, one of which is to blame

    def covers(self, line: int) -> bool:
        """Say whether a line is among those to blame."""
        return self.line <= line <= max(self.line, self.last)

    def __str__(self) -> str:
        what = f" {self.statement}:" if self.statement else ""
        which = f" ({self.number})" if self.number and f"({self.number})" not in self.message else ""
        span = f" (lines {self.line} to {self.last})" if self.last > self.line else ""
        return f"{self.file}:{self.line}:{what}{which} {self.message}{span}"


@dataclass(frozen=True)
class Proved:
    """A function whose statements compute what the proof says."""

    file: str
    name: str
    statements: int
    numbers: tuple[str, ...]

    def __str__(self) -> str:
        count = f"{self.statements} statement{'' if self.statements == 1 else 's'}"
        which = f", equations {spans(self.numbers)}" if self.numbers else ""
        return f"proved: {self.file} {self.name}, {count}{which}"


@dataclass(frozen=True)
class Report:
    """Everything that was found out about a package."""

    architecture: str
    proved: tuple[Proved, ...]
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """True if nothing was found wrong."""
        return not self.findings

    def require(self) -> None:
        """Let files be written only if all is well.

        Raises:
            NotProvedError: naming the first finding.
        """
        if not self.holds:
            raise NotProvedError(f"not written, for the code is not what was proved: {self.findings[0]}")


def spans(numbers: tuple[str, ...]) -> str:
    """Return equation numbers in words: ``(1.1)-(1.4), (3.1)``."""
    ordered = sorted({part for number in numbers for part in number.split(", ")}, key=_parts)
    runs: list[list[str]] = []
    for number in ordered:
        chapter, count = _parts(number)
        if runs and _parts(runs[-1][-1]) == (chapter, count - 1):
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"({run[0]})-({run[-1]})" if len(run) > 1 else f"({run[0]})" for run in runs)


def _parts(number: str) -> tuple[int, int]:
    chapter, count = number.split(".")
    return int(chapter), int(count)
