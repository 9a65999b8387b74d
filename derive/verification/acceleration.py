"""What is run of ``acceleration.py``, and what must come out.

F'' must be R2a[L], entry for entry; with the factors t of the rows t F'' and J^T t^2 F'' must come out, and
the correction must be minus what a system gives whose right-hand side that is. Which system ``other`` solves
is proved where the steps are. Where factors are left out they are ones, which a workspace holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from sympy import Expr, Indexed, Integer

from derive.program.lowering import plainly
from derive.proof import Proof
from derive.quantities import Index, N, a, mu
from derive.theorems import levenberg_marquardt as lm
from derive.theorems.acceleration import (
    accelerated_computed,
    c,
    correction_computed,
    factor,
    pulled,
    rising,
    weighed_bending,
)
from derive.theorems.further import PULLED_BENDING, SECOND_DERIVATIVE
from derive.verification.entries import Run
from derive.verification.expected import axes_of, known
from derive.verification.further import Further, FurtherEntries
from derive.verification.interpreter import Interpreter
from derive.verification.objects import Class, Instance
from derive.verification.values import Held, Lost, Memory, Refusal, View, place

FILE = "acceleration.py"


class AccelerationEntries(FurtherEntries):
    """The runs for the module of geodesic acceleration."""

    def __init__(self, run: Interpreter, further: Further, proof: Proof) -> None:
        super().__init__(run, further, proof)
        for equation in (correction_computed(), weighed_bending(proof.network)):
            self.knowledge.add(known(plainly(equation), _outputs_first))

    def all(self) -> Iterator[tuple[str, str, Run]]:
        """Yield the file, the name and the run of everything of the module that is proved."""
        yield from (
            (FILE, "SecondDerivativeWorkspace.derivative", self.bending),
            (FILE, SECOND_DERIVATIVE, self.public),
        )
        for given in (True, False):
            yield FILE, "SecondDerivativeWorkspace.weighed", partial(self.weighed, given)
            yield FILE, "SecondDerivativeWorkspace.pulled", partial(self.pulled, given)
        yield from (
            (FILE, "turn", self.turned),
            (FILE, "take_accelerated", self.taken),
            (FILE, "Acceleration.dual", self.dual),
            (FILE, "Acceleration.primal", self.primal),
        )

    # -- inputs -----------------------------------------------------------------------------------------

    def factors(self) -> View:
        """Return t, the factors of the rows."""
        letter = factor[place(0, N), place(1, self.outputs)]
        held: dict[Any, Held | Lost] = {(Integer(0), self.outputs): Held(letter, (N, self.outputs))}
        return Memory(self.outputs, (N,), held, constant=True).whole()

    def workspace(self, given: bool) -> tuple[Instance, View | None]:
        """Return a workspace and t; its ones, which are looked at, then stand for any factors."""
        made = self._of("SecondDerivativeWorkspace")
        ones, t = made.attributes.get("ones"), self.factors()
        if not isinstance(ones, View) or ones.read().expr != 1 or ones.shape != (N, self.outputs):
            raise Refusal("the factors that are taken where none are given are not ones")
        if given:
            return made, t
        made.attributes["ones"] = t
        return made, None

    def _moving(self) -> list[View]:
        return [self.parameters(), self.samples(a), self.direction()]

    # -- runs -------------------------------------------------------------------------------------------

    def bending(self) -> None:
        """Check F''."""
        made, _ = self.workspace(given=True)
        self._is_bending(self.method(made, "derivative", *self._moving()))

    def public(self) -> None:
        """Check the function of that name."""
        function = self.run.function(FILE, SECOND_DERIVATIVE)
        self._is_bending(self.run.call(function, self._moving(), {}))

    def _is_bending(self, result: Any) -> None:
        self.is_letter(result, self._last(SECOND_DERIVATIVE), "F'', R2a of the last layer")

    def weighed(self, given: bool) -> None:
        """Check t F''."""
        made, t = self.workspace(given)
        u = Memory(N, (self.outputs,)).whole()
        self.method(made, "weighed", *self._moving(), t, u)
        self.is_letter(u, rising[place(1, N), place(0, self.outputs)], "t F''")

    def pulled(self, given: bool) -> None:
        """Check J^T t^2 F''."""
        made, t = self.workspace(given)
        self.check(PULLED_BENDING, self.method(made, "pulled", *self._moving(), t))

    def turned(self) -> None:
        """Check c, from what a system gave."""
        result = Memory(lm.s).whole()
        self.run.call(self.run.function(FILE, "turn"), [self.vector(pulled, lm.s), result], {})
        self.is_letter(result, c[place(0, lm.s)], "the correction")

    def taken(self) -> None:
        """Check p' = p + h + c/2; it is another step than (2.4), so its equation is known from here on."""
        self.knowledge.add(known(plainly(accelerated_computed())))
        result = Memory(lm.s).whole()
        p, h, correction = (self.vector(letter, lm.s) for letter in (lm.p_old, lm.h, c))
        self.run.call(self.run.function(FILE, "take_accelerated"), [p, h, result, correction], {})
        self.is_letter(result, lm.p_new[place(0, lm.s)], "the accelerated step")

    def dual(self) -> None:
        """Check that c is made of the product that the dual system gives for t F''."""
        made, place_of = self._acceleration(), Memory(self.count).whole()
        made.attributes["product"], made.attributes["blocks"] = place_of, (place_of,)

        def other(*arguments: Any) -> bool:
            if len(arguments) != 3 or arguments[0] != mu or arguments[1] is not made.attributes["u"]:
                raise Refusal("the system is not asked for mu and t F''")
            if arguments[2] is not made.attributes["blocks"]:
                raise Refusal("the solution does not go where c is made of it")
            return True

        self._corrected(made, "dual", "bending", "u", {("gram_step.py", "GramStep.other"): other}, place_of)

    def primal(self) -> None:
        """Check that c is made of the solution that the primal system gives for J^T t^2 F''."""
        made, solution = self._acceleration(), self.vector(pulled, lm.s)

        def other(*arguments: Any) -> View:
            if len(arguments) != 2 or arguments[0] != mu or arguments[1] is not made.attributes["right"]:
                raise Refusal("the system is not asked for mu and J^T t^2 F''")
            return solution

        answers = {("normal_step.py", "NormalStep.other"): other}
        self._corrected(made, "primal", "pulled", "right", answers, solution)

    def _acceleration(self) -> Instance:
        made = Instance(self._kind(FILE, "Acceleration"))
        made.attributes["c"] = Memory(lm.s).whole()
        return made

    def _corrected(
        self,
        made: Instance,
        form: str,
        method: str,
        name: str,
        answers: Mapping[tuple[str, str], Callable[..., Any]],
        solution: View,
    ) -> None:
        """Run one of the two forms; ``method`` gives the right-hand side, ``answers`` the solution."""
        p, X, t = self.parameters(), self.samples(a), self.factors()
        made.attributes[name] = right = self.vector(lm.r, lm.M)
        turned: list[bool] = []

        def gathered(*arguments: Any) -> View:
            if len(arguments) != 3 or any(x is not y for x, y in zip(arguments, (p, X, t), strict=True)):
                raise Refusal("the right-hand side is not that of p, X and t")
            return right

        def turn(*arguments: Any) -> None:
            if (
                len(arguments) != 2
                or arguments[0] is not solution
                or arguments[1] is not made.attributes["c"]
            ):
                raise Refusal("c is not made of the solution")
            turned.append(True)

        kind = "GramStep" if form == "dual" else "NormalStep"
        step = Instance(self._kind("gram_step.py" if form == "dual" else "normal_step.py", kind))
        self.run.contracts = {
            (FILE, f"Acceleration.{method}"): gathered,
            (FILE, "turn"): turn,
            **answers,
        }
        try:
            result = self.method(made, form, step, p, X, mu, t)
        finally:
            self.run.contracts = {}
        if not turned or result is not made.attributes["c"]:
            raise Refusal("what is returned is not the correction")

    def _kind(self, file: str, name: str) -> Class:
        found = self.run.global_name(self.run.sources[file], name)
        if not isinstance(found, Class):
            raise Refusal(f"{file} has no class {name}")
        return found


def _outputs_first(quantity: Expr) -> tuple[Index, ...]:
    """Return the indices in the order of the axes: u has outputs before samples."""
    axes = axes_of(quantity)
    return axes[::-1] if isinstance(quantity, Indexed) and quantity.base == rising else axes
