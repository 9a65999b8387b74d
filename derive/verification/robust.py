"""What is run of ``robust.py``: for each loss the objective and the factors, as ``RobustLoss`` gives them.

The residual is one long vector here; every call is elementwise or a sum over all entries. Each loss is held
against its own equations, so that the table of losses by name is proved as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sympy import Expr

from derive.program.robust import computed_factor, computed_objective
from derive.proof import Proof
from derive.robust import ROBUST, RobustLoss
from derive.theorems.levenberg_marquardt import M, r
from derive.theorems.robust import robust, scale, t
from derive.verification.expected import Knowledge
from derive.verification.interpreter import Interpreter
from derive.verification.lean_entries import LeanEntries, Run
from derive.verification.objects import FLOAT, Instance
from derive.verification.source import Source
from derive.verification.values import Memory, Refusal, place

FILE = "robust.py"


def robust_runs(
    sources: Mapping[str, Source], proof: Proof
) -> tuple[list[Interpreter], Iterator[tuple[str, str, Run]]]:
    """Return the interpreters and, in their order, the file, the name and the run of what is proved."""
    found = []
    for loss in ROBUST.values():
        _, *more = computed_objective(loss)
        knowledge = Knowledge(proof, [*computed_factor(loss), *more])
        found.append((loss, RobustEntries(Interpreter(sources, knowledge), knowledge, proof)))

    def all_runs() -> Iterator[tuple[str, str, Run]]:
        for loss, entries in found:
            yield from entries.of(loss)

    return [entries.run for _, entries in found], all_runs()


class RobustEntries(LeanEntries):
    """One loss."""

    def of(self, loss: RobustLoss) -> Iterator[tuple[str, str, Run]]:
        """Yield what is proved."""
        yield (FILE, "RobustLoss.__init__", self.names)
        yield (FILE, "RobustLoss.factors", lambda: self.factors(loss.name))
        yield (FILE, "RobustLoss.total", lambda: self.total(loss.name))

    def names(self) -> None:
        """Check that every loss is there, and no other."""
        known = self.run.global_name(self.run.sources[FILE], "LOSSES")
        if not isinstance(known, dict) or set(known) != set(ROBUST):
            raise Refusal(f"LOSSES does not hold {', '.join(ROBUST)}")

    def factors(self, name: str) -> None:
        """Check (5.22), twice: a second call must find everything as it was."""
        made = self.loss(name)
        for _ in range(2):
            filled = Memory(M).whole()
            self.method(made, "factors", self.vector(r, M), filled)
            self.is_letter(filled, t[place(0, M)], "the root of the weight (5.22)")

    def total(self, name: str) -> None:
        """Check (5.21), twice."""
        made = self.loss(name)
        for _ in range(2):
            found: Expr = self.method(made, "total", self.vector(r, M))
            if found != robust:
                raise Refusal("what is returned is not the objective (5.21)")

    def loss(self, name: str) -> Instance:
        """Return the loss of a name, for M residuals."""
        return self.run.create(self.kind(FILE, "RobustLoss"), [name, scale, (M,), FLOAT], {})
