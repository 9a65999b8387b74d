"""Passes over routines that save time and nothing else: what is said here of each is measured, docs/speed.md.

Each takes statements and gives statements that compute the same numbers up to rounding; they are read back
and proved like any others. ``faster`` applies them to the forward pass and the gradient, which are called in
loops over the same few arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sympy import Integer

from derive.activations.functions import OVERFLOW_GUARD
from derive.program.lean import LeanRoutines
from derive.program.overhead import called_cheaply
from derive.program.passes import entries
from derive.program.routines import Routine, Routines
from derive.program.statements import Scalar, Statement, View

ONES = "ones"  # a vector of ones, one for each sample
CAP = "cap"  # the minimum with a number, taken only if an entry is above it
WIDE = 32  # neurons from which looking for the largest entry is cheaper than writing every minimum


def faster(routines: Routines) -> Routines:
    """Return the routines of a package with the forward pass and the gradient in their fast form."""
    return replace(
        routines,
        lowered=routines.propagate,
        propagate=called_cheaply(guarded_when_needed(by_dot(routines.propagate))),
        backpropagate=called_cheaply(by_dot(sums_as_products(one_minus_square(routines.backpropagate)))),
    )


def faster_steps(routines: LeanRoutines) -> LeanRoutines:
    """Return the routines of Levenberg-Marquardt steps with what makes their systems in its fast form."""
    return replace(
        routines,
        gram=called_cheaply(by_dot(routines.gram)),
        pull_back=called_cheaply(by_dot(sums_as_products(routines.pull_back))),
        rows=called_cheaply(guarded_when_needed(by_dot(routines.rows))),
        normal=called_cheaply(by_dot(routines.normal)),
    )


def by_dot(routine: Routine) -> Routine:
    """Call np.dot for products of matrices and vectors whose result fills an array as it is.

    It takes less time to call than np.matmul and hands every layout of two matrices to the BLAS, where
    np.matmul multiplies some narrow ones in loops of its own. It wants a result that is contiguous, as the
    arrays of a workspace and the blocks of a gradient are.
    """

    def chosen(statement: Statement) -> Statement:
        operands = [operand for operand in statement.operands if isinstance(operand, View)]
        known = all(_is_matrix(view, routine) or _is_vector(view, routine) for view in operands)
        target = statement.target
        whole = target in (View(target.array), View(target.array, flat=True), View(target.array, tail=True))
        if statement.operation != "matmul" or statement.double or not whole or not known:
            return statement
        return replace(statement, operation="dot")

    return replace(routine, statements=tuple(map(chosen, routine.statements)))


def sums_as_products(routine: Routine) -> Routine:
    """Write the sum over the samples of a matrix as a product with a vector of ones, which is a BLAS call.

    np.add.reduce over the first axis adds row after row: slow where rows are short.
    """
    axes = dict(routine.axes)

    def written(statement: Statement) -> Statement:
        (operand, *others) = statement.operands
        if statement.operation != "sum" or statement.axis != 0 or others or statement.updates:
            return statement
        if not isinstance(operand, View) or not operand.plain or not _is_matrix(operand, routine):
            return statement
        if routine.axes[operand.array][0] != "n":
            return statement
        axes[ONES] = ("n",)
        return replace(statement, operation="matmul", operands=(View(ONES), operand), axis=None)

    statements = tuple(map(written, routine.statements))
    return replace(routine, statements=statements, axes=axes)


def one_minus_square(routine: Routine) -> Routine:
    """Multiply by 1 - a^2 where (1 - a) and (1 + a) are multiplied by in turn: a call less, and no array.

    Both are off by about the rounding of a, which is what is left of 1 - a where a neuron is saturated.
    """
    statements: list[Statement] = []
    rest = list(routine.statements)
    while rest:
        found = _one_minus_square(rest[:4], rest[4:])
        statements += found or rest[:1]
        rest = rest[4:] if found else rest[1:]
    gone = routine.arrays - replace(routine, statements=tuple(statements)).arrays
    left = {name: slot for name, slot in routine.slots.items() if name not in gone}
    order = sorted(set(left.values()))  # a slot may have been for t alone
    slots = {name: order.index(slot) for name, slot in left.items()}
    return replace(routine, statements=tuple(statements), slots=slots)


def _one_minus_square(four: Sequence[Statement], later: Sequence[Statement]) -> list[Statement]:
    """Return three statements for t = 1 - a, d *= t, a = 1 + a, d *= a; none if these are others."""
    if len(four) < 4 or any(not isinstance(s.operands[-1], View) or s.updates for s in four):
        return []
    t, d, a = (four[k].target for k in range(3))
    one = Scalar(Integer(1))
    wanted = [
        ("subtract", t, (one, a)),
        ("multiply", d, (d, t)),
        ("add", a, (one, a)),
        ("multiply", d, (d, a)),
    ]
    if [(s.operation, s.target, s.operands) for s in four] != wanted or not (t.plain and d.plain and a.plain):
        return []
    reader = next((s for s in later if t.array in s.arrays), None)
    if len({t.array, d.array, a.array}) < 3 or (reader is not None and t.array in reader.reads):
        return []
    first = four[0]
    return [
        replace(first, operation="multiply", target=a, operands=(a, a)),
        replace(first, operation="subtract", target=a, operands=(one, a)),
        four[3],
    ]


def guarded_when_needed(routine: Routine) -> Routine:
    """Look first whether any entry of a wide array is above its guard, and take the minimum only then.

    Guards against overflow bind in saturated networks alone; to find the largest entry reads the array once
    and writes nothing.
    """

    def looked_at(statement: Statement) -> Statement:
        target = statement.target
        in_place = statement.operation == "minimum" and target.plain and statement.operands[0] == target
        if not in_place or statement.operands[1] != Scalar(Integer(OVERFLOW_GUARD)):
            return statement  # other bounds, of min(z, 0) say, are for half of the entries to meet
        axes = routine.axes[target.array]
        wide = len(axes) == 2 and "n" in axes and entries(axes) >= WIDE
        return replace(statement, operation=CAP) if wide else statement

    return replace(routine, statements=tuple(map(looked_at, routine.statements)))


def _is_matrix(view: View, routine: Routine) -> bool:
    """Say whether a statement sees an array of two axes, or of more that are merged, turned at most."""
    seen = View(view.array, transpose=view.transpose, flat=view.flat, tail=view.tail)
    return view == seen and (view.flat or view.tail or len(routine.axes[view.array]) == 2)


def _is_vector(view: View, routine: Routine) -> bool:
    return view.plain and len(routine.axes[view.array]) == 1
