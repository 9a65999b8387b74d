"""What is run of NormalStep with factors of the rows and with a ridge.

Each function that is called must be given the right arrays, and leaves the letter of what it was proved to
give.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sympy import Expr, Integer

from derive.calculus.normal_form import equal
from derive.quantities import Index, N, a, kronecker, mu, total, y
from derive.theorems import levenberg_marquardt as lm
from derive.theorems.trials import S, decrease, primal_decrease
from derive.theorems.weighted_step import (
    Jt,
    predicted,
    ridge,
    rt,
    share,
    shift,
    t,
    weighted_equations,
)
from derive.verification.lean_entries import FlatEntries, RowEntries, Run
from derive.verification.objects import Instance
from derive.verification.values import Held, Memory, Refusal, View, place
from derive.verification.weighted_parts import NORMAL, RIDGE, array, by_name, holds_letter


class WeightedFlat(FlatEntries):
    """NormalStep once its sums are there, with a ridge and without."""

    def lean(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        yield NORMAL, "NormalStep.begin", lambda: self.begun(Integer(0))
        yield NORMAL, "NormalStep.begin", lambda: self.begun(ridge)
        yield NORMAL, "NormalStep.slope", self.slope
        yield NORMAL, "NormalStep.trial", self.trial_with_ridge

    def made(self, name: str = "NormalStep", file: str = NORMAL) -> Instance:
        """Return a workspace with letters for its sums."""
        made = Instance(self.kind(file, name))
        made.attributes["S"] = self.vector(S, lm.s, lm.s)
        made.attributes["g"] = self.vector(lm.g, lm.s)
        made.attributes["ridge"], made.attributes["scaling"] = ridge, None
        made.attributes["system"] = Instance(self.kind("definite.py", "ShiftedSystem"))
        return made

    def begun(self, size: Expr) -> None:
        """Check that a system is made of S and of g, which has the ridge's part if there is a ridge."""
        made, p = self.made(), self.vector(lm.p_old, lm.s)
        made.attributes["ridge"] = size
        steps: list[str] = []

        def at(matrix: Any, right: Any) -> None:
            if matrix is not made.attributes["S"] or right is not made.attributes["g"]:
                raise Refusal("the system is not made of the sums")
            steps.append("system")

        def slope(**given: Any) -> None:
            if given["p"] is not p or given["pulled"] is not made.attributes["g"] or given["ridge"] != ridge:
                raise Refusal("the ridge's part of the slope is made of something other than g, p and ridge")
            steps.append("slope")

        contracts = {
            ("definite.py", "ShiftedSystem.at"): at,
            (RIDGE, "slope_with_ridge"): by_name(self.run, RIDGE, "slope_with_ridge", slope),
        }
        self.agree(contracts)
        try:
            self.method(made, "begin", p)
        finally:
            self.agree({})
        if steps != (["slope", "system"] if size == ridge else ["system"]):
            raise Refusal("the system must be made once the slope is complete")

    def slope(self) -> None:
        """Check that the slope is the right-hand side of the system."""
        made = self.made()
        if self.method(made, "slope") is not made.attributes["g"]:
            raise Refusal("what is returned is not the slope")

    def trial_with_ridge(self) -> None:
        """Check that h solves (5.11), and that the decrease is that of (5.14)."""
        made, solution = self.made(), self.vector(lm.h, lm.s)
        p, m, q = Index("p", lm.s), Index("m", lm.s), Index("q", lm.M)
        matrix = weighted_equations().matrix
        wanted = total(Jt[q, p] * Jt[q, m], q) + shift * kronecker(p, m)
        names = dict(zip(matrix.lhs.indices, (p, m), strict=True))
        if not equal(matrix.rhs.xreplace(names), wanted):
            raise Refusal("the system of the proof is not this one with shift on its diagonal")
        if not equal(predicted().equation.lhs, primal_decrease().rhs):
            raise Refusal("(5.14) is not computed as (5.8)")

        def solve(damping: Any) -> View:
            if damping != shift:
                raise Refusal("what is added to the diagonal is not mu + ridge")
            return solution

        def shifts(**given: Any) -> tuple[Expr, Expr]:
            if given != {"mu": mu, "ridge": ridge}:
                raise Refusal("the shift is not made of mu and ridge")
            return shift, share

        contracts = {
            ("definite.py", "ShiftedSystem.solve"): solve,
            (RIDGE, "shifts"): by_name(self.run, RIDGE, "shifts", shifts),
        }
        self.agree(contracts)
        try:
            result = self.method(made, "trial", mu)
        finally:
            self.agree({})
        if result is not solution or made.attributes.get("decrease") != decrease:
            raise Refusal("what is returned is not h, or its decrease not that of (5.14)")


class WeightedRows(RowEntries):
    """Columns: the sums of a chunk whose rows have factors."""

    def lean(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        list(super().lean())
        yield NORMAL, "Columns.sums", self.weighed_sums

    def weighed_sums(self) -> None:
        """Check that rows and r are weighed, once, before they are summed."""
        sizes = self.run.global_name(self.run.sources[NORMAL], "PER_SAMPLE")
        lent = tuple(Memory(size * N).whole() for size in sizes)
        filled = Memory(self.count, (self.count,)).whole(), Memory(self.count).whole()
        factors = array(t[place(0, N), place(1, self.outputs)], N, self.outputs)
        c, leaves = self.outputs, (self.count, self.outputs, N)
        J_letter = Jt[place(2, N), place(1, c), place(0, self.count)]
        r_letter = rt[place(1, N), place(0, c)]
        called: list[str] = []

        def weigh(**given: Any) -> None:
            J, r = given["J"], given["r"]
            if given["t"] is not factors or not isinstance(J, View) or J.shape != leaves or not J.plain:
                raise Refusal("what is weighed is not J with the factors t")
            self._check_rows(J.reshaped([self.count, c * N]))
            if not isinstance(r, View) or not r.plain or not self._is_residual(r):
                raise Refusal("what is weighed is not r (0.5)")
            J.memory.write(J.start, J.stop, Held(J_letter, leaves), 0)
            r.memory.write(r.start, r.stop, Held(r_letter, (c, N)), 0)
            called.append("weigh")

        def normal(**given: Any) -> None:
            J, wide = given["J"], c * N
            if (given["S"], given["g"]) != filled:
                raise Refusal("the sums do not go where they should")
            if not holds_letter(J, J_letter, leaves) or J.shape != (self.count, wide):
                raise Refusal("what is summed is not J with the factors of its rows")
            if not holds_letter(given["r"], r_letter, (c, N)):
                raise Refusal("what J^T is multiplied with is not t r")
            called.append("normal")

        contracts = {
            (NORMAL, "weigh"): by_name(self.run, NORMAL, "weigh", weigh),
            (NORMAL, "normal_matrix"): by_name(self.run, NORMAL, "normal_matrix", normal),
        }
        self.agree(contracts)
        try:
            made = self.run.create(self.kind(NORMAL, "Columns"), [N, lent], {})
            weights = self.run.call(self.run.function("parameters.py", "unpack"), [self.parameters()], {})
            self.method(made, "sums", self.samples(a), self.samples(y), weights, *filled, factors)
        finally:
            self.agree({})
        if called != ["weigh", "normal"]:
            raise Refusal("rows must be weighed once and then summed")

    def _is_residual(self, r: View) -> bool:
        value = r.read()
        return self.knowledge.holds(Held(value.expr, value.leaves), lm.r[place(1, N), place(0, self.outputs)])
