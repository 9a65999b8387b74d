"""Exercises drawn by seed from the derivation's own objects, graded by the project's own checkers.

    kind, seed  ->  Exercise  ->  terminal, LaTeX sheet, notebook
                    kinds        terminal.py  sheet.py   book.py

>>> from derive.exercises import exercise
>>> drawn = exercise("mend", 1)
>>> drawn.grade(drawn.answer).right, drawn.grade("0 * y").right
(True, False)
"""

from derive.exercises.exercise import Exercise
from derive.exercises.grade import Grade, Mark
from derive.exercises.kinds import KINDS, Kind, exercise, exercises

__all__ = ["KINDS", "Exercise", "Grade", "Kind", "Mark", "exercise", "exercises"]
