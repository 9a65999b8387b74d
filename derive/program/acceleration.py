"""The programs of geodesic acceleration: F'', J^T t^2 F'', and what is made of solutions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from sympy import Expr, Indexed

from derive.equation import Equation
from derive.program.extras import assemble_in_turn, computed_along, name_along
from derive.program.lean import parameters_first
from derive.program.lowering import Computed, Lowering, plainly
from derive.program.passes import compute_in_place
from derive.program.routines import Routine, Routines, size_of
from derive.program.statements import Program
from derive.proof import Proof
from derive.quantities import R2a
from derive.theorems.acceleration import (
    accelerated_computed,
    c,
    correction_computed,
    factor,
    pulled,
    rising,
    weighed_bending,
)
from derive.theorems.further import PULLED_BENDING, SECOND_DERIVATIVE, Item


@dataclass(frozen=True)
class AccelerationRoutines:
    """``second`` fills F'' and ``pull`` J^T t^2 F'' after it; the others are over p, or over residuals."""

    second: Routine
    pull: Routine
    weigh: Routine
    turn: Routine
    take: Routine
    result: str  # the array that F'' is left in


def acceleration_routines(
    proof: Proof, routines: Routines, items: Mapping[str, Sequence[Item]]
) -> AccelerationRoutines:
    """Lower the equations."""
    segments: list[list[Computed]] = [
        [computed_along(proof.network, item.derived.equation) for item in items[key]]
        for key in (SECOND_DERIVATIVE, PULLED_BENDING)
    ]
    (result,) = {name_along(q)[0] for q in segments[1][0].rhs.atoms(Indexed) if q.base == R2a}
    first, then = assemble_in_turn(proof, routines, segments, {result})
    return AccelerationRoutines(
        first,
        then,
        _flat({"t", "second"}, weighed_bending(proof.network), "u"),
        _flat({"pulled"}, correction_computed(), "c"),
        _flat({"p", "h", "c"}, accelerated_computed(), "p_new"),
        result,
    )


def _flat(inputs: Set[str], equation: Equation, output: str) -> Routine:
    program = Program(inputs=set(inputs), outputs={output}, external={output})
    Lowering(program, flat_name, size_of).lower(plainly(equation))
    program = compute_in_place(program)
    return Routine(tuple(program.statements), program.axes, {})


_NAMES = {c: "c", pulled: "pulled", R2a: "second", rising: "u", factor: "t"}


def flat_name(quantity: Expr) -> tuple[str, tuple[Expr, ...]]:
    """Name arrays over p, and over residuals: u has outputs before samples, as the dual system has them."""
    base = getattr(quantity, "base", None)
    if base not in _NAMES:
        return parameters_first(quantity)
    places = tuple(quantity.indices)
    if base == R2a:  # of the last layer
        return _NAMES[base], places[1:]
    return _NAMES[base], places[::-1] if base == rising else places
