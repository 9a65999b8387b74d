"""Kronecker deltas of two indices of a result: where its array has a diagonal, and what stands there.

``order`` are the indices of the result, in the order of its axes.
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr, KroneckerDelta, Mul

from derive.program.arrangement import Ref
from derive.program.statements import View
from derive.quantities import Index


def result_delta(term: Expr, order: Sequence[Index]) -> KroneckerDelta | None:
    """Return the factor of a term that is a Kronecker delta of two indices of the result, if there is one."""
    for factor in Mul.make_args(term):
        if isinstance(factor, KroneckerDelta) and set(factor.args[:2]) <= set(order):
            return factor
    return None


def tied(delta: KroneckerDelta, order: Sequence[Index]) -> tuple[Index, Index]:
    """Return the two indices of a delta in the order of the result's axes."""
    p, q = sorted(delta.args[:2], key=order.index)
    return p, q


def beside(delta: KroneckerDelta, term: Expr, order: Sequence[Index]) -> Expr:
    """Return the other factors on the diagonal, where the later index is the earlier one."""
    p, q = tied(delta, order)
    return Mul(*(f for f in Mul.make_args(term) if f is not delta)).xreplace({q: p})


def on_diagonal(value: Ref, delta: KroneckerDelta, order: Sequence[Index]) -> View:
    """See of an array the entries at which the delta is 1."""
    letters = {axis: "abcdefgh"[position] for position, axis in enumerate(value.axes)}
    p, q = tied(delta, order)
    letters[q] = letters[p]
    return View(value.name, diagonal="".join(letters[axis] for axis in value.axes))
