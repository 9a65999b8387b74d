"""What is run of the steps without the Jacobian, and what must come out.

Three runs, each with the equations as its arrays have their axes: the Gram matrix and the backward pass, the
rows of the Jacobian with samples last, and what is a matter of p and of all residuals alone. A solution of
``ShiftedSystem``, whose text is compared, is read as the letter v or h of the system that is given to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sympy import Expr, Indexed, Integer

from derive.calculus.normal_form import equal
from derive.network import array_of
from derive.program.lean import outputs_first, samples_last
from derive.program.lowering import plainly
from derive.quantities import Index, N, Partial, a, kronecker, mu, total, y
from derive.theorems import levenberg_marquardt as lm
from derive.theorems.lean_step import Q
from derive.theorems.trials import (
    S,
    all_g,
    all_S,
    decrease,
    dual_decrease,
    normal_matrix,
    part_g,
    part_S,
    primal_decrease,
)
from derive.verification.entries import Entries
from derive.verification.expected import known
from derive.verification.objects import FLOAT, Class, Instance
from derive.verification.values import Held, Memory, Refusal, View, place

Run = Callable[[], None]


def indices_of(axes: tuple[Expr, ...]) -> tuple[Index, ...]:
    """Return the axes that are indices."""
    return tuple(axis for axis in axes if isinstance(axis, Index))


class LeanEntries(Entries):
    """What the three have in common: the contract of the linear system."""

    def kind(self, file: str, name: str) -> Class:
        """Return a class of the package."""
        found = self.run.global_name(self.run.sources[file], name)
        if not isinstance(found, Class):
            raise Refusal(f"{file} has no class {name}")
        return found

    def agree(self, contracts: Mapping[tuple[str, str], Callable[..., Any]]) -> None:
        """Let calls of some functions be answered here."""
        self.run.contracts = dict(contracts)

    def system(self, given: Callable[[View, View], None], answer: Callable[[], View]) -> dict[Any, Any]:
        """Return the contract of ShiftedSystem: what it is given, and the letter of its solution."""
        asked: list[bool] = []

        def at(matrix: Any, right: Any) -> None:
            if not isinstance(matrix, View) or not isinstance(right, View):
                raise Refusal("the system is not given two arrays")
            given(matrix, right)
            asked.append(True)

        def solve(shift: Any) -> View:
            if shift != mu:
                raise Refusal("the damping is not mu")
            if not asked:
                raise Refusal("asks for a solution before there is a system")
            return answer()

        return {
            ("definite.py", "ShiftedSystem.__init__"): lambda: None,
            ("definite.py", "ShiftedSystem.at"): at,
            ("definite.py", "ShiftedSystem.solve"): solve,
        }


class FlatEntries(LeanEntries):
    """Functions of p, h, J, r and v as vectors and matrices."""

    def lean(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        yield from (
            ("damped.py", "take", self.take),
            ("normal_step.py", "normal_matrix", self.normal),
            ("normal_step.py", "accumulate", self.accumulate),
            ("normal_step.py", "NormalStep.add_part", self.add_part),
            ("normal_step.py", "NormalStep.trial", self.primal_trial),
        )

    def take(self) -> None:
        """Check p' = p + h."""
        new = Memory(lm.s).whole()
        given = [self.vector(lm.p_old, lm.s), self.vector(lm.h, lm.s), new]
        self.run.call(self.run.function("damped.py", "take"), given, {})
        self.is_letter(new, lm.p_new[place(0, lm.s)], "p + h")

    def normal(self) -> None:
        """Check J^T J and J^T r from the transpose of J."""
        letter = lm.J[place(1, lm.M), place(0, lm.s)]
        J = Memory(lm.M, (lm.s,), {(Integer(0), lm.M): Held(letter, (lm.s, lm.M))}, constant=True).whole()
        filled = Memory(lm.s, (lm.s,)).whole(), Memory(lm.s).whole()
        given = {"J": J, "r": self.vector(lm.r, lm.M), "S": filled[0], "g": filled[1]}
        self.run.call(self.run.function("normal_step.py", "normal_matrix"), [], given)
        self.is_letter(filled[0], S[place(0, lm.s), place(1, lm.s)], "J^T J")
        self.is_letter(filled[1], lm.g[place(0, lm.s)], "J^T r")

    def accumulate(self) -> None:
        """Check that the sums of a chunk are added to those before it, in place."""
        given = {
            "S": self.vector(S, lm.s, lm.s, constant=False),
            "part_S": self.vector(part_S, lm.s, lm.s),
            "g": self.vector(lm.g, lm.s, constant=False),
            "part_g": self.vector(part_g, lm.s),
        }
        self.run.call(self.run.function("normal_step.py", "accumulate"), [], given)
        self.is_letter(given["S"], all_S[place(0, lm.s), place(1, lm.s)], "the sum of both matrices")
        self.is_letter(given["g"], all_g[place(0, lm.s)], "the sum of both right-hand sides")

    def add_part(self) -> None:
        """Check that a workspace adds its part to its sums, each to its own."""
        made = Instance(self.kind("normal_step.py", "NormalStep"))
        sums = self.vector(S, lm.s, lm.s, constant=False), self.vector(lm.g, lm.s, constant=False)
        made.attributes["S"], made.attributes["g"] = sums
        made.attributes["part"] = self.vector(part_S, lm.s, lm.s), self.vector(part_g, lm.s)
        self.method(made, "add_part")
        self.is_letter(sums[0], all_S[place(0, lm.s), place(1, lm.s)], "the sum of both matrices")
        self.is_letter(sums[1], all_g[place(0, lm.s)], "the sum of both right-hand sides")

    def primal_trial(self) -> None:
        """Check that h solves (J^T J + mu I) h = g, and (5.8)."""
        self.knowledge.add(known(plainly(primal_decrease()), lambda q: ()))
        made = Instance(self.kind("normal_step.py", "NormalStep"))
        solution = self.vector(lm.h, lm.s)
        made.attributes["g"], made.attributes["ridge"] = self.vector(lm.g, lm.s), Integer(0)
        made.attributes["scaling"] = None
        made.attributes["system"] = Instance(self.kind("definite.py", "ShiftedSystem"))
        contract = self.system(lambda matrix, right: None, lambda: solution)
        contract["definite.py", "ShiftedSystem.at"](solution, solution)  # NormalStep.at has done that
        _shifted(self.proof.step.normal_matrix.rhs, normal_matrix().rhs)
        self.agree(contract)
        try:
            result = self.method(made, "trial", mu)
        finally:
            self.agree({})
        if result is not solution:
            raise Refusal("what is returned is not h")
        if made.attributes.get("decrease") != decrease:
            raise Refusal("decrease is not that of (5.8)")


def _shifted(damped: Expr, matrix: Expr) -> None:
    """Refuse if the matrix of a system is not the given one with mu on its diagonal."""
    free = sorted((i for i in damped.free_symbols if isinstance(i, Index)), key=str)
    others = sorted((i for i in matrix.free_symbols if isinstance(i, Index)), key=str)
    if len(free) != 2 or len(others) != 2:
        raise Refusal("the system's matrix has not two indices")
    p, q = free
    same = matrix.xreplace(dict(zip(others, (p, q), strict=True)))
    if not equal(damped, same + mu * kronecker(p, q)):
        raise Refusal("the system of the proof is not this one with mu on its diagonal")


class GramEntries(LeanEntries):
    """GramStep: J J^T, r, and h = J^T v."""

    taking, public = ("damped.py", "take"), "lm_step.py"  # where p + h is taken, and where lm_step is

    def lean(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        self.letters_of_step()
        yield from (
            ("gram_step.py", "predicted_decrease", self.dual_decrease),
            ("gram_step.py", "GramStep.at", self.steps),
            ("damped.py", "step_by_gram_matrix", lambda: self.whole_step("Gram")),
            ("damped.py", "step_by_normal_matrix", lambda: self.whole_step("Normal")),
            ("lm_step.py", "lm_step", self.public_step_by_sizes),
        )

    def letters_of_step(self) -> None:
        """Say which derivative of U belongs to which block of p."""
        assert self.proof.lean is not None
        found = {}
        for derived in self.proof.lean.back:
            lhs = derived.equation.lhs
            if isinstance(lhs, Partial):
                letter = known(plainly(derived.equation), lambda q: indices_of(outputs_first(q)[1])).letter
                found[array_of(lhs.v)] = letter
        self._letters["h"] = [found[array_of(parameter)] for parameter in self.proof.network.each_parameter]
        self.run.before[("gram_step.py", "pull_back")] = lambda frame: self.meant(frame, "step", "h")
        self.run.after[("gram_step.py", "pull_back")] = lambda frame: self.filled(frame, "step", "h")

    def steps(self) -> None:
        """Check J J^T and r at p, then h for a v that solves (J J^T + mu I) v = r."""
        outputs, last = self.outputs, Integer(2)
        residual = lm.r[place(1, N), place(0, outputs)]
        gram = Q[last, place(1, N), place(0, outputs), place(3, N), place(2, outputs)]
        solution = Memory(outputs * N)
        solution.held[Integer(0), outputs * N] = Held(lm.v[place(1, N), place(0, outputs)], (outputs, N))
        v = solution.whole()

        def given(matrix: View, right: View) -> None:
            order = (outputs * N, outputs * N)
            if not self._holds_letter(matrix, gram, order):
                raise Refusal("the matrix of the system is not J J^T (5.3)")
            if not self._holds_letter(right, residual, order[:1]):
                raise Refusal("the right-hand side of the system is not r (0.5)")

        def predicted(*arguments: Any) -> Expr:
            r, w, shift = arguments
            if shift != mu or not self._holds_letter(r, residual, (outputs * N,)) or w is not v:
                raise Refusal("the decrease is predicted from something other than r, v and mu")
            return decrease

        q, q2, k = Index("q", lm.M), Index("q'", lm.M), Index("k", lm.s)
        _shifted(self.proof.step.gram.rhs, total(lm.J[q, k] * lm.J[q2, k], k))
        contract = self.system(given, lambda: v)
        contract["gram_step.py", "predicted_decrease"] = predicted
        self.agree(contract)
        try:
            made = self.run.create(self.kind("gram_step.py", "GramStep"), [N, FLOAT], {})
            self.method(made, "at", self.parameters(), self.samples(a), self.samples(y))
            for _ in range(2):  # a second trial must find everything as it was
                result = self.method(made, "trial", mu)
                self._check_step(result)
        finally:
            self.agree({})
        if made.attributes.get("decrease") != decrease:
            raise Refusal("decrease is not that of (5.6)")

    def dual_decrease(self) -> None:
        """Check (5.6)."""
        self.knowledge.add(known(plainly(dual_decrease()), lambda q: ()))
        given = {"r": self.vector(lm.r, lm.M), "v": self.vector(lm.v, lm.M), "mu": mu}
        function = self.run.function("gram_step.py", "predicted_decrease")
        if self.run.call(function, [], given) != decrease:
            raise Refusal("what is returned is not the decrease (5.6)")

    def _check_step(self, result: Any) -> None:
        if not isinstance(result, View) or not result.plain or result.shape != (self.count,):
            raise Refusal("what is returned is not h = J^T v")
        for (block, item), letter in zip(self.blocks.items(), self._letters["h"], strict=True):
            held = result.memory.held.get((Integer(item.start), Integer(item.stop)))
            if not isinstance(held, Held) or not self.knowledge.holds(held, letter):
                raise Refusal(f"h{block} does not hold its part of J^T v")

    def _holds_letter(self, view: Any, letter: Indexed, shape: tuple[Expr, ...]) -> bool:
        if not isinstance(view, View) or not view.plain or view.shape != shape:
            return False
        value = view.read()
        return self.knowledge.holds(Held(value.expr, value.leaves), letter)

    def whole_step(self, form: str) -> None:
        """Check that a step is taken from p by what ``at`` and ``trial`` give."""
        p, X, Y = self.parameters(), self.samples(a), self.samples(y)
        h, moved = self.vector(lm.h, lm.s), []

        def at(*arguments: Any) -> None:
            if len(arguments) != 3 or any(x is not y for x, y in zip(arguments, (p, X, Y), strict=True)):
                raise Refusal("the step starts from something other than p, X and Y")

        def trial(*arguments: Any) -> View:
            if arguments != (mu,):
                raise Refusal("the damping is not mu")
            return h

        def take(*arguments: Any) -> None:
            if len(arguments) != 3 or arguments[0] is not p or arguments[1] is not h:
                raise Refusal("the step is not taken from p by h")
            moved.append(arguments[2])

        def made(*arguments: Any) -> None:
            if arguments != (N,):
                raise Refusal("the workspace is not made for N samples")

        file, kind = f"{form.lower()}_step.py", f"{form}Step"
        self.agree(
            {
                (file, f"{kind}.__init__"): made,
                (file, f"{kind}.at"): at,
                (file, f"{kind}.trial"): trial,
                self.taking: take,
            }
        )
        try:
            function = self.run.function("damped.py", f"step_by_{form.lower()}_matrix")
            result = self.run.call(function, [p, X, Y, mu], {})
        finally:
            self.agree({})
        if len(moved) != 1 or result is not moved[0]:
            raise Refusal("what is returned is not p + h")

    def public_step_by_sizes(self) -> None:
        """Check that lm_step takes one of the two steps, from what it is given."""
        p, X, Y = self.parameters(), self.samples(a), self.samples(y)
        moved = self.vector(lm.p_new, lm.s)

        def step(*arguments: Any) -> View:
            if len(arguments) != 4 or any(
                getattr(got, "memory", None) is not want.memory
                for got, want in zip(arguments, (p, X, Y), strict=False)
            ):
                raise Refusal("the step starts from something other than p, X and Y")
            if arguments[3] != mu:
                raise Refusal("the damping is not mu")
            return moved

        forms = ("gram", "normal")
        self.agree({("damped.py", f"step_by_{form}_matrix"): step for form in forms})
        try:
            result = self.run.call(self.run.function(self.public, "lm_step"), [p, X, Y, mu], {})
        finally:
            self.agree({})
        if result is not moved:
            raise Refusal("what is returned is not the new p")


class RowEntries(LeanEntries):
    """Columns: the rows of J and r of some samples, samples last."""

    def lean(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        found = {}
        for derived in self.proof.output:
            lhs = derived.equation.lhs
            if isinstance(lhs, Partial):
                letter = known(plainly(derived.equation), lambda q: indices_of(samples_last(q)[1])).letter
                found[array_of(lhs.v)] = letter
        self._letters["rows"] = [
            found[array_of(parameter)] for parameter in self.proof.network.each_parameter
        ]
        self.run.before[("normal_step.py", "columns")] = lambda frame: self.meant(frame, "rows", "rows")
        self.run.after[("normal_step.py", "columns")] = lambda frame: self.filled(frame, "rows", "rows")
        yield ("normal_step.py", "Columns.sums", self.sums)

    def sums(self) -> None:
        """Check that J^T J and J^T r are summed from all rows and from r."""
        sizes = self.run.global_name(self.run.sources["normal_step.py"], "PER_SAMPLE")
        if not isinstance(sizes, tuple) or not all(isinstance(size, Integer) for size in sizes):
            raise Refusal("PER_SAMPLE is not a tuple of whole numbers")
        lent = tuple(Memory(size * N).whole() for size in sizes)
        filled = Memory(self.count, (self.count,)).whole(), Memory(self.count).whole()
        called: list[bool] = []

        def normal(*arguments: Any) -> None:
            g, J, r, S_of = arguments
            if (S_of, g) != filled:
                raise Refusal("the sums do not go where they should")
            self._check_rows(J)
            letter = lm.r[place(1, N), place(0, self.outputs)]
            value = r.read() if isinstance(r, View) and r.plain else None
            if value is None or not self.knowledge.holds(Held(value.expr, value.leaves), letter):
                raise Refusal("what J^T is multiplied with is not r (0.5)")
            called.append(True)

        self.agree({("normal_step.py", "normal_matrix"): normal})
        try:
            made = self.run.create(self.kind("normal_step.py", "Columns"), [N, lent], {})
            weights = self.run.call(self.run.function("parameters.py", "unpack"), [self.parameters()], {})
            self.method(made, "sums", self.samples(a), self.samples(y), weights, *filled)
        finally:
            self.agree({})
        if not called:
            raise Refusal("nothing is summed")

    def _check_rows(self, J: Any) -> None:
        wide = self.outputs * N
        whole = isinstance(J, View) and J.plain and J.shape == (self.count, wide)
        if not whole or (J.start, J.stop) != (0, self.count * wide):
            raise Refusal("what is multiplied is not the transpose of J")
        for (block, item), letter in zip(self.blocks.items(), self._letters["rows"], strict=True):
            held = J.memory.held.get((item.start * wide, item.stop * wide))
            if not isinstance(held, Held) or not self.knowledge.holds(held, letter):
                raise Refusal(f"J{block} does not hold its rows of the transposed Jacobian")
