"""What a rule may look at besides the expression that it rewrites, and what it is: for the replay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sympy import Expr

from derive.evaluation import Definitions
from derive.quantities import Partial


@dataclass
class Case:
    """What a rule may look at besides the expression that it rewrites."""

    known: Definitions
    goal: Expr
    note: str | None = None  # the reason that is given for the step, if that is to be checked
    inside: frozenset[Partial] = frozenset()  # the derivatives around the place
    complaints: list[str] = field(default_factory=list)

    def refuse(self, reason: str) -> None:
        """Keep why the rule was not used at some place."""
        self.complaints.append(reason.replace("_", ""))  # SymPy writes an index as _i

    def allows(self, note: str) -> bool:
        """Say whether a use that calls for this note may be meant."""
        if self.note in (None, note):
            return True
        self.refuse(f"the reason is {note!r}, not {self.note!r}" if note else f"{self.note!r} is no reason")
        return False


Rewriting = Callable[[Expr, Case], Iterator[Expr]]


def label(known: Definitions, quantity: Expr) -> str:
    """Return the number or name of what defines a quantity, where the definitions say."""
    named = getattr(known, "label", None)
    return "" if named is None else str(named(quantity))
