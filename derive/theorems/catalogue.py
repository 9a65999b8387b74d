"""Every theorem of the project beside Lemma 1, by name."""

from __future__ import annotations

from derive.theorems.cost import cost
from derive.theorems.damping import levenberg_marquardt
from derive.theorems.descent import steepest_descent
from derive.theorems.gram import gram
from derive.theorems.slope import slopes
from derive.theorems.theorem import Theorem
from derive.theorems.woodbury import woodbury


def theorems() -> tuple[Theorem, ...]:
    """Return the theorems, proved afresh."""
    return (slopes(), cost(), steepest_descent(), levenberg_marquardt(), woodbury(), gram())
