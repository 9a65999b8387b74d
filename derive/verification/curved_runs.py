"""The runs of the steps for other costs than squares, each with equations as its arrays have their axes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sympy import Expr, Integer

from derive.equation import Equation
from derive.program.curved_lean import (
    curved_samples_last,
    flat,
    gram_segments,
    outputs_first_of,
    row_segments,
    transposed,
)
from derive.program.lowering import Computed, plainly
from derive.program.routines import forward_equations
from derive.proof import Proof
from derive.quantities import Index, N
from derive.theorems import curved, trials
from derive.theorems import curved_trials as ct
from derive.theorems import levenberg_marquardt as lm
from derive.theorems.curved_trials import CurvedLean, weighing
from derive.verification.curved import FILE, LEAN
from derive.verification.curved_lean import (
    CurvedChoiceEntries,
    CurvedGramEntries,
    CurvedRowEntries,
)
from derive.verification.expected import Knowledge
from derive.verification.interpreter import Interpreter
from derive.verification.lean_entries import Run, indices_of
from derive.verification.model_entries import ExplicitEntries, ModelEntries, SumEntries, WeighedEntries
from derive.verification.source import Source


def needed_files(files: Iterable[str]) -> tuple[str, ...]:
    """Return the files that a package must have: those of the step without J, if it has one of them."""
    return (FILE, "damped.py", "model.py", *(LEAN if set(LEAN) & set(files) else ()))


def curved_runs(
    sources: Mapping[str, Source], proof: Proof, kept: tuple[Expr, ...]
) -> tuple[list[Interpreter], Iterator[tuple[str, str, Run]]]:
    """Return the interpreters, and the file, the name and the run of what is proved.

    ``kept`` are the letters of what the forward pass leaves.
    """
    assert proof.curved is not None
    lean = proof.curved_lean
    assert lean is not None
    weigh = weighing(proof.network.width(proof.network.depth))
    counted = weighing(proof.network.width(proof.network.depth), Integer(proof.architecture.n_parameters))
    systems = ct.systems()
    model = _knowledge(
        proof,
        [ct.SHIFT, ct.SHARE, ct.slope_with_ridge(), ct.right_side(), ct.step_from_dual(), proof.step.update],
        flat,
    )
    explicit = _knowledge(
        proof,
        [
            *(systems.matrix, systems.right, systems.gram, systems.moved, systems.dual_right, systems.back),
            *(counted.rows, counted.slope),
        ],
        flat,
    )
    explicit.systems = ((systems.primal, lm.h), (systems.dual, lm.v))
    runs = [Interpreter(sources, knowledge) for knowledge in (model, explicit)]
    entries = [
        ModelEntries(runs[0], model, proof).runs(),
        ExplicitEntries(runs[1], explicit, proof).runs(),
    ]
    if not set(LEAN) & set(sources):
        return runs, _all(entries)
    sums = _knowledge(proof, [*ct.normal_sums(), *trials.sums_over_chunks()], transposed)
    weighed = _knowledge(proof, [counted.rows, counted.slope], curved_samples_last)
    rows = _rows(proof)
    plain, by_weight = (_gram(proof, lean, weigh, weighed=found) for found in (False, True))
    plain.kept = by_weight.kept = kept
    more = [Interpreter(sources, knowledge) for knowledge in (sums, weighed, rows, plain, by_weight)]
    entries += [
        SumEntries(more[0], sums, proof).runs(),
        WeighedEntries(more[1], weighed, proof).runs(),
        CurvedRowEntries(more[2], rows, proof).lean_runs(),
        CurvedGramEntries(more[3], plain, proof, weighed=False).lean_runs(),
        CurvedGramEntries(more[4], by_weight, proof, weighed=True).lean_runs(),
        CurvedChoiceEntries(runs[0], model, proof).lean(),
    ]
    return [*runs, *more], _all(entries)


def _all(entries: Iterable[Iterator[tuple[str, str, Run]]]) -> Iterator[tuple[str, str, Run]]:
    for found in entries:
        yield from found


def _knowledge(proof: Proof, equations: Iterable[Equation], naming: Any) -> Knowledge:
    return _of(proof, [plainly(equation) for equation in equations], naming)


def _of(proof: Proof, items: Iterable[Computed], naming: Any) -> Knowledge:
    return Knowledge(proof, items, lambda q: indices_of(naming(q)[1]))


def _rows(proof: Proof) -> Knowledge:
    assert proof.curved is not None
    first, last = row_segments(proof.network, proof.curved)
    return _of(proof, [*first, *last], curved_samples_last)


def _gram(proof: Proof, lean: CurvedLean, weigh: ct.Weighing, *, weighed: bool) -> Knowledge:
    """Return what is known of GramStep: with factors, or that what has none is the same without."""
    assert proof.curved is not None
    first, gram, along, bend, back = gram_segments(proof.network, proof.curved, lean)
    n_outputs = proof.network.width(proof.network.depth)
    i, c, s, d = Index("i", N), Index("c", n_outputs), Index("s", N), Index("d", n_outputs)
    made = lean.lean.gram[-1].lhs
    at = made.xreplace(dict(zip(made.indices[1:], (i, c, s, d), strict=True)))
    if weighed:
        same = Equation("5.3", "J J^T", ct.plain_JJ[i, c, s, d], at)
        more = [same, *weigh.gram, weigh.slope, weigh.product, weigh.vector]
        first = [_renamed(item) for item in first]
    else:
        more = [
            Equation("5.3", "J J^T", ct.JJ[i, c, s, d], at),
            Equation("2.32", "J p", ct.Jp[i, c], ct.plain_Jp[i, c]),
        ]
    items = [*forward_equations(proof.network), *first, *gram, *along]
    items += [plainly(equation) for equation in more]
    return _of(proof, [*items, *bend, *back], outputs_first_of(lean))


def _renamed(item: Computed) -> Computed:
    """Write rho without factors for rho, where the factors come later."""
    left = item.equation.lhs
    if left.base != curved.rho:
        return item
    equation = Equation(
        item.equation.number, item.equation.name, ct.plain_rho[left.indices], item.equation.rhs
    )
    return Computed(equation, item.rhs)
