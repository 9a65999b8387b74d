"""The exercise as one holds it: what is asked, three hints, the solution, and how an answer is graded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from derive.exercises.blocks import Block
from derive.exercises.grade import MAX_ANSWER, Grade, malformed

HINTS = 3


@dataclass(frozen=True)
class Function:
    """A function with one line left open: what a notebook lets a student complete and run.

    ``shapes`` are those of its arguments, by name. ``check`` runs a function that was made of it and compares
    what it leaves in its arrays.
    """

    shapes: dict[str, tuple[int, ...]]
    lines: tuple[str, ...]
    blank: int
    check: Callable[[Callable[..., Any]], Grade]


@dataclass(frozen=True)
class Exercise:
    """One exercise; the same kind and seed give the same exercise on every machine.

    ``task`` ends by saying how the answer is written. ``hints`` are a nudge, a pointed one, and almost the
    answer. ``answer`` is one right answer as a person types it, ``solution`` explains it.
    """

    kind: str
    seed: int
    title: str
    task: tuple[Block, ...]
    hints: tuple[tuple[Block, ...], ...]
    answer: str
    solution: tuple[Block, ...]
    check: Callable[[str], Grade] = field(repr=False, compare=False)
    function: Function | None = field(default=None, repr=False, compare=False)

    def grade(self, answer: str) -> Grade:
        """Grade an answer; whatever the text, there is a grade."""
        if not answer.strip() or answer.strip().strip("_") == "":
            return malformed("there is no answer")
        if len(answer) > MAX_ANSWER:
            return malformed(f"expected at most {MAX_ANSWER} characters, got {len(answer)}")
        return self.check(answer.strip())

    def grade_function(self, function: Callable[..., Any]) -> Grade:
        """Grade a function that was completed in a notebook.

        Raises:
            ValueError: if the exercise is not about code.
        """
        if self.function is None:
            raise ValueError(f"expected an exercise with a function, got {self.kind!r}")
        return self.function.check(function)
