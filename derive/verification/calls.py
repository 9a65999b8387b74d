"""What NumPy calls mean. An elementwise function is one line of a table; what is not here is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from sympy import Expr, Integer, atan, cos, cosh, log, sign, sin, sinh, sqrt, tanh

from derive.quantities import Index, put_in, total
from derive.remembered import remembered
from derive.verification.functions import (
    ErrorFunction,
    Exponential,
    Maximum,
    NormalLaw,
    Where,
    complement,
    largest,
    magnitude,
    minimum,
    relation,
)
from derive.verification.values import NEW, Group, Refusal, Value, place

ELEMENTWISE: dict[str, tuple[int, Callable[..., Expr]]] = {
    "add": (2, lambda u, v: u + v),
    "subtract": (2, lambda u, v: u - v),
    "multiply": (2, lambda u, v: u * v),
    "divide": (2, lambda u, v: u / v),
    "negative": (1, lambda u: -u),
    "square": (1, lambda u: u**2),
    "reciprocal": (1, lambda u: 1 / u),
    "sqrt": (1, sqrt),
    "exp": (1, Exponential),
    "expm1": (1, lambda u: Exponential(u) - 1),
    "log": (1, log),
    "log1p": (1, lambda u: log(1 + u)),
    "tanh": (1, tanh),
    "sin": (1, sin),
    "cos": (1, cos),
    "sinh": (1, sinh),
    "cosh": (1, cosh),
    "arctan": (1, atan),
    "sign": (1, sign),
    "absolute": (1, magnitude),
    "hypot": (2, lambda u, v: sqrt(u**2 + v**2)),
    "minimum": (2, minimum),
    "maximum": (2, Maximum),
    "less": (2, lambda u, v: relation("Lt", u, v)),
    "less_equal": (2, lambda u, v: relation("LtE", u, v)),
    "greater": (2, lambda u, v: relation("Gt", u, v)),
    "greater_equal": (2, lambda u, v: relation("GtE", u, v)),
    "where": (3, Where),
}

SPECIAL: dict[str, Callable[..., Expr]] = {"erf": ErrorFunction, "normal_cdf": NormalLaw}
"""Functions of the emitted ``special.py``, which is compared byte for byte."""

_SAME = ("exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "sinh", "cosh", "sqrt")
SCALAR: dict[str, Callable[..., Expr]] = {name: ELEMENTWISE[name][1] for name in _SAME} | {
    "fabs": magnitude,
    "atan": atan,
    "erf": ErrorFunction,
    "erfc": complement,
}
"""Functions of the module ``math``, and what they mean."""

Operand: TypeAlias = Value | Any  # a SymPy expression where it is a number


class Contractions:
    """Sums over shared axes; the same sum of the same values is the same expression."""

    def __init__(self) -> None:
        self._done: dict[tuple[object, ...], Value] = {}

    def matmul(self, left: Operand, right: Operand) -> Value:
        """Return the product over the last axis of the left and the last but one, or only, of the right."""
        if not isinstance(left, Value) or not isinstance(right, Value):
            raise Refusal("np.matmul: expected two arrays")
        key = ("matmul", left, right)
        if key not in self._done:
            self._done[key] = self._matmul(left, right)
        return self._done[key]

    def _matmul(self, left: Value, right: Value) -> Value:
        if not (1 <= len(left.axes) <= 2 and 1 <= len(right.axes) <= 2):
            raise Refusal("np.matmul: expected vectors or matrices")
        at = max(0, len(right.axes) - 2)
        if left.axes[-1] != right.axes[at] or left.axes[-1] == NEW:
            raise Refusal("np.matmul: the inner lengths differ")
        bound = [Index("k", extent) for extent in left.axes[-1]]
        axes = (*left.axes[:-1], *right.axes[:at], *right.axes[at + 1 :])
        ahead = sum(map(len, left.axes[:-1]))
        first = renamed(left, [*places(left.axes[:-1], 0), *bound])
        others = places(axes, 0)[ahead:]
        inner = bound + others if at == 0 else others[: len(right.axes[0])] + bound
        inner += [] if at == 0 else others[len(right.axes[0]) :]
        return Value(total(first * renamed(right, inner), *bound), axes)

    def reduced(self, value: Value, axis: int | None, *, greatest: bool = False) -> Value:
        """Return the sum, or the greatest entry, over one axis; the sum over all of them for None."""
        key = ("reduce", value, axis, greatest)
        if key not in self._done:
            if axis is None and not greatest:
                everything = places(value.axes, 0)
                bound = [Index("k", index.upper) for index in everything]
                self._done[key] = Value(total(renamed(value, bound), *bound), ())
                return self._done[key]
            if axis is None or not 0 <= axis < len(value.axes) or value.axes[axis] == NEW:
                raise Refusal(f".reduce: expected an axis below {len(value.axes)}, got {axis}")
            axes = (*value.axes[:axis], *value.axes[axis + 1 :])
            bound = [Index("k", extent) for extent in value.axes[axis]]
            free = places(axes, 0)
            ahead = sum(map(len, value.axes[:axis]))
            indices = [*free[:ahead], *bound, *free[ahead:]]
            body = renamed(value, indices)
            if greatest and len(bound) != 1:
                raise Refusal("np.maximum.reduce: expected an axis that is not merged")
            self._done[key] = Value(largest(body, bound[0]) if greatest else total(body, *bound), axes)
        return self._done[key]


def elementwise(function: Callable[..., Expr], operands: Sequence[Operand]) -> Value:
    """Apply a function entry by entry, broadcast as NumPy does it."""
    return _elementwise(function, tuple(operands))


@remembered
def _elementwise(function: Callable[..., Expr], operands: tuple[Operand, ...]) -> Value:
    arrays = [operand for operand in operands if isinstance(operand, Value)]
    rank = max(len(array.axes) for array in arrays)
    axes: list[Group] = []
    for position in range(rank):
        behind = rank - position
        groups = {array.axes[-behind] for array in arrays if len(array.axes) >= behind} - {NEW}
        if len(groups) > 1:
            raise Refusal("shapes do not fit: " + " and ".join(sorted(map(str, groups))))
        axes.append(groups.pop() if groups else NEW)
    starts = [sum(map(len, axes[:position])) for position in range(rank)]
    values = []
    for operand in operands:
        if not isinstance(operand, Value):
            values.append(operand)
            continue
        indices: list[Index] = []
        for position, group in enumerate(operand.axes, start=rank - len(operand.axes)):
            indices += [place(starts[position] + k, extent) for k, extent in enumerate(group)]
        values.append(renamed(operand, indices))
    return Value(function(*values), tuple(axes))


def places(axes: Sequence[Group], start: int) -> list[Index]:
    """Return the canonical indices of all leaves of some axes."""
    leaves = [extent for group in axes for extent in group]
    return [place(start + k, extent) for k, extent in enumerate(leaves)]


def renamed(value: Value, indices: Sequence[Index]) -> Expr:
    """Return the expression with other free indices, leaf by leaf."""
    return put_in(value.expr, tuple(places(value.axes, 0)), tuple(indices))


def number(value: object) -> int:
    """Return a whole number that is known."""
    if isinstance(value, Integer):
        return int(value)
    raise Refusal("expected a whole number that is known here")
