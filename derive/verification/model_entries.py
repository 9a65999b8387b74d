"""What is run of ``model.py`` and of the sums of chunks: functions of p, h, J, K and rho as whole arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from derive.program.lowering import plainly
from derive.quantities import N, mu
from derive.theorems import curved
from derive.theorems import curved_trials as ct
from derive.theorems import levenberg_marquardt as lm
from derive.theorems.curved_trials import ridge, share, shift
from derive.theorems.trials import S, all_g, all_S, decrease, part_g, part_S
from derive.verification.curved_lean import MODEL, NORMAL, letters
from derive.verification.expected import known
from derive.verification.lean_entries import LeanEntries, Run
from derive.verification.objects import Instance
from derive.verification.values import Held, Memory, Refusal, View, place


class ModelEntries(LeanEntries):
    """The functions of ``model.py``."""

    def runs(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        yield MODEL, "shares", self.shares
        yield MODEL, "slope_with_ridge", self.slope
        yield MODEL, "right_side", self.right_side
        yield MODEL, "step_from_dual", self.step_with_ridge
        yield MODEL, "predicted_decrease", self.decrease
        yield MODEL, "take", self.take

    def called(self, name: str, **given: Any) -> Any:
        """Call a function by the names of its parameters."""
        return self.run.call(self.run.function(MODEL, name), [], given)

    def shares(self) -> None:
        """Check the damping with the ridge, and the ridge's share of it."""
        if self.called("shares", mu=mu, ridge=ridge) != (shift, share):
            raise Refusal("what is returned is not mu + ridge and ridge / (mu + ridge)")

    def slope(self) -> None:
        """Check g = J^T rho - ridge p."""
        g = Memory(lm.s).whole()
        given = {"p": self.vector(lm.p_old, lm.s), "pulled": self.vector(ct.pulled, lm.s)}
        self.called("slope_with_ridge", **given, g=g, ridge=ridge)
        self.is_letter(g, lm.g[place(0, lm.s)], "J^T rho - ridge p")

    def right_side(self) -> None:
        """Check rho + share H J p."""
        right = Memory(lm.M).whole()
        given = {"r": self.vector(curved.rho, lm.M), "HJp": self.vector(ct.HJp, lm.M)}
        self.called("right_side", **given, right=right, share=share)
        self.is_letter(right, ct.right[place(0, lm.M)], "rho + share H J p")

    def step_with_ridge(self) -> None:
        """Check h = J^T v - share p."""
        h = Memory(lm.s).whole()
        given = {"p": self.vector(lm.p_old, lm.s), "pulled": self.vector(ct.pulled, lm.s)}
        self.called("step_from_dual", **given, h=h, share=share)
        self.is_letter(h, lm.h[place(0, lm.s)], "J^T v - share p")

    def decrease(self) -> None:
        """Check (2.28)."""
        self.knowledge.add(known(plainly(ct.predicted_decrease()), lambda q: ()))
        given = {"g": self.vector(lm.g, lm.s), "h": self.vector(lm.h, lm.s), "mu": mu}
        if self.called("predicted_decrease", **given) != decrease:
            raise Refusal("what is returned is not the decrease (2.28)")

    def take(self) -> None:
        """Check p' = p + h."""
        new = Memory(lm.s).whole()
        self.called("take", p=self.vector(lm.p_old, lm.s), h=self.vector(lm.h, lm.s), p_new=new)
        self.is_letter(new, lm.p_new[place(0, lm.s)], "p + h")


class SumEntries(LeanEntries):
    """J^T K and J^T rho of the samples of a chunk, and what is added to what."""

    def runs(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        yield NORMAL, "normal_matrix", self.normal
        yield NORMAL, "accumulate", self.accumulate
        yield NORMAL, "NormalStep.add_part", self.add_part

    def transposed(self, base: Any) -> View:
        """Return J or K with a row for each parameter."""
        return letters(base[place(1, lm.M), place(0, lm.s)], lm.s, lm.M)

    def normal(self) -> None:
        """Check J^T K and J^T rho."""
        filled = Memory(lm.s, (lm.s,)).whole(), Memory(lm.s).whole()
        given = {
            "J": self.transposed(lm.J),
            "K": self.transposed(curved.K),
            "r": self.vector(curved.rho, lm.M),
            "S": filled[0],
            "g": filled[1],
        }
        self.run.call(self.run.function(NORMAL, "normal_matrix"), [], given)
        self.is_letter(filled[0], S[place(0, lm.s), place(1, lm.s)], "J^T K")
        self.is_letter(filled[1], lm.g[place(0, lm.s)], "J^T rho")

    def sums(self) -> tuple[View, View]:
        """Return the sums so far, which may be written."""
        return self.vector(S, lm.s, lm.s, constant=False), self.vector(lm.g, lm.s, constant=False)

    def accumulate(self) -> None:
        """Check that the sums of a chunk are added to those before it, in place."""
        matrix, right = self.sums()
        parts = {"part_S": self.vector(part_S, lm.s, lm.s), "part_g": self.vector(part_g, lm.s)}
        self.run.call(self.run.function(NORMAL, "accumulate"), [], {"S": matrix, "g": right, **parts})
        self._added(matrix, right)

    def add_part(self) -> None:
        """Check that a workspace adds its part to its sums, each to its own."""
        made = Instance(self.kind(NORMAL, "NormalStep"))
        made.attributes["S"], made.attributes["summed"] = matrix, right = self.sums()
        made.attributes["part"] = self.vector(part_S, lm.s, lm.s), self.vector(part_g, lm.s)
        self.method(made, "add_part")
        self._added(matrix, right)

    def _added(self, matrix: View, right: View) -> None:
        self.is_letter(matrix, all_S[place(0, lm.s), place(1, lm.s)], "the sum of both matrices")
        self.is_letter(right, all_g[place(0, lm.s)], "the sum of both right-hand sides")


class WeighedEntries(LeanEntries):
    """The factors of rows, samples last."""

    def runs(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        yield NORMAL, "weigh", self.weigh

    def weigh(self) -> None:
        """Check that J and rho get their factors in place."""
        p, c, i = place(0, self.count), place(1, self.outputs), place(2, N)
        J = letters(ct.plain_J[i, c, p], self.count, self.outputs, N, constant=False)
        pair = place(1, N), place(0, self.outputs)
        r = letters(ct.plain_rho[pair], self.outputs, N, constant=False)
        t = letters(ct.factor[place(0, N), place(1, self.outputs)], N, self.outputs)
        self.run.call(self.run.function(NORMAL, "weigh"), [], {"J": J, "r": r, "t": t})
        self.is_letter(J, lm.J[i, c, p], "t J")
        self.is_letter(r, curved.rho[pair], "t rho")


class ExplicitEntries(LeanEntries):
    """The step of ``curved_step.py`` with a ridge, from J, K and rho."""

    file = "curved_step.py"

    def runs(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        yield self.file, "weigh_rows", self.weigh
        yield self.file, "slope_of", self.slope
        yield self.file, "primal_step", self.primal
        yield self.file, "dual_step", self.dual

    def given(self, *names: str) -> dict[str, Any]:
        """Return what has these names, in letters."""
        known_as: dict[str, Any] = {
            "p": self.vector(lm.p_old, lm.s),
            "J": self.vector(lm.J, lm.M, lm.s),
            "K": self.vector(curved.K, lm.M, lm.s),
            "r": self.vector(curved.rho, lm.M),
            "g": self.vector(lm.g, lm.s),
            "shift": shift,
            "share": share,
            "ridge": ridge,
        }
        return {name: known_as[name] for name in names}

    def called(self, name: str, given: dict[str, Any]) -> Any:
        """Call a function by the names of its parameters."""
        return self.run.call(self.run.function(self.file, name), [], given)

    def weigh(self) -> None:
        """Check that J and rho get their factors in place."""
        i, c, p = place(0, N), place(1, self.outputs), place(2, self.count)
        J = letters(ct.plain_J[i, c, p], N, self.outputs, self.count, constant=False)
        r = letters(ct.plain_rho[i, c], N, self.outputs, constant=False)
        self.called("weigh_rows", {"J": J, "r": r, "t": letters(ct.factor[i, c], N, self.outputs)})
        self.is_letter(J, lm.J[i, c, p], "t J")
        self.is_letter(r, curved.rho[i, c], "t rho")

    def slope(self) -> None:
        """Check g = J^T rho - ridge p."""
        g = Memory(lm.s).whole()
        self.called("slope_of", {**self.given("p", "J", "r", "ridge"), "g": g})
        self.is_letter(g, lm.g[place(0, lm.s)], "J^T rho - ridge p")

    def primal(self) -> None:
        """Check that h solves the primal system."""
        result = self.called("primal_step", self.given("g", "J", "K", "shift"))
        value = result.read() if isinstance(result, View) and result.plain else None
        if value is None or Held(value.expr, value.leaves) != Held(lm.h[place(0, lm.s)], (lm.s,)):
            raise Refusal("what is returned is not h of the primal system")

    def dual(self) -> None:
        """Check that h is that of the dual system."""
        h = Memory(lm.s).whole()
        self.called("dual_step", {**self.given("p", "J", "K", "r", "shift", "share"), "h": h})
        self.is_letter(h, lm.h[place(0, lm.s)], "h of the dual system")
