"""The programs of weights and of a ridge: small routines that steps call only where there are any.

The equations are those of ``derive.theorems.weighted_step``; arrays lie as in ``derive.program.lean``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sympy import Expr, Indexed, Integer, Symbol

from derive.equation import Equation
from derive.network import Network
from derive.program.extras import computed_along
from derive.program.lean import lowered, outputs_first, parameters_first
from derive.program.lowering import Computed, Lowering, plainly
from derive.program.passes import compute_in_place
from derive.program.routines import Routine, size_of
from derive.program.statements import Program
from derive.proof import Proof
from derive.quantities import Ra, Rz
from derive.remembered import remembered
from derive.theorems import levenberg_marquardt as lm
from derive.theorems.evidence import effective, values
from derive.theorems.scaled_step import (
    Z,
    column,
    diagonal,
    grown,
    gz,
    largest,
    scale,
    scaled_system,
    unscaled,
    x,
)
from derive.theorems.weighted_step import (
    JJ,
    JJt,
    Jp,
    Jt,
    along_p,
    pulled,
    rt,
    shifts,
    slope_with_ridge,
    step_with_ridge,
    t,
    tv,
    weighed_gram_computed,
    weighed_rows_computed,
    weighed_vector_computed,
)


@dataclass(frozen=True)
class WeightedRoutines:
    """What weighs rows, J J^T and v; what a ridge adds; and J p."""

    rows: Routine
    gram: Routine
    vector: Routine
    shifts: Routine
    slope: Routine
    step: Routine
    effective: Routine
    scales: Routine
    scaled: Routine
    unscaled: Routine
    along: Routine


def weighted_routines(proof: Proof, kept: Sequence[str], parameters: set[str]) -> WeightedRoutines:
    """Lower the equations; ``kept`` are the arrays that the forward pass leaves, none of which is written."""
    outputs = Integer(proof.architecture.sizes[-1])
    program = Program(inputs=parameters | {"X", *kept}, outputs={"Jp"}, external={"Jp"})
    (along,) = lowered(program, weighted_outputs_first, (along_computed(proof.network),))
    return WeightedRoutines(
        _in_place(weighed_rows_computed(outputs), weighted_samples_last, {"t"}),
        _in_place(weighed_gram_computed(outputs), weighted_outputs_first, {"t"}),
        _in_place((weighed_vector_computed(outputs),), weighted_outputs_first, {"t", "v"}),
        _in_place(shifts(), weighted_parameters, {"mu", "ridge"}),
        _in_place((slope_with_ridge(),), weighted_parameters, {"p"}),
        _in_place((step_with_ridge(),), weighted_parameters, {"p"}),
        _in_place((effective(),), weighted_parameters, {"values", "ridge"}),
        _in_place(diagonal(), weighted_parameters, {"column"}),
        _in_place(scaled_system(), weighted_parameters, {"S", "g", "scale", "ridge"}),
        _in_place((unscaled(),), weighted_parameters, {"scale", "x"}),
        along,
    )


@remembered
def along_computed(network: Network) -> tuple[Computed, ...]:
    """Return how J p is computed."""
    return tuple(computed_along(network, equation) for equation in along_p(network)[0])


def _in_place(
    equations: Sequence[Equation],
    naming: Callable[[Expr], tuple[str, tuple[Expr, ...]]],
    inputs: set[str],
) -> Routine:
    """Lower equations whose results take the place of what they are made of, unless that is an input."""
    program = Program(inputs=inputs, outputs={naming(equation.lhs)[0] for equation in equations})
    lowering = Lowering(program, naming, size_of)
    for equation in equations:
        lowering.lower(plainly(equation))
    program = compute_in_place(program)
    return Routine(tuple(program.statements), program.axes, {})


# -- how arrays lie in memory ----------------------------------------------------------------------------


def weighted_outputs_first(quantity: Expr) -> tuple[str, tuple[Expr, ...]]:
    """Name arrays with outputs before samples: those of J J^T, r, v and J p; t is as it is given."""
    if isinstance(quantity, Indexed):
        base, places = quantity.base, quantity.indices
        if base in (Rz, Ra):
            layer, *axes = places
            return f"{base}{layer}", tuple(axes)
        if base in (JJ, JJt):
            i, c, s, d = places
            return "Q" if base == JJ else "Qt", (c, i, d, s)
        if base in (rt, tv, Jp):
            return str(base), places[::-1]
        if base == t:
            return "t", places
    return outputs_first(quantity)


def weighted_samples_last(quantity: Expr) -> tuple[str, tuple[Expr, ...]]:
    """Name arrays with samples last: rows of J, and r; t is as it is given."""
    if isinstance(quantity, Indexed):
        base, places = quantity.base, quantity.indices
        if base == t:
            return "t", places
        if base in (lm.J, Jt, lm.r, rt):
            return str(base), places[::-1]
    raise ValueError(f"no array holds {quantity}")


def weighted_parameters(quantity: Expr) -> tuple[str, tuple[Expr, ...]]:
    """Name arrays over p; the damping with the ridge and its share are numbers."""
    if isinstance(quantity, Symbol):
        return str(quantity), ()
    if getattr(quantity, "base", None) in (pulled, values, column, largest, grown, scale, Z, gz, x):
        return str(quantity.base), quantity.indices
    return parameters_first(quantity)
