"""The runs of the steps without the Jacobian, each with the equations as its arrays have their axes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sympy import Expr, Indexed, Integer

from derive.numbered import residual_equation
from derive.program.layers import small_computed, squares_computed
from derive.program.lean import computed_gram, outputs_first, parameters_first, samples_last
from derive.program.lowering import Computed, plainly
from derive.program.routines import computed, forward_equations
from derive.program.weighted import along_computed, weighted_outputs_first
from derive.proof import Proof
from derive.theorems.evidence import effective
from derive.theorems.lean_step import LeanStep
from derive.theorems.scaled_step import diagonal, scaled_system, unscaled
from derive.theorems.trials import (
    normal_matrix,
    sums_over_chunks,
)
from derive.theorems.weighted_step import (
    shifts,
    slope_with_ridge,
    step_with_ridge,
    t,
    weighed_gram_computed,
    weighed_rows_computed,
    weighed_vector_computed,
)
from derive.verification.expected import Knowledge
from derive.verification.interpreter import Interpreter
from derive.verification.layered_entries import LayerBlocks, LayeredGram, LayerTraces, axes_of_layers
from derive.verification.lean_entries import FlatEntries, GramEntries, RowEntries, Run, indices_of
from derive.verification.other_systems import OtherGram, OtherNormal
from derive.verification.scaled_entries import ScaledFlat, ScalingEntries
from derive.verification.source import Source
from derive.verification.weighted_gram import WeightedGram
from derive.verification.weighted_normal import WeightedFlat, WeightedRows
from derive.verification.weighted_parts import AlongEntries, SmallEntries, axes_of_weighted

FILES = ("damped.py", "definite.py", "gram_step.py", "layers.py", "normal_step.py", "ridge.py", "scaling.py")


def lean_runs(
    sources: Mapping[str, Source], proof: Proof
) -> tuple[list[Interpreter], Iterator[tuple[str, str, Run]]]:
    """Return the interpreters and, in their order, the file, the name and the run of what is proved."""
    assert proof.lean is not None
    gram = Knowledge(proof, _gram_equations(proof, proof.lean), lambda q: indices_of(outputs_first(q)[1]))
    rows = Knowledge(proof, _row_equations(proof), lambda q: indices_of(samples_last(q)[1]))
    flat = Knowledge(proof, _flat_equations(proof), lambda q: indices_of(parameters_first(q)[1]))
    small = Knowledge(proof, _small_equations(proof), axes_of_weighted)
    scaling = Knowledge(proof, _scaling_equations(), axes_of_weighted)
    along = Knowledge(
        proof,
        [*_gram_equations(proof, proof.lean), *along_computed(proof.network)],
        lambda q: indices_of(weighted_outputs_first(q)[1]),
    )
    layered = _layered(proof)
    first = (gram, rows, flat, small, along, scaling)
    runs = [Interpreter(sources, knowledge) for knowledge in (*first, *layered)]

    def all_runs() -> Iterator[tuple[str, str, Run]]:
        yield from FlatEntries(runs[2], flat, proof).lean()
        yield from GramEntries(runs[0], gram, proof).lean()
        yield from RowEntries(runs[1], rows, proof).lean()
        yield from SmallEntries(runs[3], small, proof).lean()
        yield from AlongEntries(runs[4], along, proof).lean()
        yield from WeightedFlat(runs[2], flat, proof).lean()
        yield from ScalingEntries(runs[5], scaling, proof).lean()
        yield from ScaledFlat(runs[2], flat, proof).lean()
        yield from WeightedRows(runs[1], rows, proof).lean()
        yield from WeightedGram(runs[0], gram, proof).lean()
        yield from LayerBlocks(runs[6], layered[0], proof).lean()
        yield from LayerTraces(runs[7], layered[1], proof, weighed=True).lean()
        yield from LayerTraces(runs[8], layered[2], proof, weighed=False).lean()
        yield from LayeredGram(runs[9], layered[3], proof).lean()
        yield from OtherNormal(runs[2], flat, proof).lean()
        yield from OtherGram(runs[0], gram, proof).lean()

    return runs, all_runs()


def _gram_equations(proof: Proof, lean: LeanStep) -> list[Any]:
    network = proof.network
    back = [computed(network, derived.equation) for derived in lean.back]
    gram = [computed_gram(network, equation) for equation in lean.gram]
    return [*forward_equations(network), plainly(residual_equation(network)), *gram, *back]


def _layered(proof: Proof) -> tuple[Knowledge, ...]:
    """Return what is known of blocks, of mean squares with factors of the rows and without, and of steps."""
    network, found = proof.network, proof.layered
    assert found is not None
    assert proof.lean is not None
    over_p = [small_computed(equation) for equation in (*found.means, *found.spread, *found.step)]
    squares = squares_computed(network, found)
    alone = [Computed(item.equation, item.rhs.xreplace(_factors(item.rhs))) for item in squares]
    forward = forward_equations(network)
    steps = _gram_equations(proof, replace(proof.lean, gram=found.gram))
    traces = [Knowledge(proof, [*forward, *items], axes_of_layers) for items in (squares, alone)]
    gram = Knowledge(proof, steps, lambda q: indices_of(outputs_first(q)[1]))
    return (Knowledge(proof, over_p, axes_of_layers), *traces, gram)


def _factors(expr: Expr) -> dict[Expr, Expr]:
    """Return 1 for every factor of the rows in an expression."""
    return {quantity: Integer(1) for quantity in expr.atoms(Indexed) if quantity.base == t}


def _row_equations(proof: Proof) -> list[Any]:
    network = proof.network
    rows = [computed(network, derived.equation) for derived in proof.output]
    first = plainly(network.equations()[0])
    return [first, *forward_equations(network), plainly(residual_equation(network)), *rows]


def _small_equations(proof: Proof) -> list[Any]:
    outputs = Integer(proof.architecture.sizes[-1])
    weighed = (*weighed_rows_computed(outputs), *weighed_gram_computed(outputs))
    of_ridge = (*shifts(), slope_with_ridge(), step_with_ridge(), effective())
    equations = (*weighed, weighed_vector_computed(outputs), *of_ridge)
    return [plainly(equation) for equation in equations]


def _scaling_equations() -> list[Any]:
    return [plainly(equation) for equation in (*diagonal(), *scaled_system(), unscaled())]


def _flat_equations(proof: Proof) -> list[Any]:
    step = proof.step
    equations = (normal_matrix(), step.right_side, step.update, *sums_over_chunks())
    return [plainly(equation) for equation in equations]
