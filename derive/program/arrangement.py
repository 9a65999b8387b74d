"""How an array must stand for a statement: as a matrix, turned, or with axes of size 1 to broadcast."""

from __future__ import annotations

from dataclasses import dataclass

from derive.program.statements import Operand, Scalar, View
from derive.quantities import Index


class LoweringError(ValueError):
    """No array statement is known for an expression."""


@dataclass(frozen=True)
class Ref:
    """A value of the program: an array with the index of each axis."""

    name: str
    axes: tuple[Index, ...]


def as_matrix(value: Ref, index: Index, *, last: bool) -> View:
    """See an array as a matrix whose last (or first) axis is an index: the other axes are merged."""
    if len(value.axes) == 1:
        return View(value.name)
    at_end, at_start = value.axes[-1] == index, value.axes[0] == index
    if len(value.axes) == 2:
        return View(value.name, transpose=at_end != last)
    if not at_end and not at_start:
        raise LoweringError("a product over an inner axis of three is not known")
    return View(value.name, flat=at_end, tail=not at_end, transpose=at_end != last)


def as_view(value: Ref, axes: tuple[Index, ...]) -> View:
    """Return the array as it must stand to broadcast to the given axes."""
    order = [axis for axis in axes if axis in value.axes]
    if set(order) != set(value.axes):
        raise LoweringError(f"axes {value.axes} do not fit {axes}")
    missing = tuple(p for p, axis in enumerate(axes) if axis not in value.axes)
    leading = missing == tuple(range(len(missing)))
    insert = () if leading else missing
    if order == list(value.axes):
        return View(value.name, insert=insert)
    if len(order) == 2:
        return View(value.name, insert=insert, transpose=True)
    return View(value.name, insert=insert, order=tuple(value.axes.index(axis) for axis in order))


def as_operand(value: Ref | Scalar) -> Operand:
    """Return a value as a statement takes it."""
    return View(value.name) if isinstance(value, Ref) else value
