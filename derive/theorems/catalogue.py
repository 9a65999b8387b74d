"""Every theorem of the project beside Lemma 1, by name."""

from __future__ import annotations

from derive.theorems.damping import levenberg_marquardt
from derive.theorems.descent import steepest_descent
from derive.theorems.gram import gram
from derive.theorems.theorem import Theorem
from derive.theorems.woodbury import woodbury


def theorems() -> tuple[Theorem, ...]:
    """Return the theorems, proved afresh."""
    return (steepest_descent(), levenberg_marquardt(), woodbury(), gram())
