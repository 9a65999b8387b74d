"""The programs of a robust loss: the weights' square roots from a residual, and the objective.

The equations are those of ``derive.theorems.robust``; a residual is one long vector here, whatever its shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from sympy import Expr, Indexed

from derive.activations import A, Z
from derive.equation import Equation
from derive.program.lowering import Computed, Lowering, plainly
from derive.program.passes import compute_in_place, drop_unread
from derive.program.routines import Routine, size_of
from derive.program.statements import Program
from derive.quantities import Index, total
from derive.robust import RobustLoss, put_in
from derive.theorems.levenberg_marquardt import M
from derive.theorems.robust import factor, objective, part, robust, scale, scaled_residual, t, zeta


@dataclass(frozen=True)
class RobustRoutines:
    """``factors`` fills t from r, and ``total`` returns the objective."""

    factors: Routine
    total: Routine


@cache
def robust_routines(loss: RobustLoss) -> RobustRoutines:
    """Lower the equations of one loss.

    Raises:
        NotProvedError: if a form that is computed is not proved to be what the loss defines.
    """
    return RobustRoutines(
        _lowered(computed_factor(loss), {str(t)}, {str(t)}),
        _lowered(computed_objective(loss), {str(robust)}, set()),
    )


@cache
def computed_factor(loss: RobustLoss) -> list[Computed]:
    """Return (5.20) and (5.22), the root of the weight in the form that is computed."""
    q = Index("q", M)
    equation = factor(q)
    return [plainly(scaled_residual(q)), Computed(equation, put_in(loss.factor(), {Z: zeta[q]}))]


@cache
def computed_objective(loss: RobustLoss) -> list[Computed]:
    """Return (5.20) and (5.21), the loss in the form that is computed, what it takes first by itself."""
    q, k = Index("q", M), Index("q", M)
    first = [plainly(scaled_residual(q))]
    if loss.part is not None:
        meaning = Equation("5.21", "part of the objective", part[q], put_in(loss.part, {Z: zeta[q]}))
        first.append(plainly(meaning))
    body = put_in(loss.value(), {Z: zeta[k], A: part[k]})
    return [*first, Computed(objective(), scale**2 * total(body, k))]


def name_flat(quantity: Expr) -> tuple[str, tuple[Expr, ...]]:
    """Name the arrays over all residuals after their letters."""
    return (str(quantity.base), quantity.indices) if isinstance(quantity, Indexed) else (str(quantity), ())


def _lowered(equations: Sequence[Computed], outputs: set[str], external: set[str]) -> Routine:
    program = Program(inputs={"r"}, outputs=outputs, external=external)
    lowering = Lowering(program, name_flat, size_of)
    for equation in equations:
        lowering.lower(equation)
    program = compute_in_place(drop_unread(program))
    return Routine(tuple(program.statements), program.axes, {})
