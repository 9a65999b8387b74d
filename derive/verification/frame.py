"""What stands around the functions that are read back: it must be what the generator writes.

The head of a file, which says from what it was made, is left out: it names the version of the tool.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

from derive.verification.report import Finding

HEAD = 6  # lines that say from what a file was made

Frame = list[tuple[int, str]]


def frame(lines: Sequence[str], inside: Set[int]) -> Frame:
    """Return the lines of a file with their numbers, without its head and the lines that are read."""
    numbered = enumerate(lines, start=1)
    return [(line, content) for line, content in numbered if line > HEAD and line not in inside]


def compared(file: str, found: Frame, wanted: Frame) -> list[Finding]:
    """Return the first line that is not as generated, if there is one."""
    for (line, got), (_, expected) in zip(found, wanted, strict=False):
        if got != expected:
            return [Finding(file, line, got.strip(), "", "differs from what the generator writes there")]
    if len(found) != len(wanted):
        last = found[-1][0] if found else 1
        return [Finding(file, last, "", "", "is longer or shorter than what the generator writes")]
    return []
