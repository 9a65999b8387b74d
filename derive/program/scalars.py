"""A descent step on one sample, unrolled into scalars: the same equations, for tiny networks.

Below a couple of hundred parameters a NumPy call costs more than the arithmetic that it does, so a step
written out in Python floats is several times as fast. Forward pass and deltas come first, then every
parameter moves; the learning rate enters through the cost, eta C, as the proof of scaling allows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from sympy import Abs, Add, Expr, Function, Indexed, Max, Min, Pow, Sum, Symbol

from derive.equation import Equation
from derive.program.lowering import Computed, plainly
from derive.program.routines import computed, forward_equations, name_array
from derive.proof import Proof
from derive.quantities import Greatest, Index, Partial, eta, omega
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
    steps += [plainly(step_equation(equation)) for equation in derived if isinstance(equation.lhs, Partial)]
    weights = network.cost_terms.weights
    return tuple(assignment for step in steps for assignment in _write_out(step, weights))


def step_equation(equation: Equation) -> Equation:
    """Put the derivative of eta C in the place of eta g in (3.1)."""
    step = descent_update()
    (q,) = step.lhs.indices
    parameter = equation.lhs.v
    rhs = step.rhs.xreplace({gradient[q]: equation.rhs / eta, p_old[q]: parameter})
    return Equation(f"{equation.number}, {step.number}", step.name, parameter, rhs)


def _write_out(what: Computed, weights: Sequence[Expr]) -> list[Assignment]:
    equation = what.equation
    name, axes = name_array(equation.lhs)
    neurons = [axis for axis in axes if not _is_sample(axis)]
    found = []
    for place in product(*(range(1, int(axis.upper) + 1) for axis in neurons)):
        values = dict(zip(neurons, place, strict=True))
        target = "_".join([name, *map(str, place)])
        parts, value = shared(_scalar(what.rhs, values, weights))
        found += [Assignment(symbol.name, part, equation) for symbol, part in parts]
        found.append(Assignment(target, value, equation))
    return found


def shared(value: Expr) -> tuple[list[tuple[Symbol, Expr]], Expr]:
    """Name the functions and quotients that occur more than once, and what a selection would write twice.

    Returns the names t1, t2, ... with their values, in the order in which they are needed, and the rest.
    """
    uses: Counter[Expr] = Counter()
    unvisited = [value]
    while unvisited:
        node = unvisited.pop()
        selects = isinstance(node, (Abs, Max, Min))
        for arg in node.args:
            uses[arg] += 1 + (selects and arg.has(Function, Max, Min))
            if uses[arg] == 1 + (selects and arg.has(Function, Max, Min)):
                unvisited.append(arg)
    twice = [node for node, count in uses.items() if count > 1 and _costs(node)]
    twice.sort(key=lambda node: (node.count_ops(), str(node)))
    names: dict[Expr, Expr] = {}
    parts: list[tuple[Symbol, Expr]] = []
    for node in twice:
        symbol = Symbol(f"t{len(parts) + 1}")
        parts.append((symbol, _named(node, names)))
        names[node] = symbol
    return parts, _named(value, names)


def _costs(node: Expr) -> bool:
    quotient = isinstance(node, Pow) and not node.is_number and bool(node.args[0].args)
    return quotient or (isinstance(node, (Function, Max, Min, Add)) and not node.is_number)


def _named(expr: Expr, names: dict[Expr, Expr]) -> Expr:
    """Put names in the place of parts, the largest first."""
    if expr in names:
        return names[expr]
    return expr.func(*(_named(arg, names) for arg in expr.args)) if expr.args else expr


def _scalar(expr: Expr, values: dict[Index, int], weights: Sequence[Expr]) -> Expr:
    if isinstance(expr, Indexed) and expr.base == omega:
        return weights[values[expr.indices[0]] - 1]
    if isinstance(expr, Indexed):
        name, axes = name_array(expr)
        return Symbol("_".join([name, *(str(values[axis]) for axis in axes if not _is_sample(axis))]))
    if isinstance(expr, Sum):
        index, _, upper = expr.limits[0]
        inner = Sum(expr.function, *expr.limits[1:]) if expr.limits[1:] else expr.function
        terms = (_scalar(inner, values | {index: m}, weights) for m in range(1, int(upper) + 1))
        return Max(*terms) if isinstance(expr, Greatest) else Add(*terms)
    if not expr.args:
        return expr
    return expr.func(*(_scalar(arg, values, weights) for arg in expr.args))


def _is_sample(axis: Index) -> bool:
    return not axis.upper.is_Integer
