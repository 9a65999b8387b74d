"""What is said of a claim."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from derive.claims.counterexample import Counterexample
from derive.printers.text import expression_text
from derive.theorems.backpropagation import Derived


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


@dataclass(frozen=True)
class Verdict:
    """The outcome for one claim.

    ``lines`` say it to a person. ``derivations`` are the equations that the proof took, each with its
    steps; ``condition`` is what a conditional claim needs; ``column``, from 0, is where a claim that is
    not well formed goes wrong.
    """

    claim: str
    outcome: Outcome
    lines: tuple[str, ...]
    derivations: tuple[Derived, ...] = ()
    counterexample: Counterexample | None = None
    condition: str | None = None
    column: int | None = None

    @property
    def exit_status(self) -> int:
        """0 if true, 1 if false, conditional or undecided, 2 if not well formed."""
        return self.outcome.exit_status

    def steps(self) -> list[str]:
        """Return the derivations in full, one line a step, with the rule that allows it."""
        said = []
        for derived in self.derivations:
            said.append(f"{equation_label(derived)}:")
            said.append(f"  {expression_text(derived.derivation.start, samples=False)}")
            for step in derived.derivation.steps:
                rule = f"{step.rule.name}: {step.note}" if step.note else step.rule.name
                said.append(f"  = {expression_text(step.after, samples=False)}    [{rule}]")
        return said


def equation_label(derived: Derived) -> str:
    """Return the equation's number, or its name if it has none."""
    return f"({derived.equation.number})" if derived.equation.number else derived.equation.name
