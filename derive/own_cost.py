"""One's own cost: from a formula in a and y to a loss with its slope, checked where outputs may lie.

The formula is read by a grammar and never evaluated as code. It must be real, finite and differentiable at a
grid of outputs and targets from -3 to 3; that is sampling, and said so, for no grid proves a domain.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import mpmath
from sympy import Expr, lambdify

from derive.activations import A
from derive.activations.own import checked_name
from derive.cost_spelling import MEAN, SUM, Spelled, read_cost, readable
from derive.costs import COSTS, CROSS_ENTROPY, Cost, Y
from derive.errors import UserError
from derive.expressions import read_expression

_GRID = (-3, -1.3, -0.4, 0, 0.2, 0.5, 1, 2.7)
_DIGITS = 30
_TOLERANCE = 1e-9


def cost(name: str) -> Cost:
    """Return the cost of a spelling such as ``huber``, ``sum:2*quadratic(1,2)``, or ``mine: (a - y)^4``.

    Raises:
        UserError: if the name is not known, or a number or the formula is refused.
    """
    return COSTS[name] if name in COSTS else _spelled(read_cost(name))


@lru_cache(maxsize=256)
def _spelled(typed: Spelled) -> Cost:
    if typed.formula is None:
        if typed.name not in COSTS:
            raise UserError(
                f"expected a cost among {', '.join(COSTS)}, or 'name: formula in a and y', perhaps as in "
                f"'sum:2*quadratic(1,2)'; got {str(typed)[:40]!r}"
            )
        loss = COSTS[typed.name]
    else:
        if typed.name in (*COSTS, SUM, MEAN):
            name = typed.name
            raise UserError(f"expected a name of your own for a cost, got {name!r}, which has a meaning")
        loss = _own(checked_name(typed.name, "a cost"), typed.formula)
    if typed.weights and loss.name == CROSS_ENTROPY:
        raise UserError(
            f"expected {CROSS_ENTROPY} without weights: with them (1.1) is no longer a - y for a softmax"
        )
    spelling = replace(typed, formula=None if typed.formula is None else loss.name.partition(": ")[2])
    return loss if str(spelling) == loss.name else replace(loss, name=str(spelling), spelling=spelling)


def fitted(found: Cost, n_outputs: int) -> Cost:
    """Return a cost for a network with so many outputs; weights that are all equal go into the factor.

    Raises:
        UserError: if it has weights for another number of outputs.
    """
    weights, typed = found.weights, found.spelling
    if not weights or typed is None:
        return found
    if len(weights) != n_outputs:
        raise UserError(f"expected {n_outputs} weights in the cost, one for each output, got {len(weights)}")
    factor = found.factor * weights[0]
    if len(set(weights)) > 1 or not readable(factor):
        return found
    return cost(str(replace(typed, factor=factor, weights=())))


@lru_cache(maxsize=256)
def _own(name: str, text: str) -> Cost:
    read = read_expression(text, {"a": A, "y": Y})
    loss: Expr = read.value
    if not loss.has(A):
        raise UserError(f"expected a cost in which the output a occurs, got {text[:40]!r}")
    found = Cost(f"{name}: {text}", loss, loss)
    _check(found, text)
    return found


def _check(found: Cost, text: str) -> None:
    """Refuse a loss that is not finite somewhere on the grid, or whose slope is not its derivative there."""
    loss = lambdify((Y, A), found.definition, "mpmath")
    selection = {"Above": lambda u: mpmath.mpf(u > 0)}
    slope = lambdify((Y, A), found.slope(), [selection, "mpmath"])
    with mpmath.workdps(_DIGITS):
        for target in map(mpmath.mpf, _GRID):
            for output in map(mpmath.mpf, _GRID):
                where = f"at a = {mpmath.nstr(output, 3)}, y = {mpmath.nstr(target, 3)}"
                try:
                    value, change = loss(target, output), slope(target, output)
                    near = [loss(target, output + h) for h in (mpmath.mpf("1e-12"), -mpmath.mpf("1e-12"))]
                except (ArithmeticError, ValueError, TypeError):
                    raise UserError(f"expected a cost that is defined {where}, got {text[:40]!r}") from None
                numbers = (value, change, *near)
                if not all(isinstance(v, (mpmath.mpf, int)) and mpmath.isfinite(v) for v in numbers):
                    raise UserError(f"expected a cost that is real and finite {where}, got {text[:40]!r}")
                both_sides = [(near[0] - value) * mpmath.mpf("1e12"), (value - near[1]) * mpmath.mpf("1e12")]
                kink = abs(both_sides[0] - both_sides[1]) > 1e-6 * (1 + abs(change))
                if not kink and abs(sum(both_sides) / 2 - change) > _TOLERANCE * (1 + abs(change)):
                    raise UserError(f"expected a cost with a derivative {where}, got {text[:40]!r}")
