"""A descent step on one sample, unrolled into scalars: the same equations, for tiny networks.

Below a couple of hundred parameters a NumPy call costs more than the arithmetic that it does, so a step
written out in Python floats is several times as fast. Forward pass and deltas come first, then every
parameter moves; the learning rate enters through the cost, eta C, as the proof of scaling allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from sympy import Add, Expr, Indexed, Sum, Symbol

from derive.equation import Equation
from derive.program.lowering import Computed, plainly
from derive.program.routines import computed, forward_equations, name_array
from derive.proof import Proof
from derive.quantities import Index, Partial, eta
from derive.theorems.descent import descent_update, gradient
from derive.theorems.levenberg_marquardt import p_old

MAX_PARAMETERS = 200  # measured: scalars win below about 150 to 200 parameters


@dataclass(frozen=True)
class Assignment:
    """``name = value`` in scalars, citing the equation."""

    name: str
    value: Expr
    equation: Equation


def worthwhile(proof: Proof) -> bool:
    """Say whether the network is small enough for scalars to beat arrays, one sample at a time."""
    return proof.architecture.n_parameters <= MAX_PARAMETERS


def sample_step(proof: Proof) -> tuple[Assignment, ...]:
    """Return one step p -> p - eta grad C_i(p) as scalar assignments.

    Raises:
        NotProvedError: if anything in the proof failed.
    """
    proof.require()
    network = proof.network
    derived = [item.equation for item in proof.scaled]
    steps = forward_equations(network)
    steps += [computed(network, equation) for equation in derived if not isinstance(equation.lhs, Partial)]
    steps += [plainly(_update(equation)) for equation in derived if isinstance(equation.lhs, Partial)]
    return tuple(assignment for step in steps for assignment in _write_out(step))


def _update(equation: Equation) -> Equation:
    """Put the derivative of eta C in the place of eta g in (3.1)."""
    step = descent_update()
    (q,) = step.lhs.indices
    parameter = equation.lhs.v
    rhs = step.rhs.xreplace({gradient[q]: equation.rhs / eta, p_old[q]: parameter})
    return Equation(f"{equation.number}, {step.number}", step.name, parameter, rhs)


def _write_out(what: Computed) -> list[Assignment]:
    equation = what.equation
    name, axes = name_array(equation.lhs)
    neurons = [axis for axis in axes if not _is_sample(axis)]
    found = []
    for place in product(*(range(1, int(axis.upper) + 1) for axis in neurons)):
        values = dict(zip(neurons, place, strict=True))
        target = "_".join([name, *map(str, place)])
        found.append(Assignment(target, _scalar(what.rhs, values), equation))
    return found


def _scalar(expr: Expr, values: dict[Index, int]) -> Expr:
    if isinstance(expr, Indexed):
        name, axes = name_array(expr)
        return Symbol("_".join([name, *(str(values[axis]) for axis in axes if not _is_sample(axis))]))
    if isinstance(expr, Sum):
        index, _, upper = expr.limits[0]
        inner = Sum(expr.function, *expr.limits[1:]) if expr.limits[1:] else expr.function
        return Add(*(_scalar(inner, values | {index: m}) for m in range(1, int(upper) + 1)))
    if not expr.args:
        return expr
    return expr.func(*(_scalar(arg, values) for arg in expr.args))


def _is_sample(axis: Index) -> bool:
    return not axis.upper.is_Integer
