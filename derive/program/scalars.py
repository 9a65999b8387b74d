"""Equations unrolled into scalars, entry by entry: for tiny networks.

Below a couple of hundred parameters a NumPy call costs more than the arithmetic that it does, so a step
written out in Python floats is several times as fast. Which equations make a function is said in
``derive.program.scalar_functions``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from sympy import Abs, Add, Expr, Function, Indexed, Max, Min, Pow, Sum, Symbol

from derive.equation import Equation
from derive.program.building import built, with_parts
from derive.program.lowering import Computed
from derive.program.routines import name_array
from derive.proof import Proof
from derive.quantities import Greatest, Index, eta, omega
from derive.theorems.descent import descent_update, gradient
from derive.theorems.levenberg_marquardt import p_old

# Measured by benchmarks/scalar_line.py, one sample a step: scalars take 0.05 to 0.06 us a parameter, arrays
# 11 us with one layer of weights and 6 us more with each further one. They are level at about 230 parameters
# in one layer and at 320 in two; up to 220 scalars win with any number of layers.
MAX_PARAMETERS = 220


@dataclass(frozen=True)
class Assignment:
    """``name = value`` in scalars, citing the equation."""

    name: str
    value: Expr
    equation: Equation


def worthwhile(proof: Proof) -> bool:
    """Say whether the network is small enough for scalars to beat arrays, one sample at a time."""
    return proof.architecture.n_parameters <= MAX_PARAMETERS


def step_equation(equation: Equation) -> Equation:
    """Put the derivative of eta C in the place of eta g in (3.1)."""
    step = descent_update()
    (q,) = step.lhs.indices
    parameter = equation.lhs.v
    rhs = step.rhs.xreplace({gradient[q]: equation.rhs / eta, p_old[q]: parameter})
    return Equation(f"{equation.number}, {step.number}", step.name, parameter, rhs)


def write_out(what: Computed, weights: Sequence[Expr]) -> list[Assignment]:
    """Return an assignment for each entry of the array that an equation gives."""
    name, axes = name_array(what.equation.lhs)
    neurons = [axis for axis in axes if not _is_sample(axis)]
    found = []
    for place in product(*(range(1, int(axis.upper) + 1) for axis in neurons)):
        values = dict(zip(neurons, place, strict=True))
        target = "_".join([name, *map(str, place)])
        found.append(Assignment(target, _scalar(what.rhs, values, weights), what.equation))
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
    twice = [node for node, count in uses.items() if count > 1 and costs(node)]
    twice.sort(key=lambda node: (node.count_ops(), str(node)))
    names: dict[Expr, Expr] = {}
    parts: list[tuple[Symbol, Expr]] = []
    for node in twice:
        symbol = Symbol(f"t{len(parts) + 1}")
        parts.append((symbol, named(node, names)))
        names[node] = symbol
    return parts, named(value, names)


def costs(node: Expr) -> bool:
    """Say whether it pays to compute a part once: a function, a choice, a sum or a quotient."""
    quotient = isinstance(node, Pow) and not node.is_number and bool(node.args[0].args)
    return quotient or (isinstance(node, (Function, Max, Min, Add)) and not node.is_number)


def named(expr: Expr, names: dict[Expr, Expr]) -> Expr:
    """Put names in the place of parts, the largest first."""
    if expr in names:
        return names[expr]
    return with_parts(expr, [named(arg, names) for arg in expr.args])


def _scalar(expr: Expr, values: dict[Index, int], weights: Sequence[Expr]) -> Expr:
    if isinstance(expr, Indexed) and expr.base == omega:
        return weights[values[expr.indices[0]] - 1]
    if isinstance(expr, Indexed):
        name, axes = name_array(expr)
        return Symbol("_".join([name, *(str(values[axis]) for axis in axes if not _is_sample(axis))]))
    if isinstance(expr, Sum):
        index, _, upper = expr.limits[0]
        inner = Sum(expr.function, *expr.limits[1:]) if expr.limits[1:] else expr.function
        terms = [_scalar(inner, values | {index: m}, weights) for m in range(1, int(upper) + 1)]
        return built(Max if isinstance(expr, Greatest) else Add, terms)
    return with_parts(expr, [_scalar(arg, values, weights) for arg in expr.args])


def _is_sample(axis: Index) -> bool:
    return not axis.upper.is_Integer
