"""Activations: the definition, a stable way to compute it, and its derivative through its own output.

The derivative is never typed: it is found from the definition and proved. A definition that is a rational
function R of u = exp(-z) has d/dz = -u dR/du; where a = R(u) can be solved for u, the derivative becomes a
rational function of a. Equality of rational functions is decided by ``cancel``; nothing is left to
``simplify``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from sympy import Dummy, Expr, Min, Mul, Symbol, cancel, exp, factor, solve

from derive.calculus.rules import tidy_product
from derive.errors import NotProvedError

Z = Symbol("z", real=True)
A = Symbol("a", real=True)

OVERFLOW_GUARD = 708  # exp(708) is finite in float64


@dataclass(frozen=True)
class Activation:
    """An activation by name.

    ``definition`` is an expression in ``Z``. ``stable`` equals it for all z with ``-z < OVERFLOW_GUARD``
    and computes without overflow for every float; below that the two differ by less than 1e-307.
    """

    name: str
    definition: Expr
    stable: Expr

    def derivative_through_output(self) -> Expr:
        """Return sigma' as an expression in ``A``, the activation's own value.

        Raises:
            NotProvedError: if no such expression is found, or it fails its own proof.
        """
        return _through_output(self.definition)

    def derivative(self) -> Expr:
        """Return sigma' as SymPy differentiates the definition in ``Z``."""
        return self.definition.diff(Z)


def prove_through_output(definition: Expr, claimed: Expr) -> bool:
    """Decide whether sigma'(z) equals ``claimed`` at a = sigma(z), for all real z.

    Both sides are rational in u = exp(-z) > 0, and ``cancel`` decides whether they are equal.
    """
    u = Dummy("u", positive=True)
    in_u = definition.subs(exp(-Z), u)
    derivative = definition.diff(Z).subs(exp(-Z), u)
    difference = derivative - claimed.subs(A, in_u)
    if difference.has(Z) or not difference.is_rational_function(u):
        return False
    return bool(cancel(difference) == 0)


@cache
def _through_output(definition: Expr) -> Expr:
    u = Dummy("u", positive=True)
    in_u = definition.subs(exp(-Z), u)
    if in_u.has(Z) or not in_u.is_rational_function(u):
        raise NotProvedError(f"expected an activation that is rational in exp(-z), got {definition}")
    solutions = solve(in_u - A, u)
    if len(solutions) != 1:
        raise NotProvedError(f"expected {definition} to be solvable for exp(-z)")
    found = factor(cancel((-u * in_u.diff(u)).subs(u, solutions[0])))
    if isinstance(found, Mul) and (tidied := tidy_product(found)) is not None:
        found = tidied[1]
    if not prove_through_output(definition, found):
        raise NotProvedError(f"the derivative of {definition} through its output is not proved")
    return found


SIGMOID = Activation("sigmoid", 1 / (1 + exp(-Z)), 1 / (1 + exp(Min(-Z, OVERFLOW_GUARD))))

ACTIVATIONS = {SIGMOID.name: SIGMOID}
