"""The small routines of weights and of a ridge, and J p: what is run of them and what must come out.

Each is proved by itself, with letters for what it is given; what calls them is in the two modules beside.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sympy import Expr, Integer

from derive.program.weighted import weighted_outputs_first, weighted_parameters, weighted_samples_last
from derive.quantities import Index, N, a, mu
from derive.theorems import levenberg_marquardt as lm
from derive.theorems.evidence import gamma, values
from derive.theorems.scaled_step import Z, grown, gz, scale
from derive.theorems.trials import S
from derive.theorems.weighted_step import (
    JJ,
    JJt,
    Jp,
    Jt,
    pulled,
    ridge,
    rt,
    share,
    shift,
    t,
    tv,
)
from derive.verification.interpreter import Interpreter
from derive.verification.lean_entries import LeanEntries, Run
from derive.verification.objects import FLOAT, Instance
from derive.verification.values import Group, Held, Memory, Refusal, View, place

GRAM, NORMAL, RIDGE = "gram_step.py", "normal_step.py", "ridge.py"


_OVER_P = (S, lm.g, lm.h, pulled, values, *(grown, scale, Z, gz))


def axes_of_weighted(quantity: Expr) -> tuple[Index, ...]:
    """Return the indices of an array in the order of its axes."""
    base = getattr(quantity, "base", None)
    if base in (lm.J, Jt):
        name = weighted_samples_last
    else:
        name = weighted_parameters if base in _OVER_P else weighted_outputs_first
    if base is None:
        return ()
    return tuple(axis for axis in name(quantity)[1] if isinstance(axis, Index))


def array(letter: Expr, *leaves: Expr, constant: bool = True) -> View:
    """Return an array that holds a letter, written in the canonical indices of its leaves."""
    memory = Memory(leaves[-1], leaves[:-1], constant=constant)
    memory.held[Integer(0), leaves[-1]] = Held(letter, leaves)
    return memory.whole()


def holds_letter(view: Any, letter: Expr, leaves: Group) -> bool:
    """Say whether an array in plain order holds a letter."""
    if not isinstance(view, View) or not view.plain:
        return False
    return bool(view.memory.held.get((view.start, view.stop)) == Held(letter, leaves))


def by_name(run: Interpreter, file: str, name: str, contract: Any) -> Any:
    """Return a contract that is given its arguments by name, as the function binds them."""

    def called(*arguments: Any, **keywords: Any) -> Any:
        function = run.function(file, name)
        names = [argument.arg for argument in function.node.args.args]
        given = dict(zip(names, arguments, strict=False)) | keywords
        if set(given) != set(names) or len(arguments) + len(keywords) != len(names):
            raise Refusal(f"{name} is given arguments that it does not take")
        return contract(**given)

    return called


class SmallEntries(LeanEntries):
    """The small routines, given letters."""

    def lean(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        yield GRAM, "weigh", self.gram
        yield GRAM, "weigh_vector", self.weighed_vector
        yield NORMAL, "weigh", self.rows
        yield RIDGE, "shifts", self.shifts
        yield RIDGE, "slope_with_ridge", lambda: self.over_p("slope_with_ridge", lm.g, ridge)
        yield RIDGE, "effective_parameters", self.effective
        for file, kind in ((GRAM, "GramStep"), (NORMAL, "NormalStep")):
            yield file, f"{kind}.effective_parameters", lambda f=file, k=kind: self.counted(f, k)  # type: ignore[misc]
        yield RIDGE, "step_with_ridge", lambda: self.over_p("step_with_ridge", lm.h, share)

    @property
    def factors(self) -> View:
        """The factors of the rows."""
        return array(t[place(0, N), place(1, self.outputs)], N, self.outputs)

    def by_outputs(self, base: Any, constant: bool = True) -> View:
        """Return r or v, outputs first."""
        return array(base[place(1, N), place(0, self.outputs)], self.outputs, N, constant=constant)

    def gram(self) -> None:
        """Check t t' J J^T and t r, in place."""
        c, leaves = self.outputs, (self.outputs, N, self.outputs, N)
        places = place(1, N), place(0, c), place(3, N), place(2, c)
        given = {
            "Q": array(JJ[places], *leaves, constant=False),
            "r": self.by_outputs(lm.r, constant=False),
            "t": self.factors,
        }
        self.run.call(self.run.function(GRAM, "weigh"), [], given)
        self.is_letter(given["Q"], JJt[places], "J J^T with the factors of its rows")
        self.is_letter(given["r"], rt[place(1, N), place(0, c)], "t r")

    def weighed_vector(self) -> None:
        """Check t v, into another array and in place."""
        letter = tv[place(1, N), place(0, self.outputs)]
        v = self.by_outputs(lm.v, constant=False)
        for into in (Memory(N, (self.outputs,)).whole(), v):
            self.run.call(
                self.run.function(GRAM, "weigh_vector"), [], {"v": v, "t": self.factors, "tv": into}
            )
            self.is_letter(into, letter, "t v")

    def rows(self) -> None:
        """Check t J and t r, in place."""
        c, leaves = self.outputs, (lm.s, self.outputs, N)
        places = place(2, N), place(1, c), place(0, lm.s)
        given = {
            "J": array(lm.J[places], *leaves, constant=False),
            "r": self.by_outputs(lm.r, constant=False),
            "t": self.factors,
        }
        self.run.call(self.run.function(NORMAL, "weigh"), [], given)
        self.is_letter(given["J"], Jt[places], "J with the factors of its rows")
        self.is_letter(given["r"], rt[place(1, N), place(0, c)], "t r")

    def shifts(self) -> None:
        """Check mu + ridge and the share of the ridge."""
        function = self.run.function(RIDGE, "shifts")
        if self.run.call(function, [], {"mu": mu, "ridge": ridge}) != (shift, share):
            raise Refusal("what is returned is not mu + ridge and the share of the ridge (5.13)")

    def effective(self) -> None:
        """Check (5.17)."""
        given = {"values": self.vector(values, lm.s), "ridge": ridge}
        if self.run.call(self.run.function(RIDGE, "effective_parameters"), [], given) != gamma:
            raise Refusal("what is returned is not the effective number of parameters (5.17)")

    def counted(self, file: str, kind: str) -> None:
        """Check that a workspace counts from the eigenvalues of its system, which has no ridge in it."""
        made = Instance(self.kind(file, kind))
        made.attributes["system"] = Instance(self.kind("definite.py", "ShiftedSystem"))
        made.attributes["scaling"] = None
        found = self.vector(values, lm.s)

        def effective(**given: Any) -> Expr:
            if given["values"] is not found or given["ridge"] != ridge:
                raise Refusal("the parameters are counted from something other than eigenvalues and ridge")
            return gamma

        contracts = {
            ("definite.py", "ShiftedSystem.diagonalise"): lambda: (found, None, None),
            (RIDGE, "effective_parameters"): by_name(self.run, RIDGE, "effective_parameters", effective),
        }
        self.agree(contracts)
        try:
            result = self.method(made, "effective_parameters", ridge)
        finally:
            self.agree({})
        if result != gamma:
            raise Refusal("what is returned is not the effective number of parameters")

    def over_p(self, name: str, base: Any, factor: Expr) -> None:
        """Check (5.12) or (5.13), in place."""
        given = {
            "p": self.vector(lm.p_old, lm.s),
            "pulled": self.vector(pulled, lm.s, constant=False),
            str(factor): factor,
        }
        self.run.call(self.run.function(RIDGE, name), [], given)
        self.is_letter(given["pulled"], base[place(0, lm.s)], f"{base} with the ridge's part")


class AlongEntries(LeanEntries):
    """J p, with letters for p and for what the forward pass leaves."""

    def lean(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        yield GRAM, "Ahead.product", self.product

    def product(self) -> None:
        """Check J p, twice, so that what is left over spoils nothing."""
        p = self.parameters()
        weights = self.run.call(self.run.function("parameters.py", "unpack"), [p], {})
        kept = tuple(array(letter, *self.knowledge.of(letter).leaves) for letter in self.knowledge.kept)
        made = self.run.create(self.kind(GRAM, "Ahead"), [N, FLOAT], {})
        for _ in range(2):
            result = self.method(made, "product", self.samples(a), weights, kept)
            self.is_letter(result, Jp[place(1, N), place(0, self.outputs)], "J p")
