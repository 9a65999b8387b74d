"""The programs of the step without the Jacobian, and of the rows that a normal matrix is summed from.

The equations are those of ``derive.theorems.lean_step`` and the derived rows of the Jacobian. What is chosen
here is only how arrays lie in memory: in the Gram matrix, in r and in v, outputs come before samples, so that
samples, of which there are many, are the innermost axis of every elementwise call. In the rows that make
the normal matrix, samples are the last axis of every array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sympy import Expr, Indexed, Integer, KroneckerDelta, Symbol

from derive.equation import Equation
from derive.errors import NotProvedError
from derive.network import Network
from derive.numbered import residual_equation
from derive.program.lowering import Computed, Lowering, plainly
from derive.program.passes import compute_in_place, drop_unread, share_memory
from derive.program.routines import Routine, computed, forward_equations, name_array, size_of
from derive.program.slopes import shared_slopes
from derive.program.statements import Program
from derive.proof import Proof
from derive.quantities import F, Index, Partial, a, z
from derive.theorems import levenberg_marquardt as lm
from derive.theorems.lean_step import LeanStep, Q, U, epsilon
from derive.theorems.scaled_step import scale
from derive.theorems.trials import (
    S,
    all_g,
    all_S,
    decrease,
    dual_decrease,
    normal_matrix,
    part_g,
    part_S,
    primal_decrease,
    sums_over_chunks,
)

DELTA_OF_OUTPUT = "Delta"


@dataclass(frozen=True)
class LeanRoutines:
    """``gram`` fills r and J J^T, ``pull_back`` the step from v, ``rows`` r and the columns of J.

    ``normal`` sums J^T J and J^T r from columns, ``take`` makes the new p from p and h, and the others
    predict the decrease of the sum of squares.
    """

    gram: Routine
    pull_back: Routine
    rows: Routine
    normal: Routine
    accumulate: Routine
    take: Routine
    dual_decrease: Routine
    primal_decrease: Routine
    matrix: str  # the array that J J^T is left in


def lean_routines(proof: Proof, lean: LeanStep, kept: tuple[str, ...]) -> LeanRoutines:
    """Lower the equations; ``kept`` are the arrays that the forward pass leaves.

    Neither the Gram matrix nor the backward pass writes what is kept, so that another v may follow.
    """
    network = proof.network
    residual = plainly(residual_equation(network))
    assert proof.layered is not None
    gram = [residual, *(computed_gram(network, equation) for equation in proof.layered.gram)]
    back = [computed(network, derived.equation) for derived in lean.back]
    parameters = parameter_arrays(item.equation for item in back)
    matrix = outputs_first(lean.gram[-1].lhs)[0]
    steps = {f"h{name}" for name in parameters}
    program = Program(
        inputs=parameters | {"X", "Y", "v", *kept}, outputs={matrix, "r"} | steps, external={"r"} | steps
    )
    first, second = lowered(program, outputs_first, (gram, back), shared_slopes)
    step = proof.step
    return LeanRoutines(
        first,
        second,
        _rows(proof, parameters),
        _flat({"J", "r"}, (normal_matrix(), step.right_side), {"S", "g"}),
        _flat({"part_S", "part_g"}, sums_over_chunks(), {"all_S", "all_g"}),
        _flat({"p", "h"}, (step.update,), {"p_new"}),
        _flat({"r", "v"}, (dual_decrease(),), {"decrease"}),
        _flat({"g", "h"}, (primal_decrease(),), {"decrease"}),
        matrix,
    )


def _flat(inputs: set[str], equations: Sequence[Equation], outputs: set[str]) -> Routine:
    """Lower equations over p and over all residuals, which are float64 whatever p is."""
    program = Program(inputs=inputs, outputs=outputs)
    lowering = Lowering(program, parameters_first, size_of)
    for equation in equations:
        lowering.lower(plainly(equation))
    program = compute_in_place(program)
    return Routine(tuple(program.statements), program.axes, {})


def _rows(proof: Proof, parameters: set[str]) -> Routine:
    """Lower the forward pass, the residual and the rows of the Jacobian, samples last in every array."""
    network = proof.network
    equations = [
        plainly(network.equations()[0]),
        *forward_equations(network),
        plainly(residual_equation(network)),
        *(computed(network, derived.equation) for derived in proof.output),
    ]
    jacobian = {f"J{name}" for name in parameters}
    program = Program(inputs=parameters | {"X", "Y"}, outputs=jacobian | {"r"}, external=jacobian | {"r"})
    (rows,) = lowered(program, samples_last, (equations,))
    return rows


def lowered(
    program: Program,
    naming: Callable[[Expr], tuple[str, tuple[Expr, ...]]],
    segments: Sequence[Sequence[Computed]],
    prepare: Callable[[Program], Program] = lambda program: program,
) -> list[Routine]:
    """Optimise functions that run one after another together; return each.

    ``prepare`` is a pass over the program while every value still has an array of its own.
    """
    lowering = Lowering(program, naming, size_of, lambda name: program.axes[name].count("n") > 1)
    for equations in segments:
        for item in equations:
            lowering.lower(item)
    firsts = [equations[0].equation for equations in segments]
    program = prepare(drop_unread(program))
    starts = [_first(program, equation) for equation in firsts]
    program = compute_in_place(program, starts)
    slots = share_memory(program) | share_memory(program, squares=True)
    ends = [*starts[1:], len(program.statements)]
    return [
        Routine(tuple(program.statements[i:j]), program.axes, slots)
        for i, j in zip(starts, ends, strict=True)
    ]


def _first(program: Program, equation: Equation) -> int:
    found = (k for k, statement in enumerate(program.statements) if statement.equation is equation)
    first = next(found, None)
    if first is None:
        raise NotProvedError(f"not proved: nothing computes ({equation.number}); nothing is emitted")
    return first


def parameter_arrays(equations: Iterable[Equation]) -> set[str]:
    """Return the names of the parameters that derivatives are taken in."""
    return {name_array(eq.lhs.v)[0] for eq in equations if isinstance(eq.lhs, Partial)}


def computed_gram(network: Network, equation: Equation) -> Computed:
    """Return how an equation of the Gram matrix is computed: two outputs of a single one are the same."""
    item = with_numbers(computed(network, equation))
    single = {delta: Integer(1) for delta in item.rhs.atoms(KroneckerDelta) if _of_single(delta)}
    return Computed(equation, item.rhs.xreplace(single))


def with_numbers(item: Computed) -> Computed:
    """Put a number with a name of its own for the scale of every layer."""
    scales = {node: number_of(node) for node in item.rhs.atoms(Indexed) if node.base == scale}
    return Computed(item.equation, item.rhs.xreplace(scales))


def number_of(scale_of_layer: Indexed) -> Symbol:
    """Return the number that is the scale of a layer."""
    return Symbol(f"scale{scale_of_layer.indices[0]}", positive=True)


def _of_single(delta: Expr) -> bool:
    return all(isinstance(index, Index) and index.upper == 1 for index in delta.args[:2])


# -- how arrays lie in memory ----------------------------------------------------------------------------


def outputs_first(quantity: Expr) -> tuple[str, tuple[Expr, ...]]:
    """Name the arrays of the Gram matrix: outputs before samples in Delta, Q, r and v, else as elsewhere."""
    if isinstance(quantity, Partial) and quantity.f == U:
        name, axes = name_array(quantity.v)
        return f"h{name}", axes
    if isinstance(quantity, Indexed):
        base, places = quantity.base, quantity.indices
        if base == Q:
            layer, i, c, s, d = places
            return f"Q{layer}", (c, i, d, s)
        if base == epsilon:
            layer, *axes = places
            return f"u{layer}", tuple(axes)
        if base.name == DELTA_OF_OUTPUT:
            layer, i, c, j = places
            return f"d{layer}", (c, i, j)
        if base in (lm.v, lm.r):
            return str(base), places[::-1]
    return name_array(quantity)


def samples_last(quantity: Expr) -> tuple[str, tuple[Expr, ...]]:
    """Name the arrays of the rows of the Jacobian: parameters, then outputs, samples last."""
    if isinstance(quantity, Partial) and getattr(quantity.f, "base", None) == F:
        name, axes = name_array(quantity.v)
        i, c = quantity.f.indices
        return f"J{name}", (*axes, c, i)
    name, axes = name_array(quantity)
    if not isinstance(quantity, Indexed) or not (quantity.base in (z, a, lm.r) or _delta(quantity)):
        return name, axes
    return "a1" if name == "X" else name, tuple(axes[::-1])


def parameters_first(quantity: Expr) -> tuple[str, tuple[Expr, ...]]:
    """Name the arrays over p and over all residuals: J has a row for each parameter."""
    if quantity == decrease:
        return "decrease", ()
    if isinstance(quantity, Indexed) and quantity.base in _SUMS:
        return _SUMS[quantity.base], quantity.indices
    name, axes = name_array(quantity)
    return (name, tuple(axes[::-1])) if name == "J" else (name, axes)


_SUMS = {S: "S", part_S: "part_S", part_g: "part_g", all_S: "all_S", all_g: "all_g"}


def _delta(quantity: Indexed) -> bool:
    return bool(quantity.base.name == DELTA_OF_OUTPUT)
