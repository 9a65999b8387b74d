"""The programs of a step without any matrix: J v and J^T U from activations that are kept, and the iteration.

The sweeps are lowered from the same equations as the products of ``derive.program.extras``; here what the
forward pass left is never written, so that any number of sweeps may follow one pass. The vectors of the
iteration are those of ``derive.theorems.matrix_free``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sympy import Expr, Indexed

from derive.equation import Equation
from derive.program.extras import extra_equations, name_along
from derive.program.lean import parameters_first
from derive.program.lowering import Lowering, plainly
from derive.program.passes import compute_in_place, drop_unread, share_memory
from derive.program.routines import Routine, Routines, size_of
from derive.program.statements import Program
from derive.proof import Proof
from derive.quantities import Partial, a
from derive.theorems import matrix_free as free
from derive.theorems.further import JACOBIAN_PRODUCT, TRANSPOSED_PRODUCT
from derive.theorems.trials import E, sums_over_chunks


@dataclass(frozen=True)
class Sweeps:
    """``forward`` fills J v, ``backward`` the blocks of J^T U; ``product`` is the array of J v."""

    forward: Routine
    backward: Routine
    product: str


def sweeps(proof: Proof, routines: Routines) -> Sweeps:
    """Lower both sweeps; neither writes what the forward pass keeps."""
    equations = extra_equations(proof)
    segments = (equations[JACOBIAN_PRODUCT], equations[TRANSPOSED_PRODUCT])
    items = [item for segment in segments for item in segment]
    named = {name_along(item.equation.lhs)[0] for item in items}
    read = {name_along(q)[0] for item in items for q in item.rhs.atoms(Indexed)}
    blocks = {name_along(item.equation.lhs)[0] for item in items if isinstance(item.equation.lhs, Partial)}
    product = name_along(segments[0][-1].equation.lhs)[0]
    inputs = (read - named) | set(routines.kept) | {name_along(a[1, 1, 1])[0]}
    program = Program(inputs=inputs, outputs=blocks | {product}, external=blocks)
    lowering = Lowering(program, name_along, size_of)
    for item in items:
        lowering.lower(item)
    program = drop_unread(program)
    first = segments[1][0].equation
    cut = next(k for k, s in enumerate(program.statements) if s.equation is first)
    program = compute_in_place(program, [0, cut])
    slots = share_memory(program)
    last = next(s.target.array for s in reversed(program.statements[:cut]))
    forward = Routine(tuple(program.statements[:cut]), program.axes, slots)
    return Sweeps(forward, Routine(tuple(program.statements[cut:]), program.axes, slots), last)


# -- the iteration ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class IterationRoutines:
    """The functions of an iteration, by the names that they have in the module; see ``iteration``."""

    weigh: Routine
    leave: Routine
    curvature: Routine
    square: Routine
    advance: Routine
    turn: Routine
    decrease: Routine
    again: Routine
    ray: Routine
    accumulate: Routine


def iteration_routines() -> IterationRoutines:
    """Lower the equations over p and over all residuals; what comes in and is used up is written over."""
    found = free.iteration()
    return IterationRoutines(
        weigh=_flat({"t", "E"}, (found.weigh,), {"c"}),
        leave=_flat({"h", "p"}, (found.residual,), {"f"}),
        curvature=_flat({"c", "d"}, (found.curvature,), {"kappa"}),
        square=_flat({"f"}, (found.square,), {"square"}),
        advance=_flat({"d"}, (found.step, found.misfit), {"h_new", "E_new"}),
        turn=_flat({"f"}, (found.direction,), {"d_new"}),
        again=_flat({"r", "E", "g", "h"}, found.again, {"c", "slope"}),
        ray=_flat({"r", "g"}, found.ray, {"f_new", "E_new", "h_new"}),
        accumulate=_flat({"part_g"}, sums_over_chunks()[1:], {"all_g"}),
        decrease=_flat({"g", "f", "h"}, (found.decrease,), {"decrease"}),
    )


def name_vector(quantity: Expr) -> tuple[str, tuple[Expr, ...]]:
    """Name the vectors of the iteration."""
    if quantity in (free.kappa, free.square, free.slope):
        return quantity.name, ()
    if isinstance(quantity, Indexed) and quantity.base in _VECTORS:
        return _VECTORS[quantity.base], quantity.indices
    return parameters_first(quantity)


_VECTORS = {
    free.t: "t",
    free.B: "B",
    free.f: "f",
    free.d: "d",
    free.c: "c",
    E: "E",
    free.h_next: "h_new",
    free.f_next: "f_new",
    free.E_next: "E_new",
    free.d_next: "d_new",
}


def _flat(inputs: set[str], equations: Sequence[Equation], outputs: set[str]) -> Routine:
    program = Program(inputs=inputs, outputs=outputs)
    lowering = Lowering(program, name_vector, size_of)
    for equation in equations:
        lowering.lower(plainly(equation))
    program = compute_in_place(program)
    return Routine(tuple(program.statements), program.axes, {})
