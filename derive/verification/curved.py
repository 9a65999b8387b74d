"""The runs for the step with J of a loss that is no plain square: ``curved_step.py``.

The rows of J, r and K = H J are proved where a workspace makes them; K is computed from the whole of J, so
there the blocks of J, once found right, are read as one array of letters.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sympy import Expr, Integer

from derive.quantities import N, a, mu, y
from derive.theorems import curved
from derive.theorems import levenberg_marquardt as lm
from derive.theorems.curved_trials import factor, ridge, share, shift
from derive.theorems.trials import decrease
from derive.verification.objects import Instance
from derive.verification.values import Held, Memory, Refusal, View, place

if TYPE_CHECKING:
    from derive.verification.entries import Entries, Run

FILE = "curved_step.py"
KIND = "StepWorkspace"
LEAN = ("definite.py", "general.py", "gram_step.py", "normal_step.py")  # the files of the steps without J


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
        for weighed in (False, True):
            yield FILE, "StepWorkspace.at", lambda weighed=weighed: self.linearised("at", weighed)  # type: ignore[misc]
        yield FILE, "StepWorkspace.trial", self.trial
        for name in ("solve_primal", "solve_dual"):
            yield FILE, name, lambda name=name: self.step(name)  # type: ignore[misc]
        for name in ("lm_step_primal", "lm_step_dual"):
            yield FILE, name, lambda name=name: self.public_step(name)  # type: ignore[misc]
        if not set(LEAN) & set(self.run.sources):
            yield FILE, "lm_step", lambda: self.public_step("lm_step")
            yield "damped.py", "damped_step", self.workspace_with_rows

    def workspace_with_rows(self) -> None:
        """Check that the workspace is the one with J where there is no other."""
        found = self.run.call(self.run.function("damped.py", "damped_step"), [N], {})
        if not isinstance(found, Instance) or found.kind.node.name != KIND:
            raise Refusal("what is returned is not the workspace with J")

    def linearised(self, name: str = "linearise", weighed: bool = False) -> None:
        """Check J, K and r at p, in what is returned or in the workspace; with their factors, if any."""
        entries = self.entries
        if self.run.global_name(self.run.sources[FILE], "N_OUTPUTS") != entries.outputs:
            raise Refusal(f"N_OUTPUTS is not {entries.outputs}")
        at = factor[place(0, N), place(1, entries.outputs)]
        t = Memory(entries.outputs, (N,), {(Integer(0), entries.outputs): Held(at, (N, entries.outputs))})
        given = [entries.parameters(), entries.samples(a), entries.samples(y)]
        given += [t.whole()] if weighed else []
        done: list[str] = []

        def weigh(*arguments: Any) -> None:
            names = self.run.bind(self.run.function(FILE, "weigh_rows"), arguments)
            entries.check_blocks(names["J"], "U", (N, *self.rows))
            entries.holds(names["r"], self.slope, "r")
            if names["t"] is not given[-1] or not weighed:
                raise Refusal("the factors are not t")
            done.append("weighed")

        def multiplied(*arguments: Any) -> Any:
            if ("weighed" in done) != weighed:
                raise Refusal("K is not made of the rows with their factors")
            return self._multiplied(*arguments)

        def slope(*arguments: Any) -> None:
            names = self.run.bind(self.run.function(FILE, "slope_of"), arguments)
            own = {array: self.run.attribute(made, array) for array in "Jrg"}
            if any(names[array] is not own[array] for array in "Jrg") or names["p"] is not given[0]:
                raise Refusal("the slope is not made of p, J and r")
            if names["ridge"] != ridge:
                raise Refusal("the slope is not made with the ridge")
            done.append("slope")

        self.run.contracts = {
            (FILE, "weigh_rows"): weigh,
            (FILE, "multiply_rows"): multiplied,
            (FILE, "slope_of"): slope,
            ("model.py", "check_factors"): lambda *_: None,
        }
        try:
            made = entries.made(KIND, FILE)
            made.attributes["ridge"] = ridge
            result = entries.method(made, name, *given)
            if name == "at":
                result = tuple(self.run.attribute(made, array) for array in "JKr")
                if "slope" not in done or self.run.attribute(made, "p") is not given[0]:
                    raise Refusal("the workspace does not keep p and the slope there")
        finally:
            self.run.contracts = {}
        if not isinstance(result, tuple) or len(result) != 3:
            raise Refusal("expected J, K and r")
        self._check(*result)

    def trial(self) -> None:
        """Check that h comes from one of the two systems, for mu and the ridge, and (2.28)."""
        entries = self.entries
        made, p = entries.made(KIND, FILE), entries.parameters()
        made.attributes |= {"ridge": ridge, "p": p}
        own = {array: self.run.attribute(made, array) for array in "JKrgh"}
        h = entries.vector(lm.h, entries.count)

        def bound(name: str, arguments: Any) -> dict[str, Any]:
            names = self.run.bind(self.run.function(FILE, name), arguments)
            wanted: dict[str, Any] = {**own, "p": p, "shift": shift, "share": share}
            for key, value in names.items():
                if value is not wanted[key] and (isinstance(value, View) or value != wanted[key]):
                    raise Refusal(f"{name} is not given {key}")
            return names

        def primal(*arguments: Any) -> View:
            bound("primal_step", arguments)
            return h

        def dual(*arguments: Any) -> None:
            into = bound("dual_step", arguments)["h"]
            into.memory.write(Integer(0), entries.count, h.memory.read(Integer(0), entries.count), 0)

        def predicted(*arguments: Any) -> Expr:
            names = self.run.bind(self.run.function("model.py", "predicted_decrease"), arguments)
            if names["g"] is not own["g"] or names["h"].read() != h.read() or names["mu"] != mu:
                raise Refusal("the decrease is predicted from something other than g, h and mu")
            return decrease

        def shares(*arguments: Any) -> tuple[Expr, Expr]:
            names = self.run.bind(self.run.function("model.py", "shares"), arguments)
            if names != {"mu": mu, "ridge": ridge}:
                raise Refusal("the shares are not those of mu and the ridge")
            return shift, share

        self.run.contracts = {
            (FILE, "primal_step"): primal,
            (FILE, "dual_step"): dual,
            ("model.py", "shares"): shares,
            ("model.py", "predicted_decrease"): predicted,
        }
        try:
            result = entries.method(made, "trial", mu)
            slope = entries.method(made, "slope")
        finally:
            self.run.contracts = {}
        if not isinstance(result, View) or result.read() != h.read() or slope is not own["g"]:
            raise Refusal("what is returned is not h, or not the slope")
        if made.attributes.get("decrease") != decrease:
            raise Refusal("decrease is not that of (2.28)")

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

        ways = ("_primal", "_dual") if name == "lm_step" else (name.removeprefix("lm_step"),)
        self.run.contracts = {(FILE, f"solve{way}"): solved for way in ways}
        self.run.contracts[FILE, "multiply_rows"] = self._multiplied
        try:
            given = [p, entries.samples(a), entries.samples(y), mu]
            result = self.run.call(self.run.function(FILE, name), given, {})
        finally:
            self.run.contracts = {}
        if result is not moved:
            raise Refusal("what is returned is not the new p")
