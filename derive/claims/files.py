"""Many claims in a file, each with the outcome that its author expects.

    # a comment
    weights: dC/dW[l] = delta[l] @ a[l-1].T
    output, sigma' missing: delta[L] = a[L] - y  -> conditional

A name with a colon before a claim and an arrow with an outcome behind it may be left out; a claim without
an arrow is expected to be true.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from derive.claims.check import check_claim
from derive.claims.verdict import Outcome, Verdict
from derive.errors import UserError

MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class CheckedLine:
    """One claim of a file: its line, from 1, its name, what was expected and what was found."""

    number: int
    name: str
    expected: Outcome
    verdict: Verdict

    @property
    def as_expected(self) -> bool:
        """True if the outcome is the one that the file's author expects."""
        return self.verdict.outcome is self.expected


def check_file(path: Path) -> tuple[CheckedLine, ...]:
    """Check every claim of a file.

    Raises:
        UserError: if the file cannot be read, or an expected outcome is none.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode("utf-8")
    except OSError as error:
        raise UserError(f"expected a file of claims, got {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"expected a file of claims in UTF-8, got {path}") from None
    if len(content) > MAX_BYTES:
        raise UserError(f"expected a file of at most {MAX_BYTES} bytes, got {path}")
    return check_lines(text)


def check_lines(text: str) -> tuple[CheckedLine, ...]:
    """Check every claim of a text in the form of such a file.

    Raises:
        UserError: if an expected outcome is none.
    """
    parsed = []
    for number, line in enumerate(text.splitlines(), 1):
        if line := line.split("#", 1)[0].strip():
            parsed.append((number, *_parts(number, line)))
    return tuple(
        CheckedLine(number, name, expected, check_claim(claim)) for number, name, claim, expected in parsed
    )


def _parts(number: int, line: str) -> tuple[str, str, Outcome]:
    line, arrow, word = line.partition("->")
    name, colon, claim = line.rpartition(":")
    try:
        expected = Outcome(word.strip()) if arrow else Outcome.TRUE
    except ValueError:
        words = ", ".join(outcome.value for outcome in Outcome)
        raise UserError(f"line {number}: expected one of {words} after '->', got {word.strip()!r}") from None
    return name.strip() if colon else "", claim.strip(), expected
