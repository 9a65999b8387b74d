"""What is run of a diagonal in the damping: ``scaling.py``, and NormalStep with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sympy import Expr

from derive.calculus.normal_form import equal
from derive.quantities import mu
from derive.theorems import levenberg_marquardt as lm
from derive.theorems.evidence import gamma, values
from derive.theorems.scaled_step import Z, column, grown, gz, largest, prediction, scale, x
from derive.theorems.trials import S, decrease, primal_decrease
from derive.theorems.weighted_step import ridge
from derive.verification.lean_entries import LeanEntries, Run
from derive.verification.objects import Instance
from derive.verification.values import Memory, Refusal, View, place
from derive.verification.weighted_normal import WeightedFlat
from derive.verification.weighted_parts import NORMAL, RIDGE, by_name

SCALING = "scaling.py"


class ScalingEntries(LeanEntries):
    """The small routines, given letters, and the workspace that calls them."""

    def lean(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        yield SCALING, "scales", self.scales
        yield SCALING, "scaled_system", self.scaled
        yield SCALING, "unscaled", self.unscaled
        yield SCALING, "Scaling.at", self.point
        yield SCALING, "Scaling.step", self.scaled_step

    def scales(self) -> None:
        """Check that the largest squares grow, and the scales."""
        given = {
            "column": self.vector(column, lm.s),
            "largest": self.vector(largest, lm.s, constant=False),
            "scale": Memory(lm.s).whole(),
        }
        self.run.call(self.run.function(SCALING, "scales"), [], given)
        self.is_letter(given["largest"], grown[place(0, lm.s)], "the largest square of every column")
        self.is_letter(given["scale"], scale[place(0, lm.s)], "D^(-1/2)")

    def scaled(self) -> None:
        """Check Z and gz."""
        given = {
            "S": self.vector(S, lm.s, lm.s),
            "g": self.vector(lm.g, lm.s),
            "scale": self.vector(scale, lm.s),
            "ridge": ridge,
            "Z": Memory(lm.s, (lm.s,)).whole(),
            "gz": Memory(lm.s).whole(),
        }
        self.run.call(self.run.function(SCALING, "scaled_system"), [], given)
        self.is_letter(given["Z"], Z[place(0, lm.s), place(1, lm.s)], "the scaled matrix")
        self.is_letter(given["gz"], gz[place(0, lm.s)], "the scaled right-hand side")

    def unscaled(self) -> None:
        """Check h."""
        into = Memory(lm.s).whole()
        given = {"scale": self.vector(scale, lm.s), "x": self.vector(x, lm.s), "h": into}
        self.run.call(self.run.function(SCALING, "unscaled"), [], given)
        self.is_letter(into, lm.h[place(0, lm.s)], "the step of the scaled system")

    def made(self, name: str = "Scaling", file: str = SCALING) -> Instance:
        """Return a workspace with arrays that hold nothing yet."""
        made = Instance(self.kind(file, name))
        for attribute in ("largest", "scale", "gz", "h"):
            made.attributes[attribute] = Memory(lm.s).whole()
        made.attributes["Z"] = Memory(lm.s, (lm.s,)).whole()
        made.attributes["layers"] = None
        return made

    def point(self) -> None:
        """Check that the scales come from the diagonal of S, and the system from S, g, scales and ridge."""
        made, matrix, right = self.made(), self.vector(S, lm.s, lm.s), self.vector(lm.g, lm.s)
        own, called = made.attributes, []

        def scales(**given: Any) -> None:
            diagonal = given["column"]
            squares = S[place(0, lm.s), place(0, lm.s)]
            if not isinstance(diagonal, View) or diagonal.read().expr != squares:
                raise Refusal("the squares are not the diagonal of S")
            if given["largest"] is not own["largest"] or given["scale"] is not own["scale"]:
                raise Refusal("the scales do not go where they should")
            called.append("scales")

        def scaled(**given: Any) -> None:
            wanted = {"S": matrix, "g": right, **{name: own[name] for name in ("scale", "Z", "gz")}}
            if any(given[name] is not view for name, view in wanted.items()) or given["ridge"] != ridge:
                raise Refusal("the system is made of something other than S, g, the scales and the ridge")
            called.append("system")

        contracts = {"scales": scales, "scaled_system": scaled}
        self.agree(
            {(SCALING, name): by_name(self.run, SCALING, name, made) for name, made in contracts.items()}
        )
        try:
            self.method(made, "at", matrix, right, ridge)
        finally:
            self.agree({})
        if called != ["scales", "system"]:
            raise Refusal("the system must be scaled once the scales are known")

    def scaled_step(self) -> None:
        """Check that h is what the solution and the scales give."""
        made, solution = self.made(), self.vector(x, lm.s)
        made.attributes["scale"] = self.vector(scale, lm.s)
        result = self.method(made, "step", solution)
        if result is not made.attributes["h"]:
            raise Refusal("what is returned is not h")
        self.is_letter(result, lm.h[place(0, lm.s)], "the step of the scaled system")


class ScaledFlat(WeightedFlat):
    """NormalStep with a diagonal in the damping."""

    def lean(self) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        yield NORMAL, "NormalStep.begin", self.scaled_begin
        yield NORMAL, "NormalStep.trial", self.scaled_trial
        yield NORMAL, "NormalStep.effective_parameters", self.counted

    def with_scaling(self) -> Instance:
        """Return a workspace that has scales."""
        made = self.made()
        scaling = Instance(self.kind(SCALING, "Scaling"))
        scaling.attributes["Z"] = self.vector(Z, lm.s, lm.s)
        scaling.attributes["gz"] = self.vector(gz, lm.s)
        made.attributes["scaling"] = scaling
        return made

    def scaled_begin(self) -> None:
        """Check that the system is that of the scaled matrix, made of the slope with its ridge."""
        made, p = self.with_scaling(), self.vector(lm.p_old, lm.s)
        own, scaling = made.attributes, made.attributes["scaling"].attributes
        steps: list[str] = []

        def scaled(S_of: Any, g_of: Any, size: Any) -> None:
            if S_of is not own["S"] or g_of is not own["g"] or size != ridge:
                raise Refusal("what is scaled is not the system of S, g and the ridge")
            steps.append("scale")

        def at(matrix: Any, right: Any) -> None:
            if matrix is not scaling["Z"] or right is not scaling["gz"]:
                raise Refusal("the system is not the scaled one")
            steps.append("system")

        def slope(**given: Any) -> None:
            if given["p"] is not p or given["pulled"] is not own["g"] or given["ridge"] != ridge:
                raise Refusal("the ridge's part of the slope is made of something other than g, p and ridge")
            steps.append("slope")

        self.agree(
            {
                (SCALING, "Scaling.at"): scaled,
                ("definite.py", "ShiftedSystem.at"): at,
                (RIDGE, "slope_with_ridge"): by_name(self.run, RIDGE, "slope_with_ridge", slope),
            }
        )
        try:
            self.method(made, "begin", p)
        finally:
            self.agree({})
        if steps != ["slope", "scale", "system"]:
            raise Refusal("the system must be made of the scaled matrix, and that of the complete slope")

    def scaled_trial(self) -> None:
        """Check that x solves (Z + mu I) x = gz, h is its step, and the decrease that of (5.19)."""
        names = {lm.g: gz, lm.h: x}
        computed = primal_decrease().rhs.replace(
            lambda e: getattr(e, "base", None) in names, lambda e: names[e.base][e.indices]
        )
        wanted = prediction().equation.rhs.replace(
            lambda e: getattr(e, "base", None) == scale, lambda e: lm.A[e.indices]
        )
        scaled = computed.replace(
            lambda e: getattr(e, "base", None) == gz, lambda e: lm.A[e.indices] * lm.g[e.indices]
        )
        if not equal(scaled, wanted):
            raise Refusal("(5.19) is not computed as (5.8) of x and gz")
        made, solution, h = self.with_scaling(), self.vector(x, lm.s), self.vector(lm.h, lm.s)

        def solve(damping: Any) -> View:
            if damping != mu:
                raise Refusal("the damping is not mu")
            return solution

        def predicted(**given: Any) -> Expr:
            if given["g"] is not made.attributes["scaling"].attributes["gz"] or given["mu"] != mu:
                raise Refusal("the decrease is not predicted from gz, x and mu")
            if given["h"] is not solution:
                raise Refusal("the decrease is not predicted from gz, x and mu")
            return decrease

        def step(found: Any) -> View:
            if found is not solution:
                raise Refusal("h is made of something other than x")
            return h

        self.agree(
            {
                ("definite.py", "ShiftedSystem.solve"): solve,
                (NORMAL, "predicted_decrease"): by_name(self.run, NORMAL, "predicted_decrease", predicted),
                (SCALING, "Scaling.step"): step,
            }
        )
        try:
            result = self.method(made, "trial", mu)
        finally:
            self.agree({})
        if result is not h or made.attributes.get("decrease") != decrease:
            raise Refusal("what is returned is not h, or its decrease not that of (5.19)")

    def counted(self) -> None:
        """Check that parameters are counted from the eigenvalues of S, not of the scaled matrix."""
        made, found = self.with_scaling(), self.vector(values, lm.s)
        given: list[Any] = []

        def effective(**named: Any) -> Expr:
            if named["values"] is not found or named["ridge"] != ridge:
                raise Refusal("the parameters are counted from something other than eigenvalues and ridge")
            return gamma

        self.agree(
            {
                ("definite.py", "ShiftedSystem.__init__"): lambda: None,
                ("definite.py", "ShiftedSystem.at"): lambda matrix, right: given.append(matrix),
                ("definite.py", "ShiftedSystem.diagonalise"): lambda: (found, None, None),
                (RIDGE, "effective_parameters"): by_name(self.run, RIDGE, "effective_parameters", effective),
            }
        )
        try:
            result = self.method(made, "effective_parameters", ridge)
        finally:
            self.agree({})
        if result != gamma or len(given) != 1 or given[0] is not made.attributes["S"]:
            raise Refusal("what is returned is not counted from the eigenvalues of S")
