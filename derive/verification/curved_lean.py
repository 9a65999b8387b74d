"""What is run of the steps without the Jacobian for other costs than squares, and what must come out.

H J J^T, J p and J^T v are proved twice, without factors of the samples and with them: J J^T, rho, J p and v
are then t times what they were. Functions of ``model.py`` are proved by themselves, and where a workspace
calls them it is checked that they are given what they are meant for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sympy import Expr, Integer

from derive.network import array_of
from derive.program.curved_lean import curved_samples_last, outputs_first_of
from derive.program.lowering import plainly
from derive.proof import Proof
from derive.quantities import N, Partial, a, mu, y
from derive.theorems import curved, trials
from derive.theorems import curved_trials as ct
from derive.theorems import levenberg_marquardt as lm
from derive.theorems.curved_trials import ridge, share, shift
from derive.verification.expected import Knowledge, known
from derive.verification.interpreter import Interpreter
from derive.verification.lean_entries import GramEntries, LeanEntries, Run, indices_of
from derive.verification.objects import FLOAT, Instance
from derive.verification.values import Held, Lost, Memory, Refusal, View, place

GRAM, NORMAL, MODEL = "gram_step.py", "normal_step.py", "model.py"


def letters(letter: Expr, *extents: Expr, constant: bool = True) -> View:
    """Return an array of a letter whose axes are given, its indices at their canonical places."""
    memory = Memory(extents[-1], extents[:-1], constant=constant)
    memory.held[Integer(0), extents[-1]] = Held(letter, extents)
    return memory.whole()


class CurvedStepEntries(LeanEntries):
    """What both workspaces have in common: the calls of ``model.py``, and h."""

    def by_name(self, file: str, name: str, answer: Callable[..., Any]) -> dict[Any, Callable[..., Any]]:
        """Let calls of a function be answered, given its arguments by the names of its parameters."""
        function = self.run.function(file, name)

        def answered(*arguments: Any) -> Any:
            return answer(**self.run.bind(function, arguments))

        return {(file, name): answered}

    def same(self, given: Any, wanted: Any, what: str) -> None:
        """Refuse another array or number than the wanted one."""
        if given is not wanted and (isinstance(given, View) or given != wanted):
            raise Refusal(f"expected {what}")

    def shared(self, **given: Any) -> tuple[Expr, Expr]:
        """Answer ``shares``."""
        if given != {"mu": mu, "ridge": ridge}:
            raise Refusal("the shares are not those of mu and the ridge")
        return shift, share

    def predicted(self, made: Instance, h: View) -> Callable[..., Expr]:
        """Return what answers ``predicted_decrease``."""

        def answer(**given: Any) -> Expr:
            self.same(given["g"], made.attributes.get("g"), "the decrease to be predicted from g")
            self.same(given["h"], h, "the decrease to be predicted from h")
            self.same(given["mu"], mu, "the decrease to be predicted for mu")
            return trials.decrease

        return answer

    def read(self, view: Any, letter: Expr, what: str) -> None:
        """Refuse an array that does not hold a letter."""
        value = view.read() if isinstance(view, View) and view.plain else None
        if value is None or not (
            value.expr == letter or self.knowledge.holds(Held(value.expr, value.leaves), letter)
        ):
            raise Refusal(f"expected {what}")


class CurvedGramEntries(CurvedStepEntries):
    """GramStep, with factors of the samples or without."""

    def __init__(self, run: Interpreter, knowledge: Knowledge, proof: Proof, *, weighed: bool) -> None:
        super().__init__(run, knowledge, proof)
        self.weighed = weighed
        assert proof.curved_lean is not None
        self.lean = proof.curved_lean
        self.axes = outputs_first_of(self.lean)
        back = {}
        for derived in self.lean.lean.back:
            lhs = derived.equation.lhs
            if isinstance(lhs, Partial):
                letter = known(plainly(derived.equation), lambda q: indices_of(self.axes(q)[1])).letter
                back[array_of(lhs.v)] = letter
        self._letters["h"] = [back[array_of(parameter)] for parameter in proof.network.each_parameter]
        run.before[GRAM, "pull_back"] = lambda frame: self.meant(frame, "blocks", "h")
        run.after[GRAM, "pull_back"] = lambda frame: self.filled(frame, "blocks", "h")

    def lean_runs(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        if self.weighed:
            yield GRAM, "weigh_vector", self.vector_weighed
        yield GRAM, "GramStep.at", self.steps

    def factors(self) -> View | None:
        """Return t, or None."""
        return (
            letters(ct.factor[place(0, N), place(1, self.outputs)], N, self.outputs) if self.weighed else None
        )

    def of_pair(self, base: Any, *, constant: bool = True) -> View:
        """Return an array of a letter for every output of every sample, outputs first."""
        return letters(base[place(1, N), place(0, self.outputs)], self.outputs, N, constant=constant)

    def vector_weighed(self) -> None:
        """Check that v gets its factors in place."""
        v = self.of_pair(ct.plain_v, constant=False)
        given = {"t": self.factors(), "v": v}
        self.run.call(self.run.function(GRAM, "weigh_vector"), [], given)
        self.is_letter(v, lm.v[place(1, N), place(0, self.outputs)], "t v")

    def steps(self) -> None:
        """Check the system at p, the slope there, and h for a v that solves (2.31); twice from one p."""
        outputs, t = self.outputs, self.factors()
        c, i, d, s = place(0, outputs), place(1, N), place(2, outputs), place(3, N)
        p, X = self.parameters(), self.samples(a)
        made_of: dict[str, Any] = {}
        pulling = self.run.function(GRAM, "pull_back")
        solving: list[View] = []  # v of the trial at hand; none while the slope is made

        def system(matrix: Any) -> None:
            if not isinstance(matrix, View) or matrix.shape != (outputs * N, outputs * N):
                raise Refusal("the system is not given a matrix of its order")
            self.read(matrix, ct.B[i, c, s, d], "the matrix of the system to be H J J^T (2.29)")
            made_of["system"] = True

        def solve(damping: Any, right: Any) -> View:
            self.same(damping, shift, "the system to be solved for mu and the ridge")
            self.same(right, made_of.pop("right", None), "the right-hand side (2.31)")
            if "system" not in made_of:
                raise Refusal("asks for a solution before there is a system")
            base = ct.plain_v if self.weighed else lm.v
            memory = Memory(outputs * N)
            memory.held[Integer(0), outputs * N] = Held(base[i, c], (outputs, N))
            solving.append(memory.whole())
            return solving[-1]

        def weigh_vector(v: Any, **given: Any) -> None:
            self.same(given["t"], t, "the factors t")
            self.source(v, solving)
            v.memory.held = {stretch: Lost(0) for stretch in v.memory.held}  # it is t times what it was
            made_of["weighed"] = v

        def pull_back(v: Any, **names: Any) -> None:
            if not self.weighed:
                self.source(v, solving)
            elif made_of.pop("weighed", None) is not v:
                raise Refusal("v has no factors t")
            self.run.run(pulling, names | {"v": self.of_pair(lm.v)})
            made_of["pulled"] = "h" if solving else "g"

        def slope(**given: Any) -> None:
            self.same(given["p"], p, "the slope at p")
            self.same(given["ridge"], ridge, "the slope with the ridge")
            self.blocks_hold(given["pulled"], made_of.pop("pulled", ""), "g")
            self.same(given["g"], made.attributes.get("g"), "the slope to be kept as g")

        def right_side(r: Any, HJp: Any, right: Any, **given: Any) -> None:
            self.same(given["share"], share, "the ridge's share")
            self.read(r, curved.rho[i, c], "rho on the right-hand side (2.31)")
            self.read(HJp, ct.HJp[i, c], "H J p on the right-hand side (2.31)")
            made_of["right"] = right

        def step_from_dual(**given: Any) -> None:
            self.same(given["p"], p, "the step from p")
            self.same(given["share"], share, "the ridge's share")
            self.blocks_hold(given["pulled"], made_of.pop("pulled", ""), "h")
            made_of["h"] = given["h"]

        contracts: dict[tuple[str, str], Callable[..., Any]] = {
            ("general.py", "GeneralSystem.__init__"): lambda: None,
            ("general.py", "GeneralSystem.at"): system,
            ("general.py", "GeneralSystem.solve"): solve,
            (MODEL, "check_factors"): lambda *_: None,
            **self.by_name(GRAM, "weigh_vector", weigh_vector),
            **self.by_name(GRAM, "pull_back", pull_back),
            **self.by_name(MODEL, "shares", self.shared),
            **self.by_name(MODEL, "slope_with_ridge", slope),
            **self.by_name(MODEL, "right_side", right_side),
            **self.by_name(MODEL, "step_from_dual", step_from_dual),
        }
        self.agree(contracts)
        try:
            made = self.run.create(self.kind(GRAM, "GramStep"), [N, FLOAT], {})
            made.attributes["ridge"] = ridge
            self.method(made, "at", p, X, self.samples(y), *([t] if self.weighed else []))
            self.same(self.method(made, "slope"), made.attributes["g"], "slope to return g")
            wanted = made.attributes["h"]
            self.agree(contracts | self.by_name(MODEL, "predicted_decrease", self.predicted(made, wanted)))
            for _ in range(2):  # a second trial must find everything as it was
                result = self.method(made, "trial", mu)
                self.same(result, made_of.pop("h", None), "trial to return h")
        finally:
            self.agree({})
        if made.attributes.get("decrease") != trials.decrease:
            raise Refusal("decrease is not that of (2.28)")

    def source(self, v: Any, solving: list[View]) -> None:
        """Refuse a v that is neither rho, while the slope is made, nor the solution at hand."""
        if not isinstance(v, View) or v.shape != (self.outputs, N):
            raise Refusal("v has not the shape of rho")
        if not solving:
            self.read(v, curved.rho[place(1, N), place(0, self.outputs)], "the slope to be made of rho")
        elif v.memory is not solving[-1].memory:
            raise Refusal("the step is not made of the solution")

    def blocks_hold(self, pulled: Any, held_for: str, kind: str) -> None:
        """Refuse blocks that are not J^T of what was pulled last."""
        if held_for != kind or not isinstance(pulled, View) or pulled.shape != (self.count,):
            raise Refusal("J^T v is not what was made last")
        for (block, item), letter in zip(self.blocks.items(), self._letters["h"], strict=True):
            held = pulled.memory.held.get((Integer(item.start), Integer(item.stop)))
            if not isinstance(held, Held) or not self.knowledge.holds(held, letter):
                raise Refusal(f"{block} does not hold its part of J^T v")


class CurvedRowEntries(CurvedStepEntries):
    """NormalStep: the rows of J and K of some samples, samples last, and the system of their sums."""

    def lean_runs(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        assert self.proof.curved is not None
        found = {}
        for derived in self.proof.curved.rows:
            lhs = derived.equation.lhs
            if isinstance(lhs, Partial):
                letter = known(
                    plainly(derived.equation), lambda q: indices_of(curved_samples_last(q)[1])
                ).letter
                found[array_of(lhs.v)] = letter
        self._letters["rows"] = [
            found[array_of(parameter)] for parameter in self.proof.network.each_parameter
        ]
        self.run.before[NORMAL, "columns"] = lambda frame: self.meant(frame, "rows", "rows")
        self.run.after[NORMAL, "columns"] = lambda frame: self.filled(frame, "rows", "rows")
        yield NORMAL, "Columns.sums", lambda: self.sums(None)
        t = letters(ct.factor[place(0, N), place(1, self.outputs)], N, self.outputs)
        yield NORMAL, "Columns.sums", lambda: self.sums(t)
        yield NORMAL, "NormalStep.settle", self.settled
        yield NORMAL, "NormalStep.trial", self.trial

    def rows(self, base: Any, *, constant: bool = True) -> View:
        """Return an array of the letters of J or K, with a row for each parameter."""
        at = base[place(2, N), place(1, self.outputs), place(0, self.count)]
        return letters(at, self.count, self.outputs, N, constant=constant)

    def sums(self, t: View | None) -> None:
        """Check that J^T K and J^T rho are summed from all rows, with their factors if there are any."""
        sizes = self.run.global_name(self.run.sources[NORMAL], "PER_SAMPLE")
        if not isinstance(sizes, tuple) or not all(isinstance(size, Integer) for size in sizes):
            raise Refusal("PER_SAMPLE is not a tuple of whole numbers")
        lent = tuple(Memory(size * N).whole() for size in sizes)
        filled = Memory(self.count, (self.count,)).whole(), Memory(self.count).whole()
        done: list[str] = []
        slope = curved.rho[place(1, N), place(0, self.outputs)]
        bending = self.run.function(NORMAL, "bend_rows")

        def weigh(J: Any, r: Any, **given: Any) -> None:
            self.same(given["t"], t, "the factors t")
            self.all_rows(J, (self.count, self.outputs, N))
            self.read(r, slope, "rho to get its factors")
            done.append("weighed")

        def bend_rows(**names: Any) -> None:
            self.all_rows(names["J"], (self.count, self.outputs, N))
            if ("weighed" in done) != (t is not None):
                raise Refusal("K is not made of the rows with their factors")
            self.run.run(bending, names | {"J": self.rows(lm.J)})
            done.append("bent")

        def normal(**names: Any) -> None:
            J, K, r = (names[name] for name in "JKr")
            if (names["S"], names["g"]) != filled or done[-1:] != ["bent"]:
                raise Refusal("the sums do not go where they should")
            self.all_rows(J, (self.count, self.outputs * N))
            wide = Integer(0), self.count * self.outputs * N
            held = K.memory.held.get(wide) if isinstance(K, View) and K.plain else None
            at = curved.K[place(2, N), place(1, self.outputs), place(0, self.count)]
            if K.shape != (self.count, self.outputs * N) or not isinstance(held, Held):
                raise Refusal("what J^T is multiplied with is not K")
            if not self.knowledge.holds(held, at):
                raise Refusal("what J^T is multiplied with is not K (2.17)")
            self.read(r, slope, "J^T to be multiplied with rho (2.15)")
            done.append("summed")

        self.agree(
            {
                **self.by_name(NORMAL, "weigh", weigh),
                **self.by_name(NORMAL, "bend_rows", bend_rows),
                **self.by_name(NORMAL, "normal_matrix", normal),
            }
        )
        try:
            made = self.run.create(self.kind(NORMAL, "Columns"), [N, lent], {})
            weights = self.run.call(self.run.function("parameters.py", "unpack"), [self.parameters()], {})
            self.method(made, "sums", self.samples(a), self.samples(y), t, weights, *filled)
        finally:
            self.agree({})
        if "summed" not in done:
            raise Refusal("nothing is summed")

    def all_rows(self, J: Any, shape: tuple[Expr, ...]) -> None:
        """Refuse what is not the transpose of J, block by block."""
        wide = self.outputs * N
        if not isinstance(J, View) or not J.plain or J.shape != shape:
            raise Refusal("expected the transpose of J")
        for (block, item), letter in zip(self.blocks.items(), self._letters["rows"], strict=True):
            held = J.memory.held.get((item.start * wide, item.stop * wide))
            if not isinstance(held, Held) or not self.knowledge.holds(held, letter):
                raise Refusal(f"J{block} does not hold its rows of the transposed Jacobian")

    def workspace(self) -> Instance:
        """Return a workspace whose sums are letters."""
        made = Instance(self.kind(NORMAL, "NormalStep"))
        made.attributes |= {
            "S": self.vector(trials.S, lm.s, lm.s),
            "summed": self.vector(ct.pulled, lm.s),
            "g": self.vector(lm.g, lm.s),
            "ridge": ridge,
            "system": Instance(self.kind("definite.py", "ShiftedSystem")),
        }
        return made

    def settled(self) -> None:
        """Check that the system is given the sums, and g with the ridge."""
        made, p = self.workspace(), self.parameters()
        done: list[str] = []

        def slope(**given: Any) -> None:
            wanted = {"p": p, "g": made.attributes["g"], "pulled": made.attributes["summed"], "ridge": ridge}
            for name, own in wanted.items():
                self.same(given[name], own, "the slope from p, the sum of J^T rho and the ridge, kept as g")
            done.append("slope")

        def system(S: Any, g: Any) -> None:
            self.same(S, made.attributes["S"], "the system to be made of S")
            self.same(g, made.attributes["g"], "g on the right-hand side")
            done.append("system")

        self.agree(
            {
                ("definite.py", "ShiftedSystem.at"): system,
                **self.by_name(MODEL, "slope_with_ridge", slope),
            }
        )
        try:
            self.method(made, "settle", p)
            self.same(self.method(made, "slope"), made.attributes["g"], "slope to return g")
        finally:
            self.agree({})
        if done != ["slope", "system"]:
            raise Refusal("the slope is not made before the system")

    def trial(self) -> None:
        """Check that h solves the system for mu and the ridge, and (2.28)."""
        made, h = self.workspace(), self.vector(lm.h, lm.s)

        def solve(damping: Any) -> View:
            self.same(damping, shift, "the system to be solved for mu and the ridge")
            return h

        self.agree(
            {
                ("definite.py", "ShiftedSystem.solve"): solve,
                **self.by_name(MODEL, "shares", self.shared),
                **self.by_name(MODEL, "predicted_decrease", self.predicted(made, h)),
            }
        )
        try:
            self.same(self.method(made, "trial", mu), h, "trial to return h")
        finally:
            self.agree({})
        if made.attributes.get("decrease") != trials.decrease:
            raise Refusal("decrease is not that of (2.28)")


class CurvedChoiceEntries(GramEntries):
    """``damped.py`` and ``lm_step``: a step is taken by one of the two workspaces."""

    taking, public = (MODEL, "take"), "curved_step.py"

    def lean(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        yield from (
            ("damped.py", "step_by_gram_matrix", lambda: self.whole_step("Gram")),
            ("damped.py", "step_by_normal_matrix", lambda: self.whole_step("Normal")),
            ("curved_step.py", "lm_step", self.public_step_by_sizes),
        )
