"""What is run of GramStep with factors of the rows, with a ridge, and with both.

Each function that is called must be given the right arrays, and leaves the letter of what it was proved to
give. ``pull_back`` is run as it stands; what it is given, a vector such as t v, is called v inside.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sympy import Expr, Integer

from derive.proof import Proof
from derive.quantities import N, a, mu, y
from derive.theorems import levenberg_marquardt as lm
from derive.theorems.lean_step import Q
from derive.theorems.trials import decrease
from derive.theorems.weighted_step import (
    JJt,
    Jp,
    ridge,
    rt,
    share,
    shift,
    t,
)
from derive.verification.expected import Knowledge
from derive.verification.interpreter import Interpreter
from derive.verification.lean_entries import GramEntries, Run
from derive.verification.objects import FLOAT, Frame
from derive.verification.values import Held, Memory, Refusal, View, place
from derive.verification.weighted_parts import GRAM, NORMAL, RIDGE, array, by_name, holds_letter


class WeightedGram(GramEntries):
    """GramStep with factors of the rows, with a ridge, and with both."""

    def __init__(self, run: Interpreter, knowledge: Knowledge, proof: Proof) -> None:
        super().__init__(run, knowledge, proof)
        self.pulled: dict[Memory, Expr] = {}  # by memory, the vector that was pulled back into it
        self.ready: list[Expr] = []
        self.weighed = self.ridged = False
        self.residual: Expr = lm.r[place(1, N), place(0, self.outputs)]
        self.t = array(t[place(0, N), place(1, self.outputs)], N, self.outputs)
        self.factor = t[place(1, N), place(0, self.outputs)]
        self.inner = lm.v[place(1, N), place(0, self.outputs)]
        self.p = self.parameters()

    def lean(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        for weighed in (False, True):
            for ridged in (False, True):
                yield GRAM, "GramStep.trial", lambda w=weighed, r=ridged: self.way(w, r)  # type: ignore[misc]

    def arguments(self) -> list[Any]:
        """Return what a workspace is made with."""
        return [N, FLOAT]

    def way(self, weighed: bool, ridged: bool) -> None:
        """Run a workspace at two points, and ask it there."""
        self.weighed, self.ridged = weighed, ridged
        base = rt if weighed else lm.r
        self.residual = base[place(1, N), place(0, self.outputs)]
        self.letters_of_step()
        self.run.before[GRAM, "pull_back"] = self._named
        self.run.after[GRAM, "pull_back"] = self._pulled_back
        solution = array(self.inner, self.outputs, N)
        flat = solution.reshaped([self.outputs * N])
        self.agree(self._contracts(flat))
        try:
            made = self.run.create(self.kind(GRAM, "GramStep"), self.arguments(), {})
            if ridged:
                made.attributes["ridge"] = ridge
            self.workspace = made
            for _ in range(2):
                self.pulled = {}
                self.p = self.parameters()
                given = (self.p, self.samples(a), self.samples(y), *((self.t,) if weighed else ()))
                self.method(made, "at", *given)
                self.ask(made, flat)
        finally:
            self.agree({})
            self.letters_of_step()

    def ask(self, made: Any, solution: View) -> None:
        """Ask for the slope, two trials, and the slope again."""
        self._check_slope(self.method(made, "slope"))
        for _ in range(2):
            made.attributes["decrease"] = Integer(0)
            self._check_trial(self.method(made, "trial", mu))
            if made.attributes["decrease"] != decrease:
                raise Refusal("decrease is not that of (5.6) or (5.14)")
        self._check_slope(self.method(made, "slope"))

    # -- what must come out -----------------------------------------------------------------------------

    def times_t(self, value: Expr) -> Expr:
        """Return a vector with the factors of the rows, if there are any."""
        return self.factor * value if self.weighed else value

    def _check_slope(self, result: Any) -> None:
        self._check(result, self.times_t(self.residual), lm.g, "J^T t^2 r - ridge p")

    def _check_trial(self, result: Any) -> None:
        self._check(result, self.times_t(self.inner), lm.h, "the step (5.13)")

    def _check(self, result: Any, vector: Expr, letter: Any, what: str) -> None:
        if not isinstance(result, View) or self.pulled.get(result.memory) != vector:
            raise Refusal(f"what is returned is not {what}: another vector is pulled back")
        if not self.ridged:
            self._check_step(result)
        elif not holds_letter(result, letter[place(0, self.count)], (self.count,)):
            raise Refusal(f"what is returned is not {what}")

    def _named(self, frame: Frame) -> None:
        """Look at what is pulled back, and call it v."""
        self.meant(frame, "step", "h")
        given = frame.names["v"]
        if not isinstance(given, View) or not given.plain or given.shape != (self.outputs, N):
            raise Refusal("what is pulled back is not a vector over all residuals")
        self.ready.append(given.read().expr)
        frame.names["v"] = array(self.inner, self.outputs, N)

    def _pulled_back(self, frame: Frame) -> None:
        self.filled(frame, "step", "h")
        blocks = frame.names["step"]
        places = [(block.start, block.stop) for block in blocks]
        wanted = [(Integer(item.start), Integer(item.stop)) for item in self.blocks.values()]
        if places != wanted or any(block.memory is not blocks[0].memory for block in blocks):
            raise Refusal("the blocks are not those of one array over p")
        self.pulled[blocks[0].memory] = self.ready.pop()

    # -- what is agreed of the functions that are called -----------------------------------------------------

    def _contracts(self, solution: View) -> dict[tuple[str, str], Any]:
        named = {
            (GRAM, "weigh"): self._weigh,
            (GRAM, "weigh_vector"): self._weigh_vector,
            (GRAM, "predicted_decrease"): lambda **given: self._dual_decrease(solution, **given),
            (NORMAL, "predicted_decrease"): self._decrease,
            (RIDGE, "shifts"): self._shifts,
            (RIDGE, "slope_with_ridge"): lambda **given: self._with_ridge(lm.g, ridge, **given),
            (RIDGE, "step_with_ridge"): lambda **given: self._with_ridge(lm.h, share, **given),
        }
        contracts: dict[tuple[str, str], Any] = {
            key: by_name(self.run, *key, contract) for key, contract in named.items()
        }
        contracts[GRAM, "Ahead.product"] = self._ahead
        contracts["definite.py", "ShiftedSystem.__init__"] = lambda: None
        contracts["definite.py", "ShiftedSystem.at"] = self._system
        contracts["definite.py", "ShiftedSystem.solve"] = lambda *given: self._solve(solution, *given)
        return contracts

    def _weigh(self, **given: Any) -> None:
        c = self.outputs
        letter = Q[Integer(2), place(1, N), place(0, c), place(3, N), place(2, c)]
        right = lm.r[place(1, N), place(0, c)]
        if given["t"] is not self.t or not self.weighed:
            raise Refusal("the factors are not t")
        matrix, r = given["Q"], given["r"]
        if not self._holds_letter(matrix, letter, (c, N, c, N)) or not self._holds_letter(r, right, (c, N)):
            raise Refusal("what is weighed is not J J^T (5.3) and r (0.5)")
        weighed = JJt[place(1, N), place(0, c), place(3, N), place(2, c)]
        matrix.memory.write(matrix.start, matrix.stop, Held(weighed, (c, N, c, N)), 0)
        r.memory.write(r.start, r.stop, Held(self.residual, (c, N)), 0)

    def _weigh_vector(self, **given: Any) -> None:
        v, into, shape = given["v"], given["tv"], (self.outputs, N)
        if given["t"] is not self.t or not self.weighed:
            raise Refusal("the factors are not t")
        for view in (v, into):
            if not isinstance(view, View) or not view.plain or view.shape != shape:
                raise Refusal("what is weighed is not a vector over all residuals")
        into.memory.write(into.start, into.stop, Held(self.factor * v.read().expr, shape), 0)

    def _ahead(self, X: Any, weights: Any, activations: Any) -> View:
        if (
            X is not self.workspace.attributes["X"]
            or activations is not self.workspace.attributes["activations"]
        ):
            raise Refusal("J p is not made of the activations at this point")
        self._check_views(weights)
        if any(view.memory is not self.p.memory for view in weights):
            raise Refusal("J p is not made of p")
        for view, letter in zip(activations, self.knowledge.kept, strict=True):
            if not self.knowledge.holds(view.memory.read(view.start, view.stop), letter):
                raise Refusal("J p is not made of the activations at this point")
        return array(Jp[place(1, N), place(0, self.outputs)], self.outputs, N, constant=False)

    def _system(self, matrix: Any, right: Any, also: Any = None) -> None:
        c = self.outputs
        order, places = (c * N, c * N), (place(1, N), place(0, c), place(3, N), place(2, c))
        if self.weighed:
            fits = holds_letter(matrix, JJt[places], (c, N, c, N)) and matrix.shape == order
            fits = fits and holds_letter(right, self.residual, (c, N))
        else:
            fits = self._holds_letter(matrix, Q[(Integer(2), *places)], order)
            fits = fits and self._holds_letter(right, self.residual, order[:1])
        if not fits or right.shape != order[:1]:
            raise Refusal("the system is not that of J J^T and r with the factors of their rows")
        wanted = self.times_t(Jp[place(1, N), place(0, c)])
        if (also is None) == self.ridged or (self.ridged and not holds_letter(also, wanted, (c, N))):
            raise Refusal("what the share of the ridge is multiplied with is not J p (5.13)")

    def _solve(self, solution: View, damping: Any, factor: Any = None) -> View:
        if (damping, factor) != ((shift, share) if self.ridged else (mu, None)):
            raise Refusal("the system is not solved for mu, or for mu + ridge and the share of the ridge")
        return solution

    def _shifts(self, **given: Any) -> tuple[Expr, Expr]:
        if given != {"mu": mu, "ridge": ridge}:
            raise Refusal("the shift is not made of mu and ridge")
        return shift, share

    def _with_ridge(self, letter: Any, factor: Expr, **given: Any) -> None:
        view, vector = given["pulled"], self.residual if letter == lm.g else self.inner
        if given["p"] is not self.p or given[str(factor)] != factor or not isinstance(view, View):
            raise Refusal("the ridge's part is not made of p")
        if self.pulled.get(view.memory) != self.times_t(vector):
            raise Refusal("the ridge's part is added to another vector that was pulled back")
        self._check_step(view)
        view.memory.write(view.start, view.stop, Held(letter[place(0, self.count)], (self.count,)), 0)

    def _dual_decrease(self, solution: View, **given: Any) -> Expr:
        r, v = given["r"], given["v"]
        if self.ridged or given["mu"] != mu or v is not solution:
            raise Refusal("the decrease is predicted from something other than r, v and mu")
        if not self._is_vector(r, self.residual):
            raise Refusal(
                "the decrease is predicted from something other than r with the factors of the rows"
            )
        return decrease

    def _is_vector(self, view: Any, letter: Expr) -> bool:
        if self.weighed:
            return holds_letter(view, letter, (self.outputs, N)) and view.shape == (self.outputs * N,)
        return self._holds_letter(view, letter, (self.outputs * N,))

    def _decrease(self, **given: Any) -> Expr:
        if not self.ridged or given["mu"] != mu:
            raise Refusal("the decrease (5.14) is for a ridge, and for mu")
        self._check_slope(given["g"])
        self._check_trial(given["h"])
        return decrease
