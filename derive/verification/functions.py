"""Functions of one or more numbers that stay opaque to the normal form, in one spelling each."""

from __future__ import annotations

from typing import Any

from sympy import Expr, Function, Indexed, Integer, Rational, Sum, default_sort_key, expand_mul

from derive.quantities import Index, total

ROOT_OF_TWO = Rational(1.4142135623730951)


class Maximum(Function):
    """The largest of some numbers, in one order; a minimum is written -max(-u, -v)."""

    @classmethod
    def eval(cls, *args: Expr) -> Expr | None:
        """Put the numbers in order, those of an inner maximum among them; constants stand last."""
        flat = [part for arg in args for part in (arg.args if isinstance(arg, cls) else (arg,))]
        if len(flat) == 1:
            return flat[0]
        ordered = sorted(flat, key=lambda arg: (bool(arg.is_number), default_sort_key(expand_mul(arg))))
        return None if tuple(ordered) == args else cls(*ordered)


def minimum(u: Expr, v: Expr) -> Expr:
    """Return the smaller of two numbers."""
    return -Maximum(-u, -v)


def magnitude(u: Expr) -> Expr:
    """Return |u|."""
    return Maximum(u, -u)


class Largest(Function):
    """The largest entry of a quantity over an axis, written of the sum over that axis."""

    nargs = 1


def largest(body: Expr, index: Index) -> Expr:
    """Return the largest entry over an index.

    Raises:
        ValueError: if it is not of a quantity by itself; a sum would not tell other bodies apart.
    """
    if not isinstance(body, Indexed) or index not in body.indices:
        raise ValueError(f"expected a quantity by itself, got {body}")
    return Largest(total(body, index))


def over(expr: Largest) -> Sum:
    """Return the sum that stands for what the largest entry is taken of."""
    return expr.args[0]


class Exponential(Function):
    """e^u, without the laws that would join or split products."""

    nargs = 1


class NormalLaw(Function):
    """The distribution function of the standard normal law."""

    nargs = 1


class ErrorFunction(Function):
    """erf(u)."""

    nargs = 1


def complement(u: Expr) -> Expr:
    """Return erfc(u), which is twice the normal law at -u sqrt(2)."""
    return 2 * NormalLaw(-u * ROOT_OF_TWO)


class Positive(Function):
    """1 where u > 0, else 0."""

    nargs = 1


class NonNegative(Function):
    """1 where u >= 0, else 0."""

    nargs = 1


class Where(Function):
    """The second argument where the condition holds, else the third."""

    nargs = 3

    @classmethod
    def eval(cls, condition: Expr, yes: Expr, no: Expr) -> Expr | None:
        """Read ``u if u < v else v`` as a minimum, likewise a maximum, and 1 or 0 as the condition."""
        if yes == no:
            return yes
        if isinstance(condition, (Positive, NonNegative)):
            if (yes, no) == (Integer(1), Integer(0)):
                return condition
            above = condition.args[0]
            if expand_mul(above - (yes - no)) == 0:
                return Maximum(yes, no)
            if expand_mul(above + (yes - no)) == 0:
                return minimum(yes, no)
        return None


def relation(name: str, left: Expr, right: Expr) -> Expr:
    """Return a comparison by the name that SymPy or Python's ``ast`` gives it."""
    known: dict[str, Any] = {
        "StrictLessThan": lambda: Positive(right - left),
        "LessThan": lambda: NonNegative(right - left),
        "StrictGreaterThan": lambda: Positive(left - right),
        "GreaterThan": lambda: NonNegative(left - right),
        "Lt": lambda: Positive(right - left),
        "LtE": lambda: NonNegative(right - left),
        "Gt": lambda: Positive(left - right),
        "GtE": lambda: NonNegative(left - right),
    }
    found: Expr = known[name]()
    return found
