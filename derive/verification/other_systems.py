"""The system of a step with another right-hand side: ``other`` of GramStep and of NormalStep.

What solves it is read as the letter v or h, whatever it is asked for: the solution must be that of the
system of the step, with the same damping and the same factors of the rows, and what is made of it must be
J^T t v, or the solution itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sympy import Expr, Integer

from derive.quantities import N, mu
from derive.theorems import levenberg_marquardt as lm
from derive.theorems.weighted_step import ridge, share, shift
from derive.verification.lean_entries import Run
from derive.verification.values import Memory, Refusal, View
from derive.verification.weighted_gram import WeightedGram
from derive.verification.weighted_normal import WeightedFlat
from derive.verification.weighted_parts import GRAM, NORMAL, RIDGE, by_name


class OtherGram(WeightedGram):
    """GramStep.other, with factors of the rows, with a ridge, and with both."""

    def lean(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        for weighed in (False, True):
            for ridged in (False, True):
                yield GRAM, "GramStep.other", lambda w=weighed, r=ridged: self.way(w, r)  # type: ignore[misc]

    def ask(self, made: Any, solution: View) -> None:
        """Ask twice for the solution for a vector u, where the workspace stands."""
        u = Memory(N, (self.outputs,)).whole()

        def solve_other(damping: Any, right: Any) -> View:
            if damping != (shift if self.ridged else mu):
                raise Refusal("the system is not solved for mu, or for mu + ridge")
            order = (self.outputs * N,)
            if not isinstance(right, View) or right.memory is not u.memory or right.shape != order:
                raise Refusal("the right-hand side is not the one that is given")
            return solution

        def solve(*_: Any) -> View:
            raise Refusal("the system is solved for r, not for what is given")

        contracts = self._contracts(solution)
        contracts["definite.py", "ShiftedSystem.solve"] = solve
        contracts["definite.py", "ShiftedSystem.solve_other"] = solve_other
        self.agree(contracts)
        for _ in range(2):  # it must find everything as it was
            target = Memory(self.count).whole()
            blocks = self.run.call(self.run.function("parameters.py", "unpack"), [target], {})
            if self.method(made, "other", mu, u, blocks) is not True:
                raise Refusal("does not say that there is a solution")
            if self.pulled.get(target.memory) != self.times_t(self.inner):
                raise Refusal("what the blocks are filled with is not J^T t v")
            self._check_step(target)


class OtherNormal(WeightedFlat):
    """NormalStep.other, with a ridge and without."""

    def lean(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        yield NORMAL, "NormalStep.other", lambda: self.handed_on(Integer(0))
        yield NORMAL, "NormalStep.other", lambda: self.handed_on(ridge)

    def handed_on(self, size: Expr) -> None:
        """Check that the solution for what is given is handed on."""
        made = self.made()
        made.attributes["ridge"] = size
        right, solution = self.vector(lm.g, lm.s), self.vector(lm.h, lm.s)

        def solve_other(damping: Any, given: Any) -> View:
            if damping != (shift if size == ridge else mu) or given is not right:
                raise Refusal("the system is not asked for mu, or mu + ridge, and what is given")
            return solution

        contracts = {
            ("definite.py", "ShiftedSystem.solve_other"): solve_other,
            (RIDGE, "shifts"): by_name(self.run, RIDGE, "shifts", self._shifts),
        }
        self.agree(contracts)
        try:
            if self.method(made, "other", mu, right) is not solution:
                raise Refusal("what is returned is not the solution")
        finally:
            self.agree({})

    def _shifts(self, **given: Any) -> tuple[Expr, Expr]:
        if given != {"mu": mu, "ridge": ridge}:
            raise Refusal("the shift is not made of mu and ridge")
        return shift, share
