"""A theorem as one holds it: statement, premises, the steps that prove it, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sympy import Expr, Indexed, Symbol

from derive.calculus.derivation import Derivation, Deriving, renamed
from derive.calculus.rules import DEFINITION, PREMISE
from derive.equation import Equation
from derive.evaluation import Definitions
from derive.quantities import Partial
from derive.replay import replay


def label(equation: Equation) -> str:
    """Return how a step cites an equation: by its number, or by its name if it has none."""
    return f"({equation.number})" if equation.number else equation.name


@dataclass(frozen=True)
class Given:
    """What a part of a theorem may use: equations that define quantities, and equations that are assumed.

    ``moving`` are the letters that change with every variable, though nothing defines them.
    """

    definitions: tuple[Equation, ...] = ()
    assumptions: tuple[Equation, ...] = ()
    moving: tuple[Expr, ...] = ()

    def definition(self, quantity: Expr) -> Expr | None:
        """Return what defines a quantity, with fresh bound indices, or None."""
        for equation in self.definitions:
            left = equation.lhs
            if quantity == left:
                return equation.rhs
            if isinstance(quantity, Indexed) and isinstance(left, Indexed) and quantity.base == left.base:
                return renamed(equation.rhs, dict(zip(left.indices, quantity.indices, strict=True)))
        return None

    def depends(self, quantity: Expr, variable: Expr) -> bool:
        """Say that a quantity moves with the variable's letter, or through its definition."""
        letter = getattr(quantity, "base", quantity)
        if letter == getattr(variable, "base", variable) or letter in self.moving:
            return True
        meaning = self.definition(quantity)
        return meaning is not None and any(
            self.depends(part, variable) for part in meaning.atoms(Indexed, Symbol)
        )

    @property
    def premises(self) -> tuple[tuple[Expr, Expr, str], ...]:
        """The assumptions, each with its label: either side may stand for the other."""
        return tuple((equation.lhs, equation.rhs, label(equation)) for equation in self.assumptions)

    def label(self, quantity: Expr) -> str:
        """Return the number or name of what defines a quantity, as a step cites it."""
        letter = getattr(quantity, "base", quantity)
        found = (eq for eq in self.definitions if letter == getattr(eq.lhs, "base", eq.lhs))
        return next(map(label, found), "")


@dataclass(frozen=True)
class Part:
    """One equation of a theorem, with the derivation that leads from its left side to its right side.

    ``given`` is what the steps may use; ``reason`` says why they do not reach the right side, if so.
    """

    equation: Equation
    derivation: Derivation
    given: Definitions
    reason: str = ""

    @cached_property
    def faults(self) -> tuple[str, ...]:
        """What the replay of the steps objects to, and why they stop short; empty if the part is proved."""
        if self.reason:
            return (self.reason,)
        return replay(self.derivation, self.given, self.equation).faults

    @property
    def holds(self) -> bool:
        """True if the steps reach the right side and each was accepted by the replay."""
        return not self.faults


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


def proved(
    equation: Equation, given: Given, uses: Sequence[Equation] = (), start: Expr | None = None
) -> Part:
    """Lead from the left side to the right side: use the equations in turn, multiply out, collapse, compare.

    The start is the left side, unless it is given as what defines it. Each equation used is a definition
    or an assumption in ``given``; a step is taken for each entry that it replaces.
    """
    work = Deriving(equation.lhs if start is None else start, given)
    for used in uses:
        rule = DEFINITION if used in given.definitions else PREMISE
        work.unfold(used.lhs, used.rhs, rule, label(used))
    if work.now.has(Partial):
        work.differentiate()
    elif uses:
        work.multiply_out()
    arrived = work.arrive(equation.rhs)
    reason = "" if arrived else "the two sides differ in their normal form"
    return Part(equation, work.done(), given, reason)
