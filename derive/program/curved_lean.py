"""The programs of the step for costs other than squares: weights, a ridge, prediction, and no Jacobian.

The equations are those of ``derive.theorems.curved_trials``. Arrays lie in memory as ``program.lean`` has
them: outputs before samples in what belongs to J J^T, samples last in the rows of a chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sympy import Expr, IndexedBase, Integer, Symbol

from derive.equation import Equation
from derive.network import Network
from derive.program.extras import name_along
from derive.program.lean import computed_gram, lowered, outputs_first, parameter_arrays, samples_last
from derive.program.lowering import Computed, Lowering, plainly
from derive.program.passes import compute_in_place
from derive.program.routines import (
    WEIGHTS,
    Routine,
    computed,
    curved_equations,
    forward_equations,
    name_array,
    size_of,
)
from derive.program.statements import Program
from derive.proof import Proof
from derive.quantities import Partial, Ra, Rz
from derive.theorems import curved
from derive.theorems import curved_trials as trials
from derive.theorems import levenberg_marquardt as lm
from derive.theorems.curved import NetworkStep
from derive.theorems.curved_trials import CurvedLean, weighing
from derive.theorems.trials import S, all_g, all_S, decrease, part_g, part_S, sums_over_chunks

Naming = Callable[[Expr], tuple[str, tuple[Expr, ...]]]


@dataclass(frozen=True)
class ModelRoutines:
    """What is a matter of p and of all residuals alone, whatever makes the system."""

    shares: Routine
    slope: Routine
    decrease: Routine
    right_side: Routine
    back: Routine
    take: Routine
    weigh_rows: Routine
    primal: Routine
    dual: Routine
    slope_of: Routine


@dataclass(frozen=True)
class CurvedLeanRoutines:
    """``gram`` fills rho and J J^T, ``along`` J p, ``bend`` H J J^T and H J p, ``pull_back`` J^T v.

    ``columns`` fills rho and the columns of J, ``bend_rows`` those of K, ``normal`` sums both, and
    ``weigh_...`` put the factors of samples in.
    """

    gram: Routine
    along: Routine
    bend: Routine
    pull_back: Routine
    weigh_gram: Routine
    weigh_vector: Routine
    columns: Routine
    bend_rows: Routine
    weigh_columns: Routine
    normal: Routine
    accumulate: Routine
    matrix: str  # the array that J J^T is left in


def model_routines(proof: Proof) -> ModelRoutines:
    """Lower what no network is needed for, but for the number of its outputs."""
    systems = trials.systems()
    rows = weighing(Integer(proof.architecture.sizes[-1]), _count(proof))
    take = proof.step.update
    return ModelRoutines(
        _flat(set(), (trials.SHIFT, trials.SHARE), {"shift", "share"}),
        _flat({"p", "pulled"}, (trials.slope_with_ridge(),), {"g"}),
        _flat({"g", "h"}, (trials.predicted_decrease(),), {"decrease"}),
        _flat({"r", "HJp"}, (trials.right_side(),), {"right"}),
        _flat({"p", "pulled"}, (trials.step_from_dual(),), {"h"}),
        _flat({"p", "h"}, (take,), {"p_new"}),
        _flat({"t"}, (rows.rows, rows.slope), {"J", "r"}),
        _flat({"J", "K", "g"}, (systems.matrix, (systems.primal, lm.h)), {"h"}),
        _flat(
            {"p", "J", "K", "r"},
            (systems.gram, systems.moved, systems.dual_right, (systems.dual, lm.v), systems.back),
            {"h"},
        ),
        _flat({"p", "J", "r"}, (systems.right,), {"g"}),
    )


def curved_lean_routines(
    proof: Proof, found: NetworkStep, lean: CurvedLean, kept: tuple[str, ...]
) -> CurvedLeanRoutines:
    """Lower the equations; ``kept`` are the arrays that the forward pass leaves.

    Raises:
        LoweringError: if there is an equation that no array statement is known for.
    """
    network = proof.network
    first, gram, along, bend, back = gram_segments(network, found, lean)
    parameters = parameter_arrays(item.equation for item in back)
    naming = outputs_first_of(lean)
    matrix = naming(lean.lean.gram[-1].lhs)[0]
    steps = {f"h{name}" for name in parameters}
    outputs = {matrix, "r", "B", "Jp", "HJp"} | steps
    program = Program(
        inputs=parameters | {"X", "Y", "v", WEIGHTS, *kept},
        outputs=outputs,
        external={"r", "Jp", "HJp"} | steps,
    )
    made, moved, bent, pulled = lowered(program, naming, ([*first, *gram], along, bend, back))
    weigh = weighing(Integer(proof.architecture.sizes[-1]), _count(proof))
    vectors = (weigh.slope, weigh.product)
    columns, bend_rows = _rows(proof, found, parameters)
    return CurvedLeanRoutines(
        made,
        moved,
        bent,
        pulled,
        _flat({"t"}, (*weigh.gram, *vectors), {matrix, "r", "Jp"}, naming),
        _flat({"t"}, (weigh.vector,), {"v"}, naming),
        columns,
        bend_rows,
        _flat({"t"}, (weigh.rows, weigh.slope), {"J", "r"}, curved_samples_last),
        _flat({"J", "K", "r"}, trials.normal_sums(), {"S", "g"}, transposed),
        _flat({"part_S", "part_g"}, sums_over_chunks(), {"all_S", "all_g"}, transposed),
        matrix,
    )


def gram_segments(
    network: Network, found: NetworkStep, lean: CurvedLean
) -> tuple[list[Computed], list[Computed], list[Computed], list[Computed], list[Computed]]:
    """Return what is computed in order: rho and D, J J^T, J p, what H makes of both, and J^T v."""
    first, _ = curved_equations(network, found)
    gram = [computed_gram(network, equation) for equation in lean.lean.gram]
    along = [computed(network, equation) for equation in lean.along]
    bend = [computed(network, equation) for equation in (lean.gram, lean.moved)]
    return first, gram, along, bend, [computed(network, item.equation) for item in lean.lean.back]


def row_segments(network: Network, found: NetworkStep) -> tuple[list[Computed], list[Computed]]:
    """Return how the columns of J and rho are made from the start, and how those of K are."""
    first, last = curved_equations(network, found)
    rows = [computed(network, derived.equation) for derived in found.rows]
    return [plainly(network.equations()[0]), *forward_equations(network), *first, *rows], last


def _rows(proof: Proof, found: NetworkStep, parameters: set[str]) -> tuple[Routine, Routine]:
    jacobian = {f"J{name}" for name in parameters}
    program = Program(
        inputs=parameters | {"X", "Y", "J", WEIGHTS},
        outputs=jacobian | {"r", "K"},
        external=jacobian | {"r", "K"},
    )
    columns, bend = lowered(program, curved_samples_last, row_segments(proof.network, found))
    return columns, bend


def _count(proof: Proof) -> Integer:
    return Integer(proof.architecture.n_parameters)


def _flat(
    inputs: set[str],
    equations: Sequence[Equation | tuple[Equation, IndexedBase]],
    outputs: set[str],
    naming: Naming | None = None,
) -> Routine:
    """Lower equations; what is neither an input nor new is changed in place."""
    program = Program(inputs=inputs, outputs=outputs)
    lowering = Lowering(program, naming or flat, size_of, lambda name: name in ("S", "g"))
    for item in equations:
        if isinstance(item, tuple):
            lowering.solve(*item)
        else:
            lowering.lower(plainly(item))
    program = compute_in_place(program)
    return Routine(tuple(program.statements), program.axes, {})


# -- how arrays lie in memory ----------------------------------------------------------------------------


def outputs_first_of(lean: CurvedLean) -> Naming:
    """Return what names the arrays of J J^T: outputs before samples, but in t, a and z."""
    matrix = outputs_first(lean.lean.gram[-1].lhs)[0]

    def name(quantity: Expr) -> tuple[str, tuple[Expr, ...]]:
        base = getattr(quantity, "base", None)
        if base in _SQUARE:
            i, c, s, d = quantity.indices
            return ("B" if base == trials.B else matrix), (c, i, d, s)
        if base in _PAIRS:
            return _PAIRS[base], quantity.indices[::-1]
        if base == curved.GAMMA:
            layer, i, c, j = quantity.indices
            return f"d{layer}", (c, i, j)
        if base == trials.factor:
            return "t", quantity.indices
        return name_along(quantity) if base in (Rz, Ra) else outputs_first(quantity)

    return name


def curved_samples_last(quantity: Expr) -> tuple[str, tuple[Expr, ...]]:
    """Name the arrays of the rows of J and K: parameters, then outputs, samples last."""
    base = getattr(quantity, "base", None)
    if isinstance(quantity, Partial) and getattr(quantity.f, "base", None) == curved.U:
        name, axes = name_array(quantity.v)
        i, c = quantity.f.indices
        return f"J{name}", (*axes, c, i)
    if base in (lm.J, trials.plain_J, curved.K):
        return ("K" if base == curved.K else "J"), quantity.indices[::-1]
    if base in _PAIRS:
        return _PAIRS[base], quantity.indices[::-1]
    if base == curved.GAMMA:
        name, axes = name_array(quantity)
        return name, tuple(axes[::-1])
    return ("t", quantity.indices) if base == trials.factor else samples_last(quantity)


def transposed(quantity: Expr) -> tuple[str, tuple[Expr, ...]]:
    """Name the arrays over p and over all residuals where J and K have a row for each parameter."""
    base = getattr(quantity, "base", None)
    if base in (lm.J, curved.K):
        return name_array(quantity)[0], quantity.indices[::-1]
    return (_SUMS[base], quantity.indices) if base in _SUMS else name_array(quantity)


def flat(quantity: Expr) -> tuple[str, tuple[Expr, ...]]:
    """Name the arrays over p and over all residuals, and the numbers."""
    if quantity == decrease or quantity in _NUMBERS:
        return str(quantity), ()
    base = getattr(quantity, "base", None)
    return (_FLAT[base], quantity.indices) if base in _FLAT else name_array(quantity)


_NUMBERS: tuple[Symbol, ...] = (trials.shift, trials.share)
_SQUARE = (trials.JJ, trials.plain_JJ, trials.half_JJ, trials.B)
_PAIRS = {
    curved.rho: "r",
    trials.plain_rho: "r",
    curved.D: "D",
    trials.Jp: "Jp",
    trials.plain_Jp: "Jp",
    trials.HJp: "HJp",
    lm.v: "v",
    trials.plain_v: "v",
}
_FLAT = {
    trials.pulled: "pulled",
    trials.HJp: "HJp",
    trials.right: "right",
    trials.factor: "t",
    trials.plain_J: "J",
    trials.plain_rho: "r",
    S: "S",
}
_SUMS = {S: "S", part_S: "part_S", part_g: "part_g", all_S: "all_S", all_g: "all_g"}
