"""A theorem as one holds it: statement, premises, the steps that prove it, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sympy import Expr

from derive.calculus.derivation import Derivation, Step
from derive.calculus.normal_form import Rewrite, equal
from derive.calculus.rules import DEFINITION, MULTIPLY_OUT
from derive.equation import Equation


@dataclass(frozen=True)
class Part:
    """One equation of a theorem, with the derivation that leads from its left side to its right side.

    ``holds`` is the outcome of comparing the derivation's result with the stated right-hand side.
    """

    equation: Equation
    derivation: Derivation
    holds: bool
    reason: str = ""


@dataclass(frozen=True)
class Theorem:
    """What is claimed, under which premises, and the parts that prove it."""

    key: str
    title: str
    premises: tuple[str, ...]
    parts: tuple[Part, ...]
    conclusion: str

    @property
    def holds(self) -> bool:
        """True if every part holds; a theorem without parts proves nothing."""
        return bool(self.parts) and all(part.holds for part in self.parts)


def compared(
    number: str,
    name: str,
    start: Expr,
    claimed: Expr,
    unfoldings: Sequence[tuple[Expr, str]] = (),
    unfold: Rewrite | None = None,
) -> Part:
    """Go from ``start`` over given unfoldings to the claim, if the normal form finds the two equal."""
    steps, now = [], start
    for expr, note in unfoldings:
        steps.append(Step(now, DEFINITION, expr, note))
        now = expr
    holds = equal(now, claimed, unfold)
    if holds:
        steps.append(Step(now, MULTIPLY_OUT, claimed))
    reason = "" if holds else "the two sides differ in their normal form"
    return Part(Equation(number, name, start, claimed), Derivation(start, tuple(steps)), holds, reason)
