"""What every family of claims says in the same words."""

from __future__ import annotations

from derive.claims.syntax import MalformedClaim
from derive.claims.verdict import Counterexample, Outcome, Verdict

MARGIN = 40


def shown(text: str) -> str:
    """Return the claim as one line, each character in its column."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)


def pointer(text: str, at: int) -> list[str]:
    """Return the part of the claim around a column, and a caret below it."""
    start = max(0, at - MARGIN)
    part = shown(text[start : at + MARGIN])
    return [f"  {part}", f"  {' ' * (at - start)}^"]


def malformed(text: str, problem: MalformedClaim) -> Verdict:
    """Say what does not fit, and where."""
    lines = (f"not well formed: {problem}", *pointer(text, problem.at))
    return Verdict(text, Outcome.MALFORMED, lines, column=problem.at)


def undecided(text: str, reason: str, found: Counterexample | None = None) -> Verdict:
    """Say why there is no answer."""
    lines = [f"undecided: {shown(text)}", reason, *(found.lines() if found else [])]
    return Verdict(text, Outcome.UNDECIDED, tuple(lines), counterexample=found)


def refuted(
    text: str, found: Counterexample, said: str, condition: str | None = None, notes: tuple[str, ...] = ()
) -> Verdict:
    """Show what refutes a claim; ``said`` heads it, ``condition`` is what would make the claim true."""
    outcome = Outcome.FALSE if condition is None else Outcome.CONDITIONAL
    lines = [f"{outcome.value}: {shown(text)}"]
    lines += [] if condition is None else [f"true if {condition}; not in general"]
    lines += [f"counterexample: {said}", *(f"  {line}" for line in found.lines()), *notes]
    return Verdict(text, outcome, tuple(lines), counterexample=found, condition=condition)
