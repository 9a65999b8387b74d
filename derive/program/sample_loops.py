"""The functions of a program that takes one sample at a time: which equations, in which order, make which.

The equations are those of the array programs, without their sample index. Gradient and descent step share
the deltas, which are those of eta C: with 1/N, or 1 for a cost that is a sum, in the place of eta they are
the deltas of the cost of all samples. That is decided here by the normal form, not assumed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sympy import Add, Expr, Integer, Sum, Symbol

from derive.calculus.normal_form import equal
from derive.equation import Equation
from derive.errors import NotProvedError
from derive.numbered import cost_equation, residual_equation
from derive.program.loops import Looping, Nest, is_partial, of_one_sample
from derive.program.lowering import Computed, plainly
from derive.program.routines import (
    computed,
    computed_cost,
    forward_equations,
    name_array,
    weighted_inputs_needed,
)
from derive.program.scalars import step_equation
from derive.proof import Proof
from derive.quantities import Index, eta, total

MAX_INNER_OUTPUTS = 8  # compilers write out a loop over so few, and what is around it becomes vector code
MAX_NORMAL_PARAMETERS = 10_000  # half of the normal matrix then takes 400 MB in double
TOTAL = Symbol("total")


@dataclass(frozen=True)
class StepLoops:
    """A Levenberg-Marquardt step: r and the rows of J of one sample, and what it adds to (2.1) and (2.2)."""

    residual: tuple[Nest, ...]
    rows: tuple[Nest, ...]
    start: tuple[Nest, ...]
    add: tuple[Nest, ...]
    move: tuple[Nest, ...]


@dataclass(frozen=True)
class SampleLoops:
    """All functions; the forward pass leaves ``kept`` of the arrays ``made`` for the others."""

    made: tuple[str, ...]
    kept: tuple[str, ...]
    propagate: tuple[Nest, ...]
    cost: tuple[Nest, ...]
    finish: Expr  # the cost of all samples, of TOTAL and N
    deltas: tuple[Nest, ...]
    share: Expr  # what stands for eta in the gradient of all samples
    gradient: tuple[Nest, ...]
    descend: tuple[Nest, ...]
    step: StepLoops | None


def sample_loops(proof: Proof) -> SampleLoops:
    """Lower what a proof derives to loops.

    Raises:
        NotProvedError: if anything in the proof failed, or the deltas of eta C are not those of the cost.
    """
    proof.require()
    network = proof.network
    forward = forward_equations(network)
    cost = sample_cost(proof)
    scaled = [computed(network, derived.equation) for derived in proof.scaled]
    mean = [computed(network, derived.equation) for derived in proof.mean]
    require_same_deltas(proof)
    deltas = [item for item in scaled if not is_partial(item.equation)]
    gradient = [
        Computed(item.equation, of_one_sample(item.rhs)) for item in mean if is_partial(item.equation)
    ]
    updates = [plainly(step_equation(item.equation)) for item in scaled if is_partial(item.equation)]
    step = _step(proof) if has_step(proof) else None
    rows = [computed(network, derived.equation) for derived in proof.output] if step else []
    needed = weighted_inputs_needed([cost, *deltas, *rows])
    last = f"a{network.depth}"
    made = [name_entry(item.equation.lhs)[0] for item in forward]
    read = {name for nest in _nests([cost, *deltas, *gradient, *rows]) for name in nest.arrays}
    kept = tuple(name for name in made if name in needed or name in read or name == last)
    return SampleLoops(
        tuple(made),
        kept,
        _nests(forward),
        (Looping(cost.equation, cost.rhs, name_entry).nest("+=", TOTAL.name),),
        TOTAL * network.per_sample,
        _nests(deltas),
        network.per_sample,
        tuple(Looping(item.equation, item.rhs, name_entry).nest("+=") for item in gradient),
        _nests(updates),
        step,
    )


def name_entry(quantity: Expr) -> tuple[str, tuple[Expr, ...]]:
    """Return the array of one sample that holds a quantity, and its axes: x and y are those of the sample."""
    name, axes = name_array(quantity)
    return ({"X": "x", "Y": "y"}.get(name, name), axes)


def has_step(proof: Proof) -> bool:
    """Say whether there is a step: for squares, and parameters whose normal matrix is not absurdly large."""
    return proof.squares and proof.architecture.n_parameters <= MAX_NORMAL_PARAMETERS


def _nests(items: Iterable[Computed]) -> tuple[Nest, ...]:
    return tuple(Looping(item.equation, item.rhs, name_entry).nest() for item in items)


def sample_cost(proof: Proof) -> Computed:
    """Return what one sample adds to the total whose share is the cost, (0.4)."""
    whole = computed_cost(proof.network, cost_equation(proof.network))
    return Computed(
        whole.equation,
        of_one_sample(Add(*(term / proof.network.per_sample for term in Add.make_args(whole.rhs)))),
    )


def require_same_deltas(proof: Proof) -> None:
    """Decide that the deltas of eta C, with 1/N or 1 for eta, are those of the cost of all samples."""
    share = proof.network.per_sample
    for one, other in zip(proof.scaled, proof.mean, strict=True):
        left, right = one.equation, other.equation
        if is_partial(left):
            continue
        places = zip(left.lhs.indices, right.lhs.indices, strict=True)
        names = {old: new for old, new in places if isinstance(old, Index)}
        if not equal(left.rhs.xreplace({**names, eta: share}), right.rhs):
            raise NotProvedError(
                f"not emitted: the deltas of eta C and of the cost differ in ({left.number})"
            )


def _step(proof: Proof) -> StepLoops:
    network, step = proof.network, proof.step
    size = proof.architecture.n_parameters
    residual = plainly(residual_equation(network))
    c = Index("c", Integer(proof.architecture.sizes[-1]))
    start: list[Nest] = []
    add: list[Nest] = []
    for equation in (step.normal_matrix, step.right_side):
        _, axes = name_entry(equation.lhs)
        before, of_sample = _by_sample(equation, c)
        order = tuple(axes)
        if c.upper > MAX_INNER_OUTPUTS:  # the long axis of J innermost
            of_sample, order = of_sample.function, (order[0], c, *order[1:]) if order[1:] else (c, *order)
        sizes = dict.fromkeys(axes, size)
        start.append(Looping(equation, before, name_entry).nest("=", "", axes, sizes))
        add.append(Looping(equation, of_sample, name_entry).nest("+=", "", order, sizes))
    (p,) = step.update.lhs.indices
    return StepLoops(
        _nests([residual]),
        _nests(computed(network, derived.equation) for derived in proof.output),
        tuple(start),
        tuple(add),
        (Looping(step.update, step.update.rhs, name_entry).nest("=", "", (p,), {p: size}),),
    )


def _by_sample(equation: Equation, c: Index) -> tuple[Expr, Expr]:
    """Part a sum over all residuals q = (i, c) into what is there before and what a sample adds."""
    before, of_sample = [], []
    for term in Add.make_args(equation.rhs):
        if isinstance(term, Sum):
            ((q, _, _),) = term.limits
            of_sample.append(total(term.function.xreplace({q: c}), c))
        elif term.has(Sum):
            raise ValueError(f"expected a sum over the residuals, got {term}")
        else:
            before.append(term)
    return Add(*before), Add(*of_sample)
