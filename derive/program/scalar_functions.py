"""The functions that are written out in scalars: which equations, in which order, make which.

They are those of one sample, as in ``derive.program.sample_loops``: the deltas are those of eta C, in whose
place the gradient of all samples takes 1/N, or 1 for a cost that is a sum. In a descent step the forward pass
and the deltas come first, then every parameter moves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sympy import Add, Expr, Symbol

from derive.architecture import Architecture
from derive.program.loops import is_partial, of_one_sample
from derive.program.lowering import Computed, plainly
from derive.program.routines import computed, forward_equations
from derive.program.sample_loops import TOTAL, require_same_deltas, sample_cost
from derive.program.scalar_exponentials import of_weighted_inputs, without_guards
from derive.program.scalar_passes import name_common, without_unread
from derive.program.scalars import Assignment, step_equation, write_out
from derive.proof import Proof
from derive.quantities import N, eta

SHARE = Symbol("share")


@dataclass(frozen=True)
class ScalarFunctions:
    """The assignments of each function; ``share`` is what the gradient of all samples takes for eta."""

    forward: tuple[Assignment, ...]
    cost: tuple[Assignment, ...]
    finish: Expr  # the cost of all samples, of TOTAL and N
    share: Expr
    gradient: tuple[Assignment, ...]


@dataclass(frozen=True)
class DescentStep:
    """The assignments of a step; ``unbounded`` if they take exp of what is not bounded, which may raise."""

    assignments: tuple[Assignment, ...]
    unbounded: bool


def descent_step(proof: Proof) -> DescentStep:
    """Return one step p -> p - eta grad C_i(p) as scalar assignments.

    Raises:
        NotProvedError: if anything in the proof failed.
    """
    proof.require()
    equations = [derived.equation for derived in proof.scaled]
    deltas = [computed(proof.network, one) for one in equations if not is_partial(one)]
    updates = [plainly(step_equation(one)) for one in equations if is_partial(one)]
    code = _entries(proof, [*forward_equations(proof.network), *deltas, *updates])
    code = list(without_unread(code, parameter_names(proof.architecture)))
    free = list(without_guards(code))
    return DescentStep(of_weighted_inputs(name_common(free)), free != code)


def scalar_functions(proof: Proof) -> ScalarFunctions:
    """Return the functions beside the step.

    Raises:
        NotProvedError: if anything in the proof failed, or the deltas of eta C are not those of the cost.
    """
    proof.require()
    require_same_deltas(proof)
    network = proof.network
    forward = forward_equations(network)
    share = network.per_sample
    in_words = {eta: SHARE if share.has(N) else share}
    deltas = [computed(network, derived.equation) for derived in proof.scaled]
    deltas = [item for item in deltas if not is_partial(item.equation)]
    deltas = [Computed(item.equation, item.rhs.xreplace(in_words)) for item in deltas]
    partials = [computed(network, derived.equation) for derived in proof.mean]
    adds = [
        Computed(item.equation, of_one_sample(item.rhs)) for item in partials if is_partial(item.equation)
    ]
    sums = [entry for item in adds for entry in _added(write_out(item, ()))]
    added = _added(write_out(sample_cost(proof), network.cost_terms.weights), TOTAL.name)
    cost = without_unread([*_entries(proof, forward), *added], [TOTAL.name])
    gradient = without_unread([*_entries(proof, [*forward, *deltas]), *sums], [item.name for item in sums])
    return ScalarFunctions(
        name_common(_entries(proof, forward)),
        name_common(cost),
        TOTAL * share,
        share,
        name_common(gradient),
    )


def parameter_names(architecture: Architecture) -> list[str]:
    """Return the names of all parameters in the order of p."""
    names = []
    for item in architecture.parameters:
        places = [""]
        for size in item.shape:
            places = [f"{place}_{k}" for place in places for k in range(1, size + 1)]
        names += [item.name + place for place in places]
    return names


def _entries(proof: Proof, equations: Iterable[Computed]) -> list[Assignment]:
    weights = proof.network.cost_terms.weights
    return [entry for item in equations for entry in write_out(item, weights)]


def _added(entries: Iterable[Assignment], name: str = "") -> list[Assignment]:
    """Let assignments add to their target, or to another name."""
    return [
        Assignment(name or item.name, Add(Symbol(name or item.name), item.value), item.equation)
        for item in entries
    ]
