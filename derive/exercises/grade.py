"""What is said of an answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MAX_ANSWER = 2000


class Mark(Enum):
    """The three things that an answer can be."""

    RIGHT = "right"
    WRONG = "wrong"
    MALFORMED = "not well formed"

    @property
    def exit_status(self) -> int:
        """0 if right, 1 if wrong, 2 if it cannot be read."""
        return {Mark.RIGHT: 0, Mark.WRONG: 1, Mark.MALFORMED: 2}[self]


@dataclass(frozen=True)
class Grade:
    """The mark and the reason for it, in one or more lines."""

    mark: Mark
    lines: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        """True if the answer is right."""
        return self.mark is Mark.RIGHT

    @property
    def well_formed(self) -> bool:
        """True if the answer could be read."""
        return self.mark is not Mark.MALFORMED

    @property
    def reason(self) -> str:
        """The reason as one text."""
        return "\n".join((self.mark.value, *self.lines))


def right(*lines: str) -> Grade:
    """Accept an answer."""
    return Grade(Mark.RIGHT, lines)


def wrong(*lines: str) -> Grade:
    """Refuse an answer that could be read."""
    return Grade(Mark.WRONG, lines)


def malformed(*lines: str) -> Grade:
    """Refuse an answer that means nothing."""
    return Grade(Mark.MALFORMED, lines)
