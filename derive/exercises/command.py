"""What ``derive exercise`` does, once its options are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from derive.errors import UserError
from derive.exercises.exercise import HINTS, Exercise
from derive.exercises.grade import Grade
from derive.exercises.kinds import exercise
from derive.exercises.sheet import answer_key, sheet
from derive.exercises.terminal import terminal_text

Deliver = Callable[[str, Path], None]


def graded(kinds: Sequence[str], seed: int, answer: str) -> Grade:
    """Grade an answer to the exercise of one kind and seed.

    Raises:
        UserError: if not exactly one kind is named.
    """
    if len(kinds) != 1:
        raise UserError(f"expected one --kind with --answer, to know what is answered; got {len(kinds)}")
    return exercise(kinds[0], seed).grade(answer)


def shown(exercises: Sequence[Exercise], hint: int, solution: bool, greek: bool) -> str:
    """Return the text for the terminal."""
    return terminal_text(exercises, _level(hint), solution, greek)


def written(
    exercises: Sequence[Exercise], output: Path, hint: int, solution: bool, student: bool, deliver: Deliver
) -> None:
    """Write a sheet with its answer key, or a notebook; the file's ending says which.

    Raises:
        UserError: if the ending is another one, an option does not go with it, or nbformat is missing.
    """
    if output.suffix == ".tex" and not student:
        deliver(sheet(exercises, _level(hint), solution), output)
        if not solution:
            deliver(answer_key(exercises), output.with_name(f"{output.stem}-answers.tex"))
        return
    if output.suffix == ".tex":
        raise UserError("expected --student with a notebook, such as -o sheet.ipynb")
    if output.suffix != ".ipynb":
        raise UserError(f"expected a file that ends in .tex or .ipynb, got {output.name!r}")
    try:
        from derive.exercises.book import exercise_book
    except ImportError:
        raise UserError("expected nbformat to be installed: pip install 'backproof[notebook]'") from None
    deliver(exercise_book(exercises, student), output)


def _level(hint: int) -> int:
    if not 0 <= hint <= HINTS:
        raise UserError(f"expected --hint 0 to {HINTS}, got {hint}")
    return hint
