"""The runs for the step of a loss that is no plain square: ``curved_step.py``.

The rows of J, r and K = H J are proved where a workspace makes them; K is computed from the whole of J, so
there the blocks of J, once found right, are read as one array of letters.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sympy import Integer

from derive.quantities import N, a, mu, y
from derive.theorems import curved
from derive.theorems import levenberg_marquardt as lm
from derive.verification.values import Held, Memory, Refusal, View, place

if TYPE_CHECKING:
    from derive.verification.entries import Entries, Run

FILE = "curved_step.py"


class CurvedEntries:
    """The runs for one package."""

    def __init__(self, entries: Entries) -> None:
        self.entries, self.run = entries, entries.run
        self.rows = (entries.outputs, entries.count)
        self.run.before[FILE, "differentiate_outputs"] = lambda frame: entries.meant(frame, "rows", "U")
        self.run.after[FILE, "differentiate_outputs"] = lambda frame: entries.filled(frame, "rows", "U")
        self.run.after[FILE, "bend"] = lambda frame: entries.holds(frame.names.get("r"), self.slope, "r")

    @property
    def slope(self) -> Any:
        """The letter of minus the slope of the cost in an output."""
        return curved.rho[place(0, N), place(1, self.entries.outputs)]

    def all(self) -> Iterator[tuple[str, str, Run]]:
        """Yield the file, the name and the run of everything that is proved."""
        yield FILE, "StepWorkspace.linearise", self.linearised
        yield FILE, "StepWorkspace.at", lambda: self.linearised("at")
        for name in ("solve_primal", "solve_dual", "solve"):
            yield FILE, name, lambda name=name: self.step(name)  # type: ignore[misc]
        for name in ("lm_step", "lm_step_primal", "lm_step_dual"):
            yield FILE, name, lambda name=name: self.public_step(name)  # type: ignore[misc]
        yield FILE, "move", self.moved

    def linearised(self, name: str = "linearise") -> None:
        """Check J, K and r at p, in what is returned or in the workspace."""
        entries = self.entries
        if self.run.global_name(self.run.sources[FILE], "N_OUTPUTS") != entries.outputs:
            raise Refusal(f"N_OUTPUTS is not {entries.outputs}")
        given = (entries.parameters(), entries.samples(a), entries.samples(y))
        with_letters = {(FILE, "multiply_rows"): self._multiplied}
        self.run.contracts = with_letters
        try:
            made = entries.made("StepWorkspace", FILE)
            result = entries.method(made, name, *given)
            if name == "at":
                result = tuple(self.run.attribute(made, array) for array in "JKr")
        finally:
            self.run.contracts = {}
        if not isinstance(result, tuple) or len(result) != 3:
            raise Refusal("expected J, K and r")
        self._check(*result)

    def _multiplied(self, J: Any, *more: Any) -> Any:
        """Run ``multiply_rows`` on letters for J, whose blocks have been found right."""
        if not isinstance(J, View) or J.shape != (N, *self.rows):
            raise Refusal("multiply_rows is given something other than J, sample by sample")
        self.entries.check_blocks(J, "U", (N, *self.rows))
        function = self.run.function(FILE, "multiply_rows")
        return self.run.run(function, self.run.bind(function, [self._letters(), *more]))

    def _letters(self) -> View:
        indices = (place(0, N), *(place(k, size) for k, size in enumerate(self.rows, start=1)))
        leaves = (N, *self.rows)
        memory = Memory(leaves[-1], leaves[:-1], constant=True)
        memory.held[memory.whole().start, leaves[-1]] = Held(lm.J[indices], leaves)
        return memory.whole()

    def _check(self, J: Any, K: Any, r: Any) -> None:
        """Check that arrays hold J, K = H J and r, samples and outputs merged."""
        entries = self.entries
        entries.check_blocks(J, "U", (N * entries.outputs, entries.count))
        if not isinstance(K, View) or not K.plain or K.shape != (N * entries.outputs, entries.count):
            raise Refusal("what is returned is not K = H J")
        indices = (place(0, N), *(place(k, size) for k, size in enumerate(self.rows, start=1)))
        held = K.memory.read(K.start, K.stop)
        if not entries.knowledge.holds(held, curved.K[indices]):
            raise Refusal("what is returned is not K = H J, (2.17)")
        if not isinstance(r, View) or not r.plain or r.shape != (N * entries.outputs,):
            raise Refusal("what is returned is not r, (2.15)")
        if not entries.knowledge.holds(r.memory.read(r.start, r.stop), self.slope):
            raise Refusal("what is returned is not r, (2.15)")

    def step(self, name: str) -> None:
        """Check a step, given J, K and r."""
        vector = self.entries.vector
        given = [
            vector(lm.p_old, lm.s),
            vector(lm.J, lm.M, lm.s),
            vector(curved.K, lm.M, lm.s),
            vector(curved.rho, lm.M),
            mu,
        ]
        result = self.run.call(self.run.function(FILE, name), given, {})
        self.entries.is_letter(result, lm.p_new[place(0, lm.s)], "p + h")

    def moved(self) -> None:
        """Check the step of the training loop: from p, with J, K and r, into what is given."""
        entries = self.entries
        p, p_new, new = entries.parameters(), Memory(entries.count).whole(), self._new()
        work = entries.made("StepWorkspace", FILE)
        wanted = (p, *(self.run.attribute(work, name) for name in "JKr"), mu)

        def solved(*arguments: Any) -> View:
            if len(arguments) != 5 or any(g is not w for g, w in zip(arguments, wanted, strict=True)):
                raise Refusal("the step is not solved from p, J, K, r and mu")
            return new

        self.run.contracts = {(FILE, "solve"): solved}
        try:
            result = self.run.call(self.run.function(FILE, "move"), [work, p, mu, p_new], {})
        finally:
            self.run.contracts = {}
        held = p_new.memory.held.get((p_new.start, p_new.stop))
        if not isinstance(held, Held) or held.expr != new.read().expr or result is False:
            raise Refusal("p_new does not hold the step")

    def _new(self) -> View:
        memory = Memory(self.entries.count, constant=True)
        letter = lm.p_new[place(0, self.entries.count)]
        memory.held[Integer(0), self.entries.count] = Held(letter, (self.entries.count,))
        return memory.whole()

    def public_step(self, name: str) -> None:
        """Check that a step is taken with J, K and r at p."""
        entries = self.entries
        p, moved = entries.parameters(), entries.vector(lm.p_new, lm.s)

        def solved(*arguments: Any) -> View:
            if len(arguments) != 5 or getattr(arguments[0], "memory", None) is not p.memory:
                raise Refusal("the step starts from something other than p")
            self._check(*arguments[1:4])
            if arguments[4] != mu:
                raise Refusal("the damping is not mu")
            return moved

        self.run.contracts = {
            (FILE, f"solve{name.removeprefix('lm_step')}"): solved,
            (FILE, "multiply_rows"): self._multiplied,
        }
        try:
            given = [p, entries.samples(a), entries.samples(y), mu]
            result = self.run.call(self.run.function(FILE, name), given, {})
        finally:
            self.run.contracts = {}
        if result is not moved:
            raise Refusal("what is returned is not the new p")
