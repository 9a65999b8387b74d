"""What is said of a claim."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Protocol

from sympy import Expr

from derive.calculus.derivation import Derivation
from derive.equation import Equation
from derive.printers.text import expression_text


class Outcome(Enum):
    """The five things that a claim can be."""

    TRUE = "true"
    FALSE = "false"
    CONDITIONAL = "conditional"
    UNDECIDED = "undecided"
    MALFORMED = "malformed"

    @property
    def exit_status(self) -> int:
        """0 for what is true, 2 for what means nothing, 1 for the rest."""
        return {Outcome.TRUE: 0, Outcome.MALFORMED: 2}.get(self, 1)


class Counterexample(Protocol):
    """Numbers at which the two sides differ."""

    @property
    def left(self) -> Fraction:
        """The left side, at the entry that differs."""

    @property
    def right(self) -> Fraction:
        """The right side there."""

    def lines(self) -> list[str]:
        """Say it in full, so that it can be followed by hand."""


class Proved(Protocol):
    """An equation with the steps that lead to it."""

    @property
    def equation(self) -> Equation:
        """What is proved."""

    @property
    def derivation(self) -> Derivation:
        """How."""


@dataclass(frozen=True)
class Verdict:
    """The outcome for one claim.

    ``lines`` say it to a person. ``derivations`` are the equations that the proof took, each with its
    steps; ``condition`` is what a conditional claim needs; ``column``, from 0, is where a claim that is
    not well formed goes wrong; ``samples`` says that the derivations are about more than one sample.
    """

    claim: str
    outcome: Outcome
    lines: tuple[str, ...]
    derivations: tuple[Proved, ...] = ()
    counterexample: Counterexample | None = None
    condition: str | None = None
    column: int | None = None
    samples: bool = False

    @property
    def exit_status(self) -> int:
        """0 if true, 1 if false, conditional or undecided, 2 if not well formed."""
        return self.outcome.exit_status

    def steps(self) -> list[str]:
        """Return the derivations in full, one line a step, with the rule that allows it."""
        said = []
        for derived in self.derivations:
            said.append(f"{equation_label(derived)}:")
            said.append(f"  {_spelled(derived.derivation.start, self.samples)}")
            for step in derived.derivation.steps:
                rule = f"{step.rule.name}: {step.note}" if step.note else step.rule.name
                said.append(f"  = {_spelled(step.after, self.samples)}    [{rule}]")
        return said


def equation_label(derived: Proved) -> str:
    """Return the equation's number, or its name if it has none."""
    return f"({derived.equation.number})" if derived.equation.number else derived.equation.name


def _spelled(expr: Expr, samples: bool) -> str:
    try:
        return expression_text(expr, samples)
    except TypeError:  # an odd coefficient in a claim about matrices, such as 1/(lam - 1)
        return str(expr)
