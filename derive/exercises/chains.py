"""The derivations that exercises take their steps from, and what the checker says of a step.

Lemma 1 for one sample, for the mean cost, for a scaled cost and for one output; and the theorems beside it.
Only steps that ``check_step`` accepts are used, and only its word counts in a grade.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from sympy import Expr

from derive.calculus.derivation import Derivation
from derive.calculus.rules import RULES
from derive.evaluation import Definitions, Problem
from derive.exercises.blocks import Block, Prose, Row, Rows, spelled_equation
from derive.network import Network, mean_cost, output, sample_cost
from derive.quantities import eta
from derive.replay import Outcome, check_step, same
from derive.theorems.catalogue import theorems
from derive.theorems.lemma1 import derive_in_general
from derive.theorems.theorem import Given

MAX_LENGTH = 110  # of a line in the terminal; longer ones are no pleasure to read


@dataclass(frozen=True)
class Chain:
    """A derivation, the equation and the setting that it belongs to, and what its quantities are."""

    number: str
    setting: str
    derivation: Derivation
    known: Definitions

    @property
    def lines(self) -> tuple[Expr, ...]:
        """The start and what each step leads to."""
        return (self.derivation.start, *(step.after for step in self.derivation.steps))

    @property
    def premises(self) -> tuple[Block, ...]:
        """What is given beyond the network: the equations that the theorem may use."""
        if not isinstance(self.known, Given):
            return ()
        equations = (*self.known.definitions, *self.known.assumptions)
        rows = Rows(tuple(Row("", spelled_equation(equation)) for equation in equations))
        return (Prose("where it is given that"), rows) if equations else ()

    @property
    def rules(self) -> tuple[str, ...]:
        """The rule of each step, by name."""
        return tuple(step.rule.name for step in self.derivation.steps)


@cache
def chains() -> tuple[Chain, ...]:
    """Return every derivation, in a fixed order."""
    network = Network()
    settings = (
        ("the cost of one sample", sample_cost()),
        ("the mean cost of all samples", mean_cost()),
        ("the cost of one sample times eta", sample_cost(eta)),
        ("output c of the network", output(network)),
    )
    found = []
    for setting, objective in settings:
        problem = Problem(network, objective)
        for derived in derive_in_general(objective):
            found.append(Chain(derived.equation.number, setting, derived.derivation, problem))
    for theorem in theorems():
        for part in theorem.parts:
            if not isinstance(part.given, (Given, Problem)):
                continue  # what moves along a direction has no values by which a false line is told
            setting = theorem.title[:1].lower() + theorem.title[1:]
            found.append(Chain(part.equation.number, setting, part.derivation, part.given))
    return tuple(chain for chain in found if chain.derivation.steps)


def leads(before: Expr, after: Expr, known: Definitions) -> bool:
    """Say whether one use of some rule leads from one line to the next."""
    return any(check_step(before, after, rule.name, known).holds for rule in RULES)


def is_false(before: Expr, after: Expr, rule: str, known: Definitions) -> bool:
    """Say whether two lines have different values, so that no rule leads from one to the other."""
    return check_step(before, after, rule, known).outcome is Outcome.FALSE


def distinct(lines: Sequence[Expr]) -> bool:
    """Say whether no two lines are the same up to the names of bound indices."""
    return not any(same(p, q) for at, p in enumerate(lines) for q in lines[:at])
