"""The three runs of the steps without the Jacobian, each with the equations as its arrays have their axes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from derive.numbered import residual_equation
from derive.program.lean import computed_gram, outputs_first, parameters_first, samples_last
from derive.program.lowering import plainly
from derive.program.routines import computed, forward_equations
from derive.proof import Proof
from derive.theorems.lean_step import LeanStep
from derive.theorems.trials import (
    normal_matrix,
    sums_over_chunks,
)
from derive.verification.expected import Knowledge
from derive.verification.interpreter import Interpreter
from derive.verification.lean_entries import FlatEntries, GramEntries, RowEntries, Run, indices_of
from derive.verification.source import Source

FILES = ("damped.py", "definite.py", "gram_step.py", "normal_step.py")


def lean_runs(
    sources: Mapping[str, Source], proof: Proof
) -> tuple[list[Interpreter], Iterator[tuple[str, str, Run]]]:
    """Return the interpreters and, in their order, the file, the name and the run of what is proved."""
    assert proof.lean is not None
    gram = Knowledge(proof, _gram_equations(proof, proof.lean), lambda q: indices_of(outputs_first(q)[1]))
    rows = Knowledge(proof, _row_equations(proof), lambda q: indices_of(samples_last(q)[1]))
    flat = Knowledge(proof, _flat_equations(proof), lambda q: indices_of(parameters_first(q)[1]))
    runs = [Interpreter(sources, knowledge) for knowledge in (gram, rows, flat)]

    def all_runs() -> Iterator[tuple[str, str, Run]]:
        yield from FlatEntries(runs[2], flat, proof).lean()
        yield from GramEntries(runs[0], gram, proof).lean()
        yield from RowEntries(runs[1], rows, proof).lean()

    return runs, all_runs()


def _gram_equations(proof: Proof, lean: LeanStep) -> list[Any]:
    network = proof.network
    back = [computed(network, derived.equation) for derived in lean.back]
    gram = [computed_gram(network, equation) for equation in lean.gram]
    return [*forward_equations(network), plainly(residual_equation(network)), *gram, *back]


def _row_equations(proof: Proof) -> list[Any]:
    network = proof.network
    rows = [computed(network, derived.equation) for derived in proof.output]
    first = plainly(network.equations()[0])
    return [first, *forward_equations(network), plainly(residual_equation(network)), *rows]


def _flat_equations(proof: Proof) -> list[Any]:
    step = proof.step
    equations = (normal_matrix(), step.right_side, step.update, *sums_over_chunks())
    return [plainly(equation) for equation in equations]
