"""The decision: both sides opened by what the derivation proves, then compared by the normal form."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr

from derive.calculus.normal_form import equal
from derive.claims.bounds import MAX_WORK, growth
from derive.claims.meaning import Meaning
from derive.claims.unfolding import Unfolding
from derive.theorems.backpropagation import Derived


@dataclass(frozen=True)
class Decision:
    """The outcome, the equations that led to it and both sides once they are opened.

    ``equal`` is None where a side grows too large to be compared.
    """

    equal: bool | None
    used: tuple[Derived, ...]
    left: Expr
    right: Expr


def decide(meaning: Meaning, most: int = MAX_WORK) -> Decision:
    """Compare both sides as they stand, then opened with z[l] opaque, then with z[l] opened too."""
    if _equal(meaning.left, meaning.right, most):
        return Decision(True, (), meaning.left, meaning.right)
    found = _decide(meaning, most, weighted_inputs=False)
    return found if found.equal else _decide(meaning, most, weighted_inputs=True)


def _decide(meaning: Meaning, most: int, *, weighted_inputs: bool) -> Decision:
    unfolding = Unfolding(meaning.claim, meaning.network, weighted_inputs)
    left, right = unfolding.open(meaning.left), unfolding.open(meaning.right)
    return Decision(_equal(left, right, most), tuple(unfolding.used), left, right)


def _equal(left: Expr, right: Expr, most: int) -> bool | None:
    fits = growth(left).total + growth(right).total <= most
    return equal(left, right) if fits else None
