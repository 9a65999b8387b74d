"""Passes over the exponentials of a descent step in scalars: no guard, no sign, no name on the way to them.

``math.exp`` raises OverflowError where an array would give inf, so a step need not look whether it may be
called: it is taken again, with an exp that is bounded, if it ever raises (``derive.package_scalar``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sympy import Add, Expr, Indexed, Integer, Min, Mul, Pow, exp

from derive.activations.functions import OVERFLOW_GUARD
from derive.equation import Equation
from derive.program.building import built, with_parts
from derive.program.scalar_passes import moved, names_in
from derive.program.scalars import Assignment


def without_guards(assignments: Sequence[Assignment]) -> tuple[Assignment, ...]:
    """Take exp of its argument without a bound, and write 1/(1 + exp(-v)) as exp(v)/(1 + exp(v)).

    The one is the other with numerator and denominator multiplied by exp(v); v need not be negated.
    """
    return tuple(
        replace(item, value=_without_guards(item.value)) if item.value.has(exp) else item
        for item in assignments
    )


def _without_guards(expr: Expr) -> Expr:
    if isinstance(expr, exp) and (v := _bounded(expr.args[0])) is not None:
        return built(exp, [_without_guards(v)])
    if isinstance(expr, Pow) and expr.exp == -1 and (v := _negated(expr.base)) is not None:
        e = built(exp, [_without_guards(v)])
        return built(Mul, [e, built(Pow, [built(Add, [Integer(1), e]), Integer(-1)])])
    return with_parts(expr, [_without_guards(arg) for arg in expr.args])


def _bounded(expr: Expr) -> Expr | None:
    """Return u of min(u, 708), None for anything else."""
    if isinstance(expr, Min) and len(expr.args) == 2 and Integer(OVERFLOW_GUARD) in expr.args:
        return next(arg for arg in expr.args if arg != OVERFLOW_GUARD)
    return None


def _negated(expr: Expr) -> Expr | None:
    """Return v of 1 + exp(min(-v, 708)), None for anything else."""
    if not isinstance(expr, Add) or expr.args[0] != 1 or len(expr.args) != 2:
        return None
    power = expr.args[1]
    v = _bounded(power.args[0]) if isinstance(power, exp) else None
    return -v if v is not None and v.could_extract_minus_sign() else None


def of_weighted_inputs(assignments: Sequence[Assignment]) -> tuple[Assignment, ...]:
    """Take exp of the weighted inputs of a layer without naming them, where nothing else reads them.

    Such lines cite both equations, and say the second with the first put in.
    """
    given = _read_once_by_exp(assignments)
    both: dict[Equation, Equation] = {}
    for item in assignments:
        if (name := _exponent(item.value)) in given and item.equation not in both:
            both[item.equation] = put_together(given[name].equation, item.equation)
    found = []
    for item in assignments:
        if item.name not in given:
            before = given.get(_exponent(item.value))
            value = item.value if before is None else built(exp, [before.value])
            found.append(Assignment(item.name, value, both.get(item.equation, item.equation)))
    return tuple(found)


def _read_once_by_exp(assignments: Sequence[Assignment]) -> dict[str, Assignment]:
    """Return what is assigned and read once, as the argument of exp, with all else of its equation."""
    names = {item.name: item for item in assignments}
    uses = Counter(name for item in assignments for name in names_in(item.value))
    by_exp = {_exponent(item.value) for item in assignments}
    parameters = moved(assignments)
    fixed = names.keys() - parameters
    first_move = next((k for k, item in enumerate(assignments) if item.name in parameters), len(assignments))
    early = {item.name for item in assignments[:first_move]}
    left = {name: item for name, item in names.items() if name in by_exp & fixed & early and uses[name] == 1}
    others = {item.equation for item in assignments if item.name not in left}
    return {name: item for name, item in left.items() if item.equation not in others}


def _exponent(value: Expr) -> str:
    """Return the name of which a value is the exponential, an empty one if it is something else."""
    return str(value.args[0].name) if isinstance(value, exp) and value.args[0].is_Symbol else ""


def put_together(first: Equation, second: Equation) -> Equation:
    """Return an equation with the left-hand side of another, which it reads, written out."""
    written_out = {
        quantity: _at(first, quantity)
        for quantity in second.rhs.atoms(Indexed)
        if isinstance(first.lhs, Indexed) and quantity.base == first.lhs.base
    }
    return Equation(
        f"{first.number}, {second.number}", second.name, second.lhs, second.rhs.xreplace(written_out)
    )


def _at(equation: Equation, quantity: Indexed) -> Expr:
    """Return what an equation gives for a quantity with other indices."""
    given = dict(zip(equation.lhs.indices, quantity.indices, strict=True))
    return equation.rhs.xreplace(given)
