"""What the file of the robust losses is given: see ``package``."""

from __future__ import annotations

from typing import Any

from derive.activations import Z
from derive.equation import Equation
from derive.package_parts import Function, function
from derive.printers.text import equation_text
from derive.program.robust import robust_routines
from derive.program.routines import Routine
from derive.quantities import Rho
from derive.robust import ROBUST, RobustLoss
from derive.theorems.robust import require_robust


def robust_contexts() -> dict[str, dict[str, Any]]:
    """Return what the file reads; it is the same for every network.

    Raises:
        NotProvedError: if what reweighting rests on, or a form that is computed, is not proved.
    """
    require_robust()
    made = {loss: robust_routines(loss) for loss in ROBUST.values()}
    routines = [routine for found in made.values() for routine in (found.factors, found.total)]
    count = max(len(_work(routine)) for routine in routines)
    losses = [
        {
            "name": loss.name,
            "said": _said(loss),
            "factors": _function(found.factors, count, ("t",)),
            "total": _function(found.total, count),
        }
        for loss, found in made.items()
    ]
    return {"robust.py": {"losses": losses, "names": list(ROBUST), "work": count}}


def _said(loss: RobustLoss) -> str:
    """Say what the loss is: rho(z) = 1 + z, say."""
    return equation_text(Equation("", loss.name, Rho(Z), loss.definition))


def _work(routine: Routine) -> list[str]:
    """Return the arrays that a routine works in, in the order in which they are written."""
    written = dict.fromkeys(statement.target.array for statement in routine.statements)
    return [name for name in written if name != "t" and routine.axes[name]]


def _function(routine: Routine, count: int, fills: tuple[str, ...] = ()) -> Function:
    own = _work(routine)
    return function(routine, [("work", own + ["_"] * (count - len(own)))], fills)
