"""How much of a derivation is shown: every step, or only those that a reader would miss.

A hidden step is not lost: its rule is named beside the next line that is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from derive.calculus import rules
from derive.calculus.derivation import Step


class Level(StrEnum):
    """Whom a derivation is printed for."""

    STUDENT = "student"
    LECTURER = "lecturer"
    TERSE = "terse"


_HIDDEN = {
    Level.STUDENT: frozenset[rules.Rule](),
    Level.LECTURER: frozenset({rules.CONSTANT, rules.INDEPENDENCE, rules.LINEARITY}),
    Level.TERSE: frozenset(rules.RULES)
    - {rules.CHAIN, rules.POWER, rules.COLLAPSE, rules.PREMISE, rules.DISTRIBUTIVE},
}


def shown(steps: Sequence[Step], level: Level) -> list[tuple[Step, tuple[str, ...]]]:
    """Return the steps to show, each with the rules hidden before it; the last is always shown."""
    found: list[tuple[Step, tuple[str, ...]]] = []
    silent: list[str] = []
    for step in steps:
        if step.rule in _HIDDEN[level] and step is not steps[-1]:
            silent.append(step.rule.name)
            continue
        names = dict.fromkeys(name for name in silent if name != step.rule.name)
        found.append((step, tuple(names)))
        silent = []
    return found
