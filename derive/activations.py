"""Activations: the definition, a stable way to compute it, and its derivative through its own output.

The derivative is never typed: it is found from the definition and proved. A definition that is a rational
function R of u = exp(k z + c) has d/dz = k u dR/du; where a = R(u) can be solved for u, the derivative
becomes a rational function of a. Equality of rational functions is decided by ``cancel``; nothing is left to
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

    def stable_is_definition(self) -> bool:
        """Decide that the stable form is the definition wherever its guard does not bind."""

        def unguarded(*pair: Expr) -> Expr:
            rest = [arg for arg in pair if arg != OVERFLOW_GUARD]
            return rest[0] if len(rest) == 1 and len(pair) == 2 else Min(*pair)

        return bool(self.stable.replace(Min, unguarded) == self.definition)

    def derivative(self) -> Expr:
        """Return sigma' as SymPy differentiates the definition in ``Z``."""
        return self.definition.diff(Z)


def prove_through_output(definition: Expr, claimed: Expr) -> bool:
    """Decide whether sigma'(z) equals ``claimed`` at a = sigma(z), for all real z.

    Both sides are rational in u, the exponential in the definition, and ``cancel`` decides whether they
    are equal.
    """
    exponential = _exponential(definition)
    if exponential is None:
        return False
    u = Dummy("u", positive=True)
    derivative = definition.diff(Z).subs(exponential, u)
    difference = derivative - claimed.subs(A, definition.subs(exponential, u))
    return bool(not difference.has(Z) and cancel(difference) == 0)


def _exponential(definition: Expr) -> Expr | None:
    """Return exp(k z + c) if the definition is a rational function of it alone, else None."""
    found = list(definition.atoms(exp))
    u = Dummy("u", positive=True)
    if len(found) != 1 or found[0].args[0].diff(Z).has(Z):
        return None
    in_u = definition.subs(found[0], u)
    return None if in_u.has(Z) or not in_u.is_rational_function(u) else found[0]


@cache
def _through_output(definition: Expr) -> Expr:
    exponential = _exponential(definition)
    if exponential is None:
        raise NotProvedError(f"expected an activation that is rational in one exponential, got {definition}")
    u = Dummy("u", positive=True)
    in_u = definition.subs(exponential, u)
    solutions = solve(in_u - A, u)
    if len(solutions) != 1:
        raise NotProvedError(f"expected {definition} to be solvable for {exponential}")
    slope = exponential.args[0].diff(Z) * u
    found = factor(cancel((slope * in_u.diff(u)).subs(u, solutions[0])))
    if isinstance(found, Mul) and (tidied := tidy_product(found)) is not None:
        found = tidied[1]
    if not prove_through_output(definition, found):
        raise NotProvedError(f"the derivative of {definition} through its output is not proved")
    return found


def scaled_sigmoid(k: Expr, c: Expr) -> Expr:
    """Return the notes' shifted and scaled sigmoid s(k(z - c)); its derivative is k a (1 - a)."""
    return 1 / (1 + exp(-k * (Z - c)))


SIGMOID = Activation("sigmoid", 1 / (1 + exp(-Z)), 1 / (1 + exp(Min(-Z, OVERFLOW_GUARD))))

ACTIVATIONS = {SIGMOID.name: SIGMOID}
